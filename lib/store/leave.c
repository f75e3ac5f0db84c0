#include "leave.h"

#include "index.h"
#include "memory.h"
#include "rcu.h"

_Alignas(16) const char tide_leave_empty_body[16];

static void count(struct tide_store *store, enum tide_store_reason reason)
{
	switch (reason) {
	case TIDE_STORE_LIMIT:
		store->kept.dropped++;
		break;
	case TIDE_STORE_EXPIRED:
		store->kept.expired++;
		break;
	case TIDE_STORE_REMOVED:
		store->kept.removed++;
		break;
	case TIDE_STORE_DESTROYED:
		break;
	}
}

static void put_by(struct tide_store *store, struct tide_store_entry *entry)
{
	entry->age.next = store->leaving != NULL ? &store->leaving->age : NULL;
	store->leaving = entry;
}

void tide_leave_locked(struct tide_store *store, struct tide_store_entry *entry,
                       enum tide_store_reason reason)
{
	tide_store_relaxed(&entry->age.state, TIDE_AGE_LEFT);
	tide_age_remove(&entry->age);
	tide_wheel_remove(&store->wheel, &entry->wheel);
	if (entry->bytes > 0)
		store->home_bodies[entry->age.home]--;
	(void)tide_sub_relaxed(&store->body_bytes, entry->bytes);
	(void)tide_sub_relaxed(&store->entries, 1u);
	count(store, reason);

	/* First out of the index: a reader that begins when a grace period is running already, and
	 * for which that one does not wait, must not find what will be freed at its end. */
	tide_index_remove(store->index, entry);
	put_by(store, entry);
	store->leaving_entries++;
	store->leaving_bytes += entry->bytes;
	tide_store_wake(store, store->drain_due_ns);
	tide_store_changed(store);
}

void tide_leave_told(struct tide_store *store, struct tide_store_entry *entry,
                     enum tide_store_reason reason)
{
	if (store->options.dropped != NULL)
		store->options.dropped(store, entry, reason, store->options.context);
}

uint64_t tide_leave_oldest(struct tide_store *store, enum tide_store_reason reason)
{
	struct tide_store_entry *entry = NULL;
	uint64_t bytes = 0;
	tide_rcu_begin();
	(void)pthread_mutex_lock(&store->lock);
	struct tide_age_link *link = tide_age_oldest(&store->age);
	if (link != NULL) {
		entry = tide_entry_of_age(link);
		tide_leave_locked(store, entry, reason);
	}
	(void)pthread_mutex_unlock(&store->lock);
	if (entry != NULL) {
		bytes = store->header_bytes + entry->bytes;
		tide_leave_told(store, entry, reason);
	}
	tide_rcu_end();
	return bytes;
}

bool tide_leave_expired(struct tide_store *store, unsigned most)
{
	uint64_t now_ns = tide_time_now_ns(store);
	bool more = true;
	/* One at a time: the lock is held for a moment only, and the read section, too. */
	for (unsigned i = 0; more && i < most; i++) {
		unsigned budget = 32;
		tide_rcu_begin();
		(void)pthread_mutex_lock(&store->lock);
		struct tide_wheel_item *item = tide_wheel_take_due(&store->wheel, now_ns, &budget);
		struct tide_store_entry *entry = item != NULL ? tide_entry_of_wheel(item) : NULL;
		if (entry != NULL)
			tide_leave_locked(store, entry, TIDE_STORE_EXPIRED);
		more = entry != NULL || budget == 0;
		(void)pthread_mutex_unlock(&store->lock);
		if (entry != NULL)
			tide_leave_told(store, entry, TIDE_STORE_EXPIRED);
		tide_rcu_end();
	}
	return more;
}

void tide_leave_free_body(const void *body)
{
	if (body != tide_leave_empty_body)
		tide_memory_free((void *)(uintptr_t)body);
}

void tide_leave_drain(struct tide_store *store)
{
	(void)pthread_mutex_lock(&store->drain_lock);
	(void)pthread_mutex_lock(&store->lock);
	struct tide_store_entry *entry = store->leaving;
	store->leaving = NULL;
	(void)pthread_mutex_unlock(&store->lock);
	if (entry != NULL)
		tide_rcu_wait();

	/* The mover takes up none that has left: it is one of these now, or never. */
	(void)pthread_mutex_lock(&store->lock);
	const struct tide_store_entry *moving = store->moving;
	(void)pthread_mutex_unlock(&store->lock);
	struct tide_store_entry *kept = NULL;
	uint64_t entries = 0, bytes = 0;
	while (entry != NULL) {
		struct tide_age_link *link = entry->age.next;
		if (entry == moving) {
			kept = entry;
		} else {
			entries++;
			bytes += entry->bytes;
			tide_leave_free_body(tide_load_acquire(&entry->body)); /* entry.body */
			tide_memory_header_free(store->headers, entry);
		}
		entry = link != NULL ? tide_entry_of_age(link) : NULL;
	}
	(void)pthread_mutex_lock(&store->lock);
	if (kept != NULL)
		put_by(store, kept); /* freed the next time */
	store->leaving_entries -= entries;
	store->leaving_bytes -= bytes;
	(void)pthread_mutex_unlock(&store->lock);
	(void)pthread_mutex_unlock(&store->drain_lock);
}
