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
	struct soak_trend trend = soak_trend(soak);
	char line[256], slope[64] = "";

	if (trend.points >= SOAK_POINTS_NEEDED)
		snprintf(slope, sizeof slope, "  trend %s%s/h", trend.bytes_per_hour < 0 ? "" : "+",
		         format_bytes(trend.bytes_per_hour).text);
	snprintf(line, sizeof line,
	         "checkpoint %s  %s ops (%s/s)  live %s  resident mean %s, max %s%s  %" PRIu64
	         " failures",
	         format_seconds(now->seconds).text, format_count((double)now->calls).text,
	         format_count((double)(now->calls - soak->minute_calls) / CHECKPOINT_S).text,
	         format_bytes(now->live_bytes).text,
	         format_bytes(soak->minute_sum_bytes / (double)soak->minute_samples).text,
	         format_bytes(soak->minute_max_bytes).text, slope, oracle_failures());
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

/* Shell's sort: qsort takes memory from the allocator under test. */
static void sort(double *value, size_t count)
{
	for (size_t gap = count / 2; gap > 0; gap /= 2) {
		for (size_t i = gap; i < count; i++) {
			double moved = value[i];
			size_t j = i;

			for (; j >= gap && value[j - gap] > moved; j -= gap)
				value[j] = value[j - gap];
			value[j] = moved;
		}
	}
}

static double median(double *value, size_t count)
{
	if (count == 0)
		return 0;
	sort(value, count);
	return count % 2 != 0 ? value[count / 2] : (value[count / 2 - 1] + value[count / 2]) / 2;
}

struct soak_trend soak_trend(const struct soak *soak)
{
	static double work[SOAK_POINTS * (SOAK_POINTS - 1) / 2];
	size_t first = soak->points / 4; /* what is before is warming up */
	size_t count = soak->points - first;
	const double *bytes = soak->resident_bytes + first;
	struct soak_trend trend = { .points = count };
	size_t pairs = 0;
	double rising = 0;

	if (count < 2)
		return trend;
	memcpy(work, bytes, count * sizeof *bytes);
	trend.median_bytes = median(work, count);
	for (size_t i = 0; i < count; i++) {
		for (size_t j = i + 1; j < count; j++) {
			double more = bytes[j] - bytes[i];

			work[pairs++] = more / (double)(j - i);
			rising += more > 0 ? 1 : more < 0 ? -1 : 0;
		}
	}
	double per_point = median(work, pairs);
	double n = (double)count;
	double deviation = sqrt(n * (n - 1) * (2 * n + 5) / 18);

	trend.growth_bytes = per_point * (n - 1);
	trend.bytes_per_hour = per_point / soak->point_seconds * 3600;
	trend.z = (rising - (rising > 0 ? 1 : rising < 0 ? -1 : 0)) / deviation;
	trend.grows = trend.growth_bytes > SOAK_GROWTH_PART * trend.median_bytes &&
	              trend.growth_bytes > SOAK_GROWTH_BYTES && trend.z > SOAK_SURE_Z;
	return trend;
}

bool soak_verdict(const struct soak *soak)
{
	struct soak_trend trend = soak_trend(soak);

	printf("\nsoak\n");
	if (trend.points < SOAK_POINTS_NEEDED) {
		printf(
		    "  FAILED: %zu points of %.0f s after warming up can't tell a trend; at least "
		    "%d are needed\n",
		    trend.points, soak->point_seconds, SOAK_POINTS_NEEDED);
		return false;
	}
	printf("  resident memory %s: median %s, %s%s in %zu points of %s, %+.1f sigma\n",
	       trend.grows ? "GROWS" : "is on a plateau", format_bytes(trend.median_bytes).text,
	       trend.growth_bytes < 0 ? "" : "+", format_bytes(trend.growth_bytes).text,
	       trend.points, format_seconds(soak->point_seconds).text, trend.z);
	return !trend.grows;
}
