/* How large blocks are, and how long they live: made-up distributions, and recorded ones.
 *
 * Fixed, uniform and power-law sizes are a formula. A recorded distribution is a file that
 * tide-trace made of a real program: for each range of sizes how many blocks there were, and of
 * those how many lived for how many further allocations. Small fresh strings and large old tables
 * are told apart by it, which no formula does.
 *
 * Touched by  the main thread until the run starts; then read by all.
 */
#ifndef STRESS_DISTRIBUTION_H
#define STRESS_DISTRIBUTION_H

#include "random.h"

enum { DISTRIBUTION_MAX_BYTES = 1 << 30, RECORDED_LIVES = 32 };
/* A life without end, as far as the recorder saw. */
#define LIFE_ENDLESS UINT32_MAX

/* One range of sizes of a recorded program. */
struct recorded_row {
	uint32_t min_bytes, max_bytes;
	uint64_t below; /* of 2^32 blocks, so many are of this or a lower row */
	/* Of 2^32 blocks of this row, so many live for less than 2^(i+1) - 1 other allocations. */
	uint64_t life_below[RECORDED_LIVES];
};

struct recorded {
	char name[64];
	uint32_t rows;
	struct recorded_row *row; /* ascending */
};

enum distribution_kind {
	SIZES_NONE, /* not given: the one further out holds */
	SIZES_FIXED,
	SIZES_UNIFORM,
	SIZES_POWER,
	SIZES_RECORDED,
};

struct distribution {
	enum distribution_kind kind;
	uint32_t min_bytes, max_bytes;
	const struct recorded *recorded;
};

/* A size. `life` gets the number of allocations the block is to live for, where that was recorded;
 * else it is left alone. */
uint32_t distribution_draw(const struct distribution *distribution, struct random *random,
                           uint32_t *life);

/* "fixed 64", "uniform 16 512", "power 16 32K" or "recorded redis". False: `fault` says why. */
bool distribution_parse(struct distribution *distribution, const char *text, char *fault,
                        size_t fault_bytes);
/* A built-in distribution by its name, or a file by its path; read once. NULL: `fault` says why. */
const struct recorded *recorded_find(const char *name, char *fault, size_t fault_bytes);

#endif
