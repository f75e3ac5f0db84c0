/* Objects out of and into the thread's bins, and what happens when a bin misses:
 *
 *   alloc: pending bin - depot - slabs, and the constructor
 *   free:  pending bin - depot, and the doorbell
 */
#include <tide/object_cache.h>

#include "cache.h"
#include "doorbell.h"
#include "fatal.h"
#include "gc.h"
#include "hit.h"
#include "object.h"
#include "options.h"
#include "slow.h"
#include "start.h"

#include <errno.h>

#define MISSES_TO_GROW 4
#define SLOW_CALLS_PER_CLOCK_CHECK 64

/* The calling thread's cache and table; NULL: no memory for one. */
static struct tide_cache *self_with_table(struct tide_object_table **table)
{
	struct tide_cache *self = tide_slow_self();
	*table = self != NULL ? tide_object_table_take(self) : NULL;
	return *table != NULL ? self : NULL;
}

static unsigned capacity_of(const struct tide_object_cache *cache, struct tide_object_shelf *shelf)
{
	unsigned first = (unsigned)tide_option(TIDE_OPTION_BIN_BLOCKS);
	if (shelf->capacity == 0 || shelf->capacity > cache->bin_objects)
		shelf->capacity =
		    (uint8_t)(first < cache->bin_objects ? first : cache->bin_objects);
	return shelf->capacity;
}

/* The thread ran out of objects, or had too many: larger bins, if that goes on. */
static void missed(const struct tide_object_cache *cache, struct tide_object_shelf *shelf)
{
	if (++shelf->misses < MISSES_TO_GROW)
		return;
	unsigned twice = 2 * capacity_of(cache, shelf);
	shelf->capacity = (uint8_t)(twice < cache->bin_objects ? twice : cache->bin_objects);
	shelf->misses = 0;
}

/* Housekeeping after a slow call, for a cache that the GC thread does not drain, or not fast
 * enough. */
static void help(struct tide_object_cache *cache, struct tide_object_table *table)
{
	bool gc_drains = cache->gc_may_drain && tide_gc_thread_runs();
	uint64_t backlog_bytes = (uint64_t)tide_option(TIDE_OPTION_BACKLOG_BYTES);
	uint64_t depot_bytes = (uint64_t)tide_load_relaxed(&cache->depot_objects) * cache->stride;
	if (gc_drains && depot_bytes < backlog_bytes)
		return;
	if (tide_object_has_excess(cache))
		(void)tide_object_drain(cache, 1);
	if (table->help_countdown-- == 0) {
		table->help_countdown = SLOW_CALLS_PER_CLOCK_CHECK - 1;
		(void)tide_object_step(cache);
	}
}

/* Make `bin`, which has objects, the ready bin; the empty one becomes the spare, or goes. */
static void swap_in(struct tide_cache *self, struct tide_object_table *table,
                    struct tide_object_cache *cache, struct tide_bin *bin)
{
	struct tide_object_shelf *shelf = &table->shelf[cache->slot];
	struct tide_bin *empty = tide_object_remove(table, cache->slot);
	if (empty != NULL && self->has_pending && shelf->pending == NULL)
		shelf->pending = empty;
	else if (empty != NULL)
		tide_bin_recycle(empty);
	tide_object_install(table, cache->slot, bin, capacity_of(cache, shelf));
}

/* Objects into the ready bin that are constructed already. */
static void refill(struct tide_cache *self, struct tide_object_table *table,
                   struct tide_object_cache *cache)
{
	struct tide_object_shelf *shelf = &table->shelf[cache->slot];
	struct tide_bin *bin = self->has_pending ? shelf->pending : NULL;
	if (bin != NULL && bin->count > 0) {
		shelf->pending = NULL;
		swap_in(self, table, cache, bin);
		return;
	}
	missed(cache, shelf);
	tide_slow_want_gc_thread(self);
	bin = tide_object_depot_pop(cache);
	(void)tide_add_relaxed(bin != NULL ? &cache->count.hits : &cache->count.misses,
	                       (uint64_t)1);
	if (bin != NULL)
		swap_in(self, table, cache, bin);
}

static void *pop(struct tide_object_table *table, uint32_t slot)
{
	return *table->top[slot]--;
}

