/* See replay_report.h. */
#include "replay_report.h"

#include "format.h"
#include "json.h"
#include "statistics.h"

#include <math.h>

enum { RUNS_MAX = 100, NAME_WIDTH = 12 };

void replay_describe(json_t *document, const struct trace *trace, const struct summary *summary,
                     const struct plan *plan)
{
	const struct books *books = &summary->books;
	json_t *samples = json_array();

	for (uint32_t i = 0; i < plan->samples; i++)
		json_array_append_new(samples,
		                      json_pack("[I, I]", (json_int_t)plan->sample_number[i],
		                                (json_int_t)plan->sample_live[i]));
	json_object_set_new(
	    document, "trace",
	    json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:b, s:I}", "path",
	              trace->name, "program", trace->head.program, "calls",
	              (json_int_t)books->calls, "threads", (json_int_t)summary->threads, "blocks",
	              (json_int_t)books->blocks, "bytes", (json_int_t)books->bytes,
	              "peak_live_bytes", (json_int_t)books->peak_bytes, "end_live_bytes",
	              (json_int_t)books->live_bytes, "seconds", (double)summary->took_ns * 1e-9,
	              "ended", trace->head.ended != 0, "lost", (json_int_t)trace->head.lost));
	json_object_set_new(
	    document, "plan",
	    json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "calls", (json_int_t)plan->calls, "bytes",
	              (json_int_t)plan->call_bytes, "left_out", (json_int_t)plan->left_out, "apart",
	              (json_int_t)plan->settings.apart, "peak_sample",
	              (json_int_t)plan->peak_sample, "samples", samples));
}

/* The median of a number over a peer's runs; NAN: none. */
static double median(const json_t *peer, const char *name)
{
	double value[RUNS_MAX];
	size_t count = 0, i;
	const json_t *run;

	json_array_foreach(json_object_get(peer, "runs"), i, run)
	{
		if (count < RUNS_MAX)
			value[count++] = json_number_value(json_object_get(run, name));
	}
	return statistics_median(value, count);
}

/* The mean of resident to live over the trace, by bytes: the areas below the two curves. */
static double mean_ratio(const json_t *document, const json_t *peer)
{
	const json_t *planned = json_at(document, "plan.samples"), *run, *sample;
	double live_bytes = 0, resident_bytes = 0;
	size_t i, j;

	json_array_foreach(json_object_get(peer, "runs"), i, run)
	{
		json_array_foreach(json_object_get(run, "samples"), j, sample)
		{
			const json_t *at = json_array_get(planned, j);

			live_bytes += json_number_value(json_array_get(at, 1));
			resident_bytes += json_number_value(json_array_get(sample, 1));
		}
	}
	return live_bytes > 0 ? resident_bytes / live_bytes : NAN;
}

static double ratio(double of, double to)
{
	return to > 0 ? of / to : NAN;
}

bool replay_summarize(json_t *document)
{
	static const char *const name[] = { "wall_s",
		                            "cpu_s",
		                            "waited_s",
		                            "peak_rss_bytes",
		                            "end_resident_bytes",
		                            "idle_resident_bytes" };
	double peak_live = json_number_at(document, "trace.peak_live_bytes"),
	       end_live = json_number_at(document, "trace.end_live_bytes");
	json_t *peers = json_object_get(document, "peers"), *peer;
	bool right = true;
	size_t i;

	json_array_foreach(peers, i, peer)
	{
		json_t *summary = json_object();

		for (size_t n = 0; n < sizeof name / sizeof name[0]; n++)
			json_object_set_new(summary, name[n], json_number(median(peer, name[n])));
		json_object_set_new(summary, "peak_ratio",
		                    json_number(ratio(median(peer, "peak_rss_bytes"), peak_live)));
		json_object_set_new(
		    summary, "end_ratio",
		    json_number(ratio(median(peer, "end_resident_bytes"), end_live)));
		json_object_set_new(summary, "mean_ratio", json_number(mean_ratio(document, peer)));
		json_object_set_new(peer, "summary", summary);
		right &= json_is_null(json_object_get(peer, "fault")) &&
		         json_array_size(json_object_get(peer, "runs")) > 0;
	}
	return right;
}

static double number(const json_t *summary, const char *name)
{
	const json_t *value = json_object_get(summary, name);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

static void print_peer(FILE *out, const json_t *peer)
{
	const json_t *summary = json_object_get(peer, "summary");

	fprintf(out, "%-*s", NAME_WIDTH, json_text_of(peer, "name"));
	if (!json_is_null(json_object_get(peer, "fault"))) {
		fprintf(out, " fault: %s\n", json_text_of(peer, "fault"));
		return;
	}
	if (json_array_size(json_object_get(peer, "runs")) == 0) {
		fprintf(out, " no run\n");
		return;
	}
	fprintf(out, " %10s %10s %11s %6s %11s %6s %11s %6s\n",
	        format_ns(number(summary, "wall_s") * 1e9).text,
	        format_ns(number(summary, "cpu_s") * 1e9).text,
	        format_bytes(number(summary, "peak_rss_bytes")).text,
	        format_ratio(number(summary, "peak_ratio"), 1).text,
	        format_bytes(number(summary, "end_resident_bytes")).text,
	        format_ratio(number(summary, "end_ratio"), 1).text,
	        format_bytes(number(summary, "idle_resident_bytes")).text,
	        format_ratio(number(summary, "mean_ratio"), 1).text);
}

void replay_print(FILE *out, const json_t *document)
{
	const json_t *peer;
	size_t i;

	fprintf(
	    out,
	    "%s: %s calls of %.0f threads in %s; %s in blocks, at most %s live, %s at the end\n",
	    json_text_of(json_object_get(document, "trace"), "program"),
	    format_count(json_number_at(document, "trace.calls")).text,
	    json_number_at(document, "trace.threads"),
	    format_ns(json_number_at(document, "trace.seconds") * 1e9).text,
	    format_bytes(json_number_at(document, "trace.bytes")).text,
	    format_bytes(json_number_at(document, "trace.peak_live_bytes")).text,
	    format_bytes(json_number_at(document, "trace.end_live_bytes")).text);
	if (json_number_at(document, "plan.left_out") > 0)
		fprintf(out,
		        "%.0f calls are left out: they failed, or freed what is not in the trace\n",
		        json_number_at(document, "plan.left_out"));
	if (json_number_at(document, "trace.lost") > 0)
		fprintf(out, "%.0f calls are not in the trace: the recorder lost them\n",
		        json_number_at(document, "trace.lost"));
	fprintf(out, "\n%-*s %10s %10s %11s %6s %11s %6s %11s %6s\n", NAME_WIDTH, "resident is",
	        "wall", "CPU", "at most", "/ live", "at the end", "/ live", "idle", "mean");
	json_array_foreach(json_object_get(document, "peers"), i, peer) print_peer(out, peer);
}
