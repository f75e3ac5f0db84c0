/* start.c and fork.c: the first call of a process and of a thread, from any side; the end of a
 * thread with blocks freed even later; threads that come and go; and forks in states that need
 * care. */
#include "heap.h"
#include "start.h"

#include "gc.h"
#include "hit.h"
#include "options.h"
#include "seat.h"
#include "token.h"

#include "../api/support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <tide/heap.h>

enum { THREADS = 4, PROCESSES = SCALED(400), LIVES = SCALED(800) };

static unsigned caches(void)
{
	unsigned count = 0;

	struct tide_cache *cache = tide_cache_all(&tide_heap_default);
	for (; cache != NULL; cache = cache->all_next)
		count++;
	return count;
}

static void assert_sound(void)
{
	const char *wrong = tide_gc_audit();

	cr_assert_null(wrong, "%s", wrong);
}

/* Run it in a child: its exit status, or -1 for a signal. */
static int run_in_child(int (*life)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		alarm(30);
		_exit(life());
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Forbidden, and done: vfork's child is the first to allocate, on its parent thread's variables. */
static void *first_in_child(void *unused)
{
	pid_t child = vfork();

	if (child == 0) {
		tide_free(tide_malloc(48));
		_exit(0);
	}
	if (child < 0 || waitpid(child, NULL, 0) != child)
		return (void *)"no child";
	tide_free(tide_malloc(48));
	uint32_t id = tide_cache_thread_id(tide_load_relaxed(&tide_cache_self->owner));
	if (id == 0 || !tide_os_thread_exists(id) || !tide_os_thread_exists(tide_token_own_id))
		return (void *)"its cache is taken for one of a thread that is gone";
	return unused;
}

Test(start, a_thread_is_there_though_its_vfork_child_was_first)
{
	tide_free(tide_malloc(1));
	const char *wrong = run_threads(first_in_child, NULL, 0, 1);
	cr_assert_null(wrong, "%s", wrong);
	assert_sound();
}

Test(start, a_process_starts_with_its_first_malloc_and_not_before)
{
	errno = 77;
	cr_assert_eq(tide_cache_self, TIDE_CACHE_NONE);
	cr_assert_null(tide_cache_all(&tide_heap_default));
	cr_assert_not_null(tide_malloc(1));
	cr_assert_neq(tide_cache_self, TIDE_CACHE_NONE);
	cr_assert_eq(caches(), 1u);
	cr_assert_eq(tide_cache_threads_racy(&tide_heap_default), 1u);
	cr_assert_eq(errno, 77);
	assert_sound();
}

static void *free_first(void *block)
{
	tide_free(block);
	return tide_cache_self == TIDE_CACHE_NONE ? "no cache" : NULL;
}

Test(start, a_threads_first_call_may_be_a_free)
{
	void *said;

	for (size_t bytes = 16; bytes < MIB; bytes *= 3) {
		pthread_t thread;

		cr_assert_eq(pthread_create(&thread, NULL, free_first, tide_malloc(bytes)), 0);
		cr_assert_eq(pthread_join(thread, &said), 0);
		/* A large block needs no cache, but its thread gets one like any other. */
		cr_assert_null(said);
	}
	cr_assert_eq(tide_cache_threads_racy(&tide_heap_default), 1u);
	assert_sound();
}

/* Destructors of the program run before and after ours, and allocate and free in all of them. */

static pthread_key_t key[3];

static void destroy(void *block)
{
	static _Thread_local int rounds;

	tide_free(block);
	void *again = tide_malloc(500);
	if (rounds++ < 5)
		(void)pthread_setspecific(key[rounds % 3], again);
	else
		tide_free(again);
}

static void *live_with_destructors(void *unused)
{
	(void)unused;
	for (int i = 0; i < 3; i++)
		if (pthread_setspecific(key[i], tide_malloc(100)) != 0)
			return "no thread-specific value";
	return NULL;
}

Test(start, destructors_may_allocate_and_free, .timeout = 60)
{
	char unused[THREADS] = { 0 };

	cr_assert_eq(pthread_key_create(&key[0], destroy), 0);
	tide_free(tide_malloc(1)); /* ours comes second */
	cr_assert_eq(pthread_key_create(&key[1], destroy), 0);
	cr_assert_eq(pthread_key_create(&key[2], destroy), 0);
	for (int i = 0; i < LIVES / 8; i++)
		cr_assert_null(run_threads(live_with_destructors, unused, 1, THREADS));
	(void)tide_gc_stop();
	cr_assert_leq(caches(), 3u * THREADS);
	assert_sound();
}

/* As when it is cancelled there, asynchronously. */
static void *end_in_a_call(void *cache)
{
	tide_free(tide_malloc(100));
	*(struct tide_cache **)cache = tide_cache_self;
	tide_cache_slow_enter(tide_cache_self);
	return NULL;
}

Test(start, a_thread_that_ends_in_a_call_leaves_its_cache_to_the_gc, .timeout = 60)
{
	struct tide_cache *cache = NULL;
	pthread_t thread;

	tide_free(tide_malloc(1));
	cr_assert_eq(pthread_create(&thread, NULL, end_in_a_call, &cache), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	/* Nobody has it before it is mended. */
	cr_assert_neq(tide_cache_thread_id(tide_load_relaxed(&cache->owner)), 0u);
	cr_assert(tide_load_relaxed(&cache->pending_taken));
	while (tide_cache_thread_id(tide_load_relaxed(&cache->owner)) != 0) {
		tide_heap_default.gc.tick_start_ns = 0; /* the next tick is due */
		(void)tide_gc_step();
	}
	cr_assert_not(tide_load_relaxed(&cache->pending_taken));
	assert_sound();
}

/* The same where the GC is at the pending bins, so that they are not the owner's. */
static void *end_in_a_call_without_pending(void *cache)
{
	tide_free(tide_malloc(100));
	*(struct tide_cache **)cache = tide_cache_self;
	while (tide_swap_acq_rel(&tide_cache_self->pending_taken, true))
		sleep_ms(1);
	tide_cache_slow_enter(tide_cache_self);
	return tide_cache_self->has_pending ? (void *)(uintptr_t) "the bins are its own" : NULL;
}

/* And in a heap of the program's, with nothing left open in the default one. */
static struct tide_heap *own_heap;

static void *end_in_a_call_in_heap(void *cache)
{
	tide_heap_free(own_heap, tide_heap_malloc(own_heap, 100));
	*(struct tide_cache **)cache = tide_seat_find(own_heap);
	tide_cache_slow_enter(*(struct tide_cache **)cache);
	return NULL;
}

static void *use_and_end(void *cache)
{
	*(struct tide_cache **)cache = tide_seat_take(own_heap);
	tide_free(tide_heap_malloc(own_heap, 100));
	return NULL;
}

static void assert_left_to_the_gc(void *(*life)(void *))
{
	struct tide_cache *cache = NULL;
	pthread_t thread;
	void *wrong;

	cr_assert_eq(pthread_create(&thread, NULL, life, &cache), 0);
	cr_assert_eq(pthread_join(thread, &wrong), 0);
	cr_assert_null(wrong, "%s", (const char *)wrong);
	cr_assert_neq(tide_cache_thread_id(tide_load_relaxed(&cache->owner)), 0u,
	              "others may have it before it is mended");
	cr_assert(tide_load_relaxed(&cache->pending_taken));
	while (tide_cache_thread_id(tide_load_relaxed(&cache->owner)) != 0) {
		cache->heap->gc.tick_start_ns = 0; /* the next tick is due */
		(void)tide_gc_step();
	}
	cr_assert_not(tide_load_relaxed(&cache->pending_taken));
	/* The next thread has it, and leaves it as one should. */
	struct tide_cache *next = NULL;
	own_heap = cache->heap;
	cr_assert_eq(pthread_create(&thread, NULL, use_and_end, &next), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(next, cache);
	cr_assert_eq(tide_cache_thread_id(tide_load_relaxed(&cache->owner)), 0u);
}

Test(start, so_does_one_that_the_gc_had_the_bins_of, .timeout = 60)
{
	tide_options_set(TIDE_OPTION_GC, 0);
	tide_free(tide_malloc(1));
	assert_left_to_the_gc(end_in_a_call_without_pending);
	assert_sound();
}

/* Only one thread has a cache in the default heap then. */
Test(start, so_does_one_that_ends_in_a_call_in_a_heap, .timeout = 60)
{
	tide_options_set(TIDE_OPTION_GC, 0);
	tide_free(tide_malloc(1));
	own_heap = tide_heap_create(NULL);
	cr_assert_not_null(own_heap);
	assert_left_to_the_gc(end_in_a_call_in_heap);
	assert_sound();
}

static void *live_a_little(void *unused)
{
	void *block[40];

	(void)unused;
	for (size_t i = 0; i < COUNT_OF(block); i++)
		block[i] = tide_malloc(16 + 30 * i);
	for (size_t i = 0; i < COUNT_OF(block); i++)
		tide_free(block[i]);
	return NULL;
}

Test(start, threads_one_after_the_other_share_a_cache, .timeout = 60)
{
	char unused = 0;

	tide_options_set(TIDE_OPTION_GC, 0);
	tide_free(tide_malloc(1));
	for (int i = 0; i < LIVES; i++)
		cr_assert_null(run_threads(live_a_little, &unused, 1, 1));
	cr_assert_leq(caches(), 3u);
	cr_assert_eq(tide_cache_threads_racy(&tide_heap_default), 1u);
	cr_assert_lt(stats_now().mapped_bytes, 16 * MIB);
	assert_sound();
}

/* A thread that ends without notice is found missing, and its blocks are not lost. */

static void *vanish(void *unused)
{
	(void)unused;
	for (int i = 0; i < 200; i++) {
		tide_free(tide_malloc(16 + (size_t)i * 16));
		tide_heap_free(own_heap, tide_heap_malloc(own_heap, 16 + (size_t)i * 16));
	}
	syscall(SYS_exit, 0);
	return NULL;
}

/* Also when that in the default heap is adopted first, and one thread remains there. */
Test(start, the_caches_of_a_vanished_thread_are_adopted, .timeout = 60)
{
	pthread_t thread;

	if (SANITIZED)
		cr_skip_test("a sanitizer wants to see a thread's end");
	tide_options_set(TIDE_OPTION_GC, 0);
	tide_options_set(TIDE_OPTION_DECAY_MS, 60000); /* no tick but when we say so */
	tide_free(tide_malloc(1));
	own_heap = tide_heap_create(NULL);
	cr_assert_not_null(own_heap);
	cr_assert_eq(pthread_create(&thread, NULL, vanish, NULL), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	for (int i = 0; i < 100000 && tide_cache_threads_racy(&tide_heap_default) > 1; i++) {
		tide_heap_default.gc.tick_start_ns = 0;
		(void)tide_gc_step();
	}
	cr_assert_eq(tide_cache_threads_racy(&tide_heap_default), 1u);
	cr_assert_eq(tide_cache_threads_racy(own_heap), 1u);
	for (int i = 0; i < 100000 && tide_cache_threads_racy(own_heap) > 0; i++) {
		own_heap->gc.tick_start_ns = 0;
		(void)tide_gc_step();
	}
	cr_assert_eq(tide_cache_threads_racy(own_heap), 0u);
	assert_sound();
}

/* All threads of a process start at once, in many processes. */

static pthread_barrier_t barrier;
static _Atomic uint32_t outside;

static void *start_with_others(void *unused)
{
	void *block[64];

	(void)unused;
	pthread_barrier_wait(&barrier);
	for (size_t i = 0; i < COUNT_OF(block); i++)
		block[i] = tide_malloc(16 << (i % 8));
	pthread_barrier_wait(&barrier);
	for (size_t i = 0; i < COUNT_OF(block); i++) {
		if (block[i] == NULL)
			return "no block";
		if (tide_hit_class(block[i]) != tide_class_of((size_t)16 << (i % 8)))
			(void)tide_add_relaxed(&outside, 1u);
		tide_free(block[i]);
	}
	return NULL;
}

static int start_at_once(void)
{
	char unused[THREADS] = { 0 };

	pthread_barrier_init(&barrier, NULL, THREADS);
	if (run_threads(start_with_others, unused, 1, THREADS) != NULL)
		return 1;
	(void)tide_gc_stop();
	if (tide_gc_audit() != NULL)
		return 2;
	return tide_load_relaxed(&outside) != 0 ? 3 : 0;
}

Test(start, threads_that_start_at_once_all_see_the_window, .timeout = 100)
{
	unsigned wrong = 0;
	unsigned slow = 0;

	for (int i = 0; i < PROCESSES; i++) {
		int status = run_in_child(start_at_once);
		slow += status == 3;
		wrong += status != 0 && status != 3;
	}
	cr_assert_eq(wrong, 0u, "%u of %d processes went wrong", wrong, PROCESSES);
	cr_assert_eq(slow, 0u, "in %u of %d processes some blocks are outside the window for ever",
	             slow, PROCESSES);
}

/* The first calls come before the C library has an environment; checked mode is then read late. */

static void *use_a_little(void *unused)
{
	(void)unused;
	for (int i = 0; i < 1000; i++)
		tide_free(tide_malloc(16 + (size_t)i % 700));
	return NULL;
}

static int check_late(void)
{
	char *set[] = { "TIDE_CHECK=1", NULL };
	char **before = environ;
	void *block[100];
	char unused = 0;

	environ = NULL;
	for (size_t i = 0; i < COUNT_OF(block); i++)
		block[i] = tide_malloc(16 + i * 8);
	environ = set;
	if (run_threads(use_a_little, &unused, 1, 1) != NULL)
		return 1;
	for (size_t i = 0; i < COUNT_OF(block); i++)
		tide_free(block[i]);
	(void)use_a_little(NULL);
	environ = before;
	(void)tide_gc_stop();
	(void)tide_purge();
	return tide_gc_audit() != NULL ? 2 : 0;
}

Test(start, checked_mode_read_late_harms_nothing)
{
	cr_assert_eq(run_in_child(check_late), 0);
}

/* fork */

static int use_in_child(void)
{
	(void)use_a_little(NULL);
	(void)tide_purge();
	/* The few blocks that the other threads had in hand are lost, which exact books would
	 * show. */
	return (!TIDE_AUDITED && tide_gc_audit() != NULL) ||
	       tide_cache_threads_racy(&tide_heap_default) > 1;
}

static void *wait_for_end(void *end)
{
	(void)use_a_little(NULL);
	pthread_barrier_wait(&barrier);
	while (!tide_load_acquire((_Atomic bool *)end))
		tide_free(tide_malloc(100));
	return NULL;
}

Test(start, a_child_takes_over_the_caches_of_all_threads, .timeout = 60)
{
	static _Atomic bool end;
	pthread_t thread[THREADS];

	if (SANITIZED)
		cr_skip_test("a sanitizer forbids threads before fork and after");
	tide_free(tide_malloc(1));
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (size_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, wait_for_end, (void *)&end), 0);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 50; i++)
		cr_assert_eq(run_in_child(use_in_child), 0);
	tide_store_release(&end, true);
	for (size_t i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_join(thread[i], NULL), 0);
	(void)tide_gc_stop();
	assert_sound();
}

Test(start, fork_before_the_first_malloc_is_fork)
{
	cr_assert_eq(run_in_child(use_in_child), 0);
	cr_assert_null(tide_cache_all(&tide_heap_default));
}

Test(start, parent_and_child_both_have_the_token_after_fork)
{
	tide_free(tide_malloc(1));
	cr_assert_eq(run_in_child(use_in_child), 0);
	cr_assert(tide_token_try());
	tide_token_release();
	cr_assert_eq(tide_gc_step() >= 0, 1);
}
