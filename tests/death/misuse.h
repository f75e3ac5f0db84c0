/* What the death tests share. Each program does one thing that must not be done and then calls
 * after_misuse(); how it must end is in its header, which run.sh reads:
 *
 *   Expects: EXTENDED REGULAR EXPRESSION   of the message
 *   Only: VARIABLE=VALUE                   the settings under which it is promised (default: any)
 */
#ifndef TIDE_TESTS_DEATH_MISUSE_H
#define TIDE_TESTS_DEATH_MISUSE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tide/tide.h>

/* Hides from the compiler what a pointer points to: no warning and no optimisation by it. */
static inline void *opaque(const void *pointer)
{
	uintptr_t bits = (uintptr_t)pointer;

	__asm__ volatile("" : "+r"(bits));
	return (void *)bits;
}

static inline void *block_of(size_t size)
{
	void *block = tide_malloc(size);

	if (block == NULL) {
		perror("tide_malloc");
		exit(2);
	}
	memset(block, 0x5a, size);
	return block;
}

/* At once, for what is written just before an abort must be seen. */
static inline void say(const char *line)
{
	if (write(STDOUT_FILENO, line, strlen(line)) < 0)
		exit(2);
}

/* Whether fresh blocks of `size` are all different: a block that was freed twice must not be handed
 * out twice. Each is named, and each must still have its name when all are named. */
static inline int blocks_are_unique(size_t size)
{
	enum { BLOCKS = 5000 };
	static uintptr_t *block[BLOCKS];
	size_t count = size > 64 * 1024 ? 50 : BLOCKS;

	for (size_t i = 0; i < count; i++) {
		block[i] = block_of(size);
		*block[i] = i;
	}
	for (size_t i = 0; i < count; i++) {
		if (*block[i] != i)
			return 0;
	}
	for (size_t i = 0; i < count; i++)
		tide_free(block[i]);
	return 1;
}

/* To be called when the misuse is done. What did not report it yet does so in the purge, and with
 * option `fatal` off the program goes on with a sound heap. Returns the exit status. */
static inline int after_misuse(void)
{
	static const size_t size[] = { 16, 64, 100, 5000, 50000, 200000, 1 << 20 };

	say("went by\n");
	(void)tide_purge();
	say("purged\n");
	for (size_t i = 0; i < sizeof size / sizeof size[0]; i++) {
		if (!blocks_are_unique(size[i])) {
			(void)fprintf(stderr, "a block of %zu bytes was given twice\n", size[i]);
			return 1;
		}
	}
	(void)tide_purge();
	say("sound\n");
	return 0;
}

#endif
