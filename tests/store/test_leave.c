/* What has left is there for those who may have found it, and for no longer than they take. */
#include <criterion/criterion.h>

#include "support.h"

#include "store/index.h"

#include <sched.h>

enum { BODY = 64 << 10, LIMIT = 4 << 20, LEFT_MOST = 1 << 20, PUTS = 256 };

/* In the place of the index's own (the linker's --wrap): how many were to be freed already while a
 * reader could still find them. A grace period that began before then waits for no such reader. */
static unsigned removals, early;

void __real_tide_index_remove(struct cds_lfht *index, struct tide_store_entry *entry);
void __wrap_tide_index_remove(struct cds_lfht *index, struct tide_store_entry *entry);

static struct tide_store *watched;

void __wrap_tide_index_remove(struct cds_lfht *index, struct tide_store_entry *entry)
{
	removals++;
	for (struct tide_store_entry *left = watched->leaving; left != NULL;) {
		early += left == entry;
		left = left->age.next != NULL ? tide_entry_of_age(left->age.next) : NULL;
	}
	__real_tide_index_remove(index, entry);
}

Test(leave, out_of_the_index_before_it_is_to_be_freed)
{
	struct tide_store_put short_lived = { .ttl_ns = SECOND };

	watched = still_store(
	    (struct tide_store_options){ .max_entries = 5, .policy = TIDE_STORE_DROP_OLDEST });
	for (unsigned i = 0; i < 6; i++)
		cr_assert_neq(put_pattern(watched, 10, i, i == 5 ? &short_lived : NULL), 0);
	cr_assert_eq(removals, 1, "dropped");
	cr_assert_eq(tide_store_remove(watched, 3), 0);
	cr_assert_eq(removals, 2);
	clock_now_ns += 2 * SECOND;
	(void)tide_store_work(watched);
	cr_assert_eq(removals, 3, "expired");
	cr_assert_eq(stats_of(watched).expired, 1);
	tide_store_destroy(watched);
	cr_assert_eq(removals, 6, "destroyed");
	cr_assert_eq(early, 0);
}

static struct tide_store *small_store(void)
{
	watched = still_store(
	    (struct tide_store_options){ .limit_bytes = LIMIT, .policy = TIDE_STORE_DROP_OLDEST });
	return watched;
}

/* A store that nobody works for does not grow. */
Test(leave, puts_free_what_they_drop)
{
	struct tide_store *store = small_store();

	for (unsigned i = 0; i < PUTS; i++) {
		cr_assert_eq(put_pattern(store, BODY, i, NULL), i + 1);
		cr_assert_leq(stats_of(store).leaving_bytes, LEFT_MOST);
	}
	cr_assert_eq(stats_of(store).entries, LIMIT / BODY);
	tide_store_destroy(store);
}

Test(leave, puts_free_entries_without_bodies)
{
	struct tide_store *store = still_store(
	    (struct tide_store_options){ .max_entries = 4, .policy = TIDE_STORE_DROP_OLDEST });

	watched = store;
	for (unsigned i = 0; i < 5000; i++) {
		cr_assert_eq(put_pattern(store, 0, i, NULL), i + 1);
		cr_assert_leq(stats_of(store).leaving_entries, 1024);
	}
	tide_store_destroy(store);
}

static void *put_on(void *arg)
{
	for (unsigned i = LIMIT / BODY; i < PUTS; i++) {
		if (put_pattern(arg, BODY, i, NULL) != i + 1)
			return "a put failed";
	}
	return NULL;
}

/* What a reader holds stays, and is not piled up beside the limit. */
Test(leave, puts_wait_for_who_reads_what_they_drop, .timeout = 60)
{
	struct tide_store *store = small_store();
	pthread_t putter;
	void *wrong;

	for (unsigned i = 0; i < LIMIT / BODY; i++)
		cr_assert_eq(put_pattern(store, BODY, i, NULL), i + 1);
	tide_store_read_begin(store);
	struct tide_store_entry *first = tide_store_get(store, 1);
	cr_assert_eq(pthread_create(&putter, NULL, put_on, store), 0);
	uint64_t puts = LIMIT / BODY + LEFT_MOST / BODY + 1;
	while (stats_of(store).puts < puts)
		(void)sched_yield();
	for (unsigned i = 0; i < 200; i++) {
		cr_assert_eq(stats_of(store).puts, puts, "the next one waits");
		cr_assert_eq(stats_of(store).leaving_bytes, LEFT_MOST + BODY);
		cr_assert_null(body_fault(first, BODY, 0));
		(void)sched_yield();
	}
	tide_store_read_end(store);
	cr_assert_eq(pthread_join(putter, &wrong), 0);
	cr_assert_null(wrong, "%s", (char *)wrong);
	cr_assert_leq(stats_of(store).leaving_bytes, LEFT_MOST);
	tide_store_destroy(store);
}

static void *work_once(void *arg)
{
	(void)tide_store_work(arg);
	return NULL;
}

/* An old heap does not go under a reader who holds a body of it that was removed. */
Test(leave, an_old_heap_stays_for_a_removed_body, .timeout = 60)
{
	struct tide_store *store = still_store((struct tide_store_options){
	    .defragment_percent = UINT32_MAX, .defragment_slice_ns = 1 });
	pthread_t worker;

	watched = store;
	for (unsigned i = 1; i <= 2; i++)
		cr_assert_eq(put_pattern(store, 30000, i, NULL), i);
	cr_assert_eq(tide_store_defragment(store, 0), EINPROGRESS);
	(void)tide_store_work(store);
	cr_assert_eq(stats_of(store).moved_entries, 1);

	tide_store_read_begin(store);
	struct tide_store_entry *entry = tide_store_get(store, 2);
	cr_assert_eq(tide_store_remove(store, 2), 0);
	clock_now_ns += SECOND;
	cr_assert_eq(pthread_create(&worker, NULL, work_once, store), 0);
	for (unsigned i = 0; i < 200; i++) {
		cr_assert_eq(stats_of(store).body_heaps, 2);
		cr_assert_eq(stats_of(store).leaving_entries, 1);
		cr_assert_null(body_fault(entry, 30000, 2));
		(void)sched_yield();
	}
	tide_store_read_end(store);
	cr_assert_eq(pthread_join(worker, NULL), 0);
	cr_assert_eq(stats_of(store).body_heaps, 1);
	cr_assert_eq(stats_of(store).defragment_ends, 1);
	cr_assert_eq(stats_of(store).leaving_entries, 0);
	assert_body(store, 1, 30000, 1);
	tide_store_destroy(store);
}
