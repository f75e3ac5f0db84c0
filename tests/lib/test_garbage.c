/* garbage.h: bins arrive in order, each once, at once; the account agrees; and who takes over
 * from a producer that vanished loses none. */
#include "garbage.h"

#include "../api/support.h"

#include <criterion/criterion.h>
#include <sched.h>

enum { CLS = 4, BINS = SCALED(200000) };

static struct tide_garbage garbage;

static struct tide_bin *bin_of(uintptr_t serial)
{
	struct tide_bin *bin = tide_bin_new(CLS, TIDE_BIN_SLOTS);

	if (bin != NULL)
		tide_bin_add(bin, (void *)(serial * 16));
	return bin;
}

static void start(void)
{
	struct tide_bin *first = tide_bin_new(TIDE_CLASS_NONE, 0);

	cr_assert_not_null(first);
	tide_garbage_init(&garbage, first);
}

/* The serial of the next bin, 0 when there is none. */
static uintptr_t consume(void)
{
	struct tide_bin *spent;
	struct tide_bin *bin = tide_garbage_consume(&garbage, &spent);

	if (bin == NULL)
		return 0;
	uintptr_t serial = bin->count == 1 ? (uintptr_t)tide_bin_take(bin) / 16 : UINTPTR_MAX;
	tide_bin_recycle(spent);
	return serial;
}

Test(garbage, a_bin_is_there_as_soon_as_it_is_published, .init = start)
{
	cr_assert(tide_garbage_is_empty(&garbage));
	cr_assert_eq(consume(), 0u);
	for (uintptr_t i = 1; i < 100; i++) {
		tide_garbage_publish(&garbage, bin_of(i));
		cr_assert(!tide_garbage_is_empty(&garbage));
		cr_assert_eq(consume(), i);
		cr_assert(tide_garbage_is_empty(&garbage));
		cr_assert_eq(consume(), 0u);
	}
}

Test(garbage, bins_arrive_in_order, .init = start)
{
	uintptr_t published = 0;
	uintptr_t consumed = 0;
	uint64_t random = 3;

	for (int i = 0; i < 20000; i++) {
		if (random_next(&random) & 1) {
			tide_garbage_publish(&garbage, bin_of(++published));
		} else {
			uintptr_t got = consume();
			cr_assert_eq(got, published > consumed ? consumed + 1 : 0);
			consumed += got != 0;
		}
		cr_assert_eq(tide_garbage_backlog_racy(&garbage),
		             (published - consumed) * tide_class_bytes(CLS));
	}
}

/* The producer's first store is done, the second is not: fork and sudden death leave this. */
Test(garbage, a_vanished_producers_bin_is_found_and_none_after_it_is_lost, .init = start)
{
	tide_garbage_publish(&garbage, bin_of(1));
	struct tide_bin *half = bin_of(2);
	tide_store_relaxed(&half->node.next, NULL);
	tide_store_seq_cst(&garbage.tail->node.next, &half->node);

	tide_garbage_repair(&garbage);
	cr_assert_eq(garbage.tail, half);
	tide_garbage_publish(&garbage, bin_of(3));
	for (uintptr_t i = 1; i <= 3; i++)
		cr_assert_eq(consume(), i);
	cr_assert_eq(consume(), 0u);
}

Test(garbage, repair_of_a_whole_queue_changes_nothing, .init = start)
{
	tide_garbage_repair(&garbage);
	cr_assert(tide_garbage_is_empty(&garbage));
	tide_garbage_publish(&garbage, bin_of(1));
	tide_garbage_repair(&garbage);
	tide_garbage_publish(&garbage, bin_of(2));
	cr_assert_eq(consume(), 1u);
	cr_assert_eq(consume(), 2u);
}

static void *produce(void *unused)
{
	(void)unused;
	for (uintptr_t i = 1; i <= BINS; i++) {
		struct tide_bin *bin = bin_of(i);
		if (bin == NULL)
			return "no memory for a bin";
		tide_garbage_publish(&garbage, bin);
	}
	return NULL;
}

Test(garbage, one_thread_publishes_while_another_consumes, .init = start, .timeout = 60)
{
	pthread_t producer;
	void *wrong;

	cr_assert_eq(pthread_create(&producer, NULL, produce, NULL), 0);
	for (uintptr_t i = 1; i <= BINS;) {
		uintptr_t got = consume();

		if (got == 0) {
			sched_yield();
			continue;
		}
		cr_assert_eq(got, i);
		i++;
	}
	cr_assert_eq(pthread_join(producer, &wrong), 0);
	cr_assert_null(wrong);
	cr_assert_eq(consume(), 0u);
	cr_assert_eq(tide_garbage_backlog_racy(&garbage), 0u);
	cr_assert_eq(tide_load_relaxed(&garbage.drained_bytes), BINS * tide_class_bytes(CLS));
}
