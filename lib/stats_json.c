#include "stats_out.h"

static void member(struct tide_out *out, const char *name, bool first)
{
	tide_out_string(out, first ? "\"" : ", \"");
	tide_out_string(out, name);
	tide_out_string(out, "\": ");
}

static void object(struct tide_out *out, const struct tide_stats_rows *rows, const uint64_t *value)
{
	tide_out_char(out, '{');
	for (unsigned i = 0; i < rows->count; i++) {
		member(out, rows->row[i].name, i == 0);
		tide_out_number(out, value[i]);
	}
	tide_out_char(out, '}');
}

/* Structures of uint64_t side by side, `rows->count` numbers each. */
static void list(struct tide_out *out, const char *name, const struct tide_stats_rows *rows,
                 const uint64_t *value, uint64_t entries)
{
	tide_out_string(out, ",\n\"");
	tide_out_string(out, name);
	tide_out_string(out, "\": [");
	for (uint64_t i = 0; i < entries; i++) {
		tide_out_string(out, i == 0 ? "\n" : ",\n");
		object(out, rows, value + i * rows->count);
	}
	tide_out_char(out, ']');
}

void tide_stats_json(struct tide_out *out, const struct tide_stats_snapshot *snapshot)
{
	tide_out_string(out, "{\"tide\": \"");
	tide_out_version(out, snapshot->library);
	tide_out_string(out, "\", \"process_id\": ");
	tide_out_number(out, snapshot->process_id);
	tide_out_string(out, ", \"taken_ns\": ");
	tide_out_number(out, snapshot->taken_ns);
	tide_out_string(out, ", \"decay_ms\": ");
	tide_out_number(out, snapshot->decay_ms);
	tide_out_string(out, snapshot->settled ? ", \"settled\": true" : ", \"settled\": false");
	tide_out_string(out, snapshot->balanced ? ", \"balanced\": true" : ", \"balanced\": false");
	tide_out_string(out, ",\n\"all\": ");
	object(out, &tide_stats_rows_all, (const uint64_t *)&snapshot->all);
	tide_out_string(out, ",\n\"gc_step_times\": [");
	for (unsigned i = 0; i < TIDE_STATS_STEP_TIMES; i++) {
		tide_out_string(out, i == 0 ? "" : ", ");
		tide_out_number(out, snapshot->gc_step_times[i]);
	}
	tide_out_char(out, ']');
	list(out, "heaps", &tide_stats_rows_heap, (const uint64_t *)snapshot->heap,
	     snapshot->heap_count);
	list(out, "threads", &tide_stats_rows_thread, (const uint64_t *)snapshot->thread,
	     snapshot->thread_count);
	list(out, "classes", &tide_stats_rows_class, (const uint64_t *)snapshot->of_class,
	     snapshot->class_count);
	tide_out_string(out, "}\n");
}
