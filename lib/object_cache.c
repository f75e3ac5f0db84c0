/* Object caches: their life, and what a program may ask about them. */
#include <tide/object_cache.h>

#include "cache.h"
#include "classes.h"
#include "object.h"
#include "options.h"
#include "os.h"
#include "slow.h"

#include <errno.h>
#include <string.h>

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
	uint32_t stride = options != NULL ? stride_of(options) : 0;
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

uint64_t tide_object_cache_drain(struct tide_object_cache *cache)
{
	struct tide_cache *self = tide_cache_self;
	struct tide_object_table *table =
	    self != TIDE_CACHE_NONE ? tide_load_relaxed(&self->objects) : NULL;
	if (table != NULL) {
		tide_cache_slow_enter(self);
		tide_object_shelf_empty(cache, table, true, self->has_pending);
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
