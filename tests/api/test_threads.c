/* Blocks that change hands between threads. */
#include <criterion/criterion.h>
#include <sched.h>
#include <stdatomic.h>

#include "support.h"

TestSuite(threads, .timeout = 120);

/* A place where one thread leaves a parcel and another finds it. */
typedef _Atomic(struct parcel *) parcel_slot;

static struct parcel *slot_swap(parcel_slot *slot, struct parcel *parcel)
{
	return atomic_exchange_explicit(slot, parcel, memory_order_acq_rel);
}

/* Leave `parcel` once the slot is empty. */
static void slot_put(parcel_slot *slot, struct parcel *parcel)
{
	struct parcel *none = NULL;

	while (!atomic_compare_exchange_weak_explicit(slot, &none, parcel, memory_order_release,
	                                              memory_order_relaxed)) {
		none = NULL;
		(void)sched_yield();
	}
}

/* Take what comes. */
static struct parcel *slot_take(parcel_slot *slot)
{
	struct parcel *parcel;

	while ((parcel = slot_swap(slot, NULL)) == NULL)
		(void)sched_yield();
	return parcel;
}

/* ---- One makes, the other ends ---- */

enum { RING_SLOTS = 1024 };
static parcel_slot ring[RING_SLOTS];

static const size_t hand_over_count = SCALED(300000);

static void *produce(void *seed)
{
	uint64_t random = *(uint64_t *)seed;

	for (size_t i = 0; i < hand_over_count; i++) {
		struct parcel *parcel = parcel_make(random_mixed_size(&random), random);

		if (parcel == NULL)
			return "out of memory";
		slot_put(&ring[i % RING_SLOTS], parcel);
	}
	return NULL;
}

Test(threads, producer_and_consumer)
{
	pthread_t producer;
	uint64_t seed = 1;
	const char *wrong = NULL;
	void *said;

	cr_assert_eq(pthread_create(&producer, NULL, produce, &seed), 0);
	for (size_t i = 0; i < hand_over_count; i++) {
		const char *now = parcel_end(slot_take(&ring[i % RING_SLOTS]));
		if (wrong == NULL)
			wrong = now;
	}
	cr_assert_eq(pthread_join(producer, &said), 0);
	cr_assert_null(said);
	cr_assert_null(wrong, "%s", wrong);
}

/* ---- Eight threads exchange through an array ---- */

enum { SHARED_SLOTS = 4096, EXCHANGERS = 8 };
static parcel_slot shared[SHARED_SLOTS];

static void *exchange(void *seed)
{
	uint64_t random = *(uint64_t *)seed;
	const char *wrong = NULL;

	for (unsigned i = 0; i < SCALED(60000u) && wrong == NULL; i++) {
		struct parcel *parcel = parcel_make(random_mixed_size(&random), random);

		if (parcel == NULL)
			return "out of memory";
		parcel = slot_swap(&shared[random_next(&random) % SHARED_SLOTS], parcel);
		if (parcel != NULL)
			wrong = parcel_end(parcel);
	}
	return (void *)(uintptr_t)wrong;
}

Test(threads, random_exchange)
{
	uint64_t seed[EXCHANGERS];

	for (unsigned i = 0; i < EXCHANGERS; i++)
		seed[i] = i * 1000003;
	const char *wrong = run_threads(exchange, seed, sizeof seed[0], EXCHANGERS);
	cr_assert_null(wrong, "%s", wrong);
	for (unsigned i = 0; i < SHARED_SLOTS; i++) {
		struct parcel *parcel = slot_swap(&shared[i], NULL);
		wrong = parcel != NULL ? parcel_end(parcel) : NULL;
		cr_assert_null(wrong, "%s", wrong);
	}
}

/* ---- A thread that frees and never allocates ---- */

enum { MAKERS = 3 };
static atomic_uint makers_left;

static void *make_only(void *seed)
{
	uint64_t random = *(uint64_t *)seed;
	void *wrong = NULL;

	for (size_t i = 0; i < hand_over_count / MAKERS && wrong == NULL; i++) {
		struct parcel *parcel = parcel_make(random_mixed_size(&random), random);

		if (parcel == NULL)
			wrong = "out of memory";
		else
			slot_put(&ring[random_next(&random) % RING_SLOTS], parcel);
	}
	atomic_fetch_sub(&makers_left, 1);
	return wrong;
}

