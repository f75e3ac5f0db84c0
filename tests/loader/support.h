/* What the programs about exit and the loader share with those under the replaced malloc. Each is
 * linked with libtide.a, linked with it statically, and run under libtide-preload.so; hence the
 * weak names: without Tide in the program they come from the library that is preloaded. */
#ifndef TIDE_TESTS_LOADER_SUPPORT_H
#define TIDE_TESTS_LOADER_SUPPORT_H

#include <tide/heap.h>
#include <tide/stats.h>
#include <tide/tide.h>

#pragma weak tide_malloc
#pragma weak tide_free
#pragma weak tide_malloc_usable_size
#pragma weak tide_stats_read
#pragma weak tide_gc_start
#pragma weak tide_gc_stop
#pragma weak tide_purge
#pragma weak tide_heap_create
#pragma weak tide_heap_malloc
#pragma weak tide_heap_walk
#pragma weak tide_stats_write
#pragma weak tide_version

#include "../override/support.h"

/* Nothing here may be about the C library's own malloc. */
static inline void require_tide(void)
{
	require(&tide_malloc_usable_size != NULL, "Tide is in the program");
	void *block = malloc(100);
	require(from_tide(block, 100), "malloc is Tide's");
	free(block);
}

#endif
