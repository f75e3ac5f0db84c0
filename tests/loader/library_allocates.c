/* A library that allocates wherever it can: in its constructor and destructor, in a thread of its
 * own, and, being loaded late, for its thread-local variables, which the loader makes room for by
 * malloc. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 200, LOCAL_BYTES = 10000 };

static void *block[COUNT];
static __thread char local[LOCAL_BYTES];

static void *work(void *bytes)
{
	for (size_t i = 0; i < COUNT; i++) {
		void *own = malloc(1 + i * 37);
		memset(own, 1, 1 + i * 37);
		local[i] = 1;
		free(own);
	}
	return bytes;
}

__attribute__((constructor)) static void begin(void)
{
	pthread_t thread;

	for (size_t i = 0; i < COUNT; i++)
		block[i] = malloc(1 + i * 100);
	if (pthread_create(&thread, NULL, work, NULL) != 0 || pthread_join(thread, NULL) != 0)
		abort();
}

__attribute__((destructor)) static void end(void)
{
	for (size_t i = 0; i < COUNT; i++)
		free(block[i]);
	free(malloc(5000));
}

void *library_make(size_t bytes);
void *library_make(size_t bytes)
{
	local[bytes % LOCAL_BYTES] = 1;
	return malloc(bytes);
}

void library_end(void *own);
void library_end(void *own)
{
	free(own);
}

/* Made by the C library on behalf of this one. */
char *library_copy(const char *text);
char *library_copy(const char *text)
{
	return strdup(text);
}
