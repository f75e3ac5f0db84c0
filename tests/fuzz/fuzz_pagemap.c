/* The page map against a plain table: pages near the borders of leaves, and addresses that are none
 * of ours. */
#include "input.h"

#include "pagemap.h"

enum { PLACES = 4, PAGES = 64 };

/* Around the border between two leaves each. */
static uintptr_t start_of(unsigned place)
{
	return ((uintptr_t)(100 + 7 * place) << 34) - PAGES / 2 * TIDE_PAGE_BYTES;
}

static unsigned char wanted[PLACES][PAGES];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct input input = { data, bytes };

	for (unsigned place = 0; place < PLACES; place++)
		HOLDS(tide_pagemap_prepare(start_of(place), PAGES * TIDE_PAGE_BYTES));
	while (input.left > 0) {
		unsigned call = input_byte(&input), place = call / 4 % PLACES;
		unsigned first = input_byte(&input) % PAGES;
		unsigned pages = input_byte(&input) % (PAGES - first) + 1;
		unsigned cls = input_byte(&input) % TIDE_CLASS_SLOTS;
		uintptr_t offset = input_word(&input) % TIDE_PAGE_BYTES;
		uintptr_t start = start_of(place) + (uintptr_t)first * TIDE_PAGE_BYTES;

		if (call % 4 < 2) {
			tide_pagemap_set(start, pages, cls);
			memset(&wanted[place][first], (int)cls, pages);
		} else if (call % 4 == 2) {
			for (unsigned i = 0; i < PAGES; i++)
				HOLDS(tide_pagemap_class(start_of(place) + i * TIDE_PAGE_BYTES +
				                         offset) == wanted[place][i]);
		} else { /* any address: of a leaf that there is not, and beyond them all */
			uintptr_t far =
			    (uintptr_t)input_word(&input) << 48 | offset << 4 | 1ul << 47;
			HOLDS(tide_pagemap_class(far | 1ul << 60) == TIDE_CLASS_NONE);
			HOLDS(tide_pagemap_large(far | 1ul << 60) == NULL);
			HOLDS(
			    !tide_pagemap_prepare((1ul << TIDE_ADDRESS_BITS) - offset, offset + 1));
			HOLDS(tide_pagemap_class(offset << 30) == TIDE_CLASS_NONE ||
			      offset << 30 >= start_of(0) >> 4);
		}
	}
	return 0;
}
