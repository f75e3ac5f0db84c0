/* The books tell blocks apart that come and go at the same addresses. */
#include "trace/books.h"

#include <criterion/criterion.h>

static struct books books;
static struct books_change change;

static void enter(struct trace_event event)
{
	cr_assert(books_enter(&books, &event, &change));
}

static void get(uint64_t time_ns, uint64_t address, uint64_t bytes)
{
	enter((struct trace_event){
	    .function = TRACE_MALLOC, .time_ns = time_ns, .size = bytes, .result = address });
}

static void give(uint64_t time_ns, uint64_t address)
{
	enter((struct trace_event){ .function = TRACE_FREE, .time_ns = time_ns, .old = address });
}

static void resize(uint64_t time_ns, uint64_t took_ns, uint64_t old, uint64_t bytes, uint64_t now)
{
	enter((struct trace_event){ .function = TRACE_REALLOC,
	                            .time_ns = time_ns,
	                            .took_ns = took_ns,
	                            .old = old,
	                            .size = bytes,
	                            .result = now });
}

Test(books, count_what_is_live_and_the_most_of_it)
{
	cr_assert(books_open(&books, 0));
	get(1, 0x1000, 100);
	get(2, 0x2000, 50);
	give(3, 0x1000);
	cr_assert_eq(change.ended.bytes, 100);
	cr_assert_eq(change.ended.birth, 0);
	get(4, 0x3000, 30);
	cr_assert_eq(books.live_bytes, 80);
	cr_assert_eq(books.live_blocks, 2);
	cr_assert_eq(books.peak_bytes, 150);
	cr_assert_eq(books.peak_blocks, 2);
	cr_assert_eq(books.peak_call, 2);
	cr_assert_eq(books.bytes, 180);
	books_close(&books);
}

/* The other thread's block is at the address that realloc gave up in its midst. */
Test(books, follow_a_realloc_that_another_thread_overtakes)
{
	cr_assert(books_open(&books, 0));
	get(1, 0x1000, 100);
	resize(10, 50, 0x1000, 200, 0x2000);
	uint32_t moved = change.begun.place;
	get(20, 0x1000, 7);
	give(30, 0x1000);
	cr_assert_eq(change.ended.bytes, 7);
	give(70, 0x2000);
	cr_assert_eq(change.ended.bytes, 200);
	cr_assert_eq(change.ended.place, moved);
	cr_assert_eq(books.overlaps + books.foreign, 0);
	cr_assert_eq(books.live_blocks, 0);
	/* The same the other way round: it gets what another thread gives back meanwhile. */
	get(100, 0x5000, 5);
	get(101, 0x6000, 6);
	resize(110, 50, 0x5000, 500, 0x6000);
	give(120, 0x6000);
	cr_assert_eq(change.ended.bytes, 6);
	give(170, 0x6000);
	cr_assert_eq(change.ended.bytes, 500);
	cr_assert_eq(books.overlaps + books.foreign, 0);
	books_close(&books);
}

Test(books, know_what_a_failed_or_empty_realloc_leaves)
{
	cr_assert(books_open(&books, 0));
	get(1, 0x1000, 100);
	resize(2, 1, 0x1000, UINT64_MAX, 0);
	cr_assert(change.has_failed);
	cr_assert_eq(books.live_bytes, 100);
	resize(4, 1, 0x1000, 0, 0);
	cr_assert_eq(change.ended.bytes, 100);
	cr_assert_eq(books.live_blocks, 0);
	cr_assert_eq(books.failed, 1);
	books_close(&books);
}

Test(books, tell_of_what_is_not_in_the_trace)
{
	cr_assert(books_open(&books, 0));
	give(1, 0x1000);
	cr_assert(change.is_foreign);
	get(2, 0x2000, 10);
	get(3, 0x2000, 20); /* the end of the first was lost */
	cr_assert_eq(books.foreign, 1);
	cr_assert_eq(books.overlaps, 1);
	give(4, 0x2000);
	cr_assert_eq(change.ended.bytes, 20);
	books_close(&books);
}

Test(books, keep_a_place_from_use_for_as_long_as_threads_may_be_apart)
{
	cr_assert(books_open(&books, 3));
	get(1, 0x1000, 1);
	uint32_t place = change.begun.place;
	give(2, 0x1000); /* call 2: the place comes free with call 6 */
	for (uint64_t call = 3; call < 6; call++) {
		get(call, 0x1000 * call, 1);
		cr_assert_neq(change.begun.place, place, "call %d", (int)call);
	}
	get(6, 0x9000, 1);
	cr_assert_eq(change.begun.place, place);
	books_close(&books);
}

/* Enough to grow, in an order that leaves and fills gaps everywhere in the table. */
Test(books, find_each_of_many)
{
	enum { BLOCKS = 20000 };

	cr_assert(books_open(&books, 0));
	for (uint64_t i = 1; i <= BLOCKS; i++)
		get(i, i * 48, i);
	for (uint64_t i = 1; i <= BLOCKS; i++) {
		uint64_t which = i * 7919 % BLOCKS + 1; /* prime to it: each once */

		give(BLOCKS + i, which * 48);
		cr_assert_eq(change.ended.bytes, which);
	}
	cr_assert_eq(books.live_blocks, 0);
	cr_assert_eq(books.foreign, 0);
	books_close(&books);
}
