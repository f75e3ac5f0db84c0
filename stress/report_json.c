/* See report_json.h. */
#include "report_json.h"

#include "allocator.h"
#include "format.h"
#include "latency.h"
#include "oracle.h"
#include "shadow.h"
#include "story.h"

#include <inttypes.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static void set(json_t *object, const char *name, json_t *value)
{
	json_object_set_new(object, name, value);
}

static json_t *verdict(const struct report *report)
{
	const struct sample *all = &report->sampler->now;
	json_t *object = json_object();
	json_t *stories = json_array();
	char reason[256];

	set(object, "passed", json_boolean(report->passed));
	set(object, "interrupted", json_boolean(report->interrupted));
	if (!report->passed)
		set(object, "headline", json_string("Failed: do not trust this build"));
	else if (report->interrupted)
		set(object, "headline", json_string("Passed, up to the interrupt"));
	else
		set(object, "headline", json_string("Passed: every block was right"));
	/* A fault that was asked for may let allocations be refused. */
	snprintf(reason, sizeof reason,
	         "%s blocks were made, and each was checked at every hand-over, realloc and free. "
	         "None was wrong, none was lost, %s.",
	         format_count((double)all->made).text,
	         all->refused == 0 ? "no allocation was refused"
	                           : "and what was refused the fault asked for");
	set(object, "reason",
	    json_string(report->passed || report->reason == NULL ? reason : report->reason));
	set(object, "failures", json_count(oracle_failures()));
	set(object, "refused", json_count(all->refused));
	for (unsigned i = 0; story_told(i) != NULL; i++)
		json_array_append_new(stories, json_string(story_told(i)));
	set(object, "stories", stories);
	return object;
}

static json_t *run(const struct report *report)
{
	const struct run *of = report->sampler->run;
	json_t *object = json_object();
	struct utsname system;
	char text[128], allocator[128];
	time_t now = time(NULL);
	struct tm utc;

	allocator_name(allocator, sizeof allocator);
	set(object, "scenario", json_string(of->scenario->name));
	/* As text: a number of 64 bits is too long for some readers of JSON. */
	snprintf(text, sizeof text, "%" PRIu64, of->seed);
	set(object, "seed", json_string(text));
	set(object, "replay", json_string(report->replay));
	set(object, "allocator", json_string(allocator));
	set(object, "threads", json_count(of->threads));
	set(object, "asked_seconds", json_number(report->asked_seconds));
	set(object, "seconds", json_number(report->end->seconds));
	set(object, "processors", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
	if (uname(&system) == 0) {
		snprintf(text, sizeof text, "%.30s %.60s %.30s", system.sysname, system.release,
		         system.machine);
		set(object, "system", json_string(text));
	}
	if (gmtime_r(&now, &utc) != NULL && strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &utc))
		set(object, "ended", json_string(text));
	return object;
}

static json_t *load(const struct report *report)
{
	const struct sample *all = &report->sampler->now;
	const struct sample *end = report->end;
	json_t *object = json_object();

	set(object, "operations", json_count(all->calls));
	set(object, "operations_per_second",
	    json_number(end->seconds > 0 ? (double)end->calls / end->seconds : 0));
	set(object, "made", json_count(all->made));
	set(object, "freed", json_count(all->freed));
	set(object, "resized", json_count(all->resized));
	set(object, "handed", json_count(all->handed));
	set(object, "threads", json_count(all->threads));
	set(object, "forks", json_count(all->forks));
	set(object, "refused", json_count(all->refused));
	set(object, "refused_by_limits", json_count(all->limited));
	set(object, "heaps", json_count(all->heaps));
	set(object, "abandoned", json_count(all->abandoned));
	return object;
}

/* Bytes are whole. */
static json_t *bytes(double value)
{
	return json_integer((json_int_t)value);
}

static json_t *memory_of(double live_bytes, double resident_bytes)
{
	json_t *object = json_object();

	set(object, "live_bytes", bytes(live_bytes));
	set(object, "resident_bytes", bytes(resident_bytes));
	if (live_bytes > 0)
		set(object, "ratio", json_number(resident_bytes / live_bytes));
	return object;
}

