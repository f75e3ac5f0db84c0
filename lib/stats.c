/* The snapshot, the GC controls and the version: what a program asks Tide about itself. */
#include <malloc.h>
#include <tide/stats.h>

#include "alias.h"
#include "cache.h"
#include "gc.h"
#include "os.h"
#include "os_file.h"
#include "stats_collect.h"

#include <errno.h>
#include <string.h>

/* The calling thread knows what its bins hold now. (Perhaps in a signal handler, which may have
 * come in the middle of a change: then what makes no sense is left as it was.) */
static void note_own_bins(void)
{
	struct tide_cache *cache = tide_cache_self;
	if (cache == TIDE_CACHE_NONE ||
	    tide_swap_acq_rel(&cache->pending_taken, true)) /* cache.pending */
		return;
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		unsigned blocks = tide_cache_blocks(cache, cls);
		uint32_t stashed = cls <= TIDE_STASH_LAST ? cache->stash[cls].blocks : 0;
		if (blocks - stashed <= 2 * TIDE_BIN_SLOTS)
			tide_store_relaxed(&cache->binned[cls], blocks);
	}
	tide_store_release(&cache->pending_taken, false); /* cache.pending */
}

void tide_stats_read(struct tide_stats *stats, size_t size)
{
	struct tide_stats all;
	note_own_bins();
	tide_stats_collect(&all, NULL);
	memcpy(stats, &all, size < sizeof all ? size : sizeof all);
	if (size > sizeof all)
		memset((char *)stats + sizeof all, 0, size - sizeof all);
}

void tide_stats_take(struct tide_stats_snapshot *snapshot)
{
	memset(snapshot, 0, sizeof *snapshot);
	tide_stats_collect(&snapshot->all, snapshot);
	snapshot->magic = TIDE_STATS_MAGIC;
}

void tide_stats_take_snapshot(struct tide_stats_snapshot *snapshot)
{
	note_own_bins();
	tide_stats_take(snapshot);
}

int tide_stats_print(int file, enum tide_stats_format format)
{
	struct tide_stats_snapshot *snapshot = tide_os_map(0, sizeof *snapshot);
	if (snapshot == NULL)
		return ENOMEM;
	tide_stats_take(snapshot);
	size_t bytes = tide_stats_format(snapshot, format, NULL, 0);
	char *text = bytes > 0 ? tide_os_map(0, bytes) : NULL;
	int result = bytes == 0 ? EINVAL : ENOMEM;
	if (text != NULL) {
		(void)tide_stats_format(snapshot, format, text, bytes);
		/* stderr has a way of its own, for a thread whose files are not the program's. */
		result = 0;
		if (file == 2)
			tide_os_write_stderr(text, bytes);
		else
			result = -tide_os_write(file, text, bytes);
		(void)tide_os_unmap(text, bytes);
	}
	(void)tide_os_unmap(snapshot, sizeof *snapshot);
	return result;
}

int tide_stats_write(int file, enum tide_stats_format format)
{
	note_own_bins();
	return tide_stats_print(file, format);
}

/* arena == uordblks + fordblks, as in the C library. What threads and queues have at hand counts as
 * free, as its fast bins do. */
struct mallinfo2 tide_mallinfo2(void)
{
	struct tide_stats stats;
	struct mallinfo2 info = { 0 };
	tide_stats_read(&stats, sizeof stats);
	uint64_t small = stats.mapped_bytes - stats.large_bytes - stats.large_cached_bytes;
	uint64_t live = stats.live_bytes - stats.large_bytes;
	info.arena = small;
	info.hblks = stats.large_blocks;
	info.hblkhd = stats.large_bytes;
	info.fsmblks = stats.bin_bytes + stats.queued_bytes;
	info.uordblks = live < small ? live : small;
	info.fordblks = small - info.uordblks;
	info.keepcost = stats.chunk_dirty_bytes;
	return info;
}
TIDE_ALIAS(struct mallinfo2, mallinfo2, tide_mallinfo2, void);

void tide_malloc_stats(void)
{
	(void)tide_stats_write(2, TIDE_STATS_TEXT);
}
TIDE_ALIAS(void, malloc_stats, tide_malloc_stats, void);

int tide_gc_start(void)
{
	return tide_gc_thread_start();
}

int tide_gc_stop(void)
{
	return tide_gc_thread_stop();
}

int tide_gc_step(void)
{
	return tide_gc_step_once();
}

#define STRING_(x) #x
#define STRING(x) STRING_(x)

const char *tide_version(void)
{
	return STRING(TIDE_VERSION_MAJOR) "." STRING(TIDE_VERSION_MINOR) "." STRING(
	    TIDE_VERSION_PATCH);
}
