#include "object.h"

#include "cache.h"
#include "heap.h"
#include "meta.h"
#include "options.h"
#include "os.h"
#include "yield.h"

/* The bin that is empty and full at once, as in cache.c. */
static void *const none_slots[3] = { NULL, NULL, TIDE_BIN_FULL };
#define NONE_TOP ((void **)(uintptr_t)&none_slots[1])

#define NONE_4 NONE_TOP, NONE_TOP, NONE_TOP, NONE_TOP
#define NONE_16 NONE_4, NONE_4, NONE_4, NONE_4
#define NONE_64 NONE_16, NONE_16, NONE_16, NONE_16
static_assert(TIDE_OBJECT_CACHES_MAX == 4 * 64, "object: one entry for each cache");

struct tide_no_object_table tide_object_table_of_none = { .top = { NONE_64, NONE_64, NONE_64,
	                                                           NONE_64 } };
TIDE_THREAD_LOCAL struct tide_object_table *tide_object_self = TIDE_OBJECT_TABLE_NONE;

/* Caches by slot.
 * writers  makers, by CAS   readers  every thread   order  acq-rel, acquire
 * edges    object.live: what is in a cache for ever */
static TIDE_APART _Atomic(struct tide_object_cache *) caches[TIDE_OBJECT_CACHES_MAX];
static TIDE_OWN_LINE struct tide_stack destroyed;

struct tide_object_table *tide_object_table_take(struct tide_cache *self)
{
	struct tide_object_table *table = tide_load_relaxed(&self->objects);
	if (table == NULL) {
		table = tide_meta_alloc(sizeof *table);
		if (table == NULL)
			return NULL;
		for (uint32_t slot = 0; slot < TIDE_OBJECT_CACHES_MAX; slot++)
			table->top[slot] = NONE_TOP;
		tide_store_release(&self->objects, table); /* object.table */
	}
	tide_object_self = table;
	return table;
}

void tide_object_install(struct tide_object_table *table, uint32_t slot, struct tide_bin *bin,
                         unsigned capacity)
{
	if (tide_load_relaxed(&table->used) <= slot)
		tide_store_relaxed(&table->used, slot + 1);
	tide_bin_set_capacity(bin, capacity);
	table->shelf[slot].ready = bin;
	table->top[slot] = tide_bin_top(bin);
}

struct tide_bin *tide_object_remove(struct tide_object_table *table, uint32_t slot)
{
	struct tide_bin *bin = table->shelf[slot].ready;
	if (bin == NULL)
		return NULL;
	tide_object_hide(table, slot);
	table->shelf[slot].ready = NULL;
	return bin;
}

void tide_object_hide(struct tide_object_table *table, uint32_t slot)
{
	struct tide_bin *bin = table->shelf[slot].ready;
	if (table->top[slot] == NONE_TOP)
		return;
	bin->count = (uint8_t)(table->top[slot] - &bin->slot[TIDE_BIN_BASE - 1]);
	table->top[slot] = NONE_TOP;
}

void tide_object_show(struct tide_object_table *table, uint32_t slot)
{
	struct tide_bin *bin = table->shelf[slot].ready;
	if (bin != NULL)
		table->top[slot] = tide_bin_top(bin);
}

void tide_object_depot_push(struct tide_object_cache *cache, struct tide_bin *bin)
{
	if (bin->count == 0) {
		tide_bin_recycle(bin);
		return;
	}
	(void)tide_add_relaxed(&cache->depot_objects, (uint32_t)bin->count);
	TIDE_YIELD("object.push");
	tide_stack_push(&cache->depot, &bin->node);
}

struct tide_bin *tide_object_depot_pop(struct tide_object_cache *cache)
{
	if (tide_stack_is_empty_racy(&cache->depot))
		return NULL;
	struct tide_bin *bin = (struct tide_bin *)tide_stack_pop(&cache->depot);
	if (bin == NULL)
		return NULL;
	TIDE_YIELD("object.pop");
	uint32_t left = tide_sub_relaxed(&cache->depot_objects, (uint32_t)bin->count) - bin->count;
	if (left < tide_load_relaxed(&cache->depot_low))
		tide_store_relaxed(&cache->depot_low, left);
	return bin;
}

