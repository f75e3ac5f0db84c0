/* The whole allocator when the system refuses: each kind of call, at its nth time, once and for
 * ever. Nothing but ENOMEM may come of it; what was allocated stays as it was and can be freed;
 * and when the system obliges again, so does the allocator, with its books in order. Each plan
 * in a child process. */
#include "doorbell.h"
#include "gc.h"
#include "meta.h"
#include "os.h"

#include "../api/support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

enum { SLOTS = 48, CALLS = 100, ENDLESS = 100000 };
enum { LAST_PLAN = 40, PLAN_STEP = SANITIZED ? 20 : TIDE_AUDITED ? 5 : 1 };
/* Of a block's content so much is looked at. */
enum { HELD_MAX = 2048 };

/* Run `life` in a child; NULL when it ended well, else what it said. */
static const char *said_by_child(const char *(*life)(unsigned, uint32_t, uint32_t), unsigned mask,
                                 uint32_t pass, uint32_t fail)
{
	static char text[256];
	int ends[2];
	int status;

	if (pipe(ends) != 0)
		return "no pipe";
	pid_t child = fork();
	if (child == 0) {
		alarm(60); /* a hang */
		const char *wrong = life(mask, pass, fail);
		if (wrong != NULL)
			(void)!write(ends[1], wrong, strlen(wrong));
		_exit(wrong != NULL);
	}
	close(ends[1]);
	ssize_t got = read(ends[0], text, sizeof text - 1);
	close(ends[0]);
	if (child < 0 || waitpid(child, &status, 0) != child)
		return "no child";
	text[got > 0 ? got : 0] = '\0';
	if (WIFSIGNALED(status)) {
		snprintf(text, sizeof text, "signal %d", WTERMSIG(status));
		return text;
	}
	return status == 0 ? NULL : text;
}

static void assert_all_plans(const char *(*life)(unsigned, uint32_t, uint32_t), unsigned mask,
                             uint32_t fail, uint32_t step)
{
	for (uint32_t pass = 0; pass <= LAST_PLAN; pass += step) {
		const char *wrong = said_by_child(life, mask, pass, fail);

		if (wrong != NULL)
			cr_assert_fail("calls %#x, %u pass, %u fail: %s", mask, pass, fail, wrong);
	}
}

static const size_t size[] = {
	16, 24, 100, 700, 1024, 3000, 8192, 9000, 20000, 40000, 131072, 131073, 400000, 1500000,
};

/* One of each size and alignment can be had, and holds what is written to it. */
static const char *all_can_be_had(void)
{
	struct parcel *parcel[COUNT_OF(size)];

	for (size_t i = 0; i < COUNT_OF(size); i++) {
		parcel[i] = parcel_make(size[i], i);
		if (parcel[i] == NULL)
			return "no block after the system obliged again";
	}
	for (size_t align_bytes = 32; align_bytes <= MIB; align_bytes *= 8) {
		void *block = tide_memalign(align_bytes, 5000);
		if (block == NULL || (uintptr_t)block % align_bytes != 0)
			return "no aligned block after the system obliged again";
		tide_free(block);
	}
	for (size_t i = 0; i < COUNT_OF(size); i++) {
		const char *wrong = parcel_end(parcel[i]);
		if (wrong != NULL)
			return wrong;
	}
	return NULL;
}

struct slot {
	unsigned char *block;
	size_t bytes; /* that are looked at */
	uint64_t seed;
};

static size_t held(size_t bytes)
{
	return bytes < HELD_MAX ? bytes : HELD_MAX;
}

struct actor {
	uint64_t random;
	struct slot slot[SLOTS];
};

static const char *forget(struct slot *slot)
{
	if (slot->block != NULL && !pattern_holds(slot->block, slot->bytes, slot->seed))
		return "a block's content was lost";
	errno = 5;
	tide_free(slot->block);
	slot->block = NULL;
	return errno == 5 ? NULL : "free changed errno";
}

static const char *resize(struct slot *slot, size_t bytes)
{
	size_t kept = bytes < slot->bytes ? bytes : slot->bytes;

	errno = 0;
	unsigned char *resized = tide_realloc(slot->block, bytes);

	if (resized == NULL)
		return errno == ENOMEM ? NULL : "realloc without memory did not say ENOMEM";
	slot->block = resized;
	if (!pattern_holds(resized, kept / 8 * 8, slot->seed))
		return "realloc lost content";
	slot->bytes = held(bytes);
	pattern_fill(resized, slot->bytes, slot->seed);
	return NULL;
}

