/* Object caches: what a program gets, and when its constructor and destructor are called. */
#include <criterion/criterion.h>

#include "support.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <tide/heap.h>
#include <tide/object_cache.h>

#include "gc.h" /* the audit */

enum { MAGIC = 0x600d600d, DEAD = 0x0bad0bad };

/* An object that knows whether it is constructed, and owns a block. */
struct job {
	uint32_t magic;
	uint32_t uses;
	void *buffer;
	uint64_t holder;
	char rest[40];
};

static _Atomic uint64_t constructed, destructed, wrongly_destructed;
static _Atomic uint64_t fail_every, construct_calls;
static _Atomic long destructing_thread;

static int job_construct(void *object, void *context)
{
	struct job *job = object;
	uint64_t calls = atomic_fetch_add(&construct_calls, 1) + 1;
	uint64_t every = atomic_load(&fail_every);

	(void)context;
	if (every != 0 && random_next(&calls) % every == 0)
		return EAGAIN;
	job->magic = MAGIC;
	job->uses = 0;
	job->holder = 0;
	job->buffer = tide_malloc(100);
	if (job->buffer == NULL)
		return ENOMEM;
	atomic_fetch_add(&constructed, 1);
	return 0;
}

static void job_destruct(void *object, void *context)
{
	struct job *job = object;

	(void)context;
	if (job->magic != MAGIC || job->holder != 0)
		atomic_fetch_add(&wrongly_destructed, 1);
	job->magic = DEAD;
	tide_free(job->buffer);
	atomic_fetch_add(&destructed, 1);
	atomic_store(&destructing_thread, syscall(SYS_gettid));
}

static const struct tide_object_options of_jobs = { .size = sizeof(struct job),
	                                            .construct = job_construct,
	                                            .destruct = job_destruct };

static struct tide_object_cache *cache_with(const struct tide_object_options *options)
{
	struct tide_object_cache *cache = tide_object_cache_create(options);

	cr_assert_not_null(cache);
	return cache;
}

static struct tide_object_cache *cache_of(size_t size)
{
	return cache_with(&(struct tide_object_options){ .size = size });
}

static struct tide_object_stats stats_of(struct tide_object_cache *cache)
{
	struct tide_object_stats stats;

	tide_object_cache_stats(cache, &stats, sizeof stats);
	return stats;
}

static void *must(void *object)
{
	cr_assert_not_null(object);
	return object;
}

static void assert_sound(void)
{
	const char *wrong = tide_gc_audit();

	cr_assert_null(wrong, "%s", wrong);
}

Test(object_cache, objects_are_apart_and_aligned, .timeout = 60)
{
	static const size_t sizes[] = { 1,   7,    8,    16,   24,    40,   100,
		                        640, 1000, 4096, 5000, 20000, 65536 };
	static unsigned char *object[3000];

	for (unsigned s = 0; s < COUNT_OF(sizes); s++) {
		for (size_t alignment = 0; alignment <= 4096;
		     alignment = alignment * 8 + !alignment) {
			struct tide_object_options options = { .size = sizes[s],
				                               .alignment = alignment };
			struct tide_object_cache *cache = cache_with(&options);
			size_t wanted = alignment != 0 ? alignment : sizes[s] % 16 == 0 ? 16 : 8;
			unsigned count = sizes[s] > 1000 ? 100 : COUNT_OF(object);

			for (unsigned i = 0; i < count; i++) {
				object[i] = must(tide_object_alloc(cache));
				cr_assert_eq((uintptr_t)object[i] % wanted, 0);
				memset(object[i], (int)i, sizes[s]);
			}
			for (unsigned i = 0; i < count; i++) {
				cr_assert_eq(object[i][0], (unsigned char)i);
				cr_assert_eq(object[i][sizes[s] - 1], (unsigned char)i);
			}
			for (unsigned i = 0; i < count; i++)
				tide_object_free(cache, object[i]);
			assert_sound();
			cr_assert_eq(tide_object_cache_destroy(cache), 0);
		}
	}
	tide_object_cache_destroy(NULL);
}

Test(object_cache, bad_options_are_refused)
{
	static const struct tide_object_options bad[] = {
		{ .size = 0 },
		{ .size = 65537 },
		{ .size = SIZE_MAX },
		{ .size = 8, .alignment = 24 },
		{ .size = 8, .alignment = 8192 },
		{ .size = 8, .alignment = SIZE_MAX },
	};

	for (unsigned i = 0; i < COUNT_OF(bad); i++) {
		errno = 0;
		cr_assert_null(tide_object_cache_create(&bad[i]));
		cr_assert_eq(errno, EINVAL);
	}
	errno = 0;
	cr_assert_null(tide_object_cache_create(NULL));
	cr_assert_eq(errno, EINVAL);
}

