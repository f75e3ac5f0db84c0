/* What the tests of limits share: mappings and address space as the kernel counts them, and a load
 * that takes every way through the allocator and says what was wrong. */
#ifndef TIDE_TESTS_LIMITS_SUPPORT_H
#define TIDE_TESTS_LIMITS_SUPPORT_H

#include "gc.h"

#include "../api/support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Mappings of this process, or lines of what is said about them that begin with `word`. */
static inline unsigned mappings_now(void)
{
	static char text[1 << 16];
	unsigned lines = 0;
	ssize_t got;
	int file = open("/proc/self/maps", O_RDONLY);

	while ((got = read(file, text, sizeof text)) > 0) {
		for (ssize_t i = 0; i < got; i++)
			lines += text[i] == '\n';
	}
	close(file);
	return lines;
}

/* Address space, in bytes. */
static inline size_t mapped_bytes(void)
{
	char text[64] = "";
	int file = open("/proc/self/statm", O_RDONLY);
	ssize_t got = read(file, text, sizeof text - 1);

	close(file);
	return got > 0 ? strtoul(text, NULL, 10) * 4096 : 0;
}

static const size_t load_size[] = {
	1, 16, 24, 100, 700, 1024, 3000, 8192, 9000, 20000, 40000, 131072, 131073, 400000, 1500000,
};

enum { LOAD_SLOTS = 300 };

/* A block's content is known at its two ends. */
struct held_block {
	unsigned char *block;
	size_t bytes;
};

struct load {
	uint64_t random;
	unsigned refused, served;
	struct held_block held[LOAD_SLOTS];
};

static inline unsigned char held_mark(const struct held_block *held)
{
	return (unsigned char)(held->bytes * 31 + 7);
}

static inline void held_write(struct held_block *held, unsigned char *block, size_t bytes)
{
	held->block = block;
	held->bytes = bytes;
	block[0] = held_mark(held);
	block[bytes - 1] = held_mark(held);
}

static inline bool held_is_whole(const struct held_block *held)
{
	return held->block[0] == held_mark(held) && held->block[held->bytes - 1] == held_mark(held);
}

static inline const char *load_refused(struct load *load)
{
	load->refused++;
	return errno == ENOMEM ? NULL : "no memory, and errno is not ENOMEM";
}

static inline const char *load_fill(struct load *load, struct held_block *held, size_t bytes)
{
	unsigned char *block;

	errno = 0;
	switch (random_next(&load->random) % 4) {
	case 0:
		block = tide_calloc(1, bytes);
		if (block != NULL &&
		    (block[0] != 0 || block[bytes / 2] != 0 || block[bytes - 1] != 0))
			return "calloc gave what is not zero";
		break;
	case 1:
		block = tide_memalign((size_t)64 << random_next(&load->random) % 12, bytes);
		break;
	default:
		block = tide_malloc(bytes);
	}
	if (block == NULL)
		return load_refused(load);
	load->served++;
	held_write(held, block, bytes);
	return NULL;
}

static inline const char *load_resize(struct load *load, struct held_block *held, size_t bytes)
{
	struct held_block old = *held;

	errno = 0;
	unsigned char *block = tide_realloc(held->block, bytes);
	if (block == NULL)
		return load_refused(load);
	load->served++;
	if (block[0] != held_mark(&old) ||
	    (bytes >= old.bytes && block[old.bytes - 1] != held_mark(&old)))
		return "realloc lost content";
	held_write(held, block, bytes);
	return NULL;
}

static inline const char *load_forget(struct held_block *held)
{
	if (held->block != NULL && !held_is_whole(held))
		return "a block's content was lost";
	errno = 5;
	tide_free(held->block);
	held->block = NULL;
	return errno == 5 ? NULL : "free changed errno";
}

/* So many random calls; NULL, or what was wrong. */
static inline const char *load_run(struct load *load, unsigned calls)
{
	const char *wrong = NULL;

	for (unsigned i = 0; i < calls && wrong == NULL; i++) {
		struct held_block *held = &load->held[random_next(&load->random) % LOAD_SLOTS];
		size_t bytes = load_size[random_next(&load->random) % COUNT_OF(load_size)];

		bytes -= random_next(&load->random) % (bytes / 2 + 1);
		if (held->block == NULL)
			wrong = load_fill(load, held, bytes);
		else if (random_next(&load->random) % 3 == 0)
			wrong = load_resize(load, held, bytes);
		else
			wrong = load_forget(held);
	}
	return wrong;
}

static inline const char *load_end(struct load *load)
{
	const char *wrong = NULL;

	for (unsigned i = 0; i < LOAD_SLOTS && wrong == NULL; i++)
		wrong = load_forget(&load->held[i]);
	return wrong;
}

/* One of each size, at once. */
static inline const char *all_can_be_had(void)
{
	struct held_block held[COUNT_OF(load_size)];

	for (size_t i = 0; i < COUNT_OF(load_size); i++) {
		unsigned char *block = tide_malloc(load_size[i]);
		if (block == NULL)
			return "no block after the system obliged again";
		held_write(&held[i], block, load_size[i]);
	}
	for (size_t i = 0; i < COUNT_OF(load_size); i++) {
		const char *wrong = load_forget(&held[i]);
		if (wrong != NULL)
			return wrong;
	}
	return NULL;
}

static inline void assert_nothing_wrong(const char *wrong)
{
	cr_assert_null(wrong, "%s", wrong);
}

/* With no thread but this one. */
static inline void assert_books(void)
{
	(void)tide_gc_stop();
	assert_nothing_wrong(tide_gc_audit());
}

#endif
