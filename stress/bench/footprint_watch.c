/* See footprint_watch.h. */
#include "footprint_watch.h"

#include "json.h"
#include "order.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The mappings of a process take longer to go through than its counters take to read, and hold up
 * its page faults meanwhile. So the mappings are looked at less often, and in idle phases only. */
enum { SAMPLE_MS = 20, SMAPS_EVERY = 10 };

const char *footprint_phase_name(enum footprint_phase phase)
{
	static const char *const name[FOOTPRINT_PHASES] = {
		"start",      "grow",       "drop",     "idle",       "other_sizes",
		"drop_again", "idle_again", "free_all", "idle_empty", "end"
	};

	return name[phase];
}

void footprint_watch_begin(struct footprint_watch *watch)
{
	memset(watch, 0, sizeof *watch);
	watch->file = memfd_create("tide-footprint", 0);
	if (watch->file < 0 || ftruncate(watch->file, sizeof *watch->page) != 0) {
		perror("memfd_create");
		exit(1);
	}
	watch->page =
	    mmap(NULL, sizeof *watch->page, PROT_READ | PROT_WRITE, MAP_SHARED, watch->file, 0);
	if (watch->page == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	for (int i = 0; i < FOOTPRINT_PHASES; i++)
		watch->phase[i].begin_s = watch->phase[i].end_s = watch->phase[i].live_bytes =
		    watch->phase[i].resident_bytes = watch->phase[i].lazily_freed_bytes = NAN;
	watch->started_s = child_clock_s();
}

/* NAN: the process has ended. */
static double resident_bytes(pid_t id)
{
	char path[64];
	unsigned long long pages = 0, resident_pages = 0;

	snprintf(path, sizeof path, "/proc/%d/statm", (int)id);
	FILE *file = fopen(path, "re");
	int got = file != NULL ? fscanf(file, "%llu %llu", &pages, &resident_pages) : 0;
	if (file != NULL)
		fclose(file);
	/* A process that has ended but was not waited for has no pages at all. */
	return got == 2 && pages > 0 ? (double)resident_pages * (double)sysconf(_SC_PAGESIZE) : NAN;
}

static double lazily_freed_bytes(pid_t id)
{
	char path[64], line[256];
	unsigned long long kb = 0;
	double bytes = NAN;

	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)id);
	FILE *file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof line, file) != NULL) {
		if (sscanf(line, "LazyFree: %llu kB", &kb) == 1)
			bytes = (double)kb * 1024;
	}
	if (file != NULL)
		fclose(file);
	return bytes;
}

static double live_bytes(const struct footprint_page *page)
{
	uint64_t sum_bytes = 0;

	for (int i = 0; i < FOOTPRINT_THREADS_MAX; i++)
		sum_bytes += load_relaxed(&page->live_bytes[i]);
	return (double)sum_bytes;
}

static bool is_idle(uint32_t phase)
{
	return phase == FOOTPRINT_IDLE_1 || phase == FOOTPRINT_IDLE_2 || phase == FOOTPRINT_IDLE_3;
}

static void sample(struct footprint_watch *watch, pid_t id)
{
	uint32_t phase = load_relaxed(&watch->page->phase);
	size_t number = watch->samples;
	double now_s = child_clock_s() - watch->started_s, live = live_bytes(watch->page),
	       resident = resident_bytes(id);

	/* What was read while the phase changed belongs to neither. */
	if (isnan(resident) || phase >= FOOTPRINT_END ||
	    phase != load_relaxed(&watch->page->phase) || number == WATCH_SAMPLES_MAX)
		return;
	watch->samples++;
	watch->time_s[number] = now_s;
	watch->live_bytes[number] = live;
	watch->resident_bytes[number] = resident;
	if (isnan(watch->phase[phase].begin_s))
		watch->phase[phase].begin_s = now_s;
	watch->phase[phase].end_s = now_s;
	watch->phase[phase].live_bytes = live;
	watch->phase[phase].resident_bytes = resident;
	if (is_idle(phase) && number % SMAPS_EVERY == 0)
		watch->phase[phase].lazily_freed_bytes = lazily_freed_bytes(id);
}

void footprint_watch(struct footprint_watch *watch, struct child *child, double limit_s)
{
	while (child_watch(child, SAMPLE_MS * 1e-3) && !child_interrupted() &&
	       child_clock_s() - child->started_s < limit_s)
		sample(watch, child->id);
}

void footprint_watch_tell(const struct footprint_watch *watch, json_t *run)
{
	double base_bytes = watch->phase[FOOTPRINT_START].resident_bytes;
	json_t *phases = json_object(), *resident = json_array();

	for (size_t i = 0; i < watch->samples; i++)
		json_array_append_new(resident,
		                      json_number(fmax(watch->resident_bytes[i] - base_bytes, 0)));
	for (int i = 0; i < FOOTPRINT_PHASES; i++) {
		double live = watch->phase[i].live_bytes,
		       net = fmax(watch->phase[i].resident_bytes - base_bytes, 0);

		if (isnan(watch->phase[i].resident_bytes))
			net = NAN; /* shorter than the pause between two samples */
		json_object_set_new(phases, footprint_phase_name((enum footprint_phase)i),
		                    json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "begin_s",
		                              json_number(watch->phase[i].begin_s), "end_s",
		                              json_number(watch->phase[i].end_s), "live_bytes",
		                              json_number(live), "resident_bytes", json_number(net),
		                              "lazily_freed_bytes",
		                              json_number(watch->phase[i].lazily_freed_bytes),
		                              "ratio", json_number(live > 0 ? net / live : NAN)));
	}
	json_object_set_new(run, "base_bytes", json_number(base_bytes));
	json_object_set_new(run, "time_s", json_numbers(watch->time_s, watch->samples));
	json_object_set_new(run, "live_bytes", json_numbers(watch->live_bytes, watch->samples));
	json_object_set_new(run, "resident_bytes", resident);
	json_object_set_new(run, "phases", phases);
}

void footprint_watch_end(struct footprint_watch *watch)
{
	munmap(watch->page, sizeof *watch->page);
	close(watch->file);
}
