/* See oracle.h. */
#include "oracle.h"

#include "order.h"
#include "random.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	ORACLE_OWNER_SHIFT = 48,
	ORACLE_WORDS = 32, /* from the start: smaller blocks are checked whole */
	ORACLE_PAGE_BYTES = 4096,
	ORACLE_TOLD = 5, /* the first few stories tell it all */
};

static struct {
	const char *seed_text;
	uint32_t threads;
	/* Failures so far.
	 * writers  every thread, by addition    readers  every thread
	 * order    relaxed                      edges    none: a count */
	_Atomic uint64_t failures;
} oracle;

void oracle_start(const char *seed_text, uint32_t threads)
{
	oracle.seed_text = seed_text;
	oracle.threads = threads;
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

static uint64_t word_at(const unsigned char *block, size_t offset)
{
	uint64_t word;

	memcpy(&word, block + offset, sizeof word);
	return word;
}

/* The offsets that carry a word, in ascending order: the one after `offset`. SIZE_MAX ends them.
 * They never overlap: no other reaches into the last 8 bytes. */
static size_t next_offset(const struct held *held, size_t offset)
{
	size_t tail = held->bytes - sizeof(uint64_t);
	size_t next = offset + sizeof(uint64_t);

	if (offset == tail)
		return SIZE_MAX;
	if (next >= ORACLE_WORDS * sizeof(uint64_t))
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
	for (size_t offset = 0; offset != SIZE_MAX; offset = next_offset(held, offset)) {
		uint64_t word = wanted_word(held, offset);
		memcpy(held->block + offset, &word, sizeof word);
	}
}

/* Append to `story` at `used`; what does not fit is cut. */
#define TELL(used, ...)                                                                            \
	((used) += (size_t)snprintf(                                                               \
	     story + (used), (used) < sizeof story ? sizeof story - (used) : 0, __VA_ARGS__))

static const char *origin_name(unsigned origin)
{
	static const char *const name[] = { "malloc", "calloc", "posix_memalign", "realloc" };
	return name[origin];
}

/* Print the failure in one write, so that the stories of several threads do not mix. */
static void tell(const struct held *held, size_t offset, uint64_t wanted, uint64_t found,
                 const char *moment, uint32_t finder)
{
	char story[1024];
	size_t used = 0;
	uint64_t head = word_at(held->block, 0);

	TELL(used, "\ntide-stress: CORRUPT BLOCK %p, at %s by thread %" PRIu32 "\n",
	     (void *)held->block, moment, finder);
	TELL(used,
	     "  offset %zu of %" PRIu32 " bytes holds 0x%016" PRIx64 ", wanted 0x%016" PRIx64 "\n",
	     offset, held->bytes, found, wanted);
	TELL(used,
	     "  block: number %" PRIu64 " of thread %" PRIu32
	     ", from %s, aligned to %u, resized %u times, handed over %u times\n",
	     id_sequence(held->id), id_owner(held->id), origin_name(held->origin),
	     1u << held->align_shift, held->resizes, held->hands);
	if (head != held->id && id_owner(head) < oracle.threads && id_sequence(head) != 0 &&
	    id_sequence(head) >> 40 == 0)
		TELL(used,
		     "  it looks like block number %" PRIu64 " of thread %" PRIu32
		     ": two owners have the same memory\n",
		     id_sequence(head), id_owner(head));
	TELL(used, "  seed %s\n", oracle.seed_text);
	if (used > sizeof story - 1)
		used = sizeof story - 1;
	if (write(STDERR_FILENO, story, used) < 0)
		return; /* nobody listens; the failure is counted */
}

static void fail(const struct held *held, size_t offset, uint64_t wanted, uint64_t found,
                 const char *moment, uint32_t finder)
{
	if (add_relaxed(&oracle.failures, 1) < ORACLE_TOLD)
		tell(held, offset, wanted, found, moment, finder);
}

void oracle_fail(const char *what)
{
	add_relaxed(&oracle.failures, 1);
	fprintf(stderr, "\ntide-stress: %s\n  seed %s\n", what, oracle.seed_text);
}

bool oracle_check(const struct held *held, size_t limit_bytes, const char *moment, uint32_t finder)
{
	for (size_t offset = 0; offset != SIZE_MAX; offset = next_offset(held, offset)) {
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
