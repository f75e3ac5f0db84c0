#include "meta.h"

#include "atomic.h"
#include "check.h"
#include "config.h"
#include "os.h"
#include "yield.h"

/* So many arenas are many. */
#define MANY_ARENAS 16u

struct arena {
	/* Bytes used, this header included.
	 * writers  every thread, by fetch-add   readers  every thread
	 * order    relaxed: a ticket            edges    none */
	_Atomic size_t used_bytes;
	size_t limit_bytes; /* plain: written before `current` publishes the arena */
};

/* The arena that serves now.
 * writers  the thread whose mapping wins, by CAS   readers  every thread
 * order    cas-release, load-acquire               edges    meta.arena: limit -> any user */
static _Atomic(struct arena *) current;
/* writers every thread  readers statistics  order relaxed: a counter  edges none */
static _Atomic size_t mapped_bytes;

/* The arenas of a large heap are larger: the guards of each cost two mappings, of which the system
 * has so many for a process. */
static size_t arena_bytes(void)
{
	size_t mapped = tide_load_relaxed(&mapped_bytes);
	return mapped < MANY_ARENAS * TIDE_META_ARENA_BYTES ? TIDE_META_ARENA_BYTES
	                                                    : MANY_ARENAS * TIDE_META_ARENA_BYTES;
}

static TIDE_USUAL struct arena *arena_map(size_t payload_bytes)
{
	payload_bytes = (payload_bytes + TIDE_PAGE_BYTES - 1) & ~(size_t)(TIDE_PAGE_BYTES - 1);
	size_t bytes = payload_bytes + 2 * TIDE_PAGE_BYTES;
	char *memory = tide_os_map(0, bytes);
	if (memory == NULL)
		return NULL;
	(void)tide_os_guard(memory, TIDE_PAGE_BYTES);
	(void)tide_os_guard(memory + bytes - TIDE_PAGE_BYTES, TIDE_PAGE_BYTES);
	(void)tide_add_relaxed(&mapped_bytes, bytes);
	struct arena *arena = (void *)(memory + TIDE_PAGE_BYTES);
	arena->limit_bytes = payload_bytes;
	tide_store_relaxed(&arena->used_bytes, (size_t)TIDE_CACHE_LINE_BYTES);
	return arena;
}

static void arena_unmap(struct arena *arena)
{
	size_t bytes = arena->limit_bytes + 2 * TIDE_PAGE_BYTES;
	(void)tide_sub_relaxed(&mapped_bytes, bytes);
	(void)tide_os_unmap((char *)arena - TIDE_PAGE_BYTES, bytes);
}

TIDE_USUAL void *tide_meta_alloc(size_t bytes)
{
	bytes = (bytes + TIDE_CACHE_LINE_BYTES - 1) & ~(size_t)(TIDE_CACHE_LINE_BYTES - 1);
	if (bytes > TIDE_META_ARENA_BYTES / 4) {
		struct arena *own = arena_map(bytes + TIDE_CACHE_LINE_BYTES);
		return own != NULL ? (char *)own + TIDE_CACHE_LINE_BYTES : NULL;
	}
	for (;;) {
		struct arena *arena = tide_load_acquire(&current); /* meta.arena */
		if (arena != NULL && tide_load_relaxed(&arena->used_bytes) < arena->limit_bytes) {
			TIDE_YIELD("meta.take");
			size_t start = tide_add_relaxed(&arena->used_bytes, bytes);
			if (start + bytes <= arena->limit_bytes)
				return (char *)arena + start;
		}
		size_t wanted = arena_bytes();
		struct arena *fresh = arena_map(wanted);
		if (fresh == NULL && wanted > TIDE_META_ARENA_BYTES)
			fresh = arena_map(TIDE_META_ARENA_BYTES);
		if (fresh == NULL)
			return NULL;
		TIDE_YIELD("meta.arena");
		if (!tide_cas_release(&current, &arena, fresh)) /* meta.arena */
			arena_unmap(fresh);
	}
}

size_t tide_meta_bytes_racy(void)
{
	return tide_load_relaxed(&mapped_bytes);
}
