/* The records of the log, as bytes.
 *
 * A segment is a file: a segment header, then records. All numbers are little-endian. Each record
 * has a number one above that of the record before it, over all segments, so that a missing piece
 * shows. A CRC-32 covers the record's header, fields and tube name; one in the fields the body.
 *
 *   header   crc32 (of all that follows but the body), kind, bytes of all, number, synced, mark
 *   FULL     fields, the tube's name, the body     a job as it is now; the last one counts
 *   CHANGE   fields                                what release, bury and kick change
 *   GONE     the job's id                          deleted, dropped or expired
 *
 * The mark is a secret of the log (its salt, at random) and the record's place: what a client puts
 * into a body is never taken for a record, whatever it looks like. Where a record is damaged,
 * `synced` of those behind it tells whether it had been on the disk for sure.
 *
 * Pure: encoding and decoding only. Decoding takes any bytes.
 */
#ifndef JOBD_RECORD_H
#define JOBD_RECORD_H

#include "protocol.h"

#include <stdbool.h>

enum record_kind { RECORD_FULL = 1, RECORD_CHANGE, RECORD_GONE, RECORD_KINDS_END };

/* What outlives the server, of a job. Times are of the wall clock, in ns: the monotonic one starts
 * anew with the machine. */
struct record_fields {
	uint64_t id;
	int64_t created_ns;
	/* The end of a delay; for a buried job, its place in the order of burials. */
	int64_t due_ns;
	uint32_t state; /* enum job_state; reserved is as good as ready */
	uint32_t priority;
	uint32_t delay_s;
	uint32_t ttr_s;
	uint32_t reserves;
	uint32_t timeouts;
	uint32_t releases;
	uint32_t buries;
	uint32_t kicks;
	uint32_t body_crc;
};

struct record {
	enum record_kind kind;
	uint64_t number;
	uint64_t synced; /* records up to that number were on the disk before this one */
	uint64_t mark;   /* segment_mark of its place */
	struct record_fields fields; /* GONE: the id only */
	char tube[PROTOCOL_TUBE_BYTES + 1];
	const char *body; /* of FULL */
	uint32_t body_bytes;
};

enum {
	RECORD_HEADER_BYTES = 4 + 4 + 8 + 8 + 8 + 8,
	RECORD_FIELDS_BYTES = 3 * 8 + 10 * 4,
	RECORD_TUBE_COUNT_BYTES = 8, /* the lengths of tube and body */
	RECORD_HEAD_MAX_BYTES = RECORD_HEADER_BYTES + RECORD_FIELDS_BYTES +
	                        RECORD_TUBE_COUNT_BYTES + PROTOCOL_TUBE_BYTES,
	SEGMENT_HEADER_BYTES = 8 + 4 + 4 + 8 + 8 + 8,
};

/* All of a FULL record. */
uint64_t record_full_bytes(size_t tube_bytes, uint32_t body_bytes);
/* All of any record. */
uint64_t record_bytes(const struct record *record);
/* All but the body, which follows. Returns how many bytes went to `head`, which has room for
 * RECORD_HEAD_MAX_BYTES. */
size_t record_encode_head(const struct record *record, char *head);
uint32_t record_crc(const char *body, size_t bytes);

enum record_result {
	RECORD_IS_WHOLE,
	RECORD_IS_CUT,   /* the data ends within it */
	RECORD_IS_WRONG, /* a checksum or a field is wrong */
};

/* Read the record at the start of `data`; `*used` are its bytes. The body is in `data`. */
enum record_result record_decode(const char *data, size_t bytes, struct record *record,
                                 size_t *used);

struct segment_header {
	uint32_t number;
	uint64_t first_record; /* number of the first record */
	uint64_t next_id;      /* smaller ids have been given */
	uint64_t salt;         /* the same in all segments of a log */
};

void segment_encode(const struct segment_header *header, char *data);
enum record_result segment_decode(const char *data, size_t bytes, struct segment_header *header);
/* It is a segment, and not of this layout. */
bool segment_is_of_other_version(const char *data, size_t bytes);
/* The mark of a record that begins at that byte of the segment. */
uint64_t segment_mark(const struct segment_header *header, uint64_t at);
/* Whether the data may begin with the record that has the mark: seldom true by chance. */
bool record_has_mark(const char *data, size_t bytes, uint64_t mark);

#endif
