/* libtide-record.so: preloaded, it stands between a program and its allocator and counts. At the exit
 * of each process it writes the file PROGRAM-PID.distribution into the folder TIDE_RECORD_FOLDER;
 * see counts.h for what is in it, and tide_record.c for the program that sets this up.
 *
 * A program that is ended by _exit or a signal writes nothing.
 */
#include "counts.h"
#include "next.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FOLDER_BYTES = 4096, PROGRAM_BYTES = 64 };

#define PUBLIC __attribute__((visibility("default")))

PUBLIC void *malloc(size_t bytes);
PUBLIC void *calloc(size_t count, size_t bytes);
PUBLIC void *realloc(void *block, size_t bytes);
PUBLIC void *reallocarray(void *block, size_t count, size_t bytes);
PUBLIC void free(void *block);
PUBLIC int posix_memalign(void **block, size_t alignment, size_t bytes);
PUBLIC void *aligned_alloc(size_t alignment, size_t bytes);
PUBLIC void *memalign(size_t alignment, size_t bytes);
PUBLIC void *valloc(size_t bytes);
PUBLIC void *pvalloc(size_t bytes);

/* Copies, since programs overwrite their arguments and environment. */
static char folder[FOLDER_BYTES], program[PROGRAM_BYTES];

static void *begun(enum call call, void *block, size_t bytes)
{
	counts_call(call);
	counts_begin(block, bytes);
	return block;
}

void *malloc(size_t bytes)
{
	return begun(CALL_MALLOC, next_malloc(bytes), bytes);
}

void *calloc(size_t count, size_t bytes)
{
	/* On overflow there is no block, and the product does not matter. */
	return begun(CALL_CALLOC, next_calloc(count, bytes), count * bytes);
}

void free(void *block)
{
	if (block == NULL)
		return;
	counts_call(CALL_FREE);
	counts_end(block); /* before another thread can get the address */
	next_free(block);
}

/* Without a block it is malloc; to no size it is free, here as in the C library. */
void *realloc(void *block, size_t bytes)
{
	if (block == NULL)
		return malloc(bytes);
	counts_call(CALL_REALLOC);
	counts_end(block);
	void *moved = next_realloc(block, bytes);
	if (moved != NULL)
		counts_begin(moved, bytes);
	return moved;
}

void *reallocarray(void *block, size_t count, size_t bytes)
{
	size_t whole;

	if (__builtin_mul_overflow(count, bytes, &whole)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(block, whole);
}

void *memalign(size_t alignment, size_t bytes)
{
	return begun(CALL_ALIGNED, next_memalign(alignment, bytes), bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	return memalign(alignment, bytes);
}

int posix_memalign(void **block, size_t alignment, size_t bytes)
{
	int error = errno;

	if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0)
		return EINVAL;
	void *made = memalign(alignment, bytes);
	errno = error; /* it is told by the result */
	if (made == NULL)
		return ENOMEM;
	*block = made;
	return 0;
}

void *valloc(size_t bytes)
{
	return memalign((size_t)sysconf(_SC_PAGESIZE), bytes);
}

void *pvalloc(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return bytes > SIZE_MAX - page ? NULL : valloc((bytes + page - 1) / page * page);
}

__attribute__((constructor)) static void begin(void)
{
	const char *wanted = getenv("TIDE_RECORD_FOLDER");

	snprintf(folder, sizeof folder, "%s", wanted != NULL ? wanted : ".");
	snprintf(program, sizeof program, "%s", program_invocation_short_name);
	/* Two processes must not count the same blocks. */
	pthread_atfork(NULL, NULL, counts_restart);
}

__attribute__((destructor)) static void end(void)
{
	char path[FOLDER_BYTES + PROGRAM_BYTES + 32];
	int written =
	    snprintf(path, sizeof path, "%s/%s-%d.distribution", folder, program, (int)getpid());

	if (written < 0 || (size_t)written >= sizeof path)
		return;
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	bool good = file >= 0 && counts_write(file, program);
	if (!good)
		dprintf(STDERR_FILENO, "tide-record: %s: %s\n", path, strerror(errno));
	if (file >= 0)
		close(file);
}
