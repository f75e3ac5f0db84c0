/* See next.h. */
#include "next.h"

#include "../order.h"

#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

enum { EARLY_BYTES = 64 << 10, EARLY_ALIGN = 16 };

static struct {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void *(*memalign)(size_t, size_t);
	void (*free)(void *);
} next;

/* All of `next` is there.
 * writers  who looked it up                    readers  every thread
 * order    release, acquire                    edges    next.found */
static _Atomic bool found;

/* This thread is in dlsym. Initial-exec: another model's first access could allocate. */
static __thread bool looking __attribute__((tls_model("initial-exec")));

/* writers  whoever looks up, by addition       readers  the same
 * order    relaxed                             edges    none: each has its own part */
static _Atomic size_t early_used;
static _Alignas(EARLY_ALIGN) unsigned char early[EARLY_BYTES];

/* Zero, as calloc wants it, since nothing is used twice. */
static void *early_alloc(size_t bytes)
{
	size_t whole = (bytes + EARLY_ALIGN - 1) & ~(size_t)(EARLY_ALIGN - 1);

	if (whole < bytes || whole > EARLY_BYTES)
		return NULL;
	size_t at = add_relaxed(&early_used, whole);
	return at + whole <= EARLY_BYTES ? early + at : NULL;
}

bool next_is_early(const void *block)
{
	uintptr_t at = (uintptr_t)block - (uintptr_t)early;

	return at < EARLY_BYTES;
}

static void look_up(void)
{
	looking = true;
	/* As POSIX has it: ISO C knows no way from an object to a function. */
	*(void **)&next.malloc = dlsym(RTLD_NEXT, "malloc");
	*(void **)&next.calloc = dlsym(RTLD_NEXT, "calloc");
	*(void **)&next.realloc = dlsym(RTLD_NEXT, "realloc");
	*(void **)&next.memalign = dlsym(RTLD_NEXT, "memalign");
	*(void **)&next.free = dlsym(RTLD_NEXT, "free");
	looking = false;
	store_release(&found, true); /* next.found */
}

/* False: this thread is looking it up just now. */
static bool is_there(void)
{
	if (load_acquire(&found)) /* next.found */
		return true;
	if (looking)
		return false;
	look_up();
	return true;
}

void *next_malloc(size_t bytes)
{
	return is_there() ? next.malloc(bytes) : early_alloc(bytes);
}

void *next_calloc(size_t count, size_t bytes)
{
	size_t whole;

	if (is_there())
		return next.calloc(count, bytes);
	return __builtin_mul_overflow(count, bytes, &whole) ? NULL : early_alloc(whole);
}

/* An early block does not know its size: as many bytes as there can be are copied. */
static void *early_realloc(void *block, size_t bytes)
{
	void *moved = next_malloc(bytes);
	size_t room = (size_t)(early + EARLY_BYTES - (unsigned char *)block);

	if (moved != NULL)
		memcpy(moved, block, bytes < room ? bytes : room);
	return moved;
}

void *next_realloc(void *block, size_t bytes)
{
	if (next_is_early(block))
		return early_realloc(block, bytes);
	if (is_there())
		return next.realloc(block, bytes);
	return early_alloc(bytes); /* of NULL: nothing else can come here */
}

void *next_memalign(size_t alignment, size_t bytes)
{
	return is_there() ? next.memalign(alignment, bytes) : NULL;
}

void next_free(void *block)
{
	if (!next_is_early(block) && is_there())
		next.free(block);
}
