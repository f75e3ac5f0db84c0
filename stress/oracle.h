/* What tells a right block from a wrong one.
 *
 * Each block has a record outside the heap (struct held), which goes with it from thread to thread,
 * and its contents follow from that record: word 0 is its id (owner and sequence), other words are
 * hashes of the id and their place. Small blocks are written and checked whole; of larger ones the
 * first 256 bytes, a word of each page and the last 8 bytes. Two owners of one block, a block cut
 * too short, a lost copy in realloc and a free list written into live memory all change a word.
 *
 * Touched by  every thread, for the blocks it holds. The count of failures is shared.
 */
#ifndef STRESS_ORACLE_H
#define STRESS_ORACLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HELD_MIN_BYTES = 16 }; /* first and last word apart */

enum origin { FROM_MALLOC, FROM_CALLOC, FROM_ALIGNED, FROM_REALLOC };

struct held {
	unsigned char *block; /* NULL: this record holds nothing */
	uint64_t id;
	uint32_t bytes;
	uint8_t align_shift; /* of aligned blocks; else 4 */
	uint8_t origin;
	uint8_t resizes; /* these two stop at 255 */
	uint8_t hands;   /* times it was handed over */
};

/* What to print beside a failure. Set once, before the threads start. */
void oracle_start(const char *seed_text, uint32_t threads);

/* The id of block number `sequence` that thread `owner` made. */
uint64_t oracle_id(uint32_t owner, uint64_t sequence);

/* Write the contents that the record wants. */
void oracle_stamp(const struct held *held);
/* Whether the contents are right, as far as they lie within `limit_bytes`. `moment` is what was
 * about to happen ("free"), `finder` the thread that looks. A failure is printed with the story of
 * the block, and the block must not be used any more, not even freed. */
bool oracle_check(const struct held *held, size_t limit_bytes, const char *moment, uint32_t finder);
/* Whether a block just made is aligned, and, from calloc, zero. Before the stamp. */
bool oracle_check_new(const struct held *held, uint32_t finder);
/* As after a failed check: something else is wrong. */
void oracle_fail(const char *what);

uint64_t oracle_failures(void);

/* Placeholders: no story is kept, and no table of live blocks. */
enum event_kind { EVENT_MADE, EVENT_RESIZED, EVENT_HANDED, EVENT_RECEIVED, EVENT_FREED };

static inline void oracle_note(struct held *held, enum event_kind kind, uint32_t thread)
{
	(void)held;
	(void)kind;
	(void)thread;
}

static inline void oracle_enter(struct held *held)
{
	(void)held;
}

static inline bool oracle_leave(struct held *held)
{
	(void)held;
	return true;
}

#endif