static void *take_constructed(struct tide_cache *self, struct tide_object_table *table,
                              struct tide_object_cache *cache)
{
	void ***top = &table->top[cache->slot];
	while (**top != NULL && **top == (*top)[-1])
		tide_fatal_misuse(TIDE_MISUSE_DOUBLE, "object_free", pop(table, cache->slot), 0, 0);
	if (**top == NULL)
		refill(self, table, cache);
	return **top != NULL ? pop(table, cache->slot) : NULL;
}

/* Construct raw objects, from the last to the first; returns how many could be. Those that could
 * not are given back. */
static unsigned construct(struct tide_object_cache *cache, void **raw, unsigned objects, int *error)
{
	unsigned left = objects;
	if (cache->construct == NULL)
		left = 0;
	for (; left > 0 && (*error = cache->construct(raw[left - 1], cache->context)) == 0; left--)
		continue;
	(void)tide_add_relaxed(&cache->count.constructed, (uint64_t)(objects - left));
	if (left > 0)
		(void)tide_add_relaxed(&cache->count.failures, (uint64_t)1);
	for (unsigned i = 0; i < left; i++) {
		struct tide_object_slab *slab;
		unsigned idx;
		if (tide_object_find(cache, raw[i], &slab, &idx))
			tide_object_put_raw(slab, idx);
	}
	return objects - left;
}

/* A new object, and more for the ready bin. The program's constructor runs in here, and may use the
 * cache, so nothing of the thread's bins is in hand meanwhile. */
static void *take_new(struct tide_cache *self, struct tide_object_table *table,
                      struct tide_object_cache *cache)
{
	void *raw[TIDE_BIN_SLOTS];
	int error = ENOMEM;
	struct tide_bin *bin = tide_bin_new(TIDE_CLASS_NONE, TIDE_BIN_SLOTS);
	unsigned want = bin != NULL ? capacity_of(cache, &table->shelf[cache->slot]) : 1;
	unsigned got = tide_object_take_raw(cache, raw, want);
	unsigned made = got > 0 ? construct(cache, raw, got, &error) : 0;
	TIDE_ASSERT(bin != NULL || made <= 1);
	for (unsigned i = 1; i < made; i++)
		tide_bin_add(bin, raw[got - i]);
	if (made > 1) {
		tide_cache_slow_enter(self);
		if (*table->top[cache->slot] == NULL && !tide_start_checked())
			swap_in(self, table, cache, bin);
		else
			tide_object_depot_push(cache, bin);
		tide_cache_slow_leave(self);
	} else if (bin != NULL) {
		tide_bin_recycle(bin);
	}
	if (made > 0)
		return raw[got - made];
	errno = error;
	return NULL;
}

/* Checked mode: note that an object is live from now on, or no longer. False: it was so already, or
 * is no object. */
static TIDE_COLD bool set_live(struct tide_object_cache *cache, void *object, bool live)
{
	struct tide_object_slab *slab;
	unsigned idx;
	if (!tide_object_find(cache, object, &slab, &idx)) {
		tide_fatal_misuse(TIDE_MISUSE_OBJECT, "object_free", object, 0, 0);
		return false;
	}
	uint64_t bit = 1ull << (idx % 64);
	_Atomic uint64_t *word = &slab->live[idx / 64];
	uint64_t before = live ? tide_or_acq_rel(word, bit) : tide_and_acq_rel(word, ~bit);
	if (((before & bit) != 0) != live)
		return true;
	tide_fatal_misuse(TIDE_MISUSE_DOUBLE, "object_free", object, 0, 0);
	return false;
}

