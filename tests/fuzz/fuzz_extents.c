/* Extents against a row of pages of which each is free or not. */
#include "input.h"

#include "extents.h"

enum { PAGES = 512 };
#define BASE ((uintptr_t)1 << 32)
#define PAGE ((size_t)TIDE_PAGE_BYTES)

static bool is_free[PAGES];
static struct tide_extents extents;

static unsigned page_of(uintptr_t address)
{
	HOLDS(address >= BASE && address % PAGE == 0);
	return (unsigned)((address - BASE) / PAGE);
}

/* All of these pages were so, and are the other way now. */
static void turn(uintptr_t base, size_t bytes, bool to)
{
	unsigned first = page_of(base);

	HOLDS(bytes > 0 && bytes % PAGE == 0 && first + bytes / PAGE <= PAGES);
	for (unsigned i = first; i < first + bytes / PAGE; i++) {
		HOLDS(is_free[i] != to);
		is_free[i] = to;
	}
}

/* Pages that are free from this one on. */
static unsigned run_at(unsigned page)
{
	unsigned run = 0;
	while (page + run < PAGES && is_free[page + run])
		run++;
	return run;
}

static bool fits(unsigned pages, unsigned align)
{
	for (unsigned i = 0; i < PAGES; i++) {
		if ((BASE / PAGE + i) % align == 0 && run_at(i) >= pages)
			return true;
	}
	return false;
}

static unsigned longest(void)
{
	unsigned most = 0;
	for (unsigned i = 0; i < PAGES; i++)
		most = run_at(i) > most ? run_at(i) : most;
	return most;
}

/* The array says what the row says. */
static void compare(void)
{
	unsigned at = 0;

	HOLDS(tide_extents_are_valid(&extents));
	for (unsigned i = 0; i < extents.count; i++) {
		unsigned first = page_of(extents.of[i].base);
		for (; at < first; at++)
			HOLDS(!is_free[at]);
		HOLDS(run_at(first) == extents.of[i].bytes / PAGE);
		at = first + run_at(first);
	}
	for (; at < PAGES; at++)
		HOLDS(!is_free[at]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct input input = { data, bytes };

	memset(is_free, 0, sizeof is_free);
	extents.count = 0;
	while (input.left > 0) {
		unsigned call = input_byte(&input) % 5;
		unsigned first = input_word(&input) % PAGES, pages = input_byte(&input) % 32 + 1;
		unsigned align = 1u << (pages % 3 * 2);
		uintptr_t base = BASE + first * PAGE;
		size_t slack = input_byte(&input) % 4 * PAGE, taken = pages * PAGE;

		if (call < 2) {
			unsigned room = 0;
			while (room < pages && first + room < PAGES && !is_free[first + room])
				room++;
			struct tide_extent extent = { base, room * PAGE };
			if (room > 0) {
				HOLDS(tide_extents_add(&extents, extent));
				turn(base, extent.bytes, true);
			}
		} else if (call == 2) {
			bool wanted = fits(pages, align);
			HOLDS(tide_extents_take(&extents, align * PAGE, slack, &base, &taken) ==
			      wanted);
			if (wanted) {
				HOLDS(base % (align * PAGE) == 0 && taken >= pages * PAGE);
				HOLDS(taken == pages * PAGE || taken < pages * PAGE + slack);
				turn(base, taken, false);
			}
		} else if (call == 3) {
			bool starts = (first == 0 || !is_free[first - 1]) && run_at(first) >= pages;
			HOLDS(tide_extents_take_at(&extents, base, taken) == starts);
			if (starts)
				turn(base, taken, false);
		} else {
			unsigned most = longest();
			bool found = tide_extents_take_longest(
			    &extents, pages * PAGE, (slack + 1) * 4 * PAGE, PAGE, &base, &taken);
			HOLDS(found == (most >= pages));
			if (found) {
				HOLDS(taken <= most * PAGE);
				turn(base, taken, false);
			}
		}
		compare();
	}
	return 0;
}
