/* Putting an entry: room is counted, then taken, then the entry is shown. */
#include "index.h"
#include "leave.h"
#include "memory.h"
#include "rcu.h"
#include "room.h"

#include <errno.h>
#include <string.h>

/* Header and body, in no list yet; NULL: no memory. In a read section, which keeps the mover from
 * thinking that nobody puts into the heap that it empties. */
static struct tide_store_entry *build(struct tide_store *store, const void *body, size_t bytes,
                                      const void *user)
{
	struct tide_store_entry *entry = tide_memory_header_alloc(store->headers);
	if (entry == NULL)
		return NULL;
	uint32_t home = tide_load_acquire(&store->home); /* store.home */
	const void *copy = tide_leave_empty_body;
	if (bytes > 0) {
		void *block = tide_memory_alloc(store->heap[home], bytes);
		if (block == NULL) {
			tide_memory_header_free(store->headers, entry);
			return NULL;
		}
		memcpy(block, body, bytes);
		copy = block;
	}
	tide_store_relaxed(&entry->age.state, TIDE_AGE_NEW);
	entry->age.home = home;
	tide_store_release(&entry->body, copy); /* entry.body */
	entry->bytes = bytes;
	if (user != NULL)
		memcpy(entry->user, user, store->options.user_bytes);
	else
		memset(entry->user, 0, store->options.user_bytes);
	return entry;
}

static void set_times(const struct tide_store *store, struct tide_store_entry *entry,
                      uint64_t ttl_ns)
{
	uint64_t now_ns = tide_time_now_ns(store), end_ns;
	if (ttl_ns == 0)
		ttl_ns = store->options.ttl_ns;
	if (__builtin_add_overflow(now_ns, ttl_ns, &end_ns))
		end_ns = UINT64_MAX;
	entry->put_ns = now_ns;
	tide_store_relaxed(&entry->touched_ns, now_ns);
	tide_store_relaxed(&entry->wheel.expires_ns, end_ns);
	entry->wheel.link.next = entry->wheel.link.prev = NULL;
}

/* The id that is asked for, if any; those to come are larger. 0: there is no larger one any more,
 * since UINT64_MAX is none. */
static uint64_t choose_id(struct tide_store *store, uint64_t id)
{
	uint64_t next = tide_load_relaxed(&store->next_id), chosen, after;
	do {
		chosen = id != 0 ? id : next;
		if (chosen == UINT64_MAX)
			return 0;
		after = next > chosen ? next : chosen + 1;
	} while (!atomic_compare_exchange_weak_explicit(
	    &store->next_id, &next, after, memory_order_relaxed, memory_order_relaxed));
	return chosen;
}

/* In the same read section. Returns the id; or 0 and an error: another entry has it, or there is
 * none left. *much: too much has left and is not freed yet. */
static uint64_t show(struct tide_store *store, struct tide_store_entry *entry, uint64_t id,
                     int *error, bool *much)
{
	id = choose_id(store, id);
	if (id == 0 || !tide_index_add(store->index, entry, id)) {
		*error = id == 0 ? EOVERFLOW : EEXIST;
		return 0;
	}
	(void)pthread_mutex_lock(&store->lock);
	tide_store_relaxed(&entry->age.state, TIDE_AGE_LIVE);
	tide_age_append(&store->age, &entry->age);
	if (entry->bytes > 0)
		store->home_bodies[entry->age.home]++;
	uint64_t end_ns = tide_load_relaxed(&entry->wheel.expires_ns);
	if (end_ns != UINT64_MAX) {
		tide_wheel_add(&store->wheel, &entry->wheel);
		tide_store_wake(store, tide_wheel_next_ns(&store->wheel));
	}
	if (tide_load_relaxed(&store->entries) > 2 * store->buckets)
		tide_store_wake(store, 0);
	store->kept.puts++;
	tide_store_changed(store);
	*much = tide_room_much_has_left(store);
	(void)pthread_mutex_unlock(&store->lock);
	return id;
}

static void unbuild(struct tide_store *store, struct tide_store_entry *entry)
{
	tide_leave_free_body(tide_load_relaxed(&entry->body));
	tide_memory_header_free(store->headers, entry);
}

/* 0 and an error: as show has it, or ENOMEM when there was no room yet. */
static uint64_t put_once(struct tide_store *store, const void *body, size_t bytes,
                         const struct tide_store_put *options, int *error)
{
	uint64_t id = 0;
	bool much = false;
	*error = ENOMEM;
	tide_rcu_begin();
	struct tide_store_entry *entry = build(store, body, bytes, options->user);
	if (entry != NULL) {
		set_times(store, entry, options->ttl_ns);
		id = show(store, entry, options->id, error, &much);
		if (id == 0)
			unbuild(store, entry);
	}
	tide_rcu_end();
	if (much)
		tide_leave_drain(store);
	return id;
}

static uint64_t put(struct tide_store *store, const void *body, size_t bytes,
                    const struct tide_store_put *options, int *error)
{
	if (options->id == UINT64_MAX) {
		*error = EINVAL;
		return 0;
	}
	*error = tide_room_reserve(store, bytes);
	if (*error != 0)
		return 0;
	struct tide_room room = { .bytes = bytes };
	uint64_t id = put_once(store, body, bytes, options, error);
	if (id == 0 && *error == ENOMEM) {
		tide_room_make_begin(store);
		while (id == 0 && *error == ENOMEM) {
			*error = tide_room_make(store, &room);
			if (*error != 0)
				break;
			id = put_once(store, body, bytes, options, error);
		}
		tide_room_make_end(store);
	}
	if (id == 0)
		tide_room_unreserve(store, bytes);
	return id;
}

uint64_t tide_store_put(struct tide_store *store, const void *body, size_t bytes,
                        const struct tide_store_put *options)
{
	static const struct tide_store_put none;
	int error = EDEADLK;
	uint64_t id = 0;
	if (!tide_rcu_is_reading())
		id = put(store, body, bytes, options != NULL ? options : &none, &error);
	if (id != 0)
		return id;
	if (error == ENOSPC || error == EMSGSIZE)
		(void)tide_add_relaxed(&store->refused, 1u);
	errno = error;
	return 0;
}