void tide_object_shelf_empty(struct tide_object_cache *cache, struct tide_object_table *table,
                             bool ready, bool pending)
{
	struct tide_object_shelf *shelf = &table->shelf[cache->slot];
	struct tide_bin *bin;
	if (pending && (bin = shelf->pending) != NULL) {
		shelf->pending = NULL; /* before it is anywhere else: see bin.h */
		tide_object_depot_push(cache, bin);
	}
	if (ready && (bin = tide_object_remove(table, cache->slot)) != NULL)
		tide_object_depot_push(cache, bin);
	if (ready)
		shelf->capacity = 0;
}

bool tide_object_enter(struct tide_object_cache *cache)
{
	(void)atomic_fetch_add_explicit(&cache->users, 1u, memory_order_seq_cst); /* object.live */
	TIDE_YIELD("object.enter");
	return tide_load_seq_cst(&cache->live); /* object.live */
}

void tide_object_leave(struct tide_object_cache *cache)
{
	TIDE_YIELD("object.leave");
	(void)atomic_fetch_sub_explicit(&cache->users, 1u, memory_order_seq_cst); /* object.live */
	if (TIDE_UNLIKELY(!tide_load_seq_cst(&cache->live)))
		tide_os_futex_wake(&cache->users, UINT32_MAX);
}

void tide_object_table_empty(struct tide_object_table *table, bool ready, bool pending)
{
	uint32_t used = table != NULL ? tide_load_relaxed(&table->used) : 0;
	for (uint32_t slot = 0; slot < used; slot++) {
		struct tide_object_cache *cache = tide_object_at(slot);
		/* Of a destroyed cache nothing is left, and its destroyer takes the rest. */
		if (tide_object_enter(cache))
			tide_object_shelf_empty(cache, table, ready, pending);
		tide_object_leave(cache);
	}
}

void tide_object_collect(struct tide_object_cache *cache)
{
	struct tide_cache *owner = tide_cache_all(&tide_heap_default);
	for (; owner != NULL; owner = owner->all_next) {
		struct tide_object_table *table =
		    tide_load_acquire(&owner->objects); /* object.table */
		if (table == NULL)
			continue;
		tide_object_shelf_empty(cache, table, true, true);
		struct tide_object_shelf *shelf = &table->shelf[cache->slot];
		shelf->misses = 0;
		tide_store_relaxed(&shelf->allocs, 0);
		tide_store_relaxed(&shelf->frees, 0);
	}
}

/* As cache.c does it for a class. */
static void shelf_repair(struct tide_object_table *table, uint32_t slot, bool hidden)
{
	struct tide_object_shelf *shelf = &table->shelf[slot];
	struct tide_bin *ready = shelf->ready;
	struct tide_bin *pending = shelf->pending;
	void **top = table->top[slot];
	if (ready != NULL && top != NONE_TOP) {
		uintptr_t at = (uintptr_t)top;
		if (at < (uintptr_t)&ready->slot[TIDE_BIN_BASE - 1] ||
		    at > (uintptr_t)&ready->slot[TIDE_BIN_BASE + ready->slots - 1])
			ready = NULL;
		else
			ready->count = (uint8_t)(top - &ready->slot[TIDE_BIN_BASE - 1]);
	}
	if (ready != NULL)
		tide_bin_repair(ready);
	if (pending == ready)
		pending = NULL;
	if (pending != NULL)
		tide_bin_repair(pending);
	shelf->ready = ready;
	shelf->pending = pending;
	table->top[slot] = NONE_TOP;
	if (!hidden)
		tide_object_show(table, slot);
}

void tide_object_table_repair(struct tide_object_table *table)
{
	uint32_t used = table != NULL ? tide_load_relaxed(&table->used) : 0;
	bool hidden = tide_option(TIDE_OPTION_CHECK) != 0;
	for (uint32_t slot = 0; slot < used; slot++) {
		struct tide_object_cache *cache = tide_object_at(slot);
		if (tide_object_enter(cache))
			shelf_repair(table, slot, hidden);
		tide_object_leave(cache);
	}
}

struct tide_object_cache *tide_object_at(uint32_t slot)
{
	return tide_load_acquire(&caches[slot]); /* object.live */
}

