/* Threads with the least stack that there can be, PTHREAD_STACK_MIN, in every function and on every
 * path of the malloc family; below the stack is a guard page. STACK_REPORT=1 prints how much each
 * step took at the most. */
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/mman.h>

#include "support.h"

enum { PAGE = 4096, FILL = 0x5a, THREADS = 40 };

static size_t stack_bytes;
static char *stack; /* above its guard page */

static size_t unused_bytes(void)
{
	size_t bytes = 0;

	while (bytes < stack_bytes && stack[bytes] == FILL)
		bytes++;
	return bytes;
}

/* Through the refill, the queues, the GC's work done inline, the frontier, and back. */
static void small(void)
{
	static void *block[20000];

	for (size_t bytes = 1; bytes <= 131072; bytes *= 2) {
		unsigned count = bytes < 1024 ? 20000 : 200;
		for (unsigned i = 0; i < count; i++)
			require((block[i] = malloc(bytes + i % 16)) != NULL, "malloc");
		for (unsigned i = 0; i < count; i++)
			free(block[(i * 7919u) % count]);
	}
}

static void large(void)
{
	for (unsigned round = 0; round < 20; round++) {
		void *a = malloc(300000), *b = calloc(1, 2000000);
		a = realloc(a, 900000);
		b = realloc(b, 10000);
		require(a != NULL && b != NULL, "large blocks");
		free(a);
		free(b);
	}
}

static void aligned(void)
{
	void *block = NULL;

	for (size_t alignment = 16; alignment <= 1 << 22; alignment *= 2) {
		require(posix_memalign(&block, alignment, 1000) == 0, "posix_memalign");
		free(block);
		free(memalign(alignment, 100000));
		free(aligned_alloc(alignment, alignment));
	}
}

static void other(void)
{
	void *block = malloc(100);

	require(malloc_usable_size(block) >= 100, "usable size");
	require((block = reallocarray(block, 100, 100)) != NULL, "reallocarray");
	free(block);
	errno = 0;
	require(malloc(opaque_size(SIZE_MAX / 2)) == NULL && errno == ENOMEM, "no such size");
	(void)malloc_trim(0);
}

static void *work(void *unused)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} step[] = { { "nothing", NULL },
		     { "small", small },
		     { "large", large },
		     { "aligned", aligned },
		     { "other", other } };

	for (size_t i = 0; i < sizeof step / sizeof step[0]; i++) {
		if (step[i].run != NULL)
			step[i].run();
		if (getenv("STACK_REPORT") != NULL)
			(void)dprintf(1, "%zu of %zu bytes after %s\n",
			              stack_bytes - unused_bytes(), stack_bytes, step[i].name);
	}
	return unused;
}

static void run_thread(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	memset(stack, FILL, stack_bytes);
	require(pthread_attr_init(&attributes) == 0, "attributes");
	require(pthread_attr_setstack(&attributes, stack, stack_bytes) == 0, "the stack");
	require(pthread_create(&thread, &attributes, work, NULL) == 0, "a thread");
	require(pthread_join(thread, NULL) == 0, "join");
	(void)pthread_attr_destroy(&attributes);
	require(unused_bytes() > 0, "the stack is not used up");
}

/* Stacks of the C library's, several at a time, from the first call to the thread's end. */
static void *live_shortly(void *unused)
{
	void *block[50];

	for (unsigned i = 0; i < 50; i++)
		block[i] = malloc(1u << i % 16);
	for (unsigned i = 0; i < 50; i++)
		free(block[i]);
	return unused;
}

static void run_threads(void)
{
	pthread_attr_t attributes;
	pthread_t thread[THREADS];

	require(pthread_attr_init(&attributes) == 0, "attributes");
	require(pthread_attr_setstacksize(&attributes, stack_bytes) == 0, "the size");
	for (unsigned i = 0; i < THREADS; i++)
		require(pthread_create(&thread[i], &attributes, live_shortly, NULL) == 0, "thread");
	for (unsigned i = 0; i < THREADS; i++)
		require(pthread_join(thread[i], NULL) == 0, "join");
}

int main(void)
{
	require_tide();
	stack_bytes = ((size_t)PTHREAD_STACK_MIN + PAGE - 1) / PAGE * PAGE;
	char *memory = mmap(NULL, stack_bytes + PAGE, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	require(memory != MAP_FAILED && mprotect(memory, PAGE, PROT_NONE) == 0, "a stack");
	stack = memory + PAGE;
	for (unsigned round = 0; round < 3; round++) {
		run_thread();
		run_threads();
	}
	return 0;
}
