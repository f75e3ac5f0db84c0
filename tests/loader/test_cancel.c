/* pthread_cancel of threads that do nothing but allocate.
 *
 * Deferred: no function of the malloc family is a point of cancellation, so a thread ends only
 * where it asks to; its blocks can be freed by clean-up handlers and by others. Asynchronous: POSIX
 * forbids malloc then. A thread that is cancelled in the middle of a call is left to the GC as one
 * that vanished: other threads go on, nothing hangs, no block of theirs is lost or given twice. It
 * is never the GC when it goes: cancellation of either kind waits, and others can purge after
 * it. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "support.h"

enum { ROUNDS = 150, SLOTS = 64 };

static atomic_uint turns;

static void free_all(void *slots)
{
	void **slot = (void **)slots;

	for (unsigned i = 0; i < SLOTS; i++) {
		free(slot[i]);
		slot[i] = NULL;
	}
}

static void *allocate_until_asked(void *unused)
{
	void *slot[SLOTS] = { NULL };
	static _Thread_local uint64_t random;

	random = atomic_fetch_add(&turns, 1);
	pthread_cleanup_push(free_all, slot);
	for (;;) {
		for (unsigned n = 0; n < 100; n++) {
			unsigned i = (unsigned)(random_next(&random) % SLOTS);
			free(slot[i]);
			slot[i] = malloc(random_size(&random));
			require(slot[i] != NULL, "malloc");
			/* Here a cancellation would be acted upon, were it a point of one. */
			slot[i] = realloc(slot[i], random_size(&random));
			require(slot[i] != NULL, "realloc");
		}
		atomic_fetch_add(&turns, 1);
		pthread_testcancel();
	}
	pthread_cleanup_pop(1);
	return unused;
}

static void *allocate_anywhere(void *unused)
{
	void *slot[SLOTS] = { NULL };
	uint64_t random = atomic_fetch_add(&turns, 1);

	require(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL) == 0, "asynchronous");
	for (;;) {
		unsigned i = (unsigned)(random_next(&random) % SLOTS);
		free(slot[i]);
		slot[i] = malloc(random_size(&random));
		atomic_fetch_add(&turns, 1);
	}
	return unused;
}

static void *purge_anywhere(void *unused)
{
	uint64_t random = atomic_fetch_add(&turns, 1);

	require(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL) == 0, "asynchronous");
	for (;;) {
		free(malloc(random_size(&random)));
		(void)tide_purge();
		atomic_fetch_add(&turns, 1);
	}
	return unused;
}

static void cancel_rounds(void *(*work)(void *), unsigned rounds)
{
	uint64_t random = 1;
	pthread_t thread[2];
	void *result;

	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < 2; i++)
			require(pthread_create(&thread[i], NULL, work, NULL) == 0, "a thread");
		unsigned before = atomic_load(&turns);
		while (atomic_load(&turns) - before < 20)
			(void)sched_yield();
		for (uint64_t spin = random_next(&random) % 100000; spin > 0; spin--)
			__asm__ volatile("");
		for (unsigned i = 0; i < 2; i++)
			require(pthread_cancel(thread[i]) == 0, "cancel");
		use_heap(round, 500);
		for (unsigned i = 0; i < 2; i++) {
			require(pthread_join(thread[i], &result) == 0, "join");
			require(result == PTHREAD_CANCELED, "it was cancelled");
		}
	}
	use_heap(2, 100000);
}

static unsigned rounds_wanted(void)
{
	const char *text = getenv("CANCEL_ROUNDS");

	return text != NULL ? (unsigned)atoi(text) : ROUNDS;
}

/* So many rounds in a process of its own, which can be purged at the end. */
static void in_child(void *(*work)(void *), unsigned rounds, const char *name)
{
	pid_t child = fork();

	if (child == 0) {
		cancel_rounds(work, rounds);
		(void)tide_purge();
		_exit(0);
	}
	require(child > 0, "fork");
	require(ended_well(wait_for(child)), name);
}

/* In one process after the other, so that a long run is not taken for a hang. */
static void in_children(void *(*work)(void *), const char *name)
{
	for (unsigned done = 0, wanted = rounds_wanted(); done < wanted; done += ROUNDS)
		in_child(work, wanted - done < ROUNDS ? wanted - done : ROUNDS, name);
}

/* Cancelled where it is the GC for sure: while it walks a heap. */

static int visit_cancelled(void *block, size_t bytes, void *visits)
{
	(void)block;
	(void)bytes;
	require(pthread_cancel(pthread_self()) == 0, "cancel");
	pthread_testcancel();
	++*(unsigned *)visits;
	return 0;
}

static unsigned visits;

static void *walk(void *type)
{
	struct tide_heap *heap = tide_heap_create(NULL);

	require(heap != NULL && tide_heap_malloc(heap, 100) != NULL, "a heap");
	require(pthread_setcanceltype(*(int *)type, NULL) == 0, "the type");
	require(tide_heap_walk(heap, visit_cancelled, &visits) == 0, "a walk");
	pthread_testcancel();
	return &visits;
}

static void cancel_in_walk(int type, const char *name)
{
	pid_t child = fork();

	if (child == 0) {
		pthread_t thread;
		void *result;
		require(pthread_create(&thread, NULL, walk, &type) == 0, "a thread");
		require(pthread_join(thread, &result) == 0, "join");
		/* (Not all versions of the C library then say PTHREAD_CANCELED.) */
		require(result != &visits && visits == 1, "cancelled after the walk");
		(void)tide_purge();
		use_heap(3, 1000);
		_exit(0);
	}
	require(child > 0, "fork");
	require(ended_well(wait_for(child)), name);
}

int main(void)
{
	require_tide();
	in_children(allocate_until_asked, "deferred");
	in_children(allocate_anywhere, "asynchronous");
	in_children(purge_anywhere, "asynchronous, in tide_purge");
	cancel_in_walk(PTHREAD_CANCEL_DEFERRED, "deferred, in tide_heap_walk");
	cancel_in_walk(PTHREAD_CANCEL_ASYNCHRONOUS, "asynchronous, in tide_heap_walk");
	return 0;
}
