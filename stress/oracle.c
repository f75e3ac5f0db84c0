/* See oracle.h. */
#include "oracle.h"

#include "order.h"
#include "shadow.h"
#include "story.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

enum {
	ORACLE_OWNER_SHIFT = 48,
	ORACLE_HEAD_BYTES = 256, /* smaller blocks are checked whole */
	ORACLE_WHOLE_ONE_IN = 8,
	ORACLE_WHOLE_MAX_BYTES = 1 << 20,
	ORACLE_PAGE_BYTES = 4096,
	ORACLE_LOST_TOLD = 10,
};

static struct {
	uint32_t threads;
	uint64_t start_ms;
	/* So far.
	 * writers  every thread, by addition    readers  every thread
	 * order    relaxed                      edges    none: a count */
	_Atomic uint64_t failures;
	/* An address that belongs to two blocks, where the other's story is still wanted; 0: none.
	 * writers  every thread, by CAS         readers  every thread
	 * order    relaxed                      edges    none: a number */
	_Atomic uintptr_t sought;
} oracle;

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void oracle_start(const char *seed_text, uint32_t threads)
{
	story_start(seed_text);
	oracle.threads = threads;
	oracle.start_ms = clock_ms();
}

uint64_t oracle_failures(void)
{
	return load_relaxed(&oracle.failures);
}

uint64_t oracle_id(uint32_t owner, uint64_t sequence)
{
	return (uint64_t)owner << ORACLE_OWNER_SHIFT | sequence;
}

static uint32_t id_owner(uint64_t id)
{
	return (uint32_t)(id >> ORACLE_OWNER_SHIFT);
}

static uint64_t id_sequence(uint64_t id)
{
	return id & ((UINT64_C(1) << ORACLE_OWNER_SHIFT) - 1);
}

uint32_t oracle_clock_ms(void)
{
	return (uint32_t)(clock_ms() - oracle.start_ms);
}

void oracle_note(struct held *held, enum event_kind kind, uint32_t thread, uint32_t ms)
{
	held->last[held->events++ % HELD_EVENTS] = (struct event){
		.ms = ms,
		.thread = (uint16_t)thread,
		.kind = (uint8_t)kind,
	};
}

static uint64_t word_at(const unsigned char *block, size_t offset)
{
	uint64_t word;

	memcpy(&word, block + offset, sizeof word);
	return word;
}

/* The end of the part in which every word counts. */
static size_t head_bytes(const struct held *held)
{
	bool whole = id_sequence(held->id) % ORACLE_WHOLE_ONE_IN == 0 &&
	             held->bytes <= ORACLE_WHOLE_MAX_BYTES;

	return whole ? SIZE_MAX : ORACLE_HEAD_BYTES;
}

/* The offsets that carry a word, in ascending order: the one after `offset`. SIZE_MAX ends them.
 * They never overlap: no other reaches into the last 8 bytes. */
static size_t next_offset(const struct held *held, size_t head, size_t offset)
{
	size_t tail = held->bytes - sizeof(uint64_t);
	size_t next = offset + sizeof(uint64_t);

	if (offset == tail)
		return SIZE_MAX;
	if (next >= head)
		next = (offset / ORACLE_PAGE_BYTES + 1) * ORACLE_PAGE_BYTES;
	return next + sizeof(uint64_t) <= tail ? next : tail;
}

static uint64_t wanted_word(const struct held *held, size_t offset)
{
	if (offset == 0)
		return held->id;
	if (offset == held->bytes - sizeof(uint64_t))
		offset += (size_t)1 << 40; /* the end is told from a word in the middle */
	return held->id ^ (held->id << 20 ^ offset) * 0x9e3779b97f4a7c15u;
}

void oracle_stamp(const struct held *held)
{
	size_t head = head_bytes(held);

	for (size_t offset = 0; offset != SIZE_MAX; offset = next_offset(held, head, offset)) {
		uint64_t word = wanted_word(held, offset);
		memcpy(held->block + offset, &word, sizeof word);
	}
}

