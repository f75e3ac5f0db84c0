/* tide-pinned: what a few old jobs do to memory, and what defragmentation does about it. Prints a
 * line for each state of the store. Exits with 0 when every body that was read was whole and
 * nothing was lost, with 1 otherwise. */
#include "pinned_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct tide_store_stats stats_of(struct tide_store *store)
{
	struct tide_store_stats stats;
	tide_store_stats(store, &stats, sizeof stats);
	return stats;
}

static void show(const char *when, const struct tide_store_stats *stats)
{
	printf("%-8s entries %llu, used %llu, held %llu (%llu %%), headers %llu; %s\n", when,
	       (unsigned long long)stats->entries, (unsigned long long)stats->body_bytes,
	       (unsigned long long)stats->body_held_bytes, (unsigned long long)stats->held_percent,
	       (unsigned long long)stats->entry_held_bytes,
	       tide_store_verdict_text((enum tide_store_verdict)stats->verdict));
}

/* Of ten milliseconds; checks are a quarter of a second apart. */
enum { MOST_NAPS = 1000 };

static void nap(void)
{
	struct timespec ten_ms = { 0, 10000000 };
	(void)nanosleep(&ten_ms, NULL);
}

/* What was removed is freed, and what is free goes back: the rest is what fragmentation holds. */
static void settle(struct tide_store *store)
{
	while (stats_of(store).leaving_entries > 0)
		nap();
	(void)tide_purge();
}

static int defragment(struct tide_store *store, bool by_timer)
{
	if (!by_timer)
		return tide_store_defragment(store, TIDE_STORE_FOREVER);
	/* A verdict may be of before: it has to last for more than a check takes to come round. */
	for (unsigned naps = 0; naps < MOST_NAPS; nap()) {
		struct tide_store_stats stats = stats_of(store);
		bool wants =
		    stats.verdict != TIDE_STORE_COMPACT && stats.verdict != TIDE_STORE_LITTLE_WASTE;
		if (stats.defragment_by_timer > 0 && stats.body_heaps == 1)
			return 0;
		naps = wants ? 0 : naps + 1;
	}
	return ECANCELED;
}

/* Returns what went wrong, or NULL. */
static const char *run(struct jobs *jobs, bool by_timer)
{
	int error = jobs_start_readers(jobs);
	if (error == 0)
		error = jobs_run_writers(jobs);
	if (error != 0)
		return strerror(error);
	settle(jobs->store);
	struct tide_store_stats before = stats_of(jobs->store);
	show("before", &before);
	error = defragment(jobs->store, by_timer);
	if (error == ECANCELED)
		puts("the store did not want to");
	else if (error != 0)
		return strerror(error);
	settle(jobs->store);
	struct tide_store_stats after = stats_of(jobs->store);
	show("after", &after);
	uint64_t entries = jobs_check_all(jobs);
	uint64_t read = atomic_load_explicit(&jobs->read, memory_order_relaxed);
	jobs_end_readers(jobs);
	printf("moved    entries %llu, bytes %llu, slices %llu\n",
	       (unsigned long long)after.moved_entries, (unsigned long long)after.moved_bytes,
	       (unsigned long long)after.slices);
	printf("checked  bodies %llu; refused %llu, dropped %llu\n", (unsigned long long)read,
	       (unsigned long long)after.refused, (unsigned long long)after.dropped);
	if (entries != after.entries || (after.dropped == 0 && entries != jobs->kept))
		return "entries were lost";
	return jobs->fault;
}

int main(int argc, char **argv)
{
	struct pinned_options options;
	pinned_options_read(&options, argc, argv);
	options.store.user_bytes = sizeof(struct job);
	options.store.defragment_after_ns = TIDE_STORE_SECOND;
	options.store.defragment_check_ns = TIDE_STORE_SECOND / 4;
	if (!options.by_timer)
		options.store.defragment_percent = UINT32_MAX;

	static struct jobs jobs;
	jobs.count = options.count;
	jobs.live = options.live;
	jobs.kept_one_in = options.kept_one_in;
	jobs.min_bytes = options.min_bytes;
	jobs.max_bytes = options.max_bytes;
	jobs.writers = (unsigned)options.writers;
	jobs.readers = (unsigned)options.readers;
	jobs.store = tide_store_create(&options.store);
	const char *fault = "the store could not be made";
	if (jobs.store != NULL)
		fault = run(&jobs, options.by_timer);
	tide_store_destroy(jobs.store);
	if (fault != NULL)
		fprintf(stderr, "tide-pinned: %s\n", fault);
	return fault != NULL;
}