static const char *fill(struct slot *slot, uint64_t *random, size_t bytes)
{
	static const size_t alignment[] = { 64, 2048, 4096, 65536 };

	errno = 0;
	switch (random_next(random) % 4) {
	case 0:
		slot->block = tide_calloc(1, bytes);
		if (slot->block != NULL && !all_zero(slot->block, held(bytes)))
			return "calloc gave what is not zero";
		break;
	case 1:
		slot->block = tide_memalign(alignment[random_next(random) % 4], bytes);
		break;
	default:
		slot->block = tide_malloc(bytes);
	}
	if (slot->block == NULL)
		return errno == ENOMEM ? NULL : "no memory, and errno is not ENOMEM";
	slot->bytes = held(bytes);
	slot->seed = random_next(random);
	pattern_fill(slot->block, slot->bytes, slot->seed);
	return NULL;
}

static void *act(void *arg)
{
	struct actor *actor = arg;
	const char *wrong = NULL;

	for (int i = 0; i < CALLS && wrong == NULL; i++) {
		struct slot *slot = &actor->slot[random_next(&actor->random) % SLOTS];
		size_t bytes = size[random_next(&actor->random) % COUNT_OF(size)];

		bytes -= random_next(&actor->random) % (bytes / 2);
		if (slot->block == NULL)
			wrong = fill(slot, &actor->random, bytes);
		else if (random_next(&actor->random) % 3 == 0)
			wrong = resize(slot, bytes);
		else
			wrong = forget(slot);
		if (i % 64 == 63)
			(void)tide_gc_step();
	}
	if (wrong == NULL)
		(void)tide_purge();
	return (void *)(uintptr_t)wrong;
}

static const char *end_actors(struct actor *actor, size_t count)
{
	const char *wrong = NULL;

	for (size_t a = 0; a < count; a++)
		for (size_t i = 0; i < SLOTS && wrong == NULL; i++)
			wrong = forget(&actor[a].slot[i]);
	if (wrong == NULL)
		wrong = all_can_be_had();
	(void)tide_gc_stop();
	return wrong != NULL ? wrong : tide_gc_audit();
}

/* From the first call on. */
static const char *live_from_the_start(unsigned mask, uint32_t pass, uint32_t fail)
{
	static struct actor actor;

	actor.random = pass;
	tide_os_fault_plan(mask, pass, fail);
	const char *wrong = act(&actor);
	tide_os_fault_plan(0, 0, 0);
	return wrong != NULL ? wrong : end_actors(&actor, 1);
}

/* In the middle of a life of two threads and the GC's. */
static const char *live_later(unsigned mask, uint32_t pass, uint32_t fail)
{
	static struct actor actor[2];

	actor[0].random = pass;
	actor[1].random = pass + 100;
	const char *wrong = act(&actor[0]);
	tide_os_fault_plan(mask, pass, fail);
	(void)tide_gc_start();
	if (wrong == NULL)
		wrong = run_threads(act, actor, sizeof actor[0], 2);
	tide_os_fault_plan(0, 0, 0);
	/* The wake that the plan may have kept from the GC thread. */
	tide_os_futex_wake(&tide_doorbell.state, 1);
	return wrong != NULL ? wrong : end_actors(actor, 2);
}