/* ---- stories */

static void tell_block(struct story *story, const struct held *held)
{
	static const char *const origin[] = { "malloc", "calloc", "posix_memalign", "realloc" };
	static const char *const kind[] = { "made", "resized", "handed over", "received", "freed" };
	uint32_t event = held->events > HELD_EVENTS ? held->events - HELD_EVENTS : 0;

	story_tell(story,
	           "  block: number %" PRIu64 " of thread %" PRIu32 ", %" PRIu32
	           " bytes from %s, aligned to %u, resized %u times, handed over %u times\n",
	           id_sequence(held->id), id_owner(held->id), held->bytes, origin[held->origin],
	           1u << held->align_shift, held->resizes, held->hands);
	if (event > 0)
		story_tell(story, "  its life: %" PRIu32 " earlier events, then\n", event);
	else
		story_tell(story, "  its life:\n");
	for (; event < held->events; event++) {
		const struct event *at = &held->last[event % HELD_EVENTS];

		story_tell(story, "    %9.3f s  %s by thread %u\n", (double)at->ms / 1000,
		           kind[at->kind], at->thread);
	}
}

/* Whether a word of a block may be the id of another. */
static bool is_likely_id(uint64_t word)
{
	return id_owner(word) < oracle.threads && id_sequence(word) != 0 &&
	       id_sequence(word) >> 40 == 0;
}

/* Whether a block starts here that was stamped: its second word follows from its first. */
static bool is_head(const unsigned char *at)
{
	struct held shortest = { .id = word_at(at, 0), .bytes = HELD_MIN_BYTES };
	struct held longer = { .id = word_at(at, 0), .bytes = UINT32_MAX };
	uint64_t second = word_at(at, sizeof(uint64_t));

	return is_likely_id(shortest.id) && (second == wanted_word(&longer, sizeof second) ||
	                                     second == wanted_word(&shortest, sizeof second));
}

/* What is known of the other owner of `at`, and ask for its side of the matter. */
static void tell_other(struct story *story, const unsigned char *at)
{
	uintptr_t nobody = 0;
	const unsigned char *head = at;

	while (shadow_is_marked(head) && !is_head(head))
		head -= SHADOW_STEP_BYTES;
	if (shadow_is_marked(head))
		story_tell(story,
		           "  the other owner: number %" PRIu64 " of thread %" PRIu32
		           ", which starts at %p\n",
		           id_sequence(word_at(head, 0)), id_owner(word_at(head, 0)),
		           (const void *)head);
	else
		story_tell(story, "  the other owner: its contents do not tell\n");
	atomic_compare_exchange_strong_explicit(&oracle.sought, &nobody, (uintptr_t)at,
	                                        memory_order_relaxed, memory_order_relaxed);
}

/* If somebody asked who else has this memory, tell it. */
static void tell_if_sought(const struct held *held)
{
	uintptr_t sought = load_relaxed(&oracle.sought);
	uintptr_t begin = (uintptr_t)held->block;

	if (sought == 0 || sought + SHADOW_STEP_BYTES <= begin || sought >= begin + held->bytes ||
	    !atomic_compare_exchange_strong_explicit(&oracle.sought, &sought, 0,
	                                             memory_order_relaxed, memory_order_relaxed))
		return;
	struct story *story = story_begin_other();
	if (story == NULL)
		return;
	story_tell(story, "\ntide-stress: THE OTHER OWNER, of %p\n", (void *)held->block);
	tell_block(story, held);
	story_end(story);
}

static void fail(const struct held *held, size_t offset, uint64_t wanted, uint64_t found,
                 const char *moment, uint32_t finder)
{
	uint64_t head = word_at(held->block, 0);

	add_relaxed(&oracle.failures, 1);
	struct story *story = story_begin();
	if (story == NULL)
		return;
	story_tell(story, "\ntide-stress: CORRUPT BLOCK %p, at %s by thread %" PRIu32 "\n",
	           (void *)held->block, moment, finder);
	story_tell(story,
	           "  offset %zu of %" PRIu32 " bytes holds 0x%016" PRIx64 ", wanted 0x%016" PRIx64
	           "\n",
	           offset, held->bytes, found, wanted);
	tell_block(story, held);
	if (head != held->id && is_head(held->block))
		tell_other(story, held->block);
	story_end(story);
}

