/* Object caches between threads: exchange, ends of threads, destruction, fork. */
#include <criterion/criterion.h>

#include "support.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <tide/object_cache.h>

#include "gc.h" /* the audit */

enum { MAGIC = 0x5eed, SLOTS = 512, THREADS = 6 };

struct entry {
	_Atomic uint32_t magic;
	_Atomic uint32_t holder; /* 0: nobody */
	uint64_t content[6];
};

static struct tide_object_cache *cache;
static _Atomic(struct entry *) slot[SLOTS];
static _Atomic uint64_t constructed, destructed;
static unsigned rounds;

static int entry_construct(void *object, void *context)
{
	struct entry *entry = object;

	(void)context;
	atomic_store_explicit(&entry->magic, MAGIC, memory_order_relaxed);
	atomic_store_explicit(&entry->holder, 0, memory_order_relaxed);
	atomic_fetch_add(&constructed, 1);
	return 0;
}

static void entry_destruct(void *object, void *context)
{
	struct entry *entry = object;

	(void)context;
	if (atomic_load_explicit(&entry->holder, memory_order_relaxed) == 0)
		atomic_fetch_add(&destructed, 1);
	atomic_store_explicit(&entry->magic, 0, memory_order_relaxed);
}

static const struct tide_object_options of_entries = { .size = sizeof(struct entry),
	                                               .construct = entry_construct,
	                                               .destruct = entry_destruct,
	                                               .destruct_in_gc = 1 };

static const char *take(struct entry **taken, uint32_t self)
{
	struct entry *entry = tide_object_alloc(cache);

	if (entry == NULL)
		return "no object";
	if (atomic_load_explicit(&entry->magic, memory_order_relaxed) != MAGIC)
		return "an object is not constructed";
	if (atomic_exchange_explicit(&entry->holder, self, memory_order_relaxed) != 0)
		return "an object was given twice";
	for (unsigned i = 0; i < COUNT_OF(entry->content); i++)
		entry->content[i] = self + i;
	*taken = entry;
	return NULL;
}

static const char *give(struct entry *entry)
{
	uint32_t holder = atomic_exchange_explicit(&entry->holder, 0, memory_order_relaxed);

	if (holder == 0)
		return "somebody has freed it";
	for (unsigned i = 0; i < COUNT_OF(entry->content); i++) {
		if (entry->content[i] != holder + i)
			return "an object's content was lost";
	}
	tide_object_free(cache, entry);
	return NULL;
}

/* Swap objects with other threads, and free what comes back. */
static void *exchange(void *arg)
{
	uint64_t random = *(uint64_t *)arg;
	uint32_t self = (uint32_t)random + 1;
	const char *wrong = NULL;

	for (unsigned i = 0; i < rounds && wrong == NULL; i++) {
		struct entry *entry = NULL;
		if (random_next(&random) % 3 != 0)
			wrong = take(&entry, self);
		if (wrong == NULL)
			entry = atomic_exchange(&slot[random_next(&random) % SLOTS], entry);
		if (wrong == NULL && entry != NULL)
			wrong = give(entry);
		if (i % 5000 == 4999 && self == 1)
			(void)tide_object_cache_drain(cache);
	}
	return (void *)(uintptr_t)wrong;
}

static void run_all(unsigned count, void *(*entry)(void *))
{
	uint64_t seed[THREADS];

	for (unsigned i = 0; i < count; i++)
		seed[i] = i;
	const char *wrong = run_threads(entry, seed, sizeof seed[0], count);
	cr_assert_null(wrong, "%s", wrong);
}

static void assert_sound(void)
{
	const char *wrong = tide_gc_audit();

	cr_assert_null(wrong, "%s", wrong);
}

static uint64_t empty_slots(void)
{
	uint64_t live = 0;

	for (unsigned i = 0; i < SLOTS; i++)
		live += atomic_exchange(&slot[i], NULL) != NULL;
	return live;
}

static void assert_all_were_destructed(uint64_t live)
{
	cr_assert_eq(atomic_load(&constructed), atomic_load(&destructed) + live);
	atomic_store(&constructed, 0);
	atomic_store(&destructed, 0);
}

Test(object_threads, they_exchange_objects, .timeout = 100)
{
	rounds = (unsigned)SCALED(200000);
	for (unsigned i = 0; i < 3; i++) {
		cache = tide_object_cache_create(&of_entries);
		run_all(THREADS, exchange);
		bool stopped = tide_gc_stop() == 0;
		assert_sound();
		if (stopped)
			(void)tide_gc_start();
		uint64_t live = empty_slots();
		cr_assert_eq(tide_object_cache_destroy(cache), live);
		assert_all_were_destructed(live);
	}
}

/* What ended threads had goes to the next ones, or to the GC. */
Test(object_threads, they_come_and_go, .timeout = 100)
{
	rounds = 200;
	cache = tide_object_cache_create(&of_entries);
	for (unsigned i = 0; i < SCALED(300); i++)
		run_all(4, exchange);
	struct tide_object_stats stats;
	tide_object_cache_stats(cache, &stats, sizeof stats);
	/* A slab for what is live, and one for each thread at a time. */
	cr_assert_leq(stats.slabs, 8u);
	uint64_t live = empty_slots();
	(void)tide_purge();
	tide_object_cache_stats(cache, &stats, sizeof stats);
	cr_assert_eq(stats.out_objects, live);
	cr_assert_eq(tide_object_cache_destroy(cache), live);
	assert_all_were_destructed(live);
}

