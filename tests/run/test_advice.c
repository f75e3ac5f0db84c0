/* Each rule of the advice speaks up where it should, and nowhere else. */
#include "advice.h"

#include <criterion/criterion.h>
#include <string.h>

static struct figures figures;
static struct advice advice;
static double gc_s;

/* A run of a second with a peak of 100 MiB, of which 50 are left, all live. */
static struct tide_stats *quiet(void)
{
	memset(&figures, 0, sizeof figures);
	figures.source = FIGURES_EXIT;
	figures.snapshot.all.resident_bytes = 50 << 20;
	figures.snapshot.all.live_bytes = 50 << 20;
	return &figures.snapshot.all;
}

static void expect(const char *words)
{
	const struct advice_run run = {
		.figures = &figures, .cpu_s = 1, .gc_s = gc_s, .peak_bytes = 100 << 20
	};
	advice_give(&advice, &run);
	if (words == NULL) {
		cr_assert_eq(advice.count, 0, "%s", advice.line[0]);
		return;
	}
	cr_assert_eq(advice.count, 1, "%u for: %s", advice.count, words);
	cr_assert(strstr(advice.line[0], words) != NULL, "%s", advice.line[0]);
	cr_assert_lt(strlen(advice.line[0]), (size_t)ADVICE_BYTES - 1, "cut off");
}

Test(advice, is_silent)
{
	quiet();
	expect(NULL);
	memset(&figures, 0, sizeof figures); /* nothing is known */
	figures.snapshot.all.failures = 1;
	expect(NULL);
}

Test(advice, names_limits)
{
	quiet()->failures = 3;
	expect("3 allocations found no memory");
	quiet()->gc_refusals = 2;
	expect("2 times: locked memory");
	quiet()->gc_container_purges = 2;
	expect("memory was short in the container");
}

Test(advice, names_time)
{
	struct tide_stats *all = quiet();
	gc_s = 0.3;
	expect("the GC took 30 % of the processor time");
	gc_s = 0.1;
	expect(NULL);
	all = quiet();
	all->to_queue = 100000;
	all->over_level = 20000;
	expect("20 % of the full bins");
	all = quiet();
	all->from_queue = 100000;
	all->level_grows = 5000;
	expect("grew 5000 times");
	all = quiet();
	all->gc_returned_bytes = 2000ull << 20;
	expect("20 times the peak");
}

Test(advice, names_memory)
{
	quiet()->queued_bytes = 10 << 20;
	expect("10.0 MiB lie in ready queues");
	struct tide_stats *all = quiet();
	all->bin_bytes = 10 << 20;
	all->threads = 9;
	expect("in the bins of 9 threads");
	all = quiet();
	all->slab_free_bytes = 20 << 20;
	expect("20.0 MiB are free on pages that also hold live blocks");
	all->slab_purged_bytes = 19 << 20;
	expect(NULL);
	quiet()->backlog_bytes = 10 << 20;
	expect("wait in garbage bins");
}