Test(object_cache, there_is_an_end_to_caches_and_they_come_back)
{
	struct tide_object_cache *cache[256];

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < COUNT_OF(cache); i++) {
			cache[i] = cache_of(8 + i);
			memset(must(tide_object_alloc(cache[i])), 1, 8 + i);
		}
		errno = 0;
		cr_assert_null(tide_object_cache_create(&of_jobs));
		cr_assert_eq(errno, ENOMEM);
		for (unsigned i = 0; i < COUNT_OF(cache); i++)
			cr_assert_eq(tide_object_cache_destroy(cache[i]), 1);
	}
	assert_sound();
}

/* As the last user left them, and constructed once. */
Test(object_cache, objects_stay_constructed)
{
	struct tide_object_cache *cache = cache_with(&of_jobs);
	struct job *job[1000];

	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < COUNT_OF(job); i++) {
			job[i] = must(tide_object_alloc(cache));
			cr_assert_eq(job[i]->magic, MAGIC);
			job[i]->uses++;
		}
		for (unsigned i = 0; i < COUNT_OF(job); i++)
			tide_object_free(cache, job[i]);
	}
	cr_assert_eq(atomic_load(&destructed), 0);
	cr_assert_leq(atomic_load(&constructed), COUNT_OF(job) + 128);
	struct tide_object_stats stats = stats_of(cache);
	cr_assert_eq(stats.constructed, atomic_load(&constructed));
	cr_assert_eq(stats.depot_objects + stats.out_objects, stats.constructed);
	cr_assert_eq(stats.slabs * stats.slab_objects - stats.raw_objects, stats.constructed);

	cr_assert_eq(tide_object_cache_drain(cache), stats.constructed);
	cr_assert_eq(atomic_load(&destructed), atomic_load(&constructed));
	stats = stats_of(cache);
	cr_assert_eq(stats.held_bytes, 0);
	cr_assert_eq(stats.out_objects, 0);
	cr_assert_eq(stats.slabs_made, stats.slabs_returned);

	job[0] = must(tide_object_alloc(cache));
	cr_assert_eq(job[0]->uses, 0);
	cr_assert_eq(tide_object_cache_destroy(cache), 1);
	cr_assert_eq(atomic_load(&wrongly_destructed), 0);
	assert_sound();
}

Test(object_cache, a_constructor_may_fail)
{
	struct tide_object_cache *cache = cache_with(&of_jobs);
	struct job *job[2000];
	unsigned count = 0;
	unsigned failures = 0;

	atomic_store(&fail_every, 3);
	for (unsigned i = 0; i < COUNT_OF(job); i++) {
		errno = 0;
		job[count] = tide_object_alloc(cache);
		if (job[count] == NULL) {
			cr_assert_eq(errno, EAGAIN);
			failures++;
			continue;
		}
		cr_assert_eq(job[count++]->magic, MAGIC);
	}
	cr_assert_gt(failures, 100u);
	cr_assert_geq(stats_of(cache).construct_failures, failures);
	atomic_store(&fail_every, 1);
	cr_assert_eq(stats_of(cache).constructed, atomic_load(&constructed));
	assert_sound();
	for (unsigned i = 0; i < count; i++)
		tide_object_free(cache, job[i]);
	/* None is there but these. */
	for (unsigned i = 0; i < atomic_load(&constructed); i++)
		must(tide_object_alloc(cache));
	cr_assert_null(tide_object_alloc(cache));
	assert_sound();
	cr_assert_eq(tide_object_cache_destroy(cache), atomic_load(&constructed));
}

/* 24 bytes take up 24, where malloc takes 32; and what is left over of a slab is little. */
Test(object_cache, objects_are_as_long_as_they_are)
{
	static const size_t sizes[] = {
		8, 24, 40, 72, 136, 264, 520, 1032, 2056, 5000, 9000, 33000
	};

	for (unsigned s = 0; s < COUNT_OF(sizes); s++) {
		struct tide_object_cache *cache = cache_of(sizes[s]);
		unsigned count = (unsigned)(4 * MIB / sizes[s]);

		for (unsigned i = 0; i < count; i++)
			must(tide_object_alloc(cache));
		struct tide_object_stats stats = stats_of(cache);
		cr_assert_eq(stats.object_bytes, sizes[s]);
		cr_assert_leq(stats.held_bytes,
		              4 * MIB * 8 / 7 + 2 * (stats.held_bytes / stats.slabs));
		cr_assert_eq(tide_object_cache_destroy(cache), count);
	}
}

/* A process without a second thread keeps no more than the depot's level for long. */
Test(object_cache, a_single_thread_gives_objects_back)
{
	static void *object[20000];
	struct tide_object_cache *cache = cache_of(1000);

	for (unsigned i = 0; i < COUNT_OF(object); i++)
		object[i] = must(tide_object_alloc(cache));
	for (unsigned i = 0; i < COUNT_OF(object); i++)
		tide_object_free(cache, object[i]);
	struct tide_object_stats stats = stats_of(cache);
	cr_assert_leq(stats.depot_objects * 1000, MIB + 64 * KIB);
	cr_assert_leq(stats.held_bytes, 2 * MIB);
	(void)tide_purge();
	cr_assert_eq(stats_of(cache).held_bytes, 0);
	cr_assert_eq(stats_now().gc_thread_runs, 0);
	cr_assert_eq(tide_object_cache_destroy(cache), 0);
}

