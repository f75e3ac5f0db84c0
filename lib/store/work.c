#include "work.h"

#include "index.h"
#include "judge.h"
#include "leave.h"
#include "move.h"
#include "rcu.h"
#include "room.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

enum { MOST_EXPIRED = 256 }; /* at once; then the rest has its turn */

/* After a start that found no memory for a heap. */
#define RESTART_NS (100 * TIDE_STORE_MILLISECOND)

static void drain_if_due(struct tide_store *store, uint64_t now_ns)
{
	(void)pthread_mutex_lock(&store->lock);
	bool due = store->leaving != NULL && now_ns >= store->drain_due_ns;
	if (due)
		store->drain_due_ns = now_ns + TIDE_LEAVE_DRAIN_NS;
	(void)pthread_mutex_unlock(&store->lock);
	if (due)
		tide_leave_drain(store);
}

/* Under the lock. */
static uint64_t wanted_buckets(const struct tide_store *store)
{
	return tide_index_buckets_for(tide_load_relaxed(&store->entries), store->buckets);
}

static void resize_if_due(struct tide_store *store)
{
	(void)pthread_mutex_lock(&store->lock);
	uint64_t buckets = wanted_buckets(store);
	bool due = buckets != store->buckets;
	(void)pthread_mutex_unlock(&store->lock);
	if (!due)
		return;
	tide_index_resize(store->index, buckets);
	(void)pthread_mutex_lock(&store->lock);
	store->buckets = buckets;
	(void)pthread_mutex_unlock(&store->lock);
}

/* Under the lock: the answer to those who wait for a defragmentation. */
static void tell(struct tide_store *store, uint64_t *count)
{
	++*count;
	(void)pthread_cond_broadcast(&store->ended);
}

/* Whether to defragment, as options and figures have it. Returns whether to start. */
static bool check(struct tide_store *store, uint64_t now_ns)
{
	unsigned heaps;
	bool start;
	uint64_t held_bytes = tide_move_held_bytes(store, &heaps);
	uint64_t used_bytes = tide_load_relaxed(&store->body_bytes);
	enum tide_store_verdict verdict = tide_judge_check(&store->judge, &store->options, now_ns,
	                                                   held_bytes, used_bytes, &start);
	bool room = !start || tide_room_is_there_to_move(store);
	(void)pthread_mutex_lock(&store->lock);
	store->unchecked = false;
	store->fragmented_ns = tide_judge_fragmented_ns(&store->judge, now_ns);
	/* When nothing changes and nothing is to be waited for, a check would find the same. */
	store->check_due_ns = verdict == TIDE_STORE_FRAGMENTED
	                          ? now_ns + store->options.defragment_check_ns
	                          : UINT64_MAX;
	start = start && !store->move_active;
	if (start && !room)
		verdict = TIDE_STORE_WAITS_FOR_ROOM;
	start = start && room;
	if (store->verdict != TIDE_STORE_STOPPED)
		store->verdict = verdict;
	if (start)
		store->move_active = store->move_wanted = true;
	(void)pthread_mutex_unlock(&store->lock);
	return start;
}

/* Returns whether a check decided to start. */
static bool check_if_due(struct tide_store *store, uint64_t now_ns)
{
	(void)pthread_mutex_lock(&store->lock);
	if (store->unchecked && store->check_due_ns == UINT64_MAX)
		store->check_due_ns = now_ns + store->options.defragment_check_ns;
	bool due = now_ns >= store->check_due_ns && !store->move_active;
	(void)pthread_mutex_unlock(&store->lock);
	return due && check(store, now_ns);
}

static void stop(struct tide_store *store)
{
	tide_move_stop(store);
	tide_judge_init(&store->judge);
	(void)pthread_mutex_lock(&store->lock);
	store->move_stop = store->move_wanted = store->move_active = false;
	store->fragmented_ns = 0;
	tell(store, &store->move_stops);
	(void)pthread_mutex_unlock(&store->lock);
}

static void found_no_room(struct tide_store *store)
{
	(void)pthread_mutex_lock(&store->lock);
	store->verdict = TIDE_STORE_WAITS_FOR_ROOM;
	tell(store, &store->move_blocks);
	(void)pthread_mutex_unlock(&store->lock);
}

