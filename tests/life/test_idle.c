/* A thread that does nothing any more, but lives: what it has put by goes to the GC with no
 * call. */
#include "support.h"

#include <criterion/criterion.h>

static _Atomic bool idle;
static _Atomic bool end;

static void *use_all_sizes_then_idle(void *arg)
{
	static void *block[4 * (TIDE_CLASS_MEDIUM_LAST + 1)];
	size_t count = 0;

	(void)arg;
	for (unsigned cls = TIDE_CLASS_SMALL_FIRST; cls <= TIDE_CLASS_MEDIUM_LAST; cls++) {
		for (int i = 0; i < 4; i++)
			block[count++] = tide_malloc(tide_class_bytes(cls));
	}
	while (count > 0)
		tide_free(block[--count]);
	tide_store_release(&idle, true);
	while (!tide_load_acquire(&end))
		usleep(1000);
	return NULL;
}

/* In the way of the GC: by taking the pending bins. */
static uint64_t pending_bytes(void)
{
	uint64_t bytes = 0;

	struct tide_cache *cache = tide_cache_all(&tide_heap_default);
	for (; cache != NULL; cache = cache->all_next) {
		while (tide_swap_acq_rel(&cache->pending_taken, true))
			sched_yield();
		for (unsigned cls = 0; cls < TIDE_CLASS_SLOTS; cls++) {
			struct tide_bin *bin = cache->pending[cls];

			bytes += bin != NULL ? bin->count * tide_class_bytes(cls) : 0;
		}
		tide_store_release(&cache->pending_taken, false);
	}
	return bytes;
}

Test(idle, the_gc_empties_the_pending_bins_of_a_thread_that_sleeps, .timeout = 60)
{
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, use_all_sizes_then_idle, NULL), 0);
	tide_free(tide_malloc(100));
	(void)tide_gc_start();
	while (!tide_load_acquire(&idle))
		sleep_ms(1);
	uint64_t left = UINT64_MAX;
	for (int i = 0; i < 1000 && left > 0; i++) {
		sleep_ms(10);
		left = pending_bytes();
	}
	tide_store_release(&end, true);
	pthread_join(thread, NULL);
	cr_assert_eq(left, 0u);
	const char *wrong = tide_gc_audit();
	cr_assert_null(wrong, "%s", wrong);
}
