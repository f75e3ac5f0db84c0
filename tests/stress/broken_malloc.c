/* A preloaded allocator that is wrong now and then, in the way that TIDE_BROKEN names; for
 * oracle.sh and soak.sh. The C library is behind it. */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EVERY = 1000, VICTIM_BYTES = 512, SHIFT_BYTES = 32 };

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *block);

static const char *broken = "";
static _Atomic unsigned calls;
/* The last large enough block that is live, and its size; 0 while there is none. */
static _Atomic(unsigned char *) victim;
static _Atomic size_t victim_bytes;

__attribute__((constructor)) static void begin(void)
{
	const char *wanted = getenv("TIDE_BROKEN");

	broken = wanted != NULL ? wanted : "";
}

/* Of blocks that are no accident, now and then. */
static bool strikes(const char *how, size_t bytes)
{
	return bytes >= 16 && strcmp(broken, how) == 0 &&
	       atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed) % EVERY == EVERY - 1;
}

static void forget(void *block)
{
	if (block != NULL && block == atomic_load(&victim)) {
		atomic_store(&victim_bytes, 0);
		atomic_store(&victim, NULL);
	}
}

/* A live block in which another of so many bytes would fit; NULL: there is none. */
static unsigned char *live_block(size_t bytes)
{
	return bytes + SHIFT_BYTES <= atomic_load(&victim_bytes) ? atomic_load(&victim) : NULL;
}

void *malloc(size_t bytes)
{
	unsigned char *live = live_block(bytes);

	if (live != NULL && strikes("twice", bytes))
		return live;
	if (live != NULL && strikes("overlap", bytes))
		return live + SHIFT_BYTES;
	while (strikes("hang", bytes))
		sleep(1000);
	if (live != NULL && strikes("scribble", bytes))
		live[64] ^= 1;
	void *block = __libc_malloc(bytes);
	if (block != NULL && bytes >= VICTIM_BYTES) {
		atomic_store(&victim_bytes, 0);
		atomic_store(&victim, block);
		atomic_store(&victim_bytes, bytes);
	}
	return block;
}

void free(void *block)
{
	forget(block);
	/* One in 1000 is a steady rise that no single check sees. */
	if (block == NULL || !strikes("leak", 16))
		__libc_free(block);
}

void *calloc(size_t count, size_t bytes)
{
	unsigned char *block = __libc_calloc(count, bytes);

	if (block != NULL && strikes("dirty", count * bytes))
		block[count * bytes - 1] = 1;
	return block;
}

void *realloc(void *block, size_t bytes)
{
	forget(block);
	unsigned char *moved = __libc_realloc(block, bytes);

	if (moved != NULL && strikes("short", bytes))
		moved[8] ^= 1;
	if (moved != NULL && bytes >= 1024 && strikes("middle", bytes))
		moved[777] ^= 1; /* in the part of which most blocks show nothing */
	return moved;
}

int posix_memalign(void **block, size_t alignment, size_t bytes)
{
	bool wrong = strikes("crooked", bytes);

	/* Every block of the C library is aligned to 16. */
	*block = wrong && alignment > 16 ? __libc_malloc(bytes) : __libc_memalign(alignment, bytes);
	if (*block != NULL && wrong && alignment > 16 && (uintptr_t)*block % alignment == 0)
		*block = (unsigned char *)*block + 16;
	return *block != NULL ? 0 : ENOMEM;
}
