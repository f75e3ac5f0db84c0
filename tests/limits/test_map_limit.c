/* The number of mappings (vm.max_map_count): what Tide has of them is few, however much it holds;
 * and when there are no more, calls fail with ENOMEM and nothing else comes of it. What the system
 * then does not take back goes back later. */
#include "support.h"

#include "os.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <tide/heap.h>

enum { PAGE = 4096, BLOCKS_MAX = 1 << 16, MAPPINGS_MAX = 1 << 20 };

static void *block[BLOCKS_MAX];

/* ---- How many ---- */

static unsigned hold(size_t bytes, size_t total_bytes)
{
	unsigned count = (unsigned)(total_bytes / bytes);

	cr_assert_leq(count, BLOCKS_MAX);
	for (unsigned i = 0; i < count; i++) {
		block[i] = tide_malloc(bytes);
		cr_assert_not_null(block[i]);
	}
	return count;
}

/* All regions are one mapping as far as they lie side by side and were told the same of huge pages;
 * metadata has two for each of its arenas, whose guards they are. */
static void assert_few(size_t bytes, unsigned bound)
{
	uint64_t random = bytes;
	unsigned before = mappings_now();
	unsigned count = hold(bytes, 1024 * MIB);

	cr_assert_leq(mappings_now(), before + bound, "%u mappings for 1 GiB in blocks of %zu",
	              mappings_now() - before, bytes);
	/* Ranges given back, and told so, in the midst of others. */
	for (unsigned i = 0; i < count; i++) {
		if (random_next(&random) % 2 == 0) {
			tide_free(block[i]);
			block[i] = NULL;
		}
	}
	(void)tide_purge();
	cr_assert_leq(mappings_now(), before + bound,
	              "%u mappings for a half of 1 GiB, blocks of %zu", mappings_now() - before,
	              bytes);
	for (unsigned i = 0; i < count; i++)
		tide_free(block[i]);
	(void)tide_purge();
	cr_assert_leq(mappings_now(), before + bound);
	assert_books();
}

/* Far fewer than regions. Most are arenas of metadata: 80 in all on a machine that does nothing else,
 * up to 108 were seen on a busy one, where not each region became one mapping with the last. */
enum { REGIONS = 1024 / 4, FEW = REGIONS / 2 };

Test(map_limit, many_regions_are_few_mappings, .timeout = 60)
{
	assert_few(20000, FEW);
}

Test(map_limit, many_regions_of_the_largest_chunks_are_few_mappings, .timeout = 60)
{
	assert_few(128 * 1024, FEW);
}

Test(map_limit, large_blocks_side_by_side_are_few_mappings, .timeout = 60)
{
	unsigned before = mappings_now();
	unsigned count = hold(3 * MIB / 2, 1024 * MIB);

	cr_assert_leq(mappings_now(), before + 32);
	for (unsigned i = 0; i < count; i++)
		tide_free(block[i]);
	(void)tide_purge();
	cr_assert_leq(mappings_now(), before + 32);
	assert_books();
}

/* ---- No more of them ---- */

static char *eaten;
static size_t eaten_bytes;

/* A reservation whose every other page has other rights; all mappings but `room`. */
static void eat(unsigned room)
{
	unsigned limit = 0;
	FILE *file = fopen("/proc/sys/vm/max_map_count", "r");

	if (file == NULL || fscanf(file, "%u", &limit) != 1 || limit > MAPPINGS_MAX)
		cr_skip_test("vm.max_map_count is too many to use up");
	fclose(file);
	eaten_bytes = ((size_t)limit + 16) * PAGE;
	eaten =
	    mmap(NULL, eaten_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	cr_assert_neq(eaten, MAP_FAILED);
	size_t at = PAGE;
	while (mprotect(eaten + at, PAGE, PROT_READ) == 0)
		at += (size_t)2 * PAGE;
	cr_assert_eq(errno, ENOMEM);
	for (unsigned given = 0; given < room; given += 2) {
		at -= (size_t)2 * PAGE;
		cr_assert_eq(mprotect(eaten + at, PAGE, PROT_NONE), 0);
	}
}

static void give_up(void)
{
	cr_assert_eq(munmap(eaten, eaten_bytes), 0);
}

static struct load load = { .random = 1 };

/* The system obliges again: all of it is as if nothing had been. */
static void assert_all_is_well(void)
{
	assert_nothing_wrong(all_can_be_had());
	assert_nothing_wrong(load_run(&load, 5000));
	assert_nothing_wrong(load_end(&load));
	(void)tide_purge();
	tide_os_discard_again();
	cr_assert_eq(tide_os_discarded_bytes_racy(), 0);
	assert_books();
}

static void live_with(unsigned room)
{
	assert_nothing_wrong(load_run(&load, 3000));
	load.served = 0;
	eat(room);
	assert_nothing_wrong(load_run(&load, 20000));
	cr_assert_gt(load.served, 0);
	(void)tide_purge();
	assert_nothing_wrong(load_run(&load, 3000));
	assert_nothing_wrong(load_end(&load));
	(void)tide_purge();
	assert_nothing_wrong(load_run(&load, 3000));
	give_up();
	assert_all_is_well();
}

Test(map_limit, at_the_limit_from_the_middle_of_a_life, .timeout = 60)
{
	live_with(0);
}

Test(map_limit, a_few_before_the_limit, .timeout = 60)
{
	live_with(6);
}

Test(map_limit, at_the_limit_from_the_first_call_on, .timeout = 60)
{
	eat(0);
	assert_nothing_wrong(load_run(&load, 5000));
	give_up();
	assert_all_is_well();
}

static void *run_load(void *arg)
{
	return (void *)(uintptr_t)load_run(arg, 5000);
}

/* Threads end at the limit, where what they held cannot all be unmapped. */
Test(map_limit, threads_at_the_limit, .timeout = 60)
{
	static struct load of[3] = { { .random = 1 }, { .random = 2 }, { .random = 3 } };
	pthread_t thread[3];
	void *wrong;

	(void)tide_gc_start();
	eat(64); /* stacks, of threads and of the GC's */
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, run_load, &of[i]), 0);
	for (unsigned i = 0; i < 3; i++) {
		cr_assert_eq(pthread_join(thread[i], &wrong), 0);
		assert_nothing_wrong(wrong);
	}
	for (unsigned i = 0; i < 3; i++)
		assert_nothing_wrong(load_end(&of[i]));
	give_up();
	assert_all_is_well();
}