#define TEST_FAULTS(name, mask)                                                                    \
	Test(faults, name##_fails_once, .timeout = 100)                                            \
	{                                                                                          \
		assert_all_plans(live_from_the_start, mask, 1, PLAN_STEP);                         \
		assert_all_plans(live_later, mask, 1, 4 * PLAN_STEP);                              \
	}                                                                                          \
	Test(faults, name##_fails_for_ever, .timeout = 100)                                        \
	{                                                                                          \
		assert_all_plans(live_from_the_start, mask, UINT32_MAX, PLAN_STEP);                \
		assert_all_plans(live_later, mask, UINT32_MAX, 4 * PLAN_STEP);                     \
	}

TEST_FAULTS(mmap, TIDE_OS_MMAP)
TEST_FAULTS(munmap, TIDE_OS_MUNMAP)
TEST_FAULTS(madvise, TIDE_OS_MADVISE)
TEST_FAULTS(mremap, TIDE_OS_MREMAP)
TEST_FAULTS(clone, TIDE_OS_CLONE)
TEST_FAULTS(futex, TIDE_OS_FUTEX)
TEST_FAULTS(everything, UINT32_MAX)

/* Out of memory to the last block, with blocks of one size. */
static const char *exhaust(size_t bytes, uint32_t pass)
{
	static void *block[1 << 18];
	size_t count = 0;

	tide_os_fault_plan(TIDE_OS_MMAP, pass, UINT32_MAX);
	errno = 0;
	while (count < COUNT_OF(block) && (block[count] = tide_malloc(bytes)) != NULL)
		count++;
	if (count == COUNT_OF(block))
		return "memory without end";
	if (errno != ENOMEM)
		return "no memory, and errno is not ENOMEM";
	for (size_t i = 0; i < count; i++)
		tide_free(block[i]);
	/* What was freed serves again, though the system has nothing. */
	void *again = tide_malloc(bytes);
	if (count > 0 && again == NULL)
		return "freed memory was lost";
	tide_free(again);
	tide_os_fault_plan(0, 0, 0);
	const char *wrong = all_can_be_had();
	return wrong != NULL ? wrong : tide_gc_audit();
}

static const char *exhaust_small(unsigned mask, uint32_t pass, uint32_t fail)
{
	(void)mask, (void)fail;
	return exhaust(6000, pass);
}

static const char *exhaust_medium(unsigned mask, uint32_t pass, uint32_t fail)
{
	(void)mask, (void)fail;
	return exhaust(30000, pass);
}

static const char *exhaust_kept(unsigned mask, uint32_t pass, uint32_t fail)
{
	(void)mask, (void)fail;
	return exhaust(100000, pass);
}

static const char *exhaust_large(unsigned mask, uint32_t pass, uint32_t fail)
{
	(void)mask, (void)fail;
	return exhaust(1000000, pass);
}

Test(faults, memory_ends_for_small_blocks, .timeout = 100)
{
	assert_all_plans(exhaust_small, TIDE_OS_MMAP, UINT32_MAX, PLAN_STEP);
}

Test(faults, memory_ends_for_medium_blocks, .timeout = 100)
{
	assert_all_plans(exhaust_medium, TIDE_OS_MMAP, UINT32_MAX, PLAN_STEP);
}

Test(faults, memory_ends_for_medium_blocks_without_bins, .timeout = 100)
{
	assert_all_plans(exhaust_kept, TIDE_OS_MMAP, UINT32_MAX, PLAN_STEP);
}

Test(faults, memory_ends_for_large_blocks, .timeout = 100)
{
	assert_all_plans(exhaust_large, TIDE_OS_MMAP, UINT32_MAX, PLAN_STEP);
}

/* A thread that gets no cache, since there is no memory for one, can still free. */

static void *handed[500];

static void *free_all_handed(void *unused)
{
	(void)unused;
	for (size_t i = 0; i < COUNT_OF(handed); i++)
		tide_free(handed[i]);
	return tide_malloc(64) == NULL ? NULL : (void *)(uintptr_t) "there was memory for a cache";
}

Test(faults, a_thread_without_a_cache_can_free, .timeout = 60)
{
	char unused = 0;
	size_t taken = 0;

	for (size_t i = 0; i < COUNT_OF(handed); i++) {
		handed[i] = tide_malloc(size[i % COUNT_OF(size)]);
		cr_assert_not_null(handed[i]);
	}
	tide_os_fault_plan(TIDE_OS_MMAP, 0, UINT32_MAX);
	while (tide_meta_alloc(64) != NULL)
		cr_assert_lt(++taken, ENDLESS);
	const char *wrong = run_threads(free_all_handed, &unused, 1, 1);
	tide_os_fault_plan(0, 0, 0);
	cr_assert_null(wrong, "%s", wrong);
	while (tide_gc_step() == 1)
		continue;
	wrong = tide_gc_audit();
	cr_assert_null(wrong, "%s", wrong);
	wrong = all_can_be_had();
	cr_assert_null(wrong, "%s", wrong);
	wrong = tide_gc_audit();
	cr_assert_null(wrong, "%s", wrong);
}
