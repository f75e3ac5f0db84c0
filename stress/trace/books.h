/* Which block a call is about: addresses come again and again, blocks do not.
 *
 * Calls are entered in the order in which they began. A realloc that moves ends one block when it
 * begins, and begins another when it is over: an address that it gives up may be another thread's
 * by then.
 *
 * Each block has a place, a number that is free again after its end: not at once, but when so many
 * calls have passed as two threads may be out of step in a replay (`apart`). Then none of them can
 * take a block for the one that had its place before.
 *
 * Touched by  one thread.
 */
#ifndef TRACE_BOOKS_H
#define TRACE_BOOKS_H

#include "format.h"

#include <stdbool.h>
#include <stddef.h>

#define BOOKS_NO_PLACE UINT32_MAX

struct books_block {
	uint64_t address; /* 0: none */
	uint64_t bytes;
	uint64_t birth; /* blocks that were before it */
	uint32_t place;
};

/* What a call came to. */
struct books_change {
	struct books_block ended, begun; /* address 0: none */
	bool is_foreign;                 /* it gave back a block that is not in the trace */
	bool has_failed;                 /* it got none, and gave none back */
};

struct books {
	uint64_t calls, failed;
	uint64_t blocks; /* that began */
	uint64_t bytes;  /* of them */
	uint64_t live_bytes, live_blocks;
	uint64_t peak_bytes; /* of live ones, and how many they were then, and after which call */
	uint64_t peak_blocks, peak_call;
	uint64_t foreign;  /* ends of blocks that are not in the trace */
	uint64_t overlaps; /* blocks at an address where one was live: its end was lost */
	uint32_t places;   /* that were ever used */
	/* All from here on is for books.c. */
	struct books_block *table; /* open addressing */
	size_t room, used;
	struct books_later *later; /* second halves of reallocs */
	size_t laters, later_room;
	struct books_rest *rest; /* places that come free, in that order */
	size_t rest_first, rests, rest_room;
	uint64_t apart;
};

bool books_open(struct books *books, uint64_t apart);
/* False: no memory. */
bool books_enter(struct books *books, const struct trace_event *event, struct books_change *change);
void books_close(struct books *books);

#endif