static void ended(struct tide_store *store)
{
	tide_judge_init(&store->judge);
	(void)pthread_mutex_lock(&store->lock);
	store->move_stop = store->move_wanted = store->move_active = false;
	store->fragmented_ns = 0;
	if (tide_store_checks(store)) {
		store->unchecked = true;
		store->check_due_ns = 0;
	}
	(void)pthread_cond_broadcast(&store->ended);
	(void)pthread_mutex_unlock(&store->lock);
}

/* One slice at most. */
static void move_on(struct tide_store *store, uint64_t now_ns, bool by_timer)
{
	(void)pthread_mutex_lock(&store->lock);
	bool stops = store->move_stop, wanted = store->move_wanted;
	(void)pthread_mutex_unlock(&store->lock);
	if (stops) {
		stop(store);
		return;
	}
	if (wanted && !store->move.runs && now_ns >= store->move.resume_ns) {
		if (!tide_move_start(store, by_timer)) {
			store->move.resume_ns = now_ns + RESTART_NS;
			found_no_room(store);
			return;
		}
	}
	if (!store->move.runs)
		return;
	switch (tide_move_slice(store, now_ns)) {
	case TIDE_MOVE_ON:
		break;
	case TIDE_MOVE_NO_ROOM:
		found_no_room(store);
		break;
	case TIDE_MOVE_ENDED:
		ended(store);
		break;
	}
}

/* Under both locks: when there will be something to do. */
static uint64_t next_ns(const struct tide_store *store)
{
	uint64_t ns = tide_wheel_next_ns(&store->wheel);
	if (store->leaving != NULL)
		ns = tide_store_min(ns, store->drain_due_ns);
	if (store->move_stop || wanted_buckets(store) != store->buckets)
		ns = 0;
	if (store->move_active)
		ns = tide_store_min(ns, store->move.resume_ns);
	else if (store->check_due_ns != UINT64_MAX)
		ns = tide_store_min(ns, store->check_due_ns);
	else if (store->unchecked)
		ns = 0; /* to set the timer of the check */
	return ns;
}

/* Under the work lock. */
static void work(struct tide_store *store)
{
	uint64_t now_ns = tide_time_now_ns(store);
	(void)tide_leave_expired(store, MOST_EXPIRED);
	drain_if_due(store, now_ns);
	resize_if_due(store);
	bool by_timer = check_if_due(store, now_ns);
	move_on(store, now_ns, by_timer);
}

uint64_t tide_store_work(struct tide_store *store)
{
	if (!store->options.no_thread || tide_rcu_is_reading())
		return TIDE_STORE_FOREVER; /* it is the thread's; or it could not be done here */
	(void)pthread_mutex_lock(&store->work_lock);
	work(store);
	uint64_t now_ns = tide_time_now_ns(store);
	(void)pthread_mutex_lock(&store->lock);
	uint64_t due_ns = next_ns(store);
	(void)pthread_mutex_unlock(&store->lock);
	(void)pthread_mutex_unlock(&store->work_lock);
	if (due_ns == UINT64_MAX)
		return TIDE_STORE_FOREVER;
	return due_ns > now_ns ? due_ns - now_ns : 0;
}

/* Wait under the lock, until `due_ns` of the monotonic clock or a signal. */
static void wait_until(struct tide_store *store, pthread_cond_t *cond, uint64_t due_ns)
{
	struct timespec due = { .tv_sec = (time_t)(due_ns / TIDE_STORE_SECOND),
		                .tv_nsec = (long)(due_ns % TIDE_STORE_SECOND) };
	if (due_ns == UINT64_MAX)
		(void)pthread_cond_wait(cond, &store->lock);
	else
		(void)pthread_cond_timedwait(cond, &store->lock, &due);
}

