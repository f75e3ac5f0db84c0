/* A heap profile as Tide writes it (lib/profile_write.h has the form), scaled up to what its
 * samples stand for. */
#ifndef PROF_READ_H
#define PROF_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct site {
	double live, live_bytes, allocs, alloc_bytes;
	unsigned long samples; /* of the live ones */
	unsigned frames;
	uint64_t *frame; /* innermost first; each lies in its call */
};

struct profile {
	uint64_t mean_bytes;
	struct site *site;
	size_t sites;
	char *maps; /* as /proc/PID/maps */
	size_t maps_bytes;
	char *warning; /* NULL: it is complete */
};

/* False, after a message that names file and line. */
bool profile_read(struct profile *profile, const char *path);

#endif
