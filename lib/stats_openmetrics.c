/* Text form 1.0.0 of OpenMetrics: families that do not interleave, units at the end of their names,
 * counters whose samples end with _total, "# EOF". */
#include "stats_out.h"

struct family_set {
	const char *prefix;
	const struct tide_stats_rows *rows;
	const uint64_t *value; /* entries side by side */
	uint64_t entries;
};

static bool is_time(const char *name)
{
	return tide_out_ends_with(name, "_ns");
}

/* "tide_", the prefix, and the name, in whose place of "ns" stands "seconds". */
static void family_name(struct tide_out *out, const char *prefix, const char *name)
{
	tide_out_string(out, "tide_");
	tide_out_string(out, prefix);
	if (!is_time(name)) {
		tide_out_string(out, name);
		return;
	}
	for (; name[0] != '_' || name[1] != 'n' || name[2] != 's' || name[3] != '\0'; name++)
		tide_out_char(out, *name);
	tide_out_string(out, "_seconds");
}

static void comment(struct tide_out *out, const char *what, const char *prefix, const char *name,
                    const char *text)
{
	tide_out_string(out, "# ");
	tide_out_string(out, what);
	tide_out_char(out, ' ');
	family_name(out, prefix, name);
	tide_out_char(out, ' ');
	tide_out_string(out, text);
	tide_out_char(out, '\n');
}

/* The LABEL rows of an entry, as {heap="0",thread_id="17"}. */
static void labels(struct tide_out *out, const struct family_set *set, const uint64_t *entry)
{
	char separator = '{';
	for (unsigned i = 0; i < set->rows->count; i++) {
		if (set->rows->row[i].kind != TIDE_STATS_LABEL)
			continue;
		tide_out_char(out, separator);
		tide_out_string(out, set->rows->row[i].name);
		tide_out_string(out, "=\"");
		tide_out_number(out, entry[i]);
		tide_out_char(out, '"');
		separator = ',';
	}
	if (separator == ',')
		tide_out_char(out, '}');
}

static void family(struct tide_out *out, const struct family_set *set, unsigned i)
{
	const struct tide_stats_row *row = &set->rows->row[i];
	bool counter = row->kind == TIDE_STATS_COUNTER;
	comment(out, "TYPE", set->prefix, row->name, counter ? "counter" : "gauge");
	if (is_time(row->name))
		comment(out, "UNIT", set->prefix, row->name, "seconds");
	else if (tide_out_ends_with(row->name, "_bytes"))
		comment(out, "UNIT", set->prefix, row->name, "bytes");
	comment(out, "HELP", set->prefix, row->name, row->meaning);
	for (uint64_t n = 0; n < set->entries; n++) {
		const uint64_t *entry = set->value + n * set->rows->count;
		family_name(out, set->prefix, row->name);
		if (counter)
			tide_out_string(out, "_total");
		labels(out, set, entry);
		tide_out_char(out, ' ');
		if (is_time(row->name))
			tide_out_seconds(out, entry[i]);
		else
			tide_out_number(out, entry[i]);
		tide_out_char(out, '\n');
	}
}

static void families(struct tide_out *out, const struct family_set *set)
{
	for (unsigned i = 0; i < set->rows->count && set->entries > 0; i++) {
		if (set->rows->row[i].kind != TIDE_STATS_LABEL)
			family(out, set, i);
	}
}

static void step_times(struct tide_out *out, const struct tide_stats_snapshot *snapshot)
{
	static const char name[] = "tide_gc_step_duration_seconds";
	uint64_t sum = 0;
	tide_out_string(out, "# TYPE tide_gc_step_duration_seconds histogram\n"
	                     "# UNIT tide_gc_step_duration_seconds seconds\n"
	                     "# HELP tide_gc_step_duration_seconds rounds of the GC thread\n");
	for (unsigned i = 0; i < TIDE_STATS_STEP_TIMES; i++) {
		sum += snapshot->gc_step_times[i];
		tide_out_string(out, name);
		tide_out_string(out, "_bucket{le=\"");
		if (i + 1 < TIDE_STATS_STEP_TIMES)
			tide_out_seconds(out, 256ull << i);
		else
			tide_out_string(out, "+Inf");
		tide_out_string(out, "\"} ");
		tide_out_number(out, sum);
		tide_out_char(out, '\n');
	}
	tide_out_string(out, name);
	tide_out_string(out, "_count ");
	tide_out_number(out, sum);
	tide_out_char(out, '\n');
	tide_out_string(out, name);
	tide_out_string(out, "_sum ");
	tide_out_seconds(out, snapshot->all.gc_step_ns);
	tide_out_char(out, '\n');
}

static void flag(struct tide_out *out, const char *name, const char *meaning, uint64_t value)
{
	comment(out, "TYPE", "", name, "gauge");
	comment(out, "HELP", "", name, meaning);
	family_name(out, "", name);
	tide_out_string(out, value != 0 ? " 1\n" : " 0\n");
}

void tide_stats_openmetrics(struct tide_out *out, const struct tide_stats_snapshot *snapshot)
{
	const struct family_set sets[] = {
		{ "", &tide_stats_rows_all, (const uint64_t *)&snapshot->all, 1 },
		{ "heap_", &tide_stats_rows_heap, (const uint64_t *)snapshot->heap,
		  snapshot->heap_count },
		{ "thread_", &tide_stats_rows_thread, (const uint64_t *)snapshot->thread,
		  snapshot->thread_count },
		{ "class_", &tide_stats_rows_class, (const uint64_t *)snapshot->of_class,
		  snapshot->class_count },
	};
	tide_out_string(
	    out, "# TYPE tide_build_info gauge\n# HELP tide_build_info the allocator's version\n"
		 "tide_build_info{version=\"");
	tide_out_version(out, snapshot->library);
	tide_out_string(out, "\"} 1\n");
	flag(out, "settled", "no step of the GC ran while this was read", snapshot->settled);
	flag(out, "balanced", "every class has as many blocks as were carved", snapshot->balanced);
	for (unsigned i = 0; i < sizeof sets / sizeof sets[0]; i++)
		families(out, &sets[i]);
	step_times(out, snapshot);
	tide_out_string(out, "# EOF\n");
}