static void *run(void *arg)
{
	struct tide_store *store = arg;
	(void)pthread_mutex_lock(&store->work_lock); /* there is nobody else */
	(void)pthread_mutex_lock(&store->lock);
	while (!store->quits) {
		(void)pthread_mutex_unlock(&store->lock);
		work(store);
		(void)pthread_mutex_lock(&store->lock);
		uint64_t due_ns = next_ns(store);
		if (due_ns <= tide_time_monotonic_ns() || store->quits)
			continue;
		store->sleeps_until_ns = due_ns;
		while (store->sleeps_until_ns != 0 && tide_time_monotonic_ns() < due_ns)
			wait_until(store, &store->wake, due_ns);
		store->sleeps_until_ns = 0;
	}
	(void)pthread_mutex_unlock(&store->lock);
	(void)pthread_mutex_unlock(&store->work_lock);
	return NULL;
}

int tide_work_start(struct tide_store *store)
{
	sigset_t all, before;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&store->thread, NULL, run, store);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0)
		return EAGAIN;
	(void)pthread_setname_np(store->thread, "tide-store");
	return 0;
}

void tide_work_end(struct tide_store *store)
{
	(void)pthread_mutex_lock(&store->lock);
	store->quits = true;
	tide_store_wake(store, 0);
	(void)pthread_mutex_unlock(&store->lock);
	(void)pthread_join(store->thread, NULL);
}

/* With no_thread: slice after slice, without pauses. */
static void work_until(struct tide_store *store, const uint64_t *ends, const uint64_t *stops,
                       const uint64_t *blocks, uint64_t due_ns)
{
	uint64_t before = *ends + *stops + *blocks;
	(void)pthread_mutex_unlock(&store->lock);
	do {
		(void)pthread_mutex_lock(&store->work_lock);
		store->move.resume_ns = 0;
		move_on(store, tide_time_now_ns(store), false);
		(void)pthread_mutex_unlock(&store->work_lock);
		(void)pthread_mutex_lock(&store->lock);
		bool done = *ends + *stops + *blocks != before;
		(void)pthread_mutex_unlock(&store->lock);
		if (done)
			break;
	} while (tide_time_monotonic_ns() < due_ns);
	(void)pthread_mutex_lock(&store->lock);
}

int tide_store_defragment(struct tide_store *store, uint64_t timeout_ns)
{
	uint64_t due_ns;
	if (tide_rcu_is_reading())
		return EDEADLK;
	if (__builtin_add_overflow(tide_time_monotonic_ns(), timeout_ns, &due_ns))
		due_ns = UINT64_MAX;
	const uint64_t *now[] = { &store->kept.ends, &store->move_stops, &store->move_blocks };
	(void)pthread_mutex_lock(&store->lock);
	uint64_t ends = *now[0], stops = *now[1], blocks = *now[2];
	store->move_wanted = store->move_active = true;
	tide_store_wake(store, 0);
	if (store->options.no_thread && timeout_ns != 0)
		work_until(store, now[0], now[1], now[2], due_ns);
	while (!store->options.no_thread && ends == *now[0] && stops == *now[1] &&
	       blocks == *now[2] && tide_time_monotonic_ns() < due_ns)
		wait_until(store, &store->ended, due_ns);
	int error = EINPROGRESS;
	if (ends != *now[0])
		error = 0;
	else if (stops != *now[1])
		error = ECANCELED;
	else if (blocks != *now[2])
		error = ENOMEM;
	(void)pthread_mutex_unlock(&store->lock);
	return error;
}

void tide_store_defragment_stop(struct tide_store *store)
{
	(void)pthread_mutex_lock(&store->lock);
	uint64_t stops = store->move_stops, ends = store->kept.ends;
	if (store->move_active) {
		store->move_stop = true;
		tide_store_wake(store, 0);
	}
	/* In a read section: the end of the slice would wait for its end. */
	bool waits = store->move_stop && !tide_rcu_is_reading();
	while (waits && !store->options.no_thread && stops == store->move_stops &&
	       ends == store->kept.ends)
		wait_until(store, &store->ended, UINT64_MAX);
	(void)pthread_mutex_unlock(&store->lock);
	if (waits && store->options.no_thread) {
		(void)pthread_mutex_lock(&store->work_lock);
		(void)pthread_mutex_lock(&store->lock);
		bool still = store->move_stop; /* or another thread has seen to it */
		(void)pthread_mutex_unlock(&store->lock);
		if (still)
			stop(store);
		(void)pthread_mutex_unlock(&store->work_lock);
	}
}
