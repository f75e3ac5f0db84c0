/* The timing wheel against a model that looks at every item. */
#include <criterion/criterion.h>

#include "../api/support.h"
#include "store/wheel.h"

enum { ITEMS = 500 };

#define TICK_NS (UINT64_C(1) << TIDE_WHEEL_TICK_SHIFT)

static struct tide_wheel wheel;
static struct tide_wheel_item items[ITEMS];
static bool present[ITEMS];

static uint64_t end_of(unsigned i)
{
	return tide_load_relaxed(&items[i].expires_ns);
}

static void add(unsigned i, uint64_t ns)
{
	tide_store_relaxed(&items[i].expires_ns, ns);
	tide_wheel_add(&wheel, &items[i]);
	present[i] = true;
}

static void withdraw(unsigned i)
{
	tide_wheel_remove(&wheel, &items[i]);
	present[i] = false;
}

/* Take all that is due, and compare. */
static void advance(uint64_t now_ns, unsigned budget_each)
{
	for (;;) {
		unsigned budget = budget_each;
		struct tide_wheel_item *item = tide_wheel_take_due(&wheel, now_ns, &budget);

		if (item == NULL && budget > 0)
			break;
		if (item == NULL)
			continue;
		unsigned i = (unsigned)(item - items);
		cr_assert(present[i]);
		cr_assert_leq(end_of(i), now_ns, "not over yet");
		present[i] = false;
	}
	uint64_t first_ns = UINT64_MAX;
	for (unsigned i = 0; i < ITEMS; i++) {
		if (!present[i])
			continue;
		cr_assert_gt(end_of(i), now_ns / TICK_NS * TICK_NS, "over for a tick");
		if (end_of(i) < first_ns)
			first_ns = end_of(i);
	}
	/* It wants to be looked at before the first is late, and not without need. */
	uint64_t next_ns = tide_wheel_next_ns(&wheel);
	cr_assert_eq(next_ns == UINT64_MAX, first_ns == UINT64_MAX);
	if (first_ns != UINT64_MAX && first_ns < UINT64_MAX - TICK_NS)
		cr_assert_lt(next_ns, first_ns + TICK_NS);
	cr_assert(next_ns > now_ns);
	cr_assert(tide_wheel_is_valid(&wheel));
}

Test(wheel, each_is_due_in_the_tick_after_its_end)
{
	static const uint64_t lives_ns[] = { 0,
		                             1,
		                             TICK_NS - 1,
		                             TICK_NS,
		                             TICK_NS + 1,
		                             63 * TICK_NS,
		                             64 * TICK_NS,
		                             65 * TICK_NS,
		                             4095 * TICK_NS,
		                             4096 * TICK_NS,
		                             UINT64_C(1) << 40,
		                             UINT64_C(1) << 62 };
	uint64_t start_ns = 12345678901234567;

	for (unsigned k = 0; k < COUNT_OF(lives_ns); k++) {
		uint64_t end_ns = start_ns + lives_ns[k];

		tide_wheel_init(&wheel, start_ns);
		add(0, end_ns);
		if (lives_ns[k] > 0)
			advance(end_ns - 1 - (end_ns - 1 - start_ns) / 2, ITEMS);
		advance(end_ns + TICK_NS, ITEMS);
		cr_assert(!present[0], "life %llu", (unsigned long long)lives_ns[k]);
	}
}

Test(wheel, the_last_time_that_there_is)
{
	tide_wheel_init(&wheel, UINT64_MAX - 100 * TICK_NS);
	add(0, UINT64_MAX - 1);
	add(1, UINT64_MAX - 50 * TICK_NS);
	advance(UINT64_MAX - 40 * TICK_NS, ITEMS);
	cr_assert(!present[1]);
	cr_assert(present[0]);
}

Test(wheel, a_model_agrees)
{
	uint64_t seed = 7;
	uint64_t now_ns = 999 * TICK_NS + 5;

	tide_wheel_init(&wheel, now_ns);
	for (unsigned round = 0; round < SCALED(20000); round++) {
		unsigned i = (unsigned)(random_next(&seed) % ITEMS);

		switch (random_next(&seed) % 4) {
		case 0:
		case 1:
			if (present[i])
				withdraw(i);
			add(i,
			    now_ns + random_next(&seed) % (UINT64_C(1) << random_next(&seed) % 50));
			break;
		case 2:
			if (present[i])
				withdraw(i);
			break;
		default:
			now_ns += random_next(&seed) % (UINT64_C(1) << random_next(&seed) % 45);
			advance(now_ns, 1 + (unsigned)(random_next(&seed) % 8));
		}
	}
	now_ns += UINT64_C(1) << 51;
	advance(now_ns, 8);
	cr_assert_eq(tide_wheel_next_ns(&wheel), UINT64_MAX);
}

/* A slot of a higher level is dealt out a little at a time, also while items come and go. */
Test(wheel, a_full_slot_is_dealt_out_in_parts)
{
	uint64_t at_ns = 5000 * TICK_NS, now_ns = TICK_NS;
	unsigned calls = 0, taken = 0;

	tide_wheel_init(&wheel, now_ns);
	for (unsigned i = 0; i < ITEMS; i++)
		add(i, at_ns + i * 3 * TICK_NS);
	withdraw(17);
	for (;;) {
		unsigned budget = 10;
		struct tide_wheel_item *item = tide_wheel_take_due(&wheel, at_ns, &budget);

		if (item == NULL && budget > 0)
			break;
		calls++;
		if (calls == 3)
			withdraw(400); /* it waits to be dealt out, perhaps */
		if (item != NULL) {
			present[item - items] = false;
			taken++;
		}
	}
	cr_assert_eq(taken, 1);
	cr_assert_gt(calls, 5);
	advance(at_ns, 10);
	advance(at_ns + ITEMS * 3 * TICK_NS, 10);
	for (unsigned i = 0; i < ITEMS; i++)
		cr_assert(!present[i]);
}
