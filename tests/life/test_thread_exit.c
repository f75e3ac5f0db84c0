/* A thread's end: its destructors free and allocate after the allocator's own has run, again and
 * again. */
#include "support.h"

TestSuite(thread_exit, .timeout = 100);

/* Rounds of destructors; the C library makes four, and ThreadSanitizer's own is in the last. */
enum { ROUNDS = SANITIZED ? 2 : 3 };
enum { KEYS = 3, THREADS = SANITIZED ? 300 : 4000, AT_ONCE = 3, BLOCKS = 40 };
static pthread_key_t key[KEYS];
static atomic_uint destroyed;
static atomic_uint unsound;

/* Frees its own, and leaves something for the next round of destructors. */
static void destroy(void *arg)
{
	struct parcel *parcel = arg;
	unsigned rounds_left = (unsigned)(parcel->seed % 4);
	unsigned which = (unsigned)(parcel->bytes % KEYS);

	if (parcel_end(parcel) != NULL)
		atomic_fetch_add(&unsound, 1);
	atomic_fetch_add(&destroyed, 1);
	for (unsigned i = 0; i < BLOCKS; i++) {
		struct parcel *temporary = parcel_make(20 * i, i);
		if (temporary == NULL || parcel_end(temporary) != NULL)
			atomic_fetch_add(&unsound, 1);
	}
	if (rounds_left > 0)
		(void)pthread_setspecific(key[which],
		                          parcel_make(100 * KEYS + which, rounds_left - 1));
}

static void *live_and_die(void *seed)
{
	uint64_t random = *(uint64_t *)seed;
	const char *wrong = NULL;

	for (unsigned i = 0; i < BLOCKS && wrong == NULL; i++) {
		struct parcel *parcel = parcel_make(random_size(&random, 12), random);
		wrong = parcel != NULL ? parcel_end(parcel) : "out of memory";
	}
	for (unsigned i = 0; i < KEYS; i++) {
		uint64_t rounds_left = random_next(&random) % ROUNDS;
		(void)pthread_setspecific(key[i], parcel_make(50 * KEYS + i, rounds_left));
	}
	return (void *)(uintptr_t)wrong;
}

static void die_in_numbers(bool keys_first)
{
	static struct samples samples;
	uint64_t seed[AT_ONCE];

	memset(&samples, 0, sizeof samples);
	size_t base = resident_bytes();
	/* Keys made before the allocator's are destroyed before it, those made after, after. */
	if (!keys_first)
		tide_free(tide_malloc(1));
	for (unsigned i = 0; i < KEYS; i++)
		cr_assert_eq(pthread_key_create(&key[i], destroy), 0);
	for (unsigned i = 0; i < THREADS; i += AT_ONCE) {
		for (unsigned k = 0; k < AT_ONCE; k++)
			seed[k] = i + k;
		const char *wrong = run_threads(live_and_die, seed, sizeof seed[0], AT_ONCE);
		cr_assert_null(wrong, "%s", wrong);
		if (i % (AT_ONCE * 10) == 0)
			sample(&samples);
	}
	cr_assert_eq(atomic_load(&unsound), 0);
	cr_assert_geq(atomic_load(&destroyed), THREADS * KEYS);
	if (samples.count >= 30)
		assert_plateau(&samples);
	cr_assert_leq(caches_made(), 64);
	assert_bound(base, 0, 8 * KIB);
	assert_nothing_left(base);
}

Test(thread_exit, destructors_after_the_allocator_s)
{
	die_in_numbers(false);
}

Test(thread_exit, destructors_before_the_allocator_s)
{
	die_in_numbers(true);
}
