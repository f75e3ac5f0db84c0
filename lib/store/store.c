/* A store's beginning, end and figures. */
#include "index.h"
#include "judge.h"
#include "leave.h"
#include "memory.h"
#include "move.h"
#include "rcu.h"
#include "work.h"

#include <errno.h>
#include <string.h>

enum { MOST_USER_BYTES = 4096 };

static bool options_are_valid(const struct tide_store_options *options)
{
	if (options->counts > TIDE_STORE_CHARGED || options->policy > TIDE_STORE_DROP_OLDEST)
		return false;
	if (options->user_bytes > MOST_USER_BYTES || options->first_id == UINT64_MAX)
		return false;
	if (options->clock != NULL && !options->no_thread)
		return false;
	return options->counts == TIDE_STORE_BODIES || options->limit_bytes == 0 ||
	       (options->limit_bytes >= 1 << 20 && options->limit_bytes <= INT64_MAX);
}

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
	return value != 0 ? value : otherwise;
}

static void set_defaults(struct tide_store_options *options)
{
	options->ttl_ns = or_default(options->ttl_ns, TIDE_STORE_FOREVER);
	options->first_id = or_default(options->first_id, 1);
	if (options->defragment_percent == 0)
		options->defragment_percent = 200;
	options->defragment_waste_bytes = or_default(options->defragment_waste_bytes, 16 << 20);
	options->defragment_after_ns =
	    or_default(options->defragment_after_ns, 10 * TIDE_STORE_SECOND);
	options->defragment_check_ns = or_default(options->defragment_check_ns, TIDE_STORE_SECOND);
	options->defragment_slice_ns =
	    or_default(options->defragment_slice_ns, TIDE_STORE_MILLISECOND / 2);
}

static void init_locks(struct tide_store *store)
{
	pthread_condattr_t monotonic;
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&store->wake, &monotonic);
	(void)pthread_cond_init(&store->ended, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	(void)pthread_mutex_init(&store->lock, NULL);
	(void)pthread_mutex_init(&store->heaps_lock, NULL);
	(void)pthread_mutex_init(&store->drain_lock, NULL);
	(void)pthread_mutex_init(&store->held_lock, NULL);
	(void)pthread_mutex_init(&store->work_lock, NULL);
}

/* What the store has of its own, in the order of its making; NULLs are skipped. */
static void unmake(struct tide_store *store)
{
	if (store->index != NULL)
		tide_index_destroy(store->index);
	for (unsigned i = 0; i < 2; i++) {
		if (store->heap[i] != NULL)
			tide_memory_destroy(store->heap[i]);
	}
	if (store->headers != NULL)
		tide_memory_headers_destroy(store->headers);
	if (store->base != NULL)
		tide_memory_destroy(store->base);
	(void)pthread_cond_destroy(&store->wake);
	(void)pthread_cond_destroy(&store->ended);
	(void)pthread_mutex_destroy(&store->lock);
	(void)pthread_mutex_destroy(&store->heaps_lock);
	(void)pthread_mutex_destroy(&store->drain_lock);
	(void)pthread_mutex_destroy(&store->held_lock);
	(void)pthread_mutex_destroy(&store->work_lock);
	tide_free(store);
}

/* What the base holds as long as there is one entry. False: no memory. */
static bool measure_header(struct tide_store *store)
{
	void *header = tide_memory_header_alloc(store->headers);
	if (header == NULL)
		return false;
	store->header_held_bytes = tide_memory_held_bytes(store->base);
	tide_memory_header_free(store->headers, header);
	tide_memory_headers_drain(store->headers);
	tide_memory_purge(store->base);
	return true;
}

static int make(struct tide_store *store)
{
	const struct tide_store_options *options = &store->options;
	bool charged = options->counts == TIDE_STORE_CHARGED;
	uint64_t limit_bytes = options->counts == TIDE_STORE_BODIES ? 0 : options->limit_bytes;
	store->base = tide_memory_base(limit_bytes, charged);
	if (store->base != NULL)
		store->heap[0] = tide_memory_bodies(store->base, limit_bytes, charged);
	if (store->heap[0] != NULL)
		store->headers = tide_memory_headers(store->base, store->header_bytes);
	if (limit_bytes != 0 && store->headers != NULL && !measure_header(store))
		return ENOMEM;
	if (store->headers != NULL)
		store->index = tide_index_create();
	if (store->index == NULL)
		return ENOMEM;
	return options->no_thread ? 0 : tide_work_start(store);
}

