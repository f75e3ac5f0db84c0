/* What the programs under the replaced malloc share; for C and C++.
 *
 * Status 0 is a pass, 77 a skip, 1 a failure, whose reason goes to stderr.
 */
#ifndef TIDE_TESTS_OVERRIDE_SUPPORT_H
#define TIDE_TESTS_OVERRIDE_SUPPORT_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <tide/stats.h>
#include <tide/tide.h>

static inline void require(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "failed: %s\n", what);
	_exit(1);
}

static inline void skip(const char *why)
{
	(void)fprintf(stderr, "skipped: %s\n", why);
	_exit(77);
}

/* Whether `block` was made by Tide and holds `bytes`: its size must be one that Tide's classes
 * have. A block of the C library's own allocator would be no block of Tide's at all. */
static inline bool from_tide(const void *block, size_t bytes)
{
	size_t usable = block != NULL ? tide_malloc_usable_size(block) : 0;

	if (usable == 0 || usable < bytes)
		return false;
	void *twin = tide_malloc(usable);
	bool fits = tide_malloc_usable_size(twin) >= usable;
	tide_free(twin);
	return fits;
}

/* Hides a value from the compiler, which warns of what these tests try on purpose. */
static inline size_t opaque_size(size_t size)
{
	__asm__ volatile("" : "+r"(size));
	return size;
}

static inline uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15u;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* Mostly small, one in 64 up to 256 KiB. */
static inline size_t random_size(uint64_t *state)
{
	unsigned shift = (unsigned)(random_next(state) % (random_next(state) % 64 == 0 ? 18 : 12));
	size_t low = (size_t)1 << shift;

	return low + (size_t)(random_next(state) & (low - 1));
}

/* Allocate and free `count` random blocks, up to 256 at a time; each must keep its two ends. */
static inline void use_heap(uint64_t seed, unsigned count)
{
	unsigned char *block[256] = { NULL };
	size_t bytes[256] = { 0 };
	uint64_t random = seed;

	for (unsigned n = 0; n < count; n++) {
		unsigned i = (unsigned)(random_next(&random) % 256);

		if (block[i] != NULL) {
			require(block[i][0] == i && block[i][bytes[i] - 1] == i,
			        "a block keeps its content");
			free(block[i]);
		}
		bytes[i] = random_size(&random);
		block[i] = (unsigned char *)malloc(bytes[i]);
		require(block[i] != NULL, "malloc gives a block");
		block[i][0] = (unsigned char)i;
		block[i][bytes[i] - 1] = (unsigned char)i;
	}
	for (unsigned i = 0; i < 256; i++)
		free(block[i]);
}

static inline void sleep_ms(long ms)
{
	struct timespec left;

	left.tv_sec = ms / 1000;
	left.tv_nsec = ms % 1000 * 1000000;
	while (nanosleep(&left, &left) != 0) {
	}
}

/* Wait for the end of `child`, with a limit so that a child that hangs is a failure and not a hang.
 * Returns its status as waitpid gives it; -1 when it had to be killed. */
static inline int wait_for(pid_t child)
{
	int status;

	for (unsigned poll = 0; poll < 60 * 200; poll++) {
		pid_t ended = waitpid(child, &status, WNOHANG);

		if (ended == child)
			return status;
		if (ended < 0 && errno != EINTR)
			break;
		sleep_ms(5);
	}
	(void)kill(child, SIGKILL);
	(void)waitpid(child, &status, 0);
	return -1;
}

static inline bool ended_well(int status)
{
	if (status == -1)
		(void)fprintf(stderr, "a child hung and was killed\n");
	else if (WIFSIGNALED(status))
		(void)fprintf(stderr, "a child died by signal %d\n", WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		(void)fprintf(stderr, "a child ended with status %d\n", WEXITSTATUS(status));
	return status == 0;
}

#endif