static struct tide_object_cache *make(void)
{
	struct tide_object_cache *cache = NULL;
	for (uint32_t slot = 0; slot < TIDE_OBJECT_CACHES_MAX; slot++) {
		struct tide_object_cache *other = tide_object_at(slot);
		if (other != NULL)
			continue;
		if (cache == NULL)
			cache = tide_meta_alloc(sizeof *cache);
		if (cache == NULL)
			return NULL;
		cache->slot = slot;
		cache->at = offsetof(struct tide_object_table, top) + slot * sizeof(void **);
		TIDE_YIELD("object.slot");
		if (tide_cas_acq_rel(&caches[slot], &other, cache)) /* object.live */
			return cache;
	}
	return NULL;
}

struct tide_object_cache *tide_object_new(void)
{
	struct tide_node *node = tide_stack_pop(&destroyed);
	return node != NULL ? (void *)((char *)node - offsetof(struct tide_object_cache, node))
	                    : make();
}

void tide_object_recycle(struct tide_object_cache *cache)
{
	tide_stack_push(&destroyed, &cache->node);
}

static uint32_t objects_in(struct tide_stack *depot)
{
	uint32_t objects = 0;
	struct tide_node *node = tide_load_relaxed(&depot->head.pointer);
	for (; node != NULL; node = tide_load_relaxed(&node->next))
		objects += ((struct tide_bin *)node)->count;
	return objects;
}

void tide_object_fork_child(void)
{
	for (uint32_t slot = 0; slot < TIDE_OBJECT_CACHES_MAX; slot++) {
		struct tide_object_cache *cache = tide_object_at(slot);
		if (cache == NULL) /* nor is there one in a later slot */
			return;
		tide_store_relaxed(&cache->users, 0u);
		tide_store_relaxed(&cache->clock_taken, false);
		/* A thread may have vanished between its count and its push. */
		tide_store_relaxed(&cache->depot_objects, objects_in(&cache->depot));
	}
}

static const char *audit(struct tide_object_cache *cache)
{
	uint64_t raw;
	if (!tide_object_slabs_are_valid(cache, &raw))
		return "an object cache's slabs are not valid";
	uint64_t slabs =
	    tide_load_relaxed(&cache->count.made) - tide_load_relaxed(&cache->count.returned);
	uint64_t free = raw;
	int64_t live = -(int64_t)tide_load_relaxed(&cache->count.uncounted_frees);
	uint64_t depot = 0;
	struct tide_node *node = tide_load_relaxed(&cache->depot.head.pointer);
	for (; node != NULL; node = tide_load_relaxed(&node->next)) {
		if (!tide_bin_is_valid((struct tide_bin *)node))
			return "a bin of constructed objects is not valid";
		depot += ((struct tide_bin *)node)->count;
	}
	if (depot != tide_load_relaxed(&cache->depot_objects))
		return "a depot's count is not what it holds";
	struct tide_cache *owner = tide_cache_all(&tide_heap_default);
	for (; owner != NULL; owner = owner->all_next) {
		struct tide_object_table *table =
		    tide_load_acquire(&owner->objects); /* object.table */
		if (table == NULL)
			continue;
		struct tide_object_shelf *shelf = &table->shelf[cache->slot];
		live += (int64_t)tide_load_relaxed(&shelf->allocs);
		live -= (int64_t)tide_load_relaxed(&shelf->frees);
		void **top = table->top[cache->slot];
		if (shelf->ready != NULL && top != NONE_TOP)
			free += (uint64_t)(top - &shelf->ready->slot[TIDE_BIN_BASE - 1]);
		else if (shelf->ready != NULL)
			free += shelf->ready->count;
		if (shelf->pending != NULL)
			free += shelf->pending->count;
	}
	uint64_t all = slabs * cache->objects;
	free += depot;
	if (free > all)
		return "more free objects of a cache than its slabs have";
	if (TIDE_AUDITED && all - free != (uint64_t)live)
		return "a cache's objects are not live + bins + depot + raw";
	return NULL;
}

const char *tide_object_audit(void)
{
	const char *wrong = NULL;
	for (uint32_t slot = 0; slot < TIDE_OBJECT_CACHES_MAX && wrong == NULL; slot++) {
		struct tide_object_cache *cache = tide_object_at(slot);
		if (cache != NULL && tide_load_relaxed(&cache->live))
			wrong = audit(cache);
	}
	return wrong;
}
