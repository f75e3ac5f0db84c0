/* What the processes of a command told of themselves: files they wrote at their exit, and the
 * statistics page of the first process, read while it ran.
 *
 * Touched by  one thread. */
#ifndef RUN_FIGURES_H
#define RUN_FIGURES_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>
#include <tide/stats.h>

enum figures_source {
	FIGURES_NONE,
	FIGURES_EXIT, /* complete */
	FIGURES_PAGE  /* the last look at a process that told nothing at its end */
};

struct figures {
	enum figures_source source;
	unsigned processes;                 /* that told something at their exit */
	uint64_t returned_bytes, gc_cpu_ns; /* of all of them */
	bool gc_is_bound;                   /* it was no more than that */
	uint64_t looks, peak_resident_bytes, peak_live_bytes; /* of the page, as far as seen */
	struct tide_stats_snapshot snapshot;                  /* of the process that mapped most */
	struct tide_stats_snapshot page; /* at the last look; magic 0: never seen */
	bool page_is_old;                /* its process told more at its exit */
};

/* A look at the page of process `id`; of one that has ended, at what it had open when it was looked
 * at before. */
void figures_look(struct figures *figures, pid_t id);
/* All files "*.json" in `folder`, which are removed. */
void figures_gather(struct figures *figures, const char *folder);
/* A document as the library writes it; false: it is none. */
bool figures_of_json(struct tide_stats_snapshot *snapshot, const json_t *document);
static inline bool figures_are_known(const struct figures *figures)
{
	return figures->source != FIGURES_NONE;
}

#endif
