/* Thousands of threads that live for a moment and leave blocks behind, for others to free. */
#include "support.h"

TestSuite(short_threads, .timeout = 100);

enum { THREADS = SANITIZED ? 800 : 10000, AT_ONCE = 4 };
enum { BLOCKS = 60, LEFT_BEHIND = 20, MAX_SHIFT = 11 };
static struct channel channel;

static void *live_briefly(void *seed)
{
	uint64_t random = *(uint64_t *)seed;
	struct parcel *own[BLOCKS];
	const char *wrong = NULL;

	for (unsigned i = 0; i < BLOCKS; i++) {
		own[i] = parcel_make(random_size(&random, MAX_SHIFT), random);
		if (own[i] == NULL)
			return (void *)(uintptr_t) "out of memory";
	}
	for (unsigned i = 0; i < BLOCKS && wrong == NULL; i++) {
		struct parcel *parcel = own[i];
		/* What is left behind takes the place of what another thread left. */
		if (i < LEFT_BEHIND) {
			uint64_t at = random_next(&random) % CHANNEL_SLOTS;
			parcel = atomic_exchange(&channel.slot[at], parcel);
		}
		if (parcel != NULL)
			wrong = parcel_end(parcel);
	}
	return (void *)(uintptr_t)wrong;
}

Test(short_threads, they_leave_nothing_but_their_blocks)
{
	static struct samples samples;
	uint64_t seed[AT_ONCE];

	memset(&samples, 0, sizeof samples);
	size_t base = resident_bytes();
	for (unsigned i = 0; i < THREADS; i += AT_ONCE) {
		for (unsigned k = 0; k < AT_ONCE; k++)
			seed[k] = i + k;
		const char *wrong = run_threads(live_briefly, seed, sizeof seed[0], AT_ONCE);
		cr_assert_null(wrong, "%s", wrong);
		if (i % (THREADS / 100) == 0)
			sample(&samples);
		if (i == THREADS / 2)
			assert_audit();
	}
	assert_plateau(&samples);
	/* Caches are used again: there are about as many as threads were alive at once. */
	cr_assert_leq(caches_made(), 4 * AT_ONCE);
	assert_bound(base, CHANNEL_SLOTS * (size_t)(2 * TIDE_PAGE_BYTES), 4 * KIB);
	const char *wrong = channel_empty(&channel);
	cr_assert_null(wrong, "%s", wrong);
	assert_nothing_left(base);
}
