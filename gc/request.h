/* What TIDE_STATS asks for: exit | signal[:NUMBER] | file:PATH[:SECONDS] | unix:PATH. Pure, but for
 * %p in a path, which is the process's id. */
#ifndef TIDE_GC_REQUEST_H
#define TIDE_GC_REQUEST_H

#include "compiler.h"

#include <tide/stats.h>

enum tide_request_kind {
	TIDE_REQUEST_NONE,
	TIDE_REQUEST_EXIT,
	TIDE_REQUEST_SIGNAL,
	TIDE_REQUEST_FILE,
	TIDE_REQUEST_UNIX
};

#define TIDE_REQUEST_PATH_BYTES 320
#define TIDE_REQUEST_SECONDS_MAX 86400u
#define TIDE_REQUEST_SIGNAL_MAX 64u

struct tide_request {
	enum tide_request_kind kind;
	uint64_t number; /* of the signal; seconds, 0: at exit only */
	enum tide_stats_format format;
	const char *path; /* in the option's text */
	size_t path_bytes;
};

/* False: not of that form; the kind is then NONE, as it is for "". */
TIDE_HIDDEN bool tide_request_parse(struct tide_request *request, const char *text);
/* The path of a file or socket, with `end` after it, into `path` of TIDE_REQUEST_PATH_BYTES and the
 * length of `end`. */
TIDE_HIDDEN void tide_request_path(const struct tide_request *request, char *path, const char *end);

#endif