static json_t *memory(const struct report *report)
{
	const struct sampler *sampler = report->sampler;
	double samples = sampler->samples > 0 ? (double)sampler->samples : 1;
	double idles = (double)sampler->idles;
	json_t *object = json_object();
	json_t *peak = memory_of(sampler->peak.live_bytes, sampler->peak.resident_bytes);

	json_object_del(peak, "ratio"); /* the two need not be of the same moment */
	set(object, "peak", peak);
	set(object, "mean",
	    memory_of(sampler->sum.live_bytes / samples, sampler->sum.resident_bytes / samples));
	if (sampler->idles > 0)
		set(object, "after_idle",
		    memory_of(sampler->idle_sum.live_bytes / idles,
		              sampler->idle_sum.resident_bytes / idles));
	set(object, "end", memory_of(report->end->live_bytes, report->end->resident_bytes));
	set(object, "final", memory_of(sampler->now.live_bytes, sampler->now.resident_bytes));
	set(object, "program_bytes", bytes(sampler->base_bytes));
	set(object, "shadow_bytes", json_count(shadow_resident_bytes()));
	set(object, "shadow_unwatched", json_count(shadow_unwatched()));
	return object;
}

static json_t *latency(const struct report *report)
{
	static const struct {
		const char *name;
		double fraction;
	} percentile[] = {
		{ "p50", 0.5 },       { "p90", 0.9 },         { "p99", 0.99 }, { "p99_9", 0.999 },
		{ "p99_99", 0.9999 }, { "p99_999", 0.99999 }, { "max", 1 },
	};
	static struct latency_sum sum;
	json_t *object = json_object();

	sampler_latency(report->sampler, &sum);
	set(object, "overhead", json_number(latency_overhead_ns()));
	for (unsigned kind = 0; kind < LATENCY_KINDS; kind++) {
		json_t *of = json_object();

		set(of, "count", json_count(sum.count[kind]));
		for (size_t i = 0; i < sizeof percentile / sizeof percentile[0]; i++)
			set(of, percentile[i].name,
			    json_number(latency_at(&sum, kind, percentile[i].fraction)));
		set(object, latency_name(kind), of);
	}
	return object;
}

static json_t *allocator(void)
{
	json_t *object = json_object();
	struct allocator_row row;

	for (size_t i = 0; allocator_row(i, &row); i++)
		set(object, row.name, json_count(row.value));
	return object;
}

static json_t *history(const struct report *report)
{
	const struct history *of = report->sampler->history;
	json_t *object = json_object();

	for (unsigned i = 0; i < HISTORY_COLUMN_COUNT; i++)
		set(object, history_name(i), json_numbers(of->column[i], of->points));
	return object;
}

static json_t *soak(const struct soak *of)
{
	struct trend trend = soak_trend(of);
	json_t *object = json_object();

	set(object, "hours", json_number(of->hours));
	set(object, "point_seconds", json_number(of->point_seconds));
	set(object, "judged_points", json_count(trend.points));
	set(object, "median_bytes", bytes(trend.median));
	set(object, "growth_bytes", bytes(trend.growth));
	set(object, "bytes_per_hour", bytes(soak_bytes_per_hour(of, &trend)));
	set(object, "sigma", json_number(trend.sigma));
	set(object, "grows", json_boolean(soak_grows(&trend)));
	set(object, "resident_bytes", json_numbers(of->resident_bytes, of->points));
	return object;
}

json_t *report_json(const struct report *report)
{
	json_t *root = json_object();

	set(root, "verdict", verdict(report));
	set(root, "run", run(report));
	set(root, "load", load(report));
	set(root, "memory", memory(report));
	set(root, "latency_ns", latency(report));
	set(root, "allocator", allocator());
	if (report->soak != NULL)
		set(root, "soak", soak(report->soak));
	set(root, "history", history(report));
	return root;
}