static void *free_only(void *count)
{
	const char *wrong = NULL;
	bool last_round = false;

	for (;;) {
		bool ended = atomic_load(&makers_left) == 0;

		for (unsigned i = 0; i < RING_SLOTS; i++) {
			struct parcel *parcel = slot_swap(&ring[i], NULL);
			if (parcel == NULL)
				continue;
			const char *now = parcel_end(parcel);
			if (wrong == NULL)
				wrong = now;
			++*(size_t *)count;
		}
		if (last_round)
			return (void *)(uintptr_t)wrong;
		last_round = ended;
	}
}

Test(threads, one_thread_only_frees)
{
	uint64_t seed[MAKERS] = { 1, 2, 3 };
	size_t freed = 0;
	pthread_t freer;
	void *said;

	atomic_store(&makers_left, MAKERS);
	cr_assert_eq(pthread_create(&freer, NULL, free_only, &freed), 0);
	const char *wrong = run_threads(make_only, seed, sizeof seed[0], MAKERS);
	cr_assert_eq(pthread_join(freer, &said), 0);
	cr_assert_null(wrong, "%s", wrong);
	cr_assert_null(said, "%s", (const char *)said);
	cr_assert_eq(freed, hand_over_count / MAKERS * MAKERS);
}

/* ---- Medium blocks, which are dear to carve ---- */

enum { REPLACERS = 4, REPLACED = 256 };

struct replacer {
	uint64_t random;
	uint64_t peak_bytes; /* of address space, as far as it looked */
};

static void *replace(void *of)
{
	struct replacer *replacer = of;
	char *block[REPLACED] = { 0 };

	for (unsigned i = 0; i < SCALED(60000u); i++) {
		size_t at = random_next(&replacer->random) % REPLACED;

		tide_free(block[at]);
		size_t bytes = 128 * KIB + random_next(&replacer->random) % (128 * KIB);
		block[at] = tide_malloc(bytes);
		if (block[at] == NULL)
			return "out of memory";
		for (size_t j = 0; j < bytes; j += 4096)
			block[at][j] = 1;
		if (i % 256 == 0 && stats_now().mapped_bytes > replacer->peak_bytes)
			replacer->peak_bytes = stats_now().mapped_bytes;
	}
	for (size_t i = 0; i < REPLACED; i++)
		tide_free(block[i]);
	return NULL;
}

/* The most that was mapped while they did. */
static uint64_t replace_by_all(uint64_t seed)
{
	struct replacer replacer[REPLACERS];
	uint64_t peak_bytes = 0;

	for (unsigned i = 0; i < REPLACERS; i++)
		replacer[i] = (struct replacer){ .random = seed + i * 7919 };
	const char *wrong = run_threads(replace, replacer, sizeof replacer[0], REPLACERS);
	cr_assert_null(wrong, "%s", wrong);
	for (unsigned i = 0; i < REPLACERS; i++) {
		if (replacer[i].peak_bytes > peak_bytes)
			peak_bytes = replacer[i].peak_bytes;
	}
	return peak_bytes;
}

/* Some 192 MiB live take 260. While the holder of the token is off its processor, those who carved
 * whatever they missed took 330 to 450, each time. Who waits for it does so in vain now and then,
 * as the processors are busy: one time out of a few is enough. */
Test(threads, medium_blocks_take_no_multiple_of_what_is_live)
{
	uint64_t peak_bytes = UINT64_MAX;

	for (unsigned round = 0; round < 5 && peak_bytes > 300 * MIB; round++) {
		peak_bytes = replace_by_all(round);
		(void)tide_purge();
	}
	cr_assert_leq(peak_bytes, 300 * MIB, "%zu MiB", (size_t)(peak_bytes / MIB));
}

/* ---- What a new thread does first ---- */

static void *first_frees(void *block)
{
	return (void *)(uintptr_t)parcel_end(*(struct parcel **)block);
}

static void *first_reallocs(void *block)
{
	struct parcel *parcel = *(struct parcel **)block;
	size_t bytes = sizeof *parcel + parcel->bytes;

	parcel = tide_realloc(parcel, bytes * 2);
	if (parcel == NULL)
		return "out of memory";
	parcel = tide_realloc(parcel, bytes);
	if (parcel == NULL)
		return "out of memory";
	return (void *)(uintptr_t)parcel_end(parcel);
}

static void *first_callocs(void *block)
{
	struct parcel *parcel = *(struct parcel **)block;
	size_t bytes = parcel->bytes;
	char *fresh = tide_calloc(1, bytes);
	bool sound = fresh != NULL && all_zero(fresh, bytes);

	tide_free(fresh);
	return sound ? (void *)(uintptr_t)parcel_end(parcel) : "calloc is not zero";
}

