/* What the tests of the public face share: a seeded random source, sizes, patterns that name the
 * block they fill, and resident memory as the kernel counts it.
 *
 * Assertions of the test framework belong to the test's own thread. What other threads find wrong
 * they return as a text, and the test asserts that there is none.
 */
#ifndef TIDE_TESTS_API_SUPPORT_H
#define TIDE_TESTS_API_SUPPORT_H

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tide/stats.h>
#include <tide/tide.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZED 1
#endif
#endif
#ifndef THREAD_SANITIZED
#define THREAD_SANITIZED 0
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* Instrumented code is slower, and its shadow memory spoils what the kernel counts. */
#define SCALED(n) (SANITIZED ? (n) / 16 : (n))

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static inline uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15u;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* Uniform over the doublings of 1 .. 2^max_shift - 1, then within the doubling. */
static inline size_t random_size(uint64_t *state, unsigned max_shift)
{
	size_t low = (size_t)1 << (random_next(state) % max_shift);

	return low + (size_t)(random_next(state) & (low - 1));
}

/* The mix of an ordinary program: mostly small, one in 128 up to 256 KiB. */
static inline size_t random_mixed_size(uint64_t *state)
{
	return random_size(state, random_next(state) % 128 == 0 ? 18 : 12);
}

static inline uint64_t pattern_word(uint64_t seed, size_t index)
{
	return (seed + index) * 0x9e3779b97f4a7c15u;
}

static inline void pattern_fill(void *block, size_t bytes, uint64_t seed)
{
	unsigned char *at = block;
	size_t i = 0;

	for (; i + sizeof(uint64_t) <= bytes; i += sizeof(uint64_t)) {
		uint64_t word = pattern_word(seed, i);
		memcpy(at + i, &word, sizeof word);
	}
	uint64_t rest = pattern_word(seed, i);
	memcpy(at + i, &rest, bytes - i);
}

static inline bool pattern_holds(const void *block, size_t bytes, uint64_t seed)
{
	const unsigned char *at = block;
	size_t i = 0;

	for (; i + sizeof(uint64_t) <= bytes; i += sizeof(uint64_t)) {
		uint64_t word = pattern_word(seed, i);
		if (memcmp(at + i, &word, sizeof word) != 0)
			return false;
	}
	uint64_t rest = pattern_word(seed, i);
	return memcmp(at + i, &rest, bytes - i) == 0;
}

static inline bool all_zero(const void *block, size_t bytes)
{
	const unsigned char *at = block;

	return bytes == 0 || (at[0] == 0 && memcmp(at, at + 1, bytes - 1) == 0);
}

/* A block that says what it must hold, so that whoever gets it can check it. */
struct parcel {
	uint64_t seed;
	uint64_t bytes;
	unsigned char content[];
};

static inline struct parcel *parcel_make(size_t bytes, uint64_t seed)
{
	struct parcel *parcel = tide_malloc(sizeof *parcel + bytes);

	if (parcel != NULL) {
		parcel->seed = seed;
		parcel->bytes = bytes;
		pattern_fill(parcel->content, bytes, seed);
	}
	return parcel;
}

/* Check, spoil and free. Returns what is wrong, or NULL. */
static inline const char *parcel_end(struct parcel *parcel)
{
	bool sound = parcel->bytes <= tide_malloc_usable_size(parcel) - sizeof *parcel &&
	             pattern_holds(parcel->content, parcel->bytes, parcel->seed);

	/* A second owner would find this. */
	parcel->seed = ~parcel->seed;
	tide_free(parcel);
	return sound ? NULL : "a block's content was lost";
}

static inline size_t statm_field(unsigned field)
{
	char text[128];
	int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t got = read(file, text, sizeof text - 1);
	size_t pages = 0;

	(void)close(file);
	for (ssize_t i = 0; i < got; i++) {
		if (text[i] == ' ') {
			if (field-- == 0)
				break;
			pages = 0;
		} else if (text[i] >= '0' && text[i] <= '9') {
			pages = pages * 10 + (size_t)(text[i] - '0');
		}
	}
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static inline size_t address_space_bytes(void)
{
	return statm_field(0);
}

static inline size_t resident_bytes(void)
{
	return statm_field(1);
}

/* Resident memory above `base`, 0 when it is below. */
static inline size_t resident_above(size_t base)
{
	size_t now = resident_bytes();

	return now > base ? now - base : 0;
}

static inline void sleep_ms(long ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) != 0) {
	}
}

static inline struct tide_stats stats_now(void)
{
	struct tide_stats stats;

	memset(&stats, 0, sizeof stats);
	tide_stats_read(&stats, sizeof stats);
	return stats;
}

/* Start `count` threads on elements of an array, or on NULL each, join them, return the first
 * complaint or NULL. */
static inline const char *run_threads(void *(*entry)(void *), void *args, size_t arg_bytes,
                                      unsigned count)
{
	pthread_t thread[64];
	const char *wrong = NULL;
	unsigned started = 0;

	while (started < count && started < COUNT_OF(thread)) {
		void *arg = args != NULL ? (char *)args + started * arg_bytes : NULL;
		if (pthread_create(&thread[started], NULL, entry, arg) != 0) {
			wrong = "no thread to be had";
			break;
		}
		started++;
	}
	for (unsigned i = 0; i < started; i++) {
		void *said = NULL;
		(void)pthread_join(thread[i], &said);
		if (said != NULL && wrong == NULL)
			wrong = said;
	}
	return wrong;
}

#endif
