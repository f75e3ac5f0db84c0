/* What the tests of sampled allocations share. */
#ifndef TIDE_TESTS_LIB_SAMPLE_SUPPORT_H
#define TIDE_TESTS_LIB_SAMPLE_SUPPORT_H

#include <criterion/criterion.h>
#include <stdlib.h>

#include "gc.h"

/* Before the first allocation. */
static inline void profile_every(const char *bytes)
{
	(void)setenv("TIDE_PROFILE", "1", 1);
	(void)setenv("TIDE_PROFILE_BYTES", bytes, 1);
	(void)setenv("TIDE_PROFILE_SEED", "7", 1);
	(void)setenv("TIDE_CHECK", "0", 1);
}

static inline void each_one(void)
{
	profile_every("1");
}

static inline void assert_sound(void)
{
	const char *wrong = tide_gc_audit();

	cr_assert_null(wrong, "%s", wrong);
}

#endif
