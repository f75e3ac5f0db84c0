/* The jobs that a log has, as of the records read so far: where each one's body is, by id.
 *
 * Touched by  recovery, before there are other threads.
 */
#ifndef JOBD_FOUND_H
#define JOBD_FOUND_H

#include "record.h"

struct found {
	struct record_fields fields;
	uint32_t segment;
	uint32_t body_bytes;
	uint32_t tube_bytes; /* of its name, which stands before the body */
	size_t body_at;      /* in the segment's file */
	struct found *next;
};

/* All zero is an empty one. */
struct found_jobs {
	struct found **chains;
	uint64_t chain_count; /* a power of two */
	uint64_t count;
};

/* NULL: it is not there. */
struct found *found_get(const struct found_jobs *jobs, uint64_t id);
/* A new one, of which all but the id is 0. NULL: no memory. */
struct found *found_add(struct found_jobs *jobs, uint64_t id);
void found_remove(struct found_jobs *jobs, struct found *found);
/* Each job once, by id; of malloc. NULL: no memory. */
struct found **found_sorted(const struct found_jobs *jobs);
void found_clear(struct found_jobs *jobs);

#endif
