/* A long run whose resident memory must come to a plateau.
 *
 * The run is cut into points of whole cycles of its scenario, so that the phases cancel out. The
 * first quarter is warming up. Of the rest the trend (trend.h) is judged: it fails when memory
 * grows by more than SOAK_GROWTH_PART of itself and SOAK_GROWTH_BYTES, and that is no chance.
 *
 * Touched by  the main thread only.
 */
#ifndef STRESS_SOAK_H
#define STRESS_SOAK_H

#include "sampler.h"
#include "trend.h"

enum { SOAK_POINTS = 128, SOAK_POINTS_NEEDED = 8 };

#define SOAK_GROWTH_PART 0.02
#define SOAK_GROWTH_BYTES (1 << 20)
#define SOAK_SURE_SIGMA 2.6 /* chance makes as much in one run of 200 */

struct soak {
	double hours;
	double point_seconds; /* 0: not known before the first tick */
	double point_end, checkpoint_end;
	size_t points;
	double resident_bytes[SOAK_POINTS]; /* mean of each point */
	double sum_bytes;                   /* of the point that is being made */
	uint64_t samples;
	double minute_sum_bytes, minute_max_bytes; /* since the last checkpoint */
	uint64_t minute_samples, minute_calls;
};

/* False, after a message: not so many hours. */
bool soak_start(struct soak *soak, double hours);
/* After each sample; prints a checkpoint line each minute. */
void soak_tick(struct soak *soak, const struct sampler *sampler);
/* Of the points that are judged. */
struct trend soak_trend(const struct soak *soak);
double soak_bytes_per_hour(const struct soak *soak, const struct trend *trend);
bool soak_grows(const struct trend *trend);
/* Prints the trend. False: memory grows, or the run was too short to tell. */
bool soak_verdict(const struct soak *soak);

#endif
