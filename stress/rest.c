/* See rest.h. */
#include "rest.h"

#include "format.h"

#include <inttypes.h>
#include <stdlib.h>

/* How long it may take, if memory is to go back within half a second: a busy machine is no
 * fault. */
enum { REST_MAX_MS = 12000, REST_STEP_MS = 250 };

/* What may be left: this much in any case, of metadata, of whole pages held by a few blocks in the
 * bins of the thread that freed them, and of open regions; or this part of the peak. */
#define REST_BYTES (24.0 * (1 << 20))
#define REST_PART 8

/* This one, and such as belong to the faults and are about to end. */
enum { THREADS_LEFT_MAX = 4 };

static double left_max_bytes(const struct sampler *sampler)
{
	double part = sampler->peak.resident_bytes / REST_PART;

	return part > REST_BYTES ? part : REST_BYTES;
}

static bool is_at_rest(const struct sampler *sampler)
{
	return sampler->now.allocator.backlog_bytes == 0 &&
	       sampler->now.resident_bytes <= left_max_bytes(sampler);
}

bool rest_verdict(struct sampler *sampler)
{
	uint64_t threads = sampler->now.allocator.threads;

	if (threads > THREADS_LEFT_MAX) {
		fprintf(stderr,
		        "tide-stress: no rest: all threads ended, and %" PRIu64 " have a cache\n",
		        threads);
		return false;
	}
	/* Who sets the clock of the allocator knows how long to wait; we don't. */
	if (!sampler->now.allocator.gc_runs || getenv("TIDE_DECAY_MS") != NULL)
		return true;
	for (uint32_t ms = 0; ms < REST_MAX_MS && !is_at_rest(sampler); ms += REST_STEP_MS)
		sampler_settle(sampler, REST_STEP_MS);
	if (is_at_rest(sampler))
		return true;
	fprintf(
	    stderr,
	    "tide-stress: no rest: all is freed, and %s are resident (%s at the peak, %s may be "
	    "left), %s are in garbage\n",
	    format_bytes(sampler->now.resident_bytes).text,
	    format_bytes(sampler->peak.resident_bytes).text,
	    format_bytes(left_max_bytes(sampler)).text,
	    format_bytes((double)sampler->now.allocator.backlog_bytes).text);
	return false;
}
