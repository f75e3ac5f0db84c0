/* See books.h. */
#include "books.h"

#include "reader.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM_FIRST = 1 << 12 };

struct books_later {
	uint64_t time_ns;
	struct books_block block;
};

struct books_rest {
	uint64_t call; /* with which the block ended */
	uint32_t place;
};

bool books_open(struct books *books, uint64_t apart)
{
	*books = (struct books){ .apart = apart, .room = ROOM_FIRST };
	books->table = calloc(books->room, sizeof *books->table);
	return books->table != NULL;
}

void books_close(struct books *books)
{
	free(books->table);
	free(books->later);
	free(books->rest);
	*books = (struct books){ 0 };
}

/* ---- the table */

static size_t place_of(const struct books *books, uint64_t address)
{
	return (size_t)((address >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (books->room - 1);
}

/* Where it is, or would be. */
static size_t find(const struct books *books, uint64_t address)
{
	size_t at = place_of(books, address);

	while (books->table[at].address != 0 && books->table[at].address != address)
		at = (at + 1) & (books->room - 1);
	return at;
}

static bool grow(struct books *books)
{
	struct books old = *books;

	books->room *= 2;
	books->table = calloc(books->room, sizeof *books->table);
	if (books->table == NULL) {
		*books = old;
		return false;
	}
	for (size_t i = 0; i < old.room; i++) {
		if (old.table[i].address != 0)
			books->table[find(books, old.table[i].address)] = old.table[i];
	}
	free(old.table);
	return true;
}

static bool put(struct books *books, const struct books_block *block)
{
	if (2 * books->used >= books->room && !grow(books))
		return false;
	size_t at = find(books, block->address);
	if (books->table[at].address != 0) {
		books->overlaps++; /* it stays live, as far as the trace tells */
		books->used--;
	}
	books->table[at] = *block;
	books->used++;
	return true;
}

/* Those behind move up, so that nothing lies behind a gap. */
static bool take(struct books *books, uint64_t address, struct books_block *block)
{
	size_t mask = books->room - 1, gap = find(books, address);

	*block = books->table[gap];
	if (block->address == 0)
		return false;
	for (size_t at = (gap + 1) & mask; books->table[at].address != 0; at = (at + 1) & mask) {
		size_t wanted = place_of(books, books->table[at].address);

		if (((at - wanted) & mask) < ((at - gap) & mask))
			continue;
		books->table[gap] = books->table[at];
		gap = at;
	}
	books->table[gap].address = 0;
	books->used--;
	return true;
}

/* ---- places */

static bool place_rest(struct books *books, uint32_t place)
{
	if (books->rests == books->rest_room) {
		size_t more = books->rest_room == 0 ? ROOM_FIRST : 2 * books->rest_room;
		struct books_rest *moved = malloc(more * sizeof *moved);

		if (moved == NULL)
			return false;
		for (size_t i = 0; i < books->rests; i++)
			moved[i] = books->rest[(books->rest_first + i) & (books->rest_room - 1)];
		free(books->rest);
		books->rest = moved;
		books->rest_first = 0;
		books->rest_room = more;
	}
	books->rest[(books->rest_first + books->rests++) & (books->rest_room - 1)] =
	    (struct books_rest){ .call = books->calls, .place = place };
	return true;
}

static uint32_t place_take(struct books *books)
{
	if (books->rests == 0 || books->calls - books->rest[books->rest_first].call <= books->apart)
		return books->places++;
	uint32_t place = books->rest[books->rest_first].place;
	books->rest_first = (books->rest_first + 1) & (books->rest_room - 1);
	books->rests--;
	return place;
}

/* ---- calls */

static bool later_add(struct books *books, uint64_t time_ns, const struct books_block *block)
{
	if (books->laters == books->later_room) {
		size_t more = books->later_room == 0 ? 16 : 2 * books->later_room;
		void *moved = realloc(books->later, more * sizeof *books->later);

		if (moved == NULL)
			return false;
		books->later = moved;
		books->later_room = more;
	}
	books->later[books->laters++] = (struct books_later){ time_ns, *block };
	return true;
}

/* The blocks that reallocs got up to now: a thread is in one at a time, so they are few. */
static bool later_put(struct books *books, uint64_t time_ns)
{
	for (;;) {
		size_t least = 0;

		for (size_t i = 1; i < books->laters; i++) {
			if (books->later[i].time_ns < books->later[least].time_ns)
				least = i;
		}
		if (books->laters == 0 || books->later[least].time_ns >= time_ns)
			return true;
		struct books_block block = books->later[least].block;
		books->later[least] = books->later[--books->laters];
		if (!put(books, &block))
			return false;
	}
}

static bool end_block(struct books *books, uint64_t address, struct books_change *change)
{
	bool is_there = take(books, address, &change->ended);

	/* What a thread got from realloc it may free within the same tick of the clock. */
	if (!is_there && books->laters != 0) {
		if (!later_put(books, UINT64_MAX))
			return false;
		is_there = take(books, address, &change->ended);
	}
	if (!is_there) {
		change->is_foreign = true;
		books->foreign++;
		return true;
	}
	books->live_bytes -= change->ended.bytes;
	books->live_blocks--;
	return place_rest(books, change->ended.place);
}

static bool begin_block(struct books *books, const struct trace_event *event,
                        struct books_change *change)
{
	uint64_t bytes = trace_event_bytes(event);

	change->begun = (struct books_block){ .address = event->result,
		                              .bytes = bytes,
		                              .birth = books->blocks++,
		                              .place = place_take(books) };
	books->bytes += bytes;
	books->live_bytes += bytes;
	books->live_blocks++;
	if (books->live_bytes > books->peak_bytes) {
		books->peak_bytes = books->live_bytes;
		books->peak_blocks = books->live_blocks;
		books->peak_call = books->calls;
	}
	if (event->took_ns != 0 && event->old != event->result)
		return later_add(books, event->time_ns + event->took_ns, &change->begun);
	return put(books, &change->begun);
}

bool books_enter(struct books *books, const struct trace_event *event, struct books_change *change)
{
	bool is_realloc = (trace_parts(event->function) & TRACE_TOOK) != 0;
	bool gets = (trace_parts(event->function) & TRACE_RESULT) != 0;

	memset(change, 0, sizeof *change);
	if (event->function == TRACE_THREAD_END)
		return true;
	books->calls++;
	if (books->laters != 0 && !later_put(books, event->time_ns))
		return false;
	/* To no size it is free; else what was not resized is still there. */
	if (gets && event->result == 0 &&
	    !(is_realloc && event->old != 0 && trace_event_bytes(event) == 0)) {
		change->has_failed = true;
		books->failed++;
		return true;
	}
	if (event->old != 0 && !end_block(books, event->old, change))
		return false;
	return event->result == 0 || begin_block(books, event, change);
}
