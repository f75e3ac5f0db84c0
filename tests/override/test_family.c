/* The names of the malloc family are Tide's, each of them, and so are the C library's own twins. */
#include <malloc.h>

#include "support.h"

/* The C library calls these itself, and some programs do. Weak: not every C library has them. */
void *__libc_malloc(size_t size) __attribute__((weak));
void *__libc_calloc(size_t count, size_t size) __attribute__((weak));
void *__libc_realloc(void *block, size_t size) __attribute__((weak));
void *__libc_memalign(size_t align, size_t size) __attribute__((weak));
void *__libc_valloc(size_t size) __attribute__((weak));
void *__libc_pvalloc(size_t size) __attribute__((weak));
void __libc_free(void *block) __attribute__((weak));
/* C23; headers may not have them yet. */
void free_sized(void *block, size_t size);
void free_aligned_sized(void *block, size_t align, size_t size);

static void check(void *block, size_t bytes, const char *what)
{
	require(from_tide(block, bytes), what);
	require(malloc_usable_size(block) == tide_malloc_usable_size(block),
	        "malloc_usable_size is Tide's");
	memset(block, 1, bytes);
}

static void check_and_free(void *block, size_t bytes, const char *what)
{
	check(block, bytes, what);
	free(block);
}

static void family(void)
{
	void *block = malloc(100);
	check(block, 100, "malloc");
	block = realloc(block, 1000);
	check(block, 1000, "realloc");
	block = reallocarray(block, 100, 100);
	check(block, 10000, "reallocarray");
	free(block);

	block = calloc(10, 10);
	check(block, 100, "calloc");
	/* Both sets of names are of one allocator. */
	tide_free(block);
	free(tide_malloc(100));

	block = aligned_alloc(64, 128);
	check(block, 128, "aligned_alloc");
	free_aligned_sized(block, 64, 128);
	block = malloc(100);
	check(block, 100, "malloc");
	free_sized(block, 100);
	require(posix_memalign(&block, 128, 100) == 0, "posix_memalign");
	check_and_free(block, 100, "posix_memalign's block");
	check_and_free(memalign(256, 100), 100, "memalign");
	check_and_free(valloc(100), 100, "valloc");
	check_and_free(pvalloc(100), 4096, "pvalloc");
	check_and_free(malloc(1 << 20), 1 << 20, "malloc of a large block");

	/* 100 bytes: a class of Tide's holds 112; other allocators differ. */
	block = malloc(100);
	require(malloc_usable_size(block) == 112, "the class of 100 bytes");
	free(block);
	require(malloc(opaque_size(SIZE_MAX)) == NULL, "malloc of too much");
	require(malloc_usable_size(NULL) == 0, "malloc_usable_size(NULL)");
}

static void twins(void)
{
	if (__libc_malloc != NULL)
		check_and_free(__libc_malloc(100), 100, "__libc_malloc");
	if (__libc_calloc != NULL)
		check_and_free(__libc_calloc(10, 10), 100, "__libc_calloc");
	if (__libc_realloc != NULL)
		check_and_free(__libc_realloc(malloc(10), 100), 100, "__libc_realloc");
	if (__libc_memalign != NULL)
		check_and_free(__libc_memalign(64, 100), 100, "__libc_memalign");
	if (__libc_valloc != NULL)
		check_and_free(__libc_valloc(100), 100, "__libc_valloc");
	if (__libc_pvalloc != NULL)
		check_and_free(__libc_pvalloc(100), 4096, "__libc_pvalloc");
	if (__libc_free != NULL)
		__libc_free(malloc(100));
}

int main(void)
{
	family();
	twins();
	use_heap(1, 100000);
	/* Had a free gone to another allocator, it would not have come back here. */
	(void)malloc_trim(0);
	return 0;
}
