/* Checked mode, level 2: seals, junk and quarantine, shuffled bins; the GC's zeroes; options that
 * can't be written to. */
#include "checked.h"

#include "os.h"
#include "pagemap.h"
#include "region.h"
#include "start.h"

#include "../api/support.h"

#include <criterion/criterion.h>
#include <sys/wait.h>

static void full(void)
{
	(void)setenv("TIDE_CHECK", "2", 1);
}

Test(checked, a_seal_tells_the_size_and_breaks_at_any_byte)
{
	static _Alignas(16) unsigned char memory[256];

	for (size_t has = TIDE_SEAL_BYTES; has <= sizeof memory; has += 16) {
		for (size_t asked = 0; asked + TIDE_SEAL_BYTES <= has; asked++) {
			size_t told;

			memset(memory, 7, sizeof memory);
			tide_checked_seal(memory, has, asked);
			cr_assert(tide_checked_is_sealed(memory, has, &told));
			cr_assert_eq(told, asked);
			cr_assert(asked == 0 || memory[asked - 1] == 7);
			cr_assert(has == sizeof memory || memory[has] == 7);
			for (size_t at = asked; at < has; at++) {
				memory[at] ^= 1;
				cr_assert(!tide_checked_is_sealed(memory, has, &told));
				memory[at] = 0; /* what a string's end leaves */
				cr_assert(!tide_checked_is_sealed(memory, has, &told) ||
				          at + TIDE_SEAL_BYTES >= has);
				memset(memory, 7, asked);
				tide_checked_seal(memory, has, asked);
			}
		}
	}
	/* Copied to another place it is none. */
	size_t told;
	tide_checked_seal(memory, 64, 20);
	memcpy(memory + 64, memory, 64);
	cr_assert(!tide_checked_is_sealed(memory + 64, 64, &told));
}

Test(checked, shuffled_is_another_order_of_the_same)
{
	struct tide_bin *bin = tide_bin_new(4, TIDE_BIN_SLOTS);
	unsigned moved = 0;

	for (unsigned i = 0; i < TIDE_BIN_SLOTS; i++)
		tide_bin_add(bin, (void *)(uintptr_t)(0x1000 + 64 * i));
	tide_checked_shuffle(bin);
	cr_assert(tide_bin_is_valid(bin));
	cr_assert_eq(bin->count, TIDE_BIN_SLOTS);
	for (unsigned i = 0; i < TIDE_BIN_SLOTS; i++) {
		uintptr_t block = (uintptr_t)bin->slot[TIDE_BIN_BASE + i];

		cr_assert(block >= 0x1000 && block < 0x1000 + 64 * TIDE_BIN_SLOTS);
		moved += block != 0x1000 + 64 * i;
	}
	cr_assert_gt(moved, TIDE_BIN_SLOTS / 2); /* one in 10^80 has less */
}

Test(checked, a_size_is_known_to_the_byte, .init = full)
{
	static const size_t sizes[] = { 0, 1, 16, 100, 112, 8192, 50000, 1 << 20, 3 << 20 };

	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		char *block = tide_malloc(sizes[i]);

		cr_assert_eq(tide_malloc_usable_size(block), sizes[i]);
		memset(block, 3, sizes[i]);
		block = tide_realloc(block, sizes[i] + 1);
		cr_assert_eq(tide_malloc_usable_size(block), sizes[i] + 1);
		cr_assert(sizes[i] == 0 || (block[0] == 3 && block[sizes[i] - 1] == 3));
		tide_free_sized(block, sizes[i] + 1);
		for (size_t align_bytes = 32; align_bytes <= 65536; align_bytes *= 2) {
			block = tide_memalign(align_bytes, sizes[i]);
			cr_assert_eq((uintptr_t)block % align_bytes, 0u);
			cr_assert_eq(tide_malloc_usable_size(block), sizes[i]);
			tide_free(block);
		}
	}
}

Test(checked, what_was_freed_is_not_soon_used_again, .init = full)
{
	enum { FREES = 1000 };
	static void *freed[FREES];

	for (unsigned i = 0; i < FREES; i++) {
		freed[i] = tide_malloc(100);
		for (unsigned j = 0; j < i; j++)
			cr_assert_neq(freed[j], freed[i]);
		tide_free(freed[i]);
		cr_assert_eq(*(unsigned char *)freed[i], 0xdf);
	}
	(void)tide_purge();
}

static int status_of(void (*act)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		(void)signal(SIGSEGV, SIG_DFL);
		act();
		_exit(0);
	}
	cr_assert(child > 0 && waitpid(child, &status, 0) == child);
	return status;
}

static void write_option(void)
{
	*(volatile int64_t *)(uintptr_t)&tide_option_value[TIDE_OPTION_FATAL] = 0;
}

Test(checked, options_are_read_only, .init = full)
{
	tide_free(tide_malloc(1));
	cr_assert_eq(tide_option(TIDE_OPTION_CHECK), 2);
	int status = status_of(write_option);
	cr_assert(WIFSIGNALED(status) || SANITIZED, "status %#x", (unsigned)status);
	/* The way in for tests. */
	tide_options_set(TIDE_OPTION_DECAY_MS, 77);
	cr_assert_eq(tide_option(TIDE_OPTION_DECAY_MS), 77);
}

static void zero(void)
{
	(void)setenv("TIDE_ZERO", "1", 1);
}

/* A free block's memory stays readable as long as its neighbours are live. */
Test(checked, the_gc_leaves_zeros, .init = zero)
{
	enum { BLOCKS = 600 };
	static const size_t sizes[] = { 16, 100, 1000, 9000, 40000 };
	static unsigned char *block[BLOCKS];

	for (size_t s = 0; s < COUNT_OF(sizes); s++) {
		for (unsigned i = 0; i < BLOCKS; i++) {
			block[i] = tide_malloc(sizes[s]);
			memset(block[i], 0xff, sizes[s]);
		}
		for (unsigned i = 0; i < BLOCKS; i += 2)
			tide_free(block[i]);
		(void)tide_purge();
		for (unsigned i = 0; i < BLOCKS; i++) {
			cr_assert(i % 2 == 1 || all_zero(block[i], sizes[s] / 8 * 8));
			cr_assert(i % 2 == 0 || block[i][sizes[s] - 1] == 0xff);
		}
		for (unsigned i = 1; i < BLOCKS; i += 2)
			tide_free(block[i]);
	}
}
