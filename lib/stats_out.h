/* What the printers of statistics share: the rows of the tables as data, and a buffer that counts
 * what does not fit. Pure: no state, no allocation, nothing of the C library that has a locale.
 *
 * Touched by  its owner
 */
#ifndef TIDE_STATS_OUT_H
#define TIDE_STATS_OUT_H

#include "compiler.h"

#include <tide/stats.h>

struct tide_out {
	char *buffer;
	size_t room;
	size_t used; /* of the whole text; may pass `room` */
};

enum tide_stats_kind { TIDE_STATS_GAUGE, TIDE_STATS_COUNTER, TIDE_STATS_LABEL };

enum { TIDE_STATS_NAME_ROOM = 20, TIDE_STATS_MEANING_ROOM = 72 };

/* One figure of a structure of uint64_t, in the order of the structure. */
struct tide_stats_row {
	/* Not pointers to them, which would have to be relocated in every process. */
	char name[TIDE_STATS_NAME_ROOM], meaning[TIDE_STATS_MEANING_ROOM];
	uint8_t kind; /* tide_stats_kind */
};
struct tide_stats_rows {
	const struct tide_stats_row *row;
	unsigned count;
};
TIDE_HIDDEN extern const struct tide_stats_rows tide_stats_rows_all, tide_stats_rows_class,
    tide_stats_rows_thread, tide_stats_rows_heap;

TIDE_HIDDEN void tide_out_char(struct tide_out *out, char c);
TIDE_HIDDEN void tide_out_string(struct tide_out *out, const char *string);
TIDE_HIDDEN void tide_out_number(struct tide_out *out, uint64_t number);
/* Right-aligned to `width`. */
TIDE_HIDDEN void tide_out_column(struct tide_out *out, uint64_t number, unsigned width);
/* ns as seconds with nine decimals. */
TIDE_HIDDEN void tide_out_seconds(struct tide_out *out, uint64_t ns);
/* For people: "1234", "12.3K", "4.5G"; right-aligned to `width`. */
TIDE_HIDDEN void tide_out_bytes(struct tide_out *out, uint64_t bytes, unsigned width);
TIDE_HIDDEN void tide_out_count(struct tide_out *out, uint64_t count, unsigned width);
TIDE_HIDDEN void tide_out_time(struct tide_out *out, uint64_t ns, unsigned width);
/* "major.minor.patch" of tide_stats_snapshot.library. */
TIDE_HIDDEN void tide_out_version(struct tide_out *out, uint64_t library);
/* Left-aligned to `width`. */
TIDE_HIDDEN void tide_out_padded(struct tide_out *out, const char *string, unsigned width);
TIDE_HIDDEN bool tide_out_ends_with(const char *name, const char *end);

TIDE_HIDDEN void tide_stats_text(struct tide_out *out, const struct tide_stats_snapshot *snapshot);
TIDE_HIDDEN void tide_stats_json(struct tide_out *out, const struct tide_stats_snapshot *snapshot);
TIDE_HIDDEN void tide_stats_openmetrics(struct tide_out *out,
                                        const struct tide_stats_snapshot *snapshot);

#endif