struct tide_store *tide_store_create(const struct tide_store_options *options)
{
	static const struct tide_store_options none;
	if (options == NULL)
		options = &none;
	if (!options_are_valid(options)) {
		errno = EINVAL;
		return NULL;
	}
	if (!tide_rcu_init()) {
		errno = EAGAIN;
		return NULL;
	}
	struct tide_store *store = tide_aligned_alloc(_Alignof(struct tide_store), sizeof *store);
	if (store == NULL)
		return NULL;
	memset(store, 0, sizeof *store);
	store->options = *options;
	set_defaults(&store->options);
	store->header_bytes = sizeof(struct tide_store_entry) + options->user_bytes;
	tide_store_relaxed(&store->next_id, store->options.first_id);
	store->check_due_ns = UINT64_MAX;
	store->buckets = TIDE_INDEX_BUCKETS_MIN;
	store->verdict =
	    tide_store_checks(store) ? TIDE_STORE_NOT_CHECKED : TIDE_STORE_SWITCHED_OFF;
	tide_age_init(&store->age);
	tide_wheel_init(&store->wheel, tide_time_now_ns(store));
	tide_judge_init(&store->judge);
	init_locks(store);
	int error = make(store);
	if (error == 0)
		return store;
	unmake(store);
	errno = error;
	return NULL;
}

void tide_store_destroy(struct tide_store *store)
{
	if (store == NULL)
		return;
	if (!store->options.no_thread)
		tide_work_end(store);
	while (tide_leave_oldest(store, TIDE_STORE_DESTROYED) != 0) {
	}
	/* Headers go with their heap, when the index has forgotten them. */
	tide_rcu_wait();
	unmake(store);
}

static void read_kept(struct tide_store *store, struct tide_store_stats *all)
{
	(void)pthread_mutex_lock(&store->lock);
	const struct tide_store_counts_kept *kept = &store->kept;
	struct tide_age_link *oldest = tide_age_oldest(&store->age);
	if (oldest != NULL)
		all->oldest_ns = tide_load_relaxed(&tide_entry_of_age(oldest)->touched_ns);
	all->leaving_entries = store->leaving_entries;
	all->leaving_bytes = store->leaving_bytes;
	all->puts = kept->puts;
	all->dropped = kept->dropped;
	all->expired = kept->expired;
	all->removed = kept->removed;
	all->fragmented_ns = store->fragmented_ns;
	all->verdict = store->verdict;
	all->defragment_starts = kept->starts;
	all->defragment_by_timer = kept->by_timer;
	all->defragment_ends = kept->ends;
	all->moved_entries = kept->moved_entries;
	all->moved_bytes = kept->moved_bytes;
	all->slices = kept->slices;
	all->longest_slice_ns = kept->longest_slice_ns;
	all->held_before_bytes = kept->held_before_bytes;
	all->held_after_bytes = kept->held_after_bytes;
	(void)pthread_mutex_unlock(&store->lock);
	if (oldest != NULL)
		all->oldest_ns = tide_time_now_ns(store) - all->oldest_ns;
}

void tide_store_stats(struct tide_store *store, struct tide_store_stats *stats, size_t size)
{
	struct tide_store_stats all = { .entries = tide_load_relaxed(&store->entries),
		                        .body_bytes = tide_load_relaxed(&store->body_bytes),
		                        .limit_bytes = store->options.limit_bytes,
		                        .refused = tide_load_relaxed(&store->refused) };
	int64_t charged_bytes = tide_load_relaxed(&store->charged_bytes);
	uint64_t refusals;
	unsigned heaps;
	all.charged_bytes = charged_bytes > 0 ? (uint64_t)charged_bytes : 0;
	all.body_held_bytes = tide_move_held_bytes(store, &heaps);
	all.body_heaps = heaps;
	all.entry_bytes = all.entries * store->header_bytes;
	all.entry_held_bytes = tide_memory_held_bytes(store->base);
	if (store->options.counts == TIDE_STORE_BODIES)
		all.counted_bytes = all.body_bytes;
	else if (store->options.limit_bytes != 0)
		tide_memory_limit(store->base, &all.counted_bytes, &refusals);
	if (all.body_bytes > 0)
		all.held_percent = tide_judge_percent(all.body_held_bytes, all.body_bytes);
	read_kept(store, &all);
	memcpy(stats, &all, size < sizeof all ? size : sizeof all);
	if (size > sizeof all)
		memset((char *)stats + sizeof all, 0, size - sizeof all);
}
