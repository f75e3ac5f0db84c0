#include "read.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES_MAX = 1024 };

struct reader {
	const char *path;
	FILE *file;
	char *line;
	size_t room;
	unsigned long number;
};

static bool next_line(struct reader *reader)
{
	ssize_t bytes = getline(&reader->line, &reader->room, reader->file);
	if (bytes < 0)
		return false;
	if (bytes > 0 && reader->line[bytes - 1] == '\n')
		reader->line[bytes - 1] = '\0';
	reader->number++;
	return true;
}

static bool wrong(const struct reader *reader, const char *what)
{
	fprintf(stderr, "tide-prof: %s:%lu: %s\n", reader->path, reader->number, what);
	return false;
}

/* "LIVE: BYTES [ALLOCATED: BYTES] @"; what follows, NULL: it is none. */
static const char *read_counts(const char *line, uint64_t count[4])
{
	int end = 0;
	if (sscanf(line, " %" SCNu64 ": %" SCNu64 " [%" SCNu64 ": %" SCNu64 "] @%n", &count[0],
	           &count[1], &count[2], &count[3], &end) != 4 ||
	    end == 0)
		return NULL;
	return line + end;
}

/* How many blocks one sampled of that size stands for. */
static double weight(double blocks, double bytes, double mean)
{
	return blocks > 0 && bytes > 0 ? 1 / -expm1(-(bytes / blocks) / mean) : 1;
}

static bool read_frames(struct site *site, const char *text)
{
	uint64_t frame[FRAMES_MAX];
	for (;;) {
		char *end;
		errno = 0;
		while (*text == ' ')
			text++;
		if (*text == '\0')
			break;
		if (strncmp(text, "0x", 2) != 0 || site->frames == FRAMES_MAX)
			return false;
		frame[site->frames] = strtoull(text, &end, 16);
		if (errno != 0 || end == text + 2 || (*end != ' ' && *end != '\0'))
			return false;
		/* All but the first are where the call returns to. */
		frame[site->frames] -= site->frames > 0;
		site->frames++;
		text = end;
	}
	site->frame = malloc(site->frames * sizeof *site->frame + 1);
	if (site->frame != NULL)
		memcpy(site->frame, frame, site->frames * sizeof *site->frame);
	return site->frame != NULL && site->frames > 0;
}

static bool read_site(struct reader *reader, struct profile *profile)
{
	uint64_t count[4];
	const char *rest = read_counts(reader->line, count);
	if (rest == NULL)
		return wrong(reader, "not a line of a heap profile");
	struct site site = { .samples = count[0] };
	if (!read_frames(&site, rest))
		return wrong(reader, "addresses are missing or wrong");
	if (count[0] > count[2] || count[1] > count[3])
		return wrong(reader, "more is live than was allocated");
	double scale = weight((double)count[2], (double)count[3], (double)profile->mean_bytes);
	site.live = (double)count[0] * scale;
	site.live_bytes = (double)count[1] * scale;
	site.allocs = (double)count[2] * scale;
	site.alloc_bytes = (double)count[3] * scale;
	if ((profile->sites & (profile->sites - 1)) == 0) {
		size_t room = profile->sites != 0 ? 2 * profile->sites : 1;
		struct site *more = realloc(profile->site, room * sizeof *more);
		if (more == NULL)
			return wrong(reader, "out of memory");
		profile->site = more;
	}
	profile->site[profile->sites++] = site;
	return true;
}

static bool read_head(struct reader *reader, struct profile *profile)
{
	static const char head[] = "heap profile:";
	uint64_t count[4];
	int end = 0;
	if (!next_line(reader))
		return wrong(reader, "an empty file");
	const char *rest = NULL;
	if (strncmp(reader->line, head, strlen(head)) == 0)
		rest = read_counts(reader->line + strlen(head), count);
	if (rest == NULL ||
	    sscanf(rest, " heap_v2/%" SCNu64 "%n", &profile->mean_bytes, &end) != 1 ||
	    rest[end] != '\0' || profile->mean_bytes == 0)
		return wrong(reader, "not a heap profile of Tide's");
	return true;
}

static bool read_maps(struct reader *reader, struct profile *profile)
{
	FILE *maps = open_memstream(&profile->maps, &profile->maps_bytes);
	while (maps != NULL && next_line(reader))
		fprintf(maps, "%s\n", reader->line);
	return (maps != NULL && fclose(maps) == 0) || wrong(reader, "out of memory");
}

/* There may be several. */
static bool add_warning(struct profile *profile, const char *line)
{
	const char *before = profile->warning != NULL ? profile->warning : "";
	char *both = NULL;
	if (asprintf(&both, "%s%s%s", before, *before != '\0' ? "; " : "", line) < 0)
		return false;
	free(profile->warning);
	profile->warning = both;
	return true;
}

static bool read_all(struct reader *reader, struct profile *profile)
{
	if (!read_head(reader, profile))
		return false;
	while (next_line(reader)) {
		if (strcmp(reader->line, "MAPPED_LIBRARIES:") == 0)
			return read_maps(reader, profile);
		if (strncmp(reader->line, "# ", 2) == 0) {
			if (!add_warning(profile, reader->line + 2))
				return wrong(reader, "out of memory");
		} else if (*reader->line != '\0' && !read_site(reader, profile)) {
			return false;
		}
	}
	return wrong(reader, "ends before MAPPED_LIBRARIES: was it cut off?");
}

bool profile_read(struct profile *profile, const char *path)
{
	struct reader reader = { .path = path, .file = fopen(path, "re") };
	memset(profile, 0, sizeof *profile);
	if (reader.file == NULL) {
		fprintf(stderr, "tide-prof: %s: %s\n", path, strerror(errno));
		return false;
	}
	bool read = read_all(&reader, profile);
	free(reader.line);
	(void)fclose(reader.file);
	return read;
}
