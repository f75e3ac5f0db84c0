#include "bin.h"

#include "check.h"
#include "lane.h"
#include "meta.h"

/* Bins that hold nothing, for any class: short ones, and long ones; by lanes, since what a bin held
 * is in a processor's cache, and it is 17 lines. */
static struct {
	TIDE_OWN_LINE struct tide_stack bins;
} spare[TIDE_LANES][2];
/* writers every thread  readers the audit  order relaxed: a counter  edges none */
static _Atomic size_t total;

static bool is_long(unsigned slots)
{
	return slots > TIDE_BIN_SHORT_SLOTS;
}

static struct tide_stack *spare_of(unsigned slots)
{
	return &spare[tide_lane][is_long(slots)].bins;
}

static struct tide_bin *take_spare(unsigned slots)
{
	unsigned used = tide_lanes_used_racy();
	struct tide_bin *bin = NULL;
	for (unsigned turn = 0; turn < used && bin == NULL; turn++) {
		struct tide_stack *bins = &spare[tide_lane_at(turn, used)][is_long(slots)].bins;
		if (!tide_stack_is_empty_racy(bins))
			bin = (struct tide_bin *)tide_stack_pop(bins);
	}
	return bin;
}

/* A page of them. */
static struct tide_bin *cut_more(unsigned slots)
{
	size_t bytes = tide_bin_bytes(slots);
	unsigned bins = (unsigned)(TIDE_PAGE_BYTES / bytes);
	char *cut = tide_meta_alloc(bins * bytes);
	struct tide_bin *bin = (void *)cut;
	if (cut == NULL)
		return NULL;
	(void)tide_add_relaxed(&total, (size_t)bins);
	bin->slots = (uint8_t)slots;
	for (unsigned i = 1; i < bins; i++) {
		struct tide_bin *other = (void *)(cut + i * bytes);
		other->slots = (uint8_t)slots;
		tide_stack_push(spare_of(slots), &other->node);
	}
	return bin;
}

TIDE_USUAL struct tide_bin *tide_bin_new(unsigned cls, unsigned capacity)
{
	unsigned slots = is_long(capacity) ? TIDE_BIN_SLOTS : TIDE_BIN_SHORT_SLOTS;
	struct tide_bin *bin = take_spare(slots);
	if (bin == NULL)
		bin = cut_more(slots);
	if (bin == NULL && !is_long(slots))
		bin = take_spare(TIDE_BIN_SLOTS);
	if (bin == NULL)
		return NULL;
	TIDE_ASSERT(bin->slots >= slots);
	bin->count = 0;
	bin->cls = (uint8_t)cls;
	tide_bin_set_capacity(bin, capacity);
	return bin;
}

void tide_bin_recycle(struct tide_bin *bin)
{
	TIDE_ASSERT(bin->slot[0] == NULL && bin->slot[1] == NULL);
	tide_stack_push(spare_of(bin->slots), &bin->node);
}

struct tide_bin *tide_bin_fit(struct tide_bin *empty, unsigned cls, unsigned capacity)
{
	TIDE_ASSERT(empty == NULL || empty->count == 0);
	if (empty != NULL && (is_long(empty->slots) || !is_long(capacity)))
		return empty;
	struct tide_bin *bin = tide_bin_new(cls, capacity);
	if (bin == NULL)
		return empty;
	if (empty != NULL)
		tide_bin_recycle(empty);
	return bin;
}

size_t tide_bin_total_racy(void)
{
	return tide_load_relaxed(&total);
}

bool tide_bin_is_whole(const struct tide_bin *bin, unsigned count)
{
	if (count > bin->mark || bin->mark > bin->slots)
		return false;
	for (unsigned i = 0; i <= bin->slots; i++) {
		void *block = bin->slot[TIDE_BIN_BASE + i];
		if ((block == TIDE_BIN_FULL) != (i == bin->mark) || (i < count && block == NULL))
			return false;
	}
	return true;
}

void tide_bin_repair(struct tide_bin *bin)
{
	unsigned count = 0;
	if (bin->count > bin->slots)
		bin->count = bin->slots;
	while (count < bin->count && bin->slot[TIDE_BIN_BASE + count] != NULL &&
	       bin->slot[TIDE_BIN_BASE + count] != TIDE_BIN_FULL)
		count++;
	bin->count = (uint8_t)count;
	for (unsigned i = count; i <= bin->slots; i++)
		bin->slot[TIDE_BIN_BASE + i] = NULL;
	bin->mark = (uint8_t)count;
	bin->slot[TIDE_BIN_BASE + count] = TIDE_BIN_FULL;
}

/* 2^64 by the golden ratio: blocks side by side are far apart in the top byte of their products. */
#define SEAT_FACTOR 0x9e3779b97f4a7c15u
#define SEATS 256u

/* By open addressing, in a table twice as long as a bin: a seat holds the number of a slot. */
unsigned tide_bin_find_double(const struct tide_bin *bin)
{
	uint8_t seat[SEATS] = { 0 };
	uintptr_t end = TIDE_BIN_BASE + (uintptr_t)bin->count;
	for (uintptr_t i = TIDE_BIN_BASE; i < end; i++) {
		uintptr_t block = (uintptr_t)bin->slot[i];
		uintptr_t at = (uint64_t)block * SEAT_FACTOR >> 56;
		while (TIDE_UNLIKELY(seat[at] != 0)) {
			if ((uintptr_t)bin->slot[seat[at]] == block)
				return (unsigned)(i - TIDE_BIN_BASE);
			at = (at + 1) % SEATS;
		}
		seat[at] = (uint8_t)i;
	}
	return bin->count;
}
static_assert(TIDE_BIN_BASE > 0 && TIDE_BIN_BASE + TIDE_BIN_SLOTS < SEATS, "bin: 0 is no slot");

bool tide_bin_is_valid_with(const struct tide_bin *bin, size_t count)
{
	if (count > bin->mark || bin->mark > bin->slots)
		return false;
	if (bin->slots != TIDE_BIN_SHORT_SLOTS && bin->slots != TIDE_BIN_SLOTS)
		return false;
	if (bin->slot[0] != NULL || bin->slot[1] != NULL)
		return false;
	for (unsigned i = TIDE_BIN_BASE; i <= TIDE_BIN_BASE + (unsigned)bin->slots; i++) {
		if ((bin->slot[i] == TIDE_BIN_FULL) != (i == TIDE_BIN_BASE + (unsigned)bin->mark))
			return false;
	}
	for (unsigned i = 0; i < count; i++) {
		if (bin->slot[TIDE_BIN_BASE + i] == NULL)
			return false;
		for (unsigned j = 0; j < i; j++) {
			if (bin->slot[TIDE_BIN_BASE + i] == bin->slot[TIDE_BIN_BASE + j])
				return false;
		}
	}
	return true;
}
