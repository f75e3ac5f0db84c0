/* Repeatable random numbers: one generator per thread, all seeded from the printed seed. */
#ifndef STRESS_RANDOM_H
#define STRESS_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct random {
	uint64_t state; /* never 0 */
};

/* splitmix64: also the hash behind the contents of blocks. */
static inline uint64_t random_mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static inline void random_seed(struct random *random, uint64_t seed, uint64_t stream)
{
	random->state = random_mix(random_mix(seed) + stream) | 1;
}

/* xorshift64*: its upper half is the better one. */
static inline uint32_t random_next(struct random *random)
{
	uint64_t x = random->state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	random->state = x;
	return (uint32_t)((x * 0x2545f4914f6cdd1du) >> 32);
}

/* In [0, bound). */
static inline uint32_t random_below(struct random *random, uint32_t bound)
{
	return (uint32_t)(((uint64_t)random_next(random) * bound) >> 32);
}

/* True once in `n` calls; never for 0. */
static inline bool random_once_in(struct random *random, uint32_t n)
{
	return n != 0 && random_below(random, n) == 0;
}

/* In [min, max], with a density of 1/x^2: small sizes are the many, yet each doubling of the size
 * has the same share of the bytes. */
static inline uint32_t random_power_law(struct random *random, uint32_t min, uint32_t max)
{
	uint64_t between = min + random_below(random, max - min + 1);

	return (uint32_t)((uint64_t)min * max / between);
}

#endif