/* Objects in a bin. */
#define BIN 128

static bool comes_to(struct tide_object_cache *cache, uint64_t out, unsigned ms)
{
	for (; ms > 0; ms--) {
		struct tide_object_stats stats = stats_of(cache);
		if (stats.depot_objects == 0 && stats.out_objects <= out)
			return true;
		sleep_ms(1);
	}
	return false;
}

static void fill_and_free(struct tide_object_cache *cache, unsigned count)
{
	static void *object[5000];

	for (unsigned i = 0; i < count; i++)
		object[i] = must(tide_object_alloc(cache));
	for (unsigned i = 0; i < count; i++)
		tide_object_free(cache, object[i]);
}

/* Nobody calls in: the GC thread destructs what lies in the depot, and what this thread put by. The
 * destructor frees a block there. */
Test(object_cache, the_gc_drains_an_idle_process, .timeout = 60)
{
	struct tide_object_options options = of_jobs;

	options.destruct_in_gc = 1;
	struct tide_object_cache *cache = cache_with(&options);
	(void)tide_gc_start();
	fill_and_free(cache, 5000);
	cr_assert(comes_to(cache, BIN, 20000), "depot: %lu",
	          (unsigned long)stats_of(cache).depot_objects);
	cr_assert_gt(atomic_load(&destructed), 4000);
	cr_assert_neq(atomic_load(&destructing_thread), syscall(SYS_gettid));
	(void)tide_purge();
	assert_sound();
	cr_assert_eq(tide_object_cache_destroy(cache), 0);
	cr_assert_eq(atomic_load(&wrongly_destructed), 0);
	cr_assert_eq(atomic_load(&destructed), atomic_load(&constructed));
}

/* The same without the program's leave: then a thread of its own has to come by. */
Test(object_cache, the_gc_thread_runs_no_destructor_unasked, .timeout = 60)
{
	struct tide_object_cache *cache = cache_with(&of_jobs);
	struct tide_object_cache *plain = cache_of(80);

	(void)tide_gc_start();
	fill_and_free(cache, 500);
	fill_and_free(plain, 5000);
	cr_assert(comes_to(plain, BIN, 20000)); /* so the GC has been through here */
	cr_assert_eq(atomic_load(&destructed), 0);
	(void)tide_purge();
	cr_assert_eq(atomic_load(&destructing_thread), syscall(SYS_gettid));
	cr_assert_eq(atomic_load(&destructed), atomic_load(&constructed));
	cr_assert_eq(tide_object_cache_destroy(plain), 0);
	cr_assert_eq(tide_object_cache_destroy(cache), 0);
}

/* A constructor may use the cache it is for, and others. */
static struct tide_object_cache *inner_cache, *own_cache;
static unsigned depth;

static int nested_construct(void *object, void *context)
{
	void **of = object;

	(void)context;
	of[0] = tide_object_alloc(inner_cache);
	of[1] = NULL;
	if (depth++ < 2) {
		void *other = tide_object_alloc(own_cache);
		if (other != NULL)
			tide_object_free(own_cache, other);
	}
	depth--;
	return of[0] != NULL ? 0 : ENOMEM;
}

static void nested_destruct(void *object, void *context)
{
	(void)context;
	tide_object_free(inner_cache, *(void **)object);
}

Test(object_cache, caches_in_caches)
{
	struct tide_object_options options = { .size = 48,
		                               .construct = nested_construct,
		                               .destruct = nested_destruct };

	inner_cache = cache_of(33);
	own_cache = cache_with(&options);
	for (unsigned round = 0; round < 20; round++) {
		fill_and_free(own_cache, 300 + 100 * round);
		if (round % 4 == 3)
			(void)tide_object_cache_drain(own_cache);
	}
	assert_sound();
	cr_assert_eq(tide_object_cache_destroy(own_cache), 0);
	cr_assert_eq(tide_object_cache_destroy(inner_cache), 0);
}

/* Slabs count in the heap that they come from, and its limit holds. */
Test(object_cache, a_heap_limits_it)
{
	struct tide_heap *heap = tide_heap_create(&(struct tide_heap_options){ .hard_bytes = MIB });
	struct tide_object_cache *cache =
	    cache_with(&(struct tide_object_options){ .size = 100, .heap = heap });
	static void *object[20000];
	unsigned count = 0;

	while (count < COUNT_OF(object) && (object[count] = tide_object_alloc(cache)) != NULL)
		count++;
	cr_assert_eq(errno, ENOMEM);
	cr_assert_gt(count * 100, MIB * 8 / 10);
	cr_assert_leq(stats_of(cache).held_bytes, MIB);
	cr_assert_null(tide_heap_malloc(heap, 100 * KIB));
	for (unsigned i = 0; i < count; i++)
		tide_object_free(cache, object[i]);
	cr_assert_gt(tide_object_cache_drain(cache), 0);
	cr_assert_not_null(tide_heap_malloc(heap, 100 * KIB));
	cr_assert_eq(tide_object_cache_destroy(cache), 0);
	tide_heap_destroy(heap);
}
