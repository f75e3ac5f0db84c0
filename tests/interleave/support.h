/* What the scenarios share: bins with blocks that nobody touches, and who has seen which. */
#ifndef TIDE_TESTS_INTERLEAVE_SUPPORT_H
#define TIDE_TESTS_INTERLEAVE_SUPPORT_H

#include "schedule.h"

#include "bin.h"

/* A bin of class `cls` with one block, the address that stands for number `number`. */
static inline struct tide_bin *bin_number(unsigned cls, unsigned number)
{
	static char block[64 * 16];
	struct tide_bin *bin = tide_bin_new(cls, TIDE_BIN_SLOTS);

	schedule_must(bin != NULL && number < 64);
	tide_bin_add(bin, &block[16 * number]);
	return bin;
}

#endif
