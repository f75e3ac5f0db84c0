/* See soak.h. */
#include "soak.h"

#include "format.h"
#include "oracle.h"
#include "progress.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SOAK_MAX_HOURS (24.0 * 366)
#define CHECKPOINT_S 60.0

bool soak_start(struct soak *soak, double hours)
{
	memset(soak, 0, sizeof *soak);
	if (!(hours > 0) || hours > SOAK_MAX_HOURS) {
		fprintf(stderr, "tide-stress: --soak: not a number of hours up to %.0f\n",
		        SOAK_MAX_HOURS);
		return false;
	}
	soak->hours = hours;
	return true;
}

/* Whole cycles, as few as let the run fit. */
static double point_seconds(const struct soak *soak, const struct sampler *sampler)
{
	double cycle = scenario_cycle_ms(sampler->run->scenario) / 1000.0;
	double least = soak->hours * 3600 / SOAK_POINTS;

	return cycle * fmax(1, ceil(least / cycle));
}

static void checkpoint(struct soak *soak, const struct sample *now)
{
	struct trend trend = soak_trend(soak);
	char line[400], slope[96] = "", failed[48] = "";

	if (trend.points >= SOAK_POINTS_NEEDED)
		snprintf(slope, sizeof slope, "  trend %s%s/h, %.1f sigma",
		         trend.slope < 0 ? "" : "+",
		         format_bytes(soak_bytes_per_hour(soak, &trend)).text, trend.sigma);
	if (oracle_failures() != 0)
		snprintf(failed, sizeof failed, "  %" PRIu64 " FAILURES", oracle_failures());
	snprintf(line, sizeof line, "checkpoint %s  %s ops/s  live %s  resident %s, max %s%s%s",
	         format_seconds(now->seconds).text,
	         format_count((double)(now->calls - soak->minute_calls) / CHECKPOINT_S).text,
	         format_bytes(now->live_bytes).text,
	         format_bytes(soak->minute_sum_bytes / (double)soak->minute_samples).text,
	         format_bytes(soak->minute_max_bytes).text, slope, failed);
	progress_say(line);
	soak->minute_sum_bytes = soak->minute_max_bytes = 0;
	soak->minute_samples = 0;
	soak->minute_calls = now->calls;
}

void soak_tick(struct soak *soak, const struct sampler *sampler)
{
	const struct sample *now = &sampler->now;

	if (soak->point_seconds <= 0) {
		soak->point_seconds = point_seconds(soak, sampler);
		soak->point_end = soak->point_seconds;
		soak->checkpoint_end = CHECKPOINT_S;
	}
	soak->sum_bytes += now->resident_bytes;
	soak->samples++;
	soak->minute_sum_bytes += now->resident_bytes;
	soak->minute_max_bytes = fmax(soak->minute_max_bytes, now->resident_bytes);
	soak->minute_samples++;
	if (now->seconds >= soak->point_end) {
		if (soak->points < SOAK_POINTS)
			soak->resident_bytes[soak->points++] =
			    soak->sum_bytes / (double)soak->samples;
		soak->sum_bytes = 0;
		soak->samples = 0;
		soak->point_end += soak->point_seconds;
	}
	if (now->seconds >= soak->checkpoint_end) {
		checkpoint(soak, now);
		soak->checkpoint_end += CHECKPOINT_S;
	}
}

struct trend soak_trend(const struct soak *soak)
{
	size_t first = soak->points / 4; /* what is before is warming up */

	return trend_of(soak->resident_bytes + first, soak->points - first);
}

double soak_bytes_per_hour(const struct soak *soak, const struct trend *trend)
{
	return soak->point_seconds > 0 ? trend->slope / soak->point_seconds * 3600 : 0;
}

bool soak_grows(const struct trend *trend)
{
	return trend->growth > SOAK_GROWTH_PART * trend->median &&
	       trend->growth > SOAK_GROWTH_BYTES && trend->sigma > SOAK_SURE_SIGMA;
}

bool soak_verdict(const struct soak *soak)
{
	struct trend trend = soak_trend(soak);

	printf("\nsoak\n");
	if (trend.points < SOAK_POINTS_NEEDED) {
		printf(
		    "  FAILED: %zu points of %.0f s after warming up can't tell a trend; at least "
		    "%d are needed\n",
		    trend.points, soak->point_seconds, SOAK_POINTS_NEEDED);
		return false;
	}
	printf("  resident memory %s: median %s, %s%s in %zu points of %s, %+.1f sigma\n",
	       soak_grows(&trend) ? "GROWS" : "is on a plateau", format_bytes(trend.median).text,
	       trend.growth < 0 ? "" : "+", format_bytes(trend.growth).text, trend.points,
	       format_seconds(soak->point_seconds).text, trend.sigma);
	return !soak_grows(&trend);
}