static void *first_asks_usable_size(void *block)
{
	struct parcel *parcel = *(struct parcel **)block;

	if (tide_malloc_usable_size(parcel) < sizeof *parcel + parcel->bytes)
		return "usable size too small";
	return (void *)(uintptr_t)parcel_end(parcel);
}

static void *first_aligns(void *block)
{
	void *fresh = tide_aligned_alloc(256, 1000);

	if (fresh == NULL || (uintptr_t)fresh % 256 != 0)
		return "not aligned";
	tide_free(fresh);
	return (void *)(uintptr_t)parcel_end(*(struct parcel **)block);
}

static void *first_purges(void *block)
{
	(void)tide_purge();
	return (void *)(uintptr_t)parcel_end(*(struct parcel **)block);
}

Test(threads, any_call_may_be_the_first_of_a_thread)
{
	static void *(*const entry[])(void *) = { first_frees,   first_reallocs,
		                                  first_callocs, first_asks_usable_size,
		                                  first_aligns,  first_purges };
	static const size_t size[] = { 1, 60, 1000, 8000, 20000, 100000, 200000, 3000000 };

	for (unsigned round = 0; round < SCALED(32); round++) {
		for (size_t e = 0; e < COUNT_OF(entry); e++) {
			struct parcel *parcel[COUNT_OF(size)];

			for (size_t i = 0; i < COUNT_OF(size); i++) {
				parcel[i] = parcel_make(size[i], i + round);
				cr_assert_not_null(parcel[i]);
			}
			const char *wrong =
			    run_threads(entry[e], parcel, sizeof parcel[0], COUNT_OF(size));
			cr_assert_null(wrong, "entry %zu: %s", e, wrong);
		}
	}
}

/* ---- Keys whose destructors allocate, before and after the allocator's own ---- */

/* As many rounds as the C library runs; ThreadSanitizer ends a thread in the last one and does not
 * survive code that runs after it. */
enum { KEYS = 6, KEY_ROUNDS = THREAD_SANITIZED ? 1 : 3 };
static pthread_key_t key[KEYS];
static atomic_uint destructor_runs;
static atomic_uint destructor_faults;

/* What a key holds: how often its destructor has run, and a parcel for the next run. */
struct at_exit {
	unsigned key;
	unsigned rounds;
	struct parcel *parcel;
};

/* Called by the C library in an order nobody promises. Setting the key again makes for another
 * round, so some rounds run after every other destructor of the thread. */
static void key_ends(void *value)
{
	struct at_exit *old = value;

	atomic_fetch_add(&destructor_runs, 1);
	if (old->parcel == NULL || parcel_end(old->parcel) != NULL)
		atomic_fetch_add(&destructor_faults, 1);
	if (old->rounds < KEY_ROUNDS) {
		struct at_exit *next = tide_calloc(1, sizeof *next);

		if (next != NULL) {
			next->key = old->key;
			next->rounds = old->rounds + 1;
			next->parcel = parcel_make(3000 * next->rounds, old->key);
			(void)pthread_setspecific(key[old->key], next);
		}
	} else {
		/* The last parcel of all goes to whoever looks. */
		struct parcel *parcel = slot_swap(&shared[old->key], parcel_make(100, old->key));
		if (parcel != NULL && parcel_end(parcel) != NULL)
			atomic_fetch_add(&destructor_faults, 1);
	}
	tide_free(old);
}

static void *use_keys(void *unused)
{
	(void)unused;
	for (unsigned k = 0; k < KEYS; k++) {
		struct at_exit *at_exit = tide_calloc(1, sizeof *at_exit);

		if (at_exit == NULL)
			return "out of memory";
		at_exit->key = k;
		at_exit->parcel = parcel_make(1000 * k, k);
		if (pthread_setspecific(key[k], at_exit) != 0)
			return "no room for a key's value";
	}
	return NULL;
}

