/* mallinfo2 speaks of Tide's heap: what it says moves with what the program holds. */
#include <malloc.h>

#include "support.h"

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
enum { BLOCKS = 64 * 1024 };
static void *block[BLOCKS];

static size_t in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	require(info.arena + info.hblkhd >= info.uordblks, "no more is in use than there is");
	return info.uordblks + info.hblkhd;
}

int main(void)
{
	size_t bytes = 0;
	size_t before = in_use();

	for (size_t i = 0; i < BLOCKS; i++) {
		size_t size = i % 1024 == 0 ? 300000 : 500;
		block[i] = malloc(size);
		require(block[i] != NULL, "malloc");
		bytes += malloc_usable_size(block[i]);
	}
	struct mallinfo2 info = mallinfo2();
	size_t held = in_use();
	require(info.arena + info.hblkhd >= bytes, "arena + hblkhd cover what is held");
	require(held >= before + bytes, "uordblks + hblkhd cover what is held");
	for (size_t i = 0; i < BLOCKS; i++)
		free(block[i]);
	(void)malloc_trim(0);
	require(in_use() + bytes / 2 < held, "in use falls when blocks are freed");
	return 0;
}
#else
int main(void)
{
	skip("this C library has no mallinfo2");
	return 0;
}
#endif
