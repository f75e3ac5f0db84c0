/* See figures.h. */
#include "figures.h"

#include "top/page.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t number_of(const json_t *object, const char *name)
{
	json_int_t number = json_integer_value(json_object_get(object, name));
	return number > 0 ? (uint64_t)number : 0;
}

#define READ_FIELD(name, kind, meaning) to->name = number_of(object, #name);

static void read_all(struct tide_stats *to, const json_t *object)
{
	TIDE_STATS_TOTALS(READ_FIELD)
}

static void read_class(struct tide_stats_class *to, const json_t *object)
{
	TIDE_STATS_CLASS(READ_FIELD)
}

bool figures_of_json(struct tide_stats_snapshot *snapshot, const json_t *document)
{
	const json_t *all = json_object_get(document, "all"), *object;
	const json_t *classes = json_object_get(document, "classes");
	size_t i;

	memset(snapshot, 0, sizeof *snapshot);
	if (!json_is_object(all))
		return false;
	read_all(&snapshot->all, all);
	snapshot->magic = TIDE_STATS_MAGIC;
	snapshot->process_id = number_of(document, "process_id");
	snapshot->decay_ms = number_of(document, "decay_ms");
	json_array_foreach(classes, i, object)
	{
		if (i < TIDE_STATS_CLASSES)
			read_class(&snapshot->of_class[snapshot->class_count++], object);
	}
	return true;
}

/* The clock of the GC thread is read with the page, four times a second; what ends before that has
 * the time of its rounds alone, in which it may also have waited for a processor. */
static void add_gc(struct figures *figures, const struct tide_stats *all)
{
	bool is_bound = all->gc_cpu_ns == 0 && all->gc_step_ns > 0;
	figures->gc_cpu_ns += is_bound ? all->gc_step_ns : all->gc_cpu_ns;
	figures->gc_is_bound |= is_bound;
}

static void add(struct figures *figures, const struct tide_stats_snapshot *snapshot)
{
	figures->page_is_old |= snapshot->process_id == figures->page.process_id;
	figures->returned_bytes += snapshot->all.gc_returned_bytes;
	add_gc(figures, &snapshot->all);
	if (figures->processes++ == 0 ||
	    snapshot->all.mapped_bytes > figures->snapshot.all.mapped_bytes)
		figures->snapshot = *snapshot;
	figures->source = FIGURES_EXIT;
}

void figures_look(struct figures *figures, pid_t id)
{
	static struct page page = { .file = -1, .handle = -1 };
	static struct tide_stats_snapshot now;

	if (page.file < 0 || (page.state != PAGE_LIVE && page.state != PAGE_BUSY)) {
		page_close(&page);
		if (page_open(&page, id) != PAGE_LIVE)
			return;
	}
	now.magic = 0;
	enum page_state state = page_read(&page, &now);
	/* (Of one that ended it is what the GC thread wrote last.) */
	if ((state != PAGE_LIVE && state != PAGE_ENDED) || now.magic != TIDE_STATS_MAGIC)
		return;
	figures->page = now;
	figures->looks++;
	if (now.all.resident_bytes > figures->peak_resident_bytes)
		figures->peak_resident_bytes = now.all.resident_bytes;
	if (now.all.live_bytes > figures->peak_live_bytes)
		figures->peak_live_bytes = now.all.live_bytes;
}

/* What was seen last of a process that told nothing at its end. */
static void add_page(struct figures *figures)
{
	const struct tide_stats_snapshot *page = &figures->page;
	bool more = figures->source == FIGURES_NONE ||
	            page->all.mapped_bytes > figures->snapshot.all.mapped_bytes;

	if (page->magic != TIDE_STATS_MAGIC || figures->page_is_old)
		return;
	figures->returned_bytes += page->all.gc_returned_bytes;
	add_gc(figures, &page->all);
	if (more) {
		figures->source = FIGURES_PAGE;
		figures->snapshot = *page;
	}
}

void figures_gather(struct figures *figures, const char *folder)
{
	static struct tide_stats_snapshot snapshot;
	DIR *entries = opendir(folder);
	struct dirent *entry;
	char path[PATH_MAX];

	while (entries != NULL && (entry = readdir(entries)) != NULL) {
		const char *kind = strrchr(entry->d_name, '.');
		json_error_t error;

		if (*entry->d_name == '.')
			continue;
		snprintf(path, sizeof path, "%.3000s/%s", folder, entry->d_name);
		json_t *document = kind != NULL && strcmp(kind, ".json") == 0
		                       ? json_load_file(path, 0, &error)
		                       : NULL;
		if (document != NULL && figures_of_json(&snapshot, document))
			add(figures, &snapshot);
		json_decref(document);
		unlink(path);
	}
	if (entries != NULL)
		closedir(entries);
	add_page(figures);
}