static pthread_barrier_t used;

static void *use_and_end(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 100; i++)
		tide_object_free(cache, tide_object_alloc(cache));
	(void)pthread_barrier_wait(&used);
	return NULL;
}

/* They have bins of it still, and empty them. */
static void *use_and_purge(void *arg)
{
	(void)use_and_end(arg);
	(void)tide_purge();
	return NULL;
}

static void destroy_meanwhile(void *(*entry)(void *))
{
	for (unsigned round = 0; round < SCALED(300); round++) {
		pthread_t thread[3];

		cache = tide_object_cache_create(&of_entries);
		cr_assert_not_null(cache);
		cr_assert_eq(pthread_barrier_init(&used, NULL, COUNT_OF(thread) + 1), 0);
		for (unsigned i = 0; i < COUNT_OF(thread); i++)
			cr_assert_eq(pthread_create(&thread[i], NULL, entry, NULL), 0);
		(void)pthread_barrier_wait(&used);
		cr_assert_eq(tide_object_cache_destroy(cache), 0);
		assert_all_were_destructed(0);
		struct tide_object_cache *next = tide_object_cache_create(&of_entries);
		void *object = tide_object_alloc(next);
		cr_assert_not_null(object);
		for (unsigned i = 0; i < COUNT_OF(thread); i++)
			cr_assert_eq(pthread_join(thread[i], NULL), 0);
		tide_object_free(next, object);
		cr_assert_eq(tide_object_cache_destroy(next), 0);
		assert_all_were_destructed(0);
		(void)pthread_barrier_destroy(&used);
	}
}

Test(object_threads, they_end_while_it_is_destroyed, .timeout = 100)
{
	destroy_meanwhile(use_and_end);
}

Test(object_threads, they_purge_while_it_is_destroyed, .timeout = 100)
{
	destroy_meanwhile(use_and_purge);
}

/* Caches of threads that make, share nothing, and destroy. */
static void *make_and_destroy(void *arg)
{
	uint64_t random = *(uint64_t *)arg;

	for (unsigned i = 0; i < rounds; i++) {
		struct tide_object_options options = { .size = 1 + random_next(&random) % 2000 };
		struct tide_object_cache *own = tide_object_cache_create(&options);
		unsigned char *object[50];

		if (own == NULL)
			return "no cache";
		for (unsigned k = 0; k < COUNT_OF(object); k++) {
			object[k] = tide_object_alloc(own);
			if (object[k] == NULL)
				return "no object";
			memset(object[k], (int)k, options.size);
		}
		for (unsigned k = 0; k < COUNT_OF(object); k++) {
			if (object[k][0] != k || object[k][options.size - 1] != k)
				return "an object's content was lost";
			if (k % 2 == 0)
				tide_object_free(own, object[k]);
		}
		if (tide_object_cache_destroy(own) != COUNT_OF(object) / 2)
			return "live objects were counted wrongly";
	}
	return NULL;
}

Test(object_threads, caches_come_and_go, .timeout = 100)
{
	rounds = (unsigned)SCALED(1000);
	run_all(THREADS, make_and_destroy);
	run_all(THREADS, make_and_destroy);
}

static _Atomic bool stop;

static void *exchange_until_told(void *arg)
{
	const char *wrong = NULL;

	while (!atomic_load(&stop) && wrong == NULL)
		wrong = exchange(arg);
	return (void *)(uintptr_t)wrong;
}

/*
 * AddressSanitizer holds its own allocator's locks over no fork: a thread that the child of busy
 * threads starts may wait for one of them for ever. There the child works alone.
 */
static void exchange_in_child(void)
{
	uint64_t seed = 0;

	if (SANITIZED)
		cr_assert_null(exchange(&seed));
	else
		run_all(3, exchange);
}

static void in_child(void)
{
	(void)empty_slots();
	for (unsigned i = 0; i < 3; i++)
		exchange_in_child();
	(void)tide_purge();
	(void)tide_object_cache_destroy(cache);
	cache = tide_object_cache_create(&of_entries);
	(void)empty_slots();
	exchange_in_child();
	(void)tide_object_cache_destroy(cache);
	_exit(0);
}

/* The child has the objects that vanished threads had not in hand, each once. */
Test(object_threads, children_of_threads_at_work, .timeout = 100)
{
	enum { AT_WORK = 3 };
	pthread_t thread[AT_WORK];
	uint64_t seed[AT_WORK];

	if (THREAD_SANITIZED)
		cr_skip_test("no threads in a child of several");
	rounds = 2000;
	cache = tide_object_cache_create(&of_entries);
	for (unsigned i = 0; i < AT_WORK; i++) {
		seed[i] = i;
		cr_assert_eq(pthread_create(&thread[i], NULL, exchange_until_told, &seed[i]), 0);
	}
	for (unsigned i = 0; i < SCALED(100); i++) {
		int status;
		pid_t child = fork();

		cr_assert_geq(child, 0);
		if (child == 0) {
			(void)alarm(20);
			in_child();
		}
		cr_assert_eq(waitpid(child, &status, 0), child);
		cr_assert_eq(status, 0);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < AT_WORK; i++) {
		void *wrong;
		cr_assert_eq(pthread_join(thread[i], &wrong), 0);
		cr_assert_null(wrong, "%s", (char *)wrong);
	}
	uint64_t live = empty_slots();
	cr_assert_eq(tide_object_cache_destroy(cache), live);
}
