/* store/memory.c: the question that an audited store asks of a heap before it gives it back. */
#include <criterion/criterion.h>

#include "store/memory.h"

Test(memory, is_empty_until_it_has_a_block)
{
	struct tide_heap *base = tide_memory_base(0, false);
	struct tide_heap *bodies = tide_memory_bodies(base, 0, false);
	cr_assert_not_null(bodies);
	cr_assert(tide_memory_is_empty(bodies));
	void *block = tide_memory_alloc(bodies, 1000);
	cr_assert_not_null(block);
	cr_assert_not(tide_memory_is_empty(bodies));
	cr_assert(tide_memory_is_empty(base));
	tide_memory_free(block);
	cr_assert(tide_memory_is_empty(bodies));
	tide_memory_destroy(bodies);
	tide_memory_destroy(base);
}