void oracle_fail(const char *what)
{
	add_relaxed(&oracle.failures, 1);
	struct story *story = story_begin();
	if (story == NULL)
		return;
	story_tell(story, "\ntide-stress: %s\n", what);
	story_end(story);
}

void oracle_tell_lost(void)
{
	const unsigned char *at = shadow_next(NULL);
	struct story *story = at != NULL ? story_begin() : NULL;
	unsigned told = 0;

	if (story == NULL)
		return;
	story_tell(story, "\ntide-stress: LOST BLOCKS, never freed:\n");
	for (; at != NULL && told < ORACLE_LOST_TOLD; at = shadow_next(at + SHADOW_STEP_BYTES)) {
		if (!is_head(at))
			continue;
		story_tell(story, "  %p: number %" PRIu64 " of thread %" PRIu32 "\n",
		           (const void *)at, id_sequence(word_at(at, 0)), id_owner(word_at(at, 0)));
		told++;
	}
	story_end(story);
}

/* ---- checks */

bool oracle_enter(struct held *held)
{
	const unsigned char *hit;

	if (shadow_enter(held->block, held->bytes, &hit))
		return true;
	add_relaxed(&oracle.failures, 1);
	struct story *story = story_begin();
	if (story == NULL)
		return false;
	story_tell(
	    story,
	    "\ntide-stress: BLOCK %p HANDED OUT, but from offset %td it belongs to another\n",
	    (void *)held->block, hit - held->block);
	tell_block(story, held);
	tell_other(story, hit);
	story_end(story);
	return false;
}

void oracle_blame(const struct held *held, const char *what)
{
	add_relaxed(&oracle.failures, 1);
	struct story *story = story_begin();
	if (story == NULL)
		return;
	story_tell(story, "\ntide-stress: BLOCK %p %s\n", (void *)held->block, what);
	tell_block(story, held);
	story_end(story);
}

bool oracle_leave(struct held *held)
{
	if (load_relaxed(&oracle.sought) != 0)
		tell_if_sought(held);
	if (shadow_leave(held->block, held->bytes))
		return true;
	oracle_blame(held, "WAS GIVEN BACK BEFORE, by another record");
	return false;
}

bool oracle_check(const struct held *held, size_t limit_bytes, const char *moment, uint32_t finder)
{
	size_t head = head_bytes(held);

	for (size_t offset = 0; offset != SIZE_MAX; offset = next_offset(held, head, offset)) {
		if (offset + sizeof(uint64_t) > limit_bytes)
			return true; /* the offsets ascend */

		uint64_t wanted = wanted_word(held, offset);
		uint64_t found = word_at(held->block, offset);
		if (found != wanted) {
			fail(held, offset, wanted, found, moment, finder);
			return false;
		}
	}
	return true;
}

bool oracle_check_new(const struct held *held, uint32_t finder)
{
	size_t tail = held->bytes - sizeof(uint64_t);
	uintptr_t low = (uintptr_t)held->block & (((uintptr_t)1 << held->align_shift) - 1);

	if (low != 0) {
		fail(held, 0, 0, low, "alignment of a new block", finder);
		return false;
	}
	if (held->origin != FROM_CALLOC)
		return true;
	for (size_t offset = 0;; offset += sizeof(uint64_t)) {
		size_t place = offset < tail ? offset : tail; /* the last may overlap */
		uint64_t found = word_at(held->block, place);

		if (found != 0) {
			fail(held, place, 0, found, "zeros of a new block", finder);
			return false;
		}
		if (place == tail)
			return true;
	}
}