/* Every other one of many: each would split a mapping, which the system refuses. Their memory goes
 * all the same, and their address space when it can. */
Test(map_limit, large_blocks_between_others_are_freed_at_the_limit, .timeout = 60)
{
	enum { COUNT = 64 };
	size_t bytes = 2 * MIB;

	for (unsigned i = 0; i < COUNT; i++) {
		block[i] = tide_malloc(bytes);
		cr_assert_not_null(block[i]);
		memset(block[i], (int)i, bytes);
	}
	eat(0);
	size_t resident = resident_bytes();
	for (unsigned i = 0; i < COUNT; i += 2)
		tide_free(block[i]);
	(void)tide_purge();
	cr_assert_leq(resident_bytes() + COUNT / 2 * bytes * 9 / 10, resident,
	              "what was freed is still in memory");
	cr_assert_gt(tide_os_discarded_bytes_racy(), 0, "the limit was not met");
	for (unsigned i = 1; i < COUNT; i += 2) {
		unsigned char *at = block[i];
		cr_assert(at[0] == i && at[bytes - 1] == i, "a neighbour lost its content");
		tide_free(at);
	}
	size_t mapped = mapped_bytes();
	give_up();
	mapped -= eaten_bytes;
	(void)tide_purge();
	tide_os_discard_again();
	cr_assert_eq(tide_os_discarded_bytes_racy(), 0);
	cr_assert_leq(mapped_bytes() + COUNT / 4 * bytes, mapped + COUNT / 4 * bytes);
	assert_all_is_well();
}

/* None of them can grow where it is, and none can be moved by the system: it is copied, or stays.
 * That leaves nothing behind, but for the first one's target. */
static void assert_moves_leave_nothing(unsigned room)
{
	enum { COUNT = 64 };
	size_t bytes = 3 * MIB / 2, more = 0;

	for (unsigned i = 0; i < COUNT; i++) {
		unsigned char *at = block[i] = tide_malloc(bytes);
		cr_assert_not_null(at);
		at[0] = at[bytes - 1] = (unsigned char)(i + 1);
	}
	eat(room);
	size_t mapped = mapped_bytes();
	for (unsigned i = 0; i < COUNT; i++) {
		errno = 0;
		unsigned char *at = tide_realloc(block[i], 7 * bytes);
		cr_assert(at != NULL || errno == ENOMEM);
		at = block[i] = at != NULL ? at : block[i];
		cr_assert(at[0] == i + 1 && at[bytes - 1] == i + 1, "content was lost");
		more += tide_malloc_usable_size(at) - bytes;
	}
	(void)tide_purge();
	more += tide_os_discarded_bytes_racy();
	cr_assert_leq(mapped_bytes(), mapped + more + 16 * MIB, "%zu MiB of address space more",
	              (mapped_bytes() - mapped) / MIB);
	for (unsigned i = 0; i < COUNT; i++)
		tide_free(block[i]);
	give_up();
	assert_all_is_well();
}

Test(map_limit, a_block_that_cannot_be_moved_leaves_nothing_behind, .timeout = 60)
{
	for (unsigned room = 0; room <= 12; room += 2)
		assert_moves_leave_nothing(room);
}

Test(map_limit, heaps_come_and_go_at_the_limit, .timeout = 60)
{
	unsigned made = 0;

	eat(0);
	for (unsigned i = 0; i < 50; i++) {
		struct tide_heap *heap = tide_heap_create(NULL);
		if (heap == NULL) {
			cr_assert_eq(errno, ENOMEM);
			continue;
		}
		made++;
		for (unsigned j = 0; j < COUNT_OF(load_size); j++) {
			unsigned char *at = tide_heap_malloc(heap, load_size[j]);
			cr_assert(at != NULL || errno == ENOMEM);
			if (at != NULL)
				at[0] = at[load_size[j] - 1] = 1;
		}
		tide_heap_destroy(heap);
	}
	give_up();
	struct tide_heap *heap = tide_heap_create(NULL);
	cr_assert_not_null(heap);
	cr_assert_not_null(tide_heap_malloc(heap, 100));
	tide_heap_destroy(heap);
	(void)fprintf(stderr, "%u of 50 heaps at the limit\n", made);
	assert_all_is_well();
}

/* The child is at the limit as well, and gets out of it. */
Test(map_limit, a_child_of_the_limit, .timeout = 60)
{
	int status = 0;

	assert_nothing_wrong(load_run(&load, 3000));
	eat(0);
	pid_t child = fork();
	if (child == 0) {
		const char *wrong = load_run(&load, 3000);
		if (wrong == NULL && munmap(eaten, eaten_bytes) != 0)
			wrong = "munmap";
		if (wrong == NULL)
			wrong = all_can_be_had();
		if (wrong != NULL)
			(void)fprintf(stderr, "child: %s\n", wrong);
		_exit(wrong != NULL);
	}
	if (child > 0) {
		cr_assert_eq(waitpid(child, &status, 0), child);
		cr_assert_eq(status, 0);
	}
	give_up();
	assert_all_is_well();
}