static TIDE_NOINLINE void *alloc_slow(struct tide_object_cache *cache)
{
	struct tide_object_table *table;
	struct tide_cache *self = self_with_table(&table);
	if (self == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	tide_cache_slow_enter(self);
	if (TIDE_UNLIKELY(tide_start_checked()))
		tide_object_show(table, cache->slot);
	void *object = take_constructed(self, table, cache);
	if (TIDE_UNLIKELY(tide_start_checked()))
		tide_object_hide(table, cache->slot);
	tide_cache_slow_leave(self);
	if (object == NULL)
		object = take_new(self, table, cache);
	if (object == NULL)
		return NULL;
	if (TIDE_UNLIKELY(tide_start_checked()))
		(void)set_live(cache, object, true);
	tide_hit_count(&table->shelf[cache->slot].allocs);
	return object;
}

void *tide_object_alloc(struct tide_object_cache *cache)
{
	struct tide_object_table *table = tide_object_self;
	void ***entry = (void ***)(void *)((char *)table + cache->at);
	void **top = *entry;
	void *object = *top;
	if (TIDE_UNLIKELY(object == top[-1]))
		return alloc_slow(cache);
	*entry = top - 1;
	if (TIDE_AUDITED)
		tide_hit_count(&table->shelf[cache->slot].allocs);
	return object;
}

/* A full bin leaves the thread. */
static void give_away(struct tide_cache *self, struct tide_object_cache *cache,
                      struct tide_bin *bin)
{
	self->unrung_bytes += (uint64_t)bin->count * cache->stride;
	bool much = self->unrung_bytes >= (uint64_t)tide_option(TIDE_OPTION_WAKE_BYTES);
	if (much)
		self->unrung_bytes = 0;
	tide_object_depot_push(cache, bin);
	tide_doorbell_ring(much);
	tide_slow_want_gc_thread(self);
}

/* Room in the ready bin. False: no memory for a bin. */
static bool make_room(struct tide_cache *self, struct tide_object_table *table,
                      struct tide_object_cache *cache)
{
	struct tide_object_shelf *shelf = &table->shelf[cache->slot];
	struct tide_bin *pending = self->has_pending ? shelf->pending : NULL;
	struct tide_bin *empty = pending;
	if (shelf->ready == NULL || pending == NULL || pending->count > 0)
		empty = tide_bin_new(TIDE_CLASS_NONE, TIDE_BIN_SLOTS);
	if (empty == NULL)
		return false;
	struct tide_bin *full = tide_object_remove(table, cache->slot);
	if (full != NULL && self->has_pending) {
		shelf->pending = full; /* before the one it replaces is anywhere else: see bin.h */
		full = pending != empty ? pending : NULL;
		tide_doorbell_ring(false); /* the GC takes what an idle thread keeps */
	}
	if (full != NULL)
		give_away(self, cache, full);
	tide_object_install(table, cache->slot, empty, capacity_of(cache, shelf));
	return true;
}

/* False: the object did not go into a bin. */
static bool put_constructed(struct tide_cache *self, struct tide_object_table *table,
                            struct tide_object_cache *cache, void *object)
{
	void ***top = &table->top[cache->slot];
	if ((*top)[1] == TIDE_BIN_FULL && !make_room(self, table, cache))
		return false;
	(*top)[1] = object;
	tide_order_stores(); /* see bin.h */
	++*top;
	tide_hit_count(&table->shelf[cache->slot].frees);
	return true;
}

static TIDE_NOINLINE void free_slow(struct tide_object_cache *cache, void *object)
{
	struct tide_object_table *table;
	if (object == NULL)
		return;
	int saved_errno = errno; /* destructors may run */
	struct tide_cache *self = self_with_table(&table);
	bool checked = tide_start_checked();
	bool kept = false;
	if (TIDE_UNLIKELY(checked) && !set_live(cache, object, false))
		return;
	if (self != NULL) {
		if (*table->top[cache->slot] == object) {
			tide_fatal_misuse(TIDE_MISUSE_DOUBLE, "object_free", object, 0, 0);
			return;
		}
		tide_cache_slow_enter(self);
		if (TIDE_UNLIKELY(checked))
			tide_object_show(table, cache->slot);
		kept = put_constructed(self, table, cache, object);
		if (TIDE_UNLIKELY(checked))
			tide_object_hide(table, cache->slot);
		tide_cache_slow_leave(self);
		help(cache, table);
	}
	if (!kept && tide_object_return(cache, object, "object_free")) {
		(void)tide_add_relaxed(&cache->count.destructed, (uint64_t)1);
		(void)tide_add_relaxed(&cache->count.uncounted_frees, (uint64_t)1);
	}
	errno = saved_errno;
}

void tide_object_free(struct tide_object_cache *cache, void *object)
{
	struct tide_object_table *table = tide_object_self;
	void ***entry = (void ***)(void *)((char *)table + cache->at);
	void **top = *entry;
	if (TIDE_UNLIKELY(object == NULL || top[1] == TIDE_BIN_FULL)) {
		free_slow(cache, object);
		return;
	}
	top[1] = object;
	tide_order_stores(); /* see bin.h */
	*entry = top + 1;
	if (TIDE_AUDITED)
		tide_hit_count(&table->shelf[cache->slot].frees);
}
