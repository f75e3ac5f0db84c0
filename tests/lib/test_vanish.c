/* A thread that vanishes in the middle of malloc or free, or of their like for objects, at any
 * instruction of it: the process is forked there, as any other thread could fork it, and in the
 * child the thread's cache is adopted. Blocks may be lost then, but none may be in two places: the
 * GC, which gets all that is left, would find it, and so would who allocates.
 *
 * The processor's trap flag stops the thread after each instruction. While it holds the GC
 * token no fork happens, since fork waits for the token. */
#include "gc.h"
#include "heap.h"
#include "hit.h"
#include "object.h"
#include "queue.h"
#include "seat.h"
#include "slow.h"
#include "token.h"

#include "../api/support.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>

#if defined(__x86_64__) && !SANITIZED

enum { BLOCKS = 4 * TIDE_BIN_SLOTS, TRAP_FLAG = 0x100 };

static void *live[BLOCKS];                /* what the thread has, as far as it knows */
static void *in_hand;                     /* what it is about to free: nobody's */
static struct tide_object_cache *objects; /* NULL: it is about malloc and free */
static bool cancelled;                    /* it does not vanish: it is cancelled there */
static unsigned forks, failures;
static struct {
	uintptr_t at;
	int status;
} failure[8];
/* Instructions are met many times over; the first time will do. */
static uint8_t visits[1 << 16];
enum { VISITS = 1 };

static void *get(size_t bytes)
{
	return objects != NULL ? tide_object_alloc(objects) : tide_malloc(bytes);
}

static void put(void *block)
{
	if (objects != NULL)
		tide_object_free(objects, block);
	else
		tide_free(block);
}

static int compare_pointers(const void *left, const void *right)
{
	uintptr_t a = *(const uintptr_t *)left;
	uintptr_t b = *(const uintptr_t *)right;

	return a < b ? -1 : a > b;
}

/* Allocate, and look whether anything is there twice, or live already. */
static bool allocate_all(void **block, size_t bytes)
{
	static void *all[2 * BLOCKS];
	size_t count = 0;

	for (size_t i = 0; i < BLOCKS; i++)
		if (live[i] != NULL && live[i] != in_hand)
			all[count++] = live[i];
	for (size_t i = 0; i < BLOCKS; i++)
		all[count++] = block[i] = get(bytes);
	qsort(all, count, sizeof all[0], compare_pointers);
	for (size_t i = 1; i < count; i++)
		if (all[i] == all[i - 1])
			return false;
	return true;
}

/* Its cache goes to others: by the GC, or as it is by its destructor, which start.c has. */
static bool leave(struct tide_cache *cache)
{
	if (cancelled && !cache->in_slow) {
		tide_seat_leave_all(cache);
		tide_cache_park(cache);
	} else if (!tide_cache_adopt(cache, tide_load_relaxed(&cache->owner))) {
		return true;
	}
	return tide_cache_is_valid(cache);
}

/* In the child, as the surviving thread. Exit status 0 when all is well. The vanished thread's
 * cache is emptied by the GC, which aborts when it finds a block for the second time, and used
 * again. */
static _Noreturn void survive(size_t bytes)
{
	static void *block[BLOCKS];
	struct tide_cache *cache = tide_cache_self;

	alarm(5);
	tide_cache_self = TIDE_CACHE_NONE;
	tide_object_self = TIDE_OBJECT_TABLE_NONE;
	if (cache != TIDE_CACHE_NONE && !leave(cache))
		_exit(2);
	(void)tide_gc_purge_all();
	(void)tide_object_drain_all(false);
	for (int round = 0; round < 2; round++) {
		if (!allocate_all(block, bytes))
			_exit(3);
		for (size_t i = 0; i < BLOCKS; i++)
			put(block[i]);
		(void)tide_object_drain_all(false);
		(void)tide_gc_purge_all();
	}
	_exit(0);
}

static size_t stepped_bytes;

