/* What a program does with entries that are there: find, look at, touch, remove, walk. */
#include "index.h"
#include "leave.h"
#include "rcu.h"

#include <errno.h>

void tide_store_read_begin(struct tide_store *store)
{
	(void)store;
	tide_rcu_begin();
}

void tide_store_read_end(struct tide_store *store)
{
	(void)store;
	tide_rcu_end();
}

struct tide_store_entry *tide_store_get(struct tide_store *store, uint64_t id)
{
	struct tide_store_entry *entry = tide_index_find(store->index, id);
	if (entry == NULL || tide_load_relaxed(&entry->age.state) != TIDE_AGE_LIVE ||
	    tide_entry_is_over(store, entry))
		return NULL;
	return entry;
}

uint64_t tide_store_id(const struct tide_store_entry *entry)
{
	return tide_load_relaxed(&entry->id);
}

size_t tide_store_bytes(const struct tide_store_entry *entry)
{
	return entry->bytes;
}

const void *tide_store_body(const struct tide_store_entry *entry)
{
	return tide_load_acquire(&entry->body); /* entry.body */
}

void *tide_store_user(const struct tide_store_entry *entry)
{
	return (void *)(uintptr_t)entry->user;
}

int tide_store_is_live(const struct tide_store_entry *entry)
{
	return tide_load_relaxed(&entry->age.state) == TIDE_AGE_LIVE;
}

void tide_store_times(const struct tide_store_entry *entry, struct tide_store_times *times)
{
	times->put_ns = entry->put_ns;
	times->touched_ns = tide_load_relaxed(&entry->touched_ns);
	times->expires_ns = tide_load_relaxed(&entry->wheel.expires_ns);
}

/* Under the lock, of an entry that is found in a read section. */
static bool is_there(const struct tide_store *store, const struct tide_store_entry *entry)
{
	return tide_load_relaxed(&entry->age.state) == TIDE_AGE_LIVE &&
	       !tide_entry_is_over(store, entry);
}

static void touch_locked(struct tide_store *store, struct tide_store_entry *entry, uint64_t ttl_ns)
{
	uint64_t now_ns = tide_time_now_ns(store);
	uint64_t old_ns = tide_load_relaxed(&entry->touched_ns);
	uint64_t end_ns = tide_load_relaxed(&entry->wheel.expires_ns);
	if (ttl_ns == 0)
		ttl_ns = end_ns == UINT64_MAX ? UINT64_MAX : end_ns - old_ns;
	if (__builtin_add_overflow(now_ns, ttl_ns, &end_ns))
		end_ns = UINT64_MAX;
	tide_age_remove(&entry->age);
	tide_age_append(&store->age, &entry->age);
	tide_wheel_remove(&store->wheel, &entry->wheel);
	tide_store_relaxed(&entry->touched_ns, now_ns);
	tide_store_relaxed(&entry->wheel.expires_ns, end_ns);
	if (end_ns != UINT64_MAX) {
		tide_wheel_add(&store->wheel, &entry->wheel);
		tide_store_wake(store, tide_wheel_next_ns(&store->wheel));
	}
}

int tide_store_touch(struct tide_store *store, uint64_t id, uint64_t ttl_ns)
{
	int error = ENOENT;
	tide_rcu_begin();
	struct tide_store_entry *entry = tide_index_find(store->index, id);
	if (entry != NULL) {
		(void)pthread_mutex_lock(&store->lock);
		if (is_there(store, entry)) {
			touch_locked(store, entry, ttl_ns);
			error = 0;
		}
		(void)pthread_mutex_unlock(&store->lock);
	}
	tide_rcu_end();
	return error;
}

int tide_store_remove(struct tide_store *store, uint64_t id)
{
	int error = ENOENT;
	tide_rcu_begin();
	struct tide_store_entry *entry = tide_index_find(store->index, id);
	if (entry != NULL) {
		(void)pthread_mutex_lock(&store->lock);
		if (is_there(store, entry)) {
			tide_leave_locked(store, entry, TIDE_STORE_REMOVED);
			error = 0;
		}
		(void)pthread_mutex_unlock(&store->lock);
		if (error == 0)
			tide_leave_told(store, entry, TIDE_STORE_REMOVED);
	}
	tide_rcu_end();
	return error;
}

int tide_store_walk(struct tide_store *store,
                    int (*visit)(struct tide_store_entry *entry, void *context), void *context)
{
	struct tide_age_link here, end;
	struct tide_age_link *link;
	int result = 0;
	(void)pthread_mutex_lock(&store->lock);
	tide_age_mark_oldest(&store->age, &here);
	tide_age_mark_youngest(&store->age, &end);
	(void)pthread_mutex_unlock(&store->lock);
	do {
		tide_rcu_begin();
		(void)pthread_mutex_lock(&store->lock);
		link = tide_age_next(&store->age, &here, &end);
		(void)pthread_mutex_unlock(&store->lock);
		if (link != NULL && !tide_entry_is_over(store, tide_entry_of_age(link)))
			result = visit(tide_entry_of_age(link), context);
		tide_rcu_end();
	} while (link != NULL && result == 0);
	(void)pthread_mutex_lock(&store->lock);
	tide_age_remove(&here);
	tide_age_remove(&end);
	(void)pthread_mutex_unlock(&store->lock);
	return result;
}
