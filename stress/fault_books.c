/* After the faults: memory of every kind can be had and holds what is written to it, and the
 * allocator's books balance. See fault_kind.h. */
#include "fault_kind.h"

#include "format.h"
#include "proc.h"

#include <stdlib.h>
#include <string.h>

static const size_t size[] = {
	16, 24, 100, 700, 1024, 3000, 8192, 9000, 20000, 40000, 131072, 131073, 400000, 5000000,
};
enum { SIZES = sizeof size / sizeof size[0], BLOCKS_EACH = 40 };

static bool say(const char *what)
{
	fprintf(stderr, "tide-stress: after the faults: %s\n", what);
	return false;
}

/* Aligned blocks now and then, and calloc, which must give zeros. */
static unsigned char *take(size_t bytes, unsigned number)
{
	void *block = NULL;

	switch (number % 4) {
	case 0:
		return posix_memalign(&block, (size_t)64 << number % 8, bytes) == 0 ? block : NULL;
	case 1:
		block = calloc(1, bytes);
		if (block != NULL && (*(unsigned char *)block != 0 ||
		                      memcmp(block, (unsigned char *)block + 1, bytes - 1) != 0))
			return NULL;
		return block;
	default:
		return malloc(bytes);
	}
}

static bool holds(const unsigned char *block, size_t bytes, unsigned char value)
{
	return block[0] == value && memcmp(block, block + 1, bytes - 1) == 0;
}

static bool all_can_be_had(void)
{
	static unsigned char *block[SIZES * BLOCKS_EACH];

	for (unsigned i = 0; i < SIZES * BLOCKS_EACH; i++) {
		block[i] = take(size[i % SIZES], i);
		if (block[i] == NULL)
			return say("a block can't be had any more, or is not zero");
		memset(block[i], (int)(i & 255), size[i % SIZES]);
	}
	for (unsigned i = 0; i < SIZES * BLOCKS_EACH; i++) {
		if (!holds(block[i], size[i % SIZES], (unsigned char)i))
			return say("a block lost its contents");
		free(block[i]);
	}
	return true;
}

/* What is free goes back, whatever was refused before. */

static double opened_bytes;

void fault_books_open(void)
{
	opened_bytes = (double)proc_resident_bytes();
}

#if STRESS_INTERNALS

#include "gc.h"
#include "token.h"

#include <tide/tide.h>

/* All blocks are freed: this much for the books of the program and of the allocator themselves. */
#define RETAINED_MAX_BYTES (24.0 * (1 << 20))
/* A frozen thread holds it for ever. */
#define TOKEN_WAIT_NS (3ull * 1000000000u)

/* What the audit says when a thread stopped between the two halves of an entry: it took blocks and
 * did not put them down, counted a bin and did not push it, or took from a frontier and did not tag
 * what it took. Whatever else it says is wrong whoever is frozen. */
static const char *const half_entry[] = {
	"carved is not live + bins + queues + garbage + free sets",
	"more free blocks of a class than were carved",
	"a ready queue's count is not what it holds",
	"a region's tags do not tile it",
};

static bool may_be_half(const char *wrong)
{
	for (size_t i = 0; i < sizeof half_entry / sizeof half_entry[0]; i++) {
		if (strcmp(wrong, half_entry[i]) == 0)
			return fault_freeze_for_ever() > 0;
	}
	return false;
}

static bool memory_went_back(void)
{
	if (fault_freeze_for_ever() > 0)
		return true;
	(void)tide_purge();
	double more_bytes = (double)proc_resident_bytes() - opened_bytes;
	printf("resident after a purge: %s more than before the load\n",
	       format_bytes(more_bytes > 0 ? more_bytes : 0).text);
	return more_bytes <= RETAINED_MAX_BYTES || say("memory did not go back to the system");
}

static bool audit(void)
{
	if (!tide_token_wait(TOKEN_WAIT_NS)) {
		if (fault_freeze_for_ever() == 0)
			return say("the GC's token can't be had");
		printf("audit: not possible: a thread was frozen while it was the GC\n");
		return true;
	}
	tide_token_release();
	bool returned = memory_went_back();

	int stopped = tide_gc_stop();
	const char *wrong = tide_gc_audit();
	if (stopped == 0)
		(void)tide_gc_start();
	if (wrong != NULL && may_be_half(wrong)) {
		printf("audit: in order, but for what frozen threads have in hand: %s\n", wrong);
		return returned;
	}
	if (wrong != NULL)
		return say(wrong);
	printf("audit: %s\n", TIDE_AUDITED ? "every block is accounted for"
	                                   : "in order (live blocks not counted: no audit build)");
	return returned;
}

#else

static bool audit(void)
{
	printf("audit: not in this build\n");
	return true;
}

#endif

bool fault_books_balance(const struct faults *faults)
{
	(void)faults;
	bool right = all_can_be_had();

	right = audit() && right;
	fflush(stdout);
	return right;
}
