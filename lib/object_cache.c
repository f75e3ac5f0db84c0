/* Object caches, as programs call them. */
#include <tide/object_cache.h>

#include "cache.h"
#include "doorbell.h"
#include "fatal.h"
#include "gc.h"
#include "hit.h"
#include "object.h"
#include "options.h"
#include "os.h"
#include "slow.h"
#include "start.h"

#include <errno.h>
#include <string.h>

#define MISSES_TO_GROW 4
#define SLOW_CALLS_PER_CLOCK_CHECK 64
/* Slabs of so many pages where objects allow it: at 16 at the most an eighth is left over. */
#define SLAB_MIN_PAGES 12
#define SLAB_MAX_PAGES 16
#define SLAB_MIN_OBJECTS 8

static size_t round_up(size_t bytes, size_t to)
{
	return (bytes + to - 1) & ~(to - 1);
}

/* Bytes from one object to the next; 0: the options are not valid. */
static uint32_t stride_of(const struct tide_object_options *options)
{
	size_t align = options->alignment;
	if (options->size == 0 || options->size > TIDE_OBJECT_MAX_BYTES ||
	    align > TIDE_PAGE_BYTES || (align & (align - 1)) != 0)
		return 0;
	if (align == 0)
		align = round_up(options->size, 8) % TIDE_ALIGN_BYTES == 0 ? TIDE_ALIGN_BYTES : 8;
	/* (A raw object is never linked, but a misaligned pointer would not look like one.) */
	return (uint32_t)round_up(options->size, align < 8 ? 8 : align);
}

/* The slab in which the least is left over. */
static void shape(struct tide_object_cache *cache, uint32_t stride)
{
	cache->stride = stride;
	cache->objects = SLAB_MIN_OBJECTS;
	cache->slab_bytes = (uint32_t)tide_class_bytes(
	    tide_class_of(round_up((size_t)SLAB_MIN_OBJECTS * stride, TIDE_PAGE_BYTES)));
	uint32_t most = TIDE_OBJECT_SLAB_OBJECTS * stride / TIDE_PAGE_BYTES;
	uint32_t pages = most < SLAB_MIN_PAGES ? most : SLAB_MIN_PAGES;
	uint32_t last = most < SLAB_MAX_PAGES ? most : SLAB_MAX_PAGES;
	double best = 2; /* of the slab, the part that is left over */
	for (; pages <= last; pages++) {
		uint32_t bytes = pages * TIDE_PAGE_BYTES;
		double rest = (double)(bytes % stride) / bytes;
		if (bytes / stride < SLAB_MIN_OBJECTS || rest >= best)
			continue;
		best = rest;
		cache->objects = bytes / stride;
		cache->slab_bytes = bytes;
	}
}

static unsigned bin_limit(uint32_t stride)
{
	uint64_t limit = (uint64_t)tide_option(TIDE_OPTION_BIN_MAX_BYTES) / stride;
	uint64_t most = (uint64_t)tide_option(TIDE_OPTION_BIN_MAX_BLOCKS);
	if (limit > most)
		limit = most;
	return limit > 0 ? (unsigned)limit : 1;
}

struct tide_object_cache *tide_object_cache_create(const struct tide_object_options *options)
{
	uint32_t stride = stride_of(options);
	if (stride == 0) {
		errno = EINVAL;
		return NULL;
	}
	/* First of all: it starts the process. */
	struct tide_object_cache *cache = tide_slow_self() != NULL ? tide_object_new() : NULL;
	if (cache == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	shape(cache, stride);
	cache->bin_objects = bin_limit(stride);
	cache->heap = options->heap;
	cache->construct = options->construct;
	cache->destruct = options->destruct;
	cache->context = options->context;
	cache->gc_may_drain = options->destruct == NULL || options->destruct_in_gc != 0;
	cache->tick_ns = tide_os_clock_ns();
	cache->due = 0;
	memset(&cache->count, 0, sizeof cache->count);
	tide_store_seq_cst(&cache->live, true); /* object.live */
	return cache;
}

uint64_t tide_object_cache_destroy(struct tide_object_cache *cache)
{
	if (cache == NULL)
		return 0;
	tide_store_seq_cst(&cache->live, false); /* object.live */
	uint32_t users;
	while ((users = tide_load_seq_cst(&cache->users)) != 0) { /* object.live */
		TIDE_YIELD("object.destroy");
		tide_os_futex_wait(&cache->users, users, 1000000u);
	}
	tide_object_collect(cache);
	(void)tide_object_drain(cache, UINT32_MAX);
	uint64_t out = tide_object_drop_slabs(cache);
	tide_store_relaxed(&cache->depot_low, 0u);
	tide_object_recycle(cache);
	return out;
}

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

/* Housekeeping after a slow call, for a cache that the GC thread does not drain, or not fast enough. */
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

/* Construct raw objects, from the last to the first; returns how many could be. Those that could not
 * are given back. */
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

/* Checked mode: note that an object is live from now on, or no longer. False: it was so already, or is
 * no object. */
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
	uint64_t before = live ? atomic_fetch_or_explicit(word, bit, memory_order_acq_rel)
	                       : atomic_fetch_and_explicit(word, ~bit, memory_order_acq_rel);
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

uint64_t tide_object_cache_drain(struct tide_object_cache *cache)
{
	struct tide_cache *self = tide_cache_self;
	if (self != &tide_cache_none) {
		tide_cache_slow_enter(self);
		tide_object_table_empty(tide_load_relaxed(&self->objects), true, self->has_pending);
		tide_cache_slow_leave(self);
	}
	return tide_object_drain_now(cache);
}

void tide_object_cache_stats(struct tide_object_cache *cache, struct tide_object_stats *stats,
                             size_t size)
{
	struct tide_object_stats all = { 0 };
	all.object_bytes = cache->stride;
	all.slab_objects = cache->objects;
	all.slabs_returned = tide_load_relaxed(&cache->count.returned);
	all.slabs_made = tide_load_relaxed(&cache->count.made);
	all.slabs = all.slabs_made - all.slabs_returned;
	all.held_bytes = all.slabs * cache->slab_bytes;
	all.destructed = tide_load_relaxed(&cache->count.destructed);
	all.constructed = tide_load_relaxed(&cache->count.constructed);
	all.construct_failures = tide_load_relaxed(&cache->count.failures);
	all.depot_hits = tide_load_relaxed(&cache->count.hits);
	all.depot_misses = tide_load_relaxed(&cache->count.misses);
	all.depot_objects = tide_load_relaxed(&cache->depot_objects);
	uint64_t whole = all.constructed - all.destructed;
	all.raw_objects = all.slabs * cache->objects - whole;
	all.out_objects = whole > all.depot_objects ? whole - all.depot_objects : 0;
	memcpy(stats, &all, size < sizeof all ? size : sizeof all);
	if (size > sizeof all)
		memset((char *)stats + sizeof all, 0, size - sizeof all);
}
