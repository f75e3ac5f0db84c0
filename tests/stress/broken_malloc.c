/* An allocator with a bug, to be preloaded: the C library's, wrong once in BROKEN_EVERY calls in the
 * way that BROKEN_MALLOC names. For oracle.sh. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { BROKEN_EVERY = 20000, SHIFT_BYTES = 32, LARGE_ENOUGH_BYTES = 256 };

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *block);
size_t malloc_usable_size(void *block);

static _Atomic unsigned calls;
/* A live block that was given out before, and its size. */
static _Atomic(char *) victim;
static _Atomic size_t victim_bytes;

static int is_broken(const char *how)
{
	const char *wanted = getenv("BROKEN_MALLOC");

	return wanted != NULL && strcmp(wanted, how) == 0 &&
	       atomic_fetch_add(&calls, 1) % BROKEN_EVERY == BROKEN_EVERY - 1;
}

void *malloc(size_t bytes)
{
	size_t had = atomic_load(&victim_bytes);
	char *before = bytes >= LARGE_ENOUGH_BYTES && bytes + SHIFT_BYTES <= had
	                   ? atomic_load(&victim)
	                   : NULL;

	if (before != NULL && is_broken("twice"))
		return before;
	if (before != NULL && is_broken("overlap"))
		return before + SHIFT_BYTES;
	if (before != NULL && is_broken("scribble"))
		before[64] ^= 1;
	char *block = __libc_malloc(bytes);
	if (block != NULL && bytes >= 2 * LARGE_ENOUGH_BYTES) {
		atomic_store(&victim_bytes, 0);
		atomic_store(&victim, block);
		atomic_store(&victim_bytes, bytes);
	}
	return block;
}

void free(void *block)
{
	if (block != NULL && block == atomic_load(&victim)) {
		atomic_store(&victim_bytes, 0);
		atomic_store(&victim, NULL);
	}
	__libc_free(block);
}

void *calloc(size_t count, size_t bytes)
{
	char *block = __libc_calloc(count, bytes);

	if (block != NULL && count * bytes >= LARGE_ENOUGH_BYTES && is_broken("dirty"))
		block[count * bytes - 1] = 1;
	return block;
}

void *realloc(void *block, size_t bytes)
{
	if (block != NULL && block == atomic_load(&victim)) {
		atomic_store(&victim_bytes, 0);
		atomic_store(&victim, NULL);
	}
	size_t old = block != NULL ? malloc_usable_size(block) : 0;
	char *resized = __libc_realloc(block, bytes);
	if (resized != NULL && old >= LARGE_ENOUGH_BYTES && bytes >= LARGE_ENOUGH_BYTES &&
	    is_broken("uncopied"))
		memset(resized + 128, 0, 16);
	return resized;
}

int posix_memalign(void **block, size_t alignment, size_t bytes)
{
	int misaligned = alignment > 16 && is_broken("misaligned");

	*block = __libc_memalign(alignment, bytes + 16);
	if (*block != NULL && misaligned)
		*block = (char *)*block + 16;
	return *block != NULL ? 0 : ENOMEM;
}