Test(threads, key_destructors_may_allocate_and_free)
{
	enum { THREADS = 16 };
	unsigned rounds = SCALED(32);
	char unused[THREADS];

	/* Half of the keys are older than the allocator's first use, half are younger. */
	for (unsigned k = 0; k < KEYS / 2; k++)
		cr_assert_eq(pthread_key_create(&key[k], key_ends), 0);
	tide_free(tide_malloc(100));
	for (unsigned k = KEYS / 2; k < KEYS; k++)
		cr_assert_eq(pthread_key_create(&key[k], key_ends), 0);

	for (unsigned round = 0; round < rounds; round++) {
		const char *wrong = run_threads(use_keys, unused, 1, THREADS);
		cr_assert_null(wrong, "%s", wrong);
	}
	cr_assert_eq(atomic_load(&destructor_faults), 0);
	cr_assert_eq(atomic_load(&destructor_runs), rounds * THREADS * KEYS * (KEY_ROUNDS + 1));
	for (unsigned k = 0; k < KEYS; k++) {
		struct parcel *parcel = slot_swap(&shared[k], NULL);
		cr_assert_not_null(parcel);
		cr_assert_null(parcel_end(parcel));
	}
}

/* ---- Large blocks from many threads ---- */

static void *exchange_large(void *seed)
{
	uint64_t random = *(uint64_t *)seed;
	const char *wrong = NULL;

	for (unsigned i = 0; i < SCALED(1000u) && wrong == NULL; i++) {
		size_t size = 128 * KIB + random_next(&random) % (512 * KIB);
		struct parcel *parcel = parcel_make(size, random);

		if (parcel == NULL)
			return "out of memory";
		parcel = slot_swap(&shared[random_next(&random) % 32], parcel);
		if (parcel != NULL)
			wrong = parcel_end(parcel);
	}
	return (void *)(uintptr_t)wrong;
}

Test(threads, large_blocks_change_hands)
{
	uint64_t seed[4] = { 1, 2, 3, 4 };
	const char *wrong = run_threads(exchange_large, seed, sizeof seed[0], 4);

	cr_assert_null(wrong, "%s", wrong);
	for (unsigned i = 0; i < 32; i++) {
		struct parcel *parcel = slot_swap(&shared[i], NULL);
		wrong = parcel != NULL ? parcel_end(parcel) : NULL;
		cr_assert_null(wrong, "%s", wrong);
	}
	cr_assert_eq(stats_now().large_bytes, 0);
}

/* ---- Each builds and drops what is mostly its own ---- */

enum { WAVE_BLOCKS = 12000, WAVE_THREADS = 4, TRADED_ONE_IN = 16, TRADES = 256 };
static parcel_slot trade[TRADES];

/* In the order in which they were made, or the last first, or as a tree is dropped. */
static size_t wave_place(size_t i, unsigned way)
{
	if (way == 0)
		return i;
	return way == 1 ? WAVE_BLOCKS - 1 - i : i - i % 3 + (i + 1) % 3;
}

static const char *wave(struct parcel **own, uint64_t *random)
{
	static const size_t bytes[] = { 1, 14, 30, 48, 100, 250, 480 };
	size_t has_bytes = bytes[random_next(random) % COUNT_OF(bytes)];
	unsigned way = (unsigned)(random_next(random) % 3);
	const char *wrong = NULL;

	for (size_t i = 0; i < WAVE_BLOCKS && wrong == NULL; i++) {
		own[i] = parcel_make(has_bytes, random_next(random));
		if (own[i] == NULL)
			return "out of memory";
		if (i % TRADED_ONE_IN != 0)
			continue;
		own[i] = slot_swap(&trade[random_next(random) % TRADES], own[i]);
		if (own[i] == NULL) /* nothing there yet */
			own[i] = parcel_make(has_bytes, i);
	}
	for (size_t i = 0; i < WAVE_BLOCKS && wrong == NULL; i++)
		wrong = parcel_end(own[wave_place(i, way)]);
	return wrong;
}

static void *waves(void *seed)
{
	static const int rounds = SCALED(60);
	struct parcel **own = tide_malloc(WAVE_BLOCKS * sizeof *own);
	const char *wrong = own != NULL ? NULL : "out of memory";

	for (int i = 0; i < rounds && wrong == NULL; i++)
		wrong = wave(own, seed);
	tide_free(own);
	return (void *)(uintptr_t)wrong;
}

Test(threads, each_builds_and_drops_what_is_mostly_its_own)
{
	uint64_t seed[WAVE_THREADS] = { 1, 2, 3, 4 };

	cr_assert_eq(tide_gc_start(), 0);
	const char *wrong = run_threads(waves, seed, sizeof *seed, WAVE_THREADS);
	cr_assert_null(wrong, "%s", wrong);
	for (unsigned i = 0; i < TRADES; i++) {
		struct parcel *left = slot_swap(&trade[i], NULL);
		if (left != NULL)
			cr_assert_null(parcel_end(left));
	}
	(void)tide_purge();
}