static void on_step(int signal_number, siginfo_t *info, void *context)
{
	int status;

	(void)signal_number;
	(void)info;
	uintptr_t at = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	if (tide_load_relaxed(&tide_token) != TIDE_TOKEN_FREE ||
	    visits[at % sizeof visits] >= VISITS)
		return;
	visits[at % sizeof visits]++;
	forks++;
	pid_t child = (pid_t)syscall(SYS_fork);
	if (child == 0) {
		signal(SIGTRAP, SIG_DFL);
		((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
		survive(stepped_bytes);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		status = -1;
	if (status == 0)
		return;
	if (failures < COUNT_OF(failure)) {
		failure[failures].at = at;
		failure[failures].status = status;
	}
	failures++;
}

static void assert_none_failed(void)
{
	cr_assert_gt(forks, 50u);
	for (size_t i = 0; i < failures && i < COUNT_OF(failure); i++)
		fprintf(stderr, "vanished at tide_malloc%+ld: status %#x\n",
		        (long)(failure[i].at - (uintptr_t)tide_malloc),
		        (unsigned)failure[i].status);
	cr_assert_eq(failures, 0u, "%u of %u forks", failures, forks);
}

/* The red zone of the caller is stepped over: the flags go through the stack. */
#define STEP_ON()                                                                                  \
	__asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; orq $0x100, (%%rsp); popfq; "            \
	                 "lea 128(%%rsp), %%rsp" ::                                                \
	                     : "memory", "cc")
#define STEP_OFF()                                                                                 \
	__asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; andq $~0x100, (%%rsp); popfq; "          \
	                 "lea 128(%%rsp), %%rsp" ::                                                \
	                     : "memory", "cc")

static void start_stepping(void)
{
	struct sigaction action = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };

	cr_assert_eq(sigaction(SIGTRAP, &action, NULL), 0);
}

static void free_one(size_t at, bool stepped)
{
	in_hand = live[at];
	if (stepped)
		STEP_ON();
	put(in_hand);
	if (stepped)
		STEP_OFF();
	live[at] = NULL;
}

static void malloc_one(size_t at, size_t bytes, bool stepped)
{
	void *block;

	if (stepped)
		STEP_ON();
	block = get(bytes);
	if (stepped)
		STEP_OFF();
	live[at] = block;
}

static bool next_free_misses(unsigned cls)
{
	return tide_cache_self->top[cls][1] == TIDE_BIN_FULL || cls > TIDE_CLASS_SMALL_LAST;
}

static bool next_malloc_misses(unsigned cls)
{
	return *tide_cache_self->top[cls] == NULL;
}

/* Free all blocks, then allocate them again, with a fork at every instruction of each call that
 * misses, and of a few that hit. */
static void vanish_everywhere(size_t bytes, size_t blocks, uint32_t level)
{
	unsigned cls = tide_class_of(bytes);

	stepped_bytes = bytes;
	for (size_t i = 0; i < blocks; i++)
		malloc_one(i, bytes, false);
	tide_store_relaxed(&tide_heap_default.queues.level[cls], level);
	for (size_t i = 0; i < blocks; i++)
		free_one(i, next_free_misses(cls) || i % 50 == 0);
	for (size_t i = 0; i < blocks; i++)
		malloc_one(i, bytes, next_malloc_misses(cls) || i % 50 == 0);
	assert_none_failed();
}

Test(vanish, while_full_bins_go_to_the_gc, .init = start_stepping, .timeout = 60)
{
	vanish_everywhere(64, 4 * TIDE_BIN_SLOTS, 0);
}

Test(vanish, while_full_bins_go_to_other_threads, .init = start_stepping, .timeout = 60)
{
	vanish_everywhere(64, 4 * TIDE_BIN_SLOTS, 65536);
}

Test(vanish, while_bins_hold_one_block, .init = start_stepping, .timeout = 60)
{
	vanish_everywhere(20 * KIB, 8, 0);
}

Test(vanish, while_a_class_has_no_bin_of_its_own, .init = start_stepping, .timeout = 60)
{
	vanish_everywhere(40 * KIB, 12, 0);
}

Test(vanish, while_a_cache_is_emptied, .init = start_stepping, .timeout = 60)
{
	for (size_t i = 0; i < 40; i++)
		malloc_one(i, 64, false);
	for (size_t i = 0; i < 40; i++)
		free_one(i, false);
	in_hand = NULL;
	stepped_bytes = 64;
	/* Most of it is about classes that have no bins. */
	unsigned cls = tide_class_of(64);
	for (unsigned other = cls + 1; other <= TIDE_CLASS_MEDIUM_LAST; other++)
		cr_assert_eq(tide_cache_blocks(tide_cache_self, other), 0u);
	STEP_ON();
	tide_self_empty();
	STEP_OFF();
	assert_none_failed();
}

/* Profile mode: malloc's bin and that for returns change places, and are split at samples. */
static void cancel_profiled(const char *mean_bytes)
{
	(void)setenv("TIDE_PROFILE", "1", 1);
	(void)setenv("TIDE_PROFILE_BYTES", mean_bytes, 1);
	(void)setenv("TIDE_PROFILE_SEED", "7", 1);
	cancelled = true;
	stepped_bytes = 64;
	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < 100; i++)
			malloc_one(i, 64, round > 0);
		for (size_t i = 0; i < 100; i++)
			free_one(i, round > 0);
	}
	assert_none_failed();
}

Test(vanish, while_bins_change_places, .init = start_stepping, .timeout = 60)
{
	cancel_profiled("1073741824");
}

Test(vanish, while_bins_are_split, .init = start_stepping, .timeout = 60)
{
	cancel_profiled("1024");
}

static void assert_audit(void)
{
	const char *wrong = tide_gc_audit();

	cr_assert_null(wrong, "%s", wrong);
}

/* Objects are made, go to the depot, come back from there, and are destructed. */
Test(vanish, while_objects_go_round, .init = start_stepping, .timeout = 100)
{
	enum { OBJECTS = 3 * TIDE_BIN_SLOTS, BYTES = 3000 };

	stepped_bytes = BYTES;
	objects = tide_object_cache_create(&(struct tide_object_options){ .size = BYTES });
	cr_assert_not_null(objects);
	for (unsigned round = 0; round < 2; round++) {
		for (size_t i = 0; i < OBJECTS; i++)
			malloc_one(i, BYTES, round == 1 || i % 50 == 0);
		for (size_t i = 0; i < OBJECTS; i++)
			free_one(i, round == 1 || i % 50 == 0);
	}
	in_hand = NULL;
	STEP_ON();
	(void)tide_object_cache_drain(objects);
	STEP_OFF();
	assert_none_failed();
	assert_audit();
	cr_assert_eq(tide_object_cache_destroy(objects), 0);
}

#else

Test(vanish, needs_a_trap_flag)
{
	cr_skip_test("not this machine or build");
}

#endif
