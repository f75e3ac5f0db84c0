/* What tells a right block from a wrong one.
 *
 * Each block has a record outside the heap (struct held), which goes with it from thread to thread,
 * and its contents follow from that record: word 0 is its id (owner and sequence), other words are
 * hashes of the id and their place. Small blocks are written and checked whole, and one in eight of
 * those up to 1 MiB; of the others the first 256 bytes, a word of each page and the last 8 bytes.
 * Two owners of one block, a block cut too short, a lost copy in realloc and a free list written
 * into live memory all change a word.
 *
 * Contents tell of a second owner only when somebody looks; so each block is also entered in a
 * shadow of the address space (shadow.h), which tells in the moment of the second allocation.
 *
 * A failure is printed with the story (story.h) of the block, the last events of its record. Where
 * there are two owners, the other one's record is with some other thread: its story is told when
 * that thread comes by, at the latest when it frees the block.
 *
 * Touched by  every thread, for the blocks it holds. The count of failures is shared.
 */
#ifndef STRESS_ORACLE_H
#define STRESS_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HELD_MIN_BYTES = 16 }; /* first and last word apart */
enum { HELD_EVENTS = 4 };

enum origin { FROM_MALLOC, FROM_CALLOC, FROM_ALIGNED, FROM_REALLOC };

enum event_kind { EVENT_MADE, EVENT_RESIZED, EVENT_HANDED, EVENT_RECEIVED, EVENT_FREED };

struct event {
	uint32_t ms; /* since the start */
	uint16_t thread;
	uint8_t kind;
};

struct held {
	unsigned char *block; /* NULL: this record holds nothing */
	uint64_t id;
	uint32_t bytes;
	uint32_t hint;       /* of a block from tide_malloc_in */
	uint32_t events;     /* so many so far; the last ones are in `last` */
	uint8_t align_shift; /* of aligned blocks; else 4 */
	uint8_t origin;
	uint8_t resizes;                /* these two stop at 255 */
	uint8_t hands;                  /* times it was handed over */
	bool hinted;                    /* `hint` is one */
	struct event last[HELD_EVENTS]; /* event i is in slot i % HELD_EVENTS */
};

/* What to print beside a failure, and the shadow. Once, before the threads start. */
void oracle_start(const char *seed_text, uint32_t threads);

/* The id of block number `sequence` that thread `owner` made. */
uint64_t oracle_id(uint32_t owner, uint64_t sequence);

/* Since the start. */
uint32_t oracle_clock_ms(void);
/* Something happens to the block. */
void oracle_note(struct held *held, enum event_kind kind, uint32_t thread, uint32_t ms);

/* The block was just got from the allocator, after its first note. False: some of its memory
 * belongs to another live block; it must not be written to or freed, nor be left. */
bool oracle_enter(struct held *held);
/* The block is about to be given to free or realloc (if that refuses, it is entered again).
 * False: it is not the one that was entered here; it must not be freed. */
bool oracle_leave(struct held *held);

/* Write the contents that the record wants. */
void oracle_stamp(const struct held *held);
/* Whether the contents are right, as far as they lie within `limit_bytes`. `moment` is what was
 * about to happen ("free"), `finder` the thread that looks. A failure is printed with the story of
 * the block, and the block must not be used any more, not even freed. */
bool oracle_check(const struct held *held, size_t limit_bytes, const char *moment, uint32_t finder);
/* Whether a block just made is aligned, and, from calloc, zero. Before the stamp. */
bool oracle_check_new(const struct held *held, uint32_t finder);
/* As after a failed check: the block "is not aligned", say. */
void oracle_blame(const struct held *held, const char *what);
/* Something else is wrong. */
void oracle_fail(const char *what);
/* Blocks are missing in the accounts, and no thread runs: name those that were never freed. */
void oracle_tell_lost(void);

uint64_t oracle_failures(void);

#endif
