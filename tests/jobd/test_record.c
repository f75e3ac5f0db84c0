/* Records: what is written is read again; what is cut or changed anywhere is noticed. */
#include "record.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const char body[] = "the body\r\n\0 of a job";

static struct record full(void)
{
	struct record record = {
		.kind = RECORD_FULL,
		.number = UINT64_MAX - 3,
		.synced = UINT64_MAX - 4,
		.mark = 1ull << 63 | 9,
		.fields = { .id = 77,
		            .created_ns = -5,
		            .due_ns = INT64_MAX,
		            .state = 2,
		            .priority = UINT32_MAX,
		            .delay_s = 1,
		            .ttr_s = 2,
		            .reserves = 3,
		            .timeouts = 4,
		            .releases = 5,
		            .buries = 6,
		            .kicks = 7 },
		.tube = "a-tube",
		.body = body,
		.body_bytes = sizeof body,
	};

	record.fields.body_crc = record_crc(body, sizeof body);
	return record;
}

static size_t encode(const struct record *record, char *data)
{
	size_t bytes = record_encode_head(record, data);

	if (record->body_bytes > 0)
		memcpy(data + bytes, record->body, record->body_bytes);
	return bytes + record->body_bytes;
}

static void assert_same(const struct record *one, const struct record *other)
{
	cr_assert_eq(one->kind, other->kind);
	cr_assert_eq(one->number, other->number);
	cr_assert_eq(one->synced, other->synced);
	cr_assert_eq(one->mark, other->mark);
	cr_assert_eq(memcmp(&one->fields, &other->fields, sizeof one->fields), 0);
	cr_assert_str_eq(one->tube, other->tube);
	cr_assert_eq(one->body_bytes, other->body_bytes);
	cr_assert(one->body_bytes == 0 || memcmp(one->body, other->body, one->body_bytes) == 0);
}

Test(record, round_trip)
{
	char data[RECORD_HEAD_MAX_BYTES + sizeof body];
	struct record record = full();
	struct record read;
	size_t used;
	size_t bytes = encode(&record, data);

	cr_assert_eq(bytes, record_full_bytes(strlen(record.tube), sizeof body));
	cr_assert_eq(record_decode(data, bytes, &read, &used), RECORD_IS_WHOLE);
	cr_assert_eq(used, bytes);
	assert_same(&record, &read);

	struct record change = { .kind = RECORD_CHANGE, .number = 1, .fields = record.fields };

	bytes = encode(&change, data);
	cr_assert_eq(record_decode(data, sizeof data, &read, &used), RECORD_IS_WHOLE);
	cr_assert_eq(used, bytes);
	assert_same(&change, &read);

	struct record gone = { .kind = RECORD_GONE, .number = 2, .fields.id = 9 };

	bytes = encode(&gone, data);
	cr_assert_eq(record_decode(data, sizeof data, &read, &used), RECORD_IS_WHOLE);
	cr_assert_eq(used, bytes);
	assert_same(&gone, &read);
}

Test(record, longest_tube_and_no_body)
{
	char data[RECORD_HEAD_MAX_BYTES];
	struct record record = full();
	struct record read;
	size_t used;

	memset(record.tube, 't', PROTOCOL_TUBE_BYTES);
	record.body_bytes = 0;
	record.fields.body_crc = record_crc("", 0);
	size_t bytes = encode(&record, data);

	cr_assert_eq(bytes, RECORD_HEAD_MAX_BYTES);
	cr_assert_eq(record_decode(data, bytes, &read, &used), RECORD_IS_WHOLE);
	assert_same(&record, &read);
}

/* The data ends at its end: a sanitizer sees a read beyond. */
static enum record_result decode_copy(const char *data, size_t bytes)
{
	char *copy = malloc(bytes + (bytes == 0));
	struct record read;
	size_t used;

	memcpy(copy, data, bytes);
	enum record_result result = record_decode(copy, bytes, &read, &used);

	free(copy);
	return result;
}

Test(record, cut_anywhere)
{
	char data[RECORD_HEAD_MAX_BYTES + sizeof body];
	struct record record = full();
	size_t bytes = encode(&record, data);

	for (size_t cut = 0; cut < bytes; cut++)
		cr_assert_neq(decode_copy(data, cut), RECORD_IS_WHOLE, "cut at %zu", cut);
}

Test(record, a_bit_changed_anywhere)
{
	char data[RECORD_HEAD_MAX_BYTES + sizeof body];
	struct record record = full();
	size_t bytes = encode(&record, data);

	for (size_t bit = 0; bit < 8 * bytes; bit++) {
		data[bit / 8] = (char)(data[bit / 8] ^ (1 << bit % 8));
		cr_assert_neq(decode_copy(data, bytes), RECORD_IS_WHOLE, "bit %zu", bit);
		data[bit / 8] = (char)(data[bit / 8] ^ (1 << bit % 8));
	}
	cr_assert_eq(decode_copy(data, bytes), RECORD_IS_WHOLE);
}

Test(record, any_bytes)
{
	unsigned seed = 3;
	char data[400];

	for (int round = 0; round < 200000; round++) {
		size_t bytes = (size_t)(rand_r(&seed) % (int)sizeof data);

		for (size_t i = 0; i < bytes; i++)
			data[i] = (char)(rand_r(&seed) % (i < 24 ? 4 : 256));
		cr_assert_neq(decode_copy(data, bytes), RECORD_IS_WHOLE);
	}
}

Test(record, segment_header)
{
	struct segment_header header = {
		.number = 8, .first_record = 1ull << 40, .next_id = 12, .salt = 5ull << 60
	};
	struct segment_header read;
	char data[SEGMENT_HEADER_BYTES];

	segment_encode(&header, data);
	cr_assert_eq(segment_decode(data, sizeof data, &read), RECORD_IS_WHOLE);
	cr_assert_eq(read.number, header.number);
	cr_assert_eq(read.first_record, header.first_record);
	cr_assert_eq(read.next_id, header.next_id);
	cr_assert_eq(read.salt, header.salt);
	cr_assert_eq(segment_decode(data, sizeof data - 1, &read), RECORD_IS_CUT);
	for (size_t bit = 0; bit < 8 * sizeof data; bit++) {
		data[bit / 8] = (char)(data[bit / 8] ^ (1 << bit % 8));
		cr_assert_eq(segment_decode(data, sizeof data, &read), RECORD_IS_WRONG);
		data[bit / 8] = (char)(data[bit / 8] ^ (1 << bit % 8));
	}
}

/* Of a record, its place in its file, the file's and the log's: each counts. */
Test(record, mark)
{
	struct segment_header header = { .number = 8, .salt = 77 };
	struct segment_header other_number = { .number = 9, .salt = 77 };
	struct segment_header other_log = { .number = 8, .salt = 78 };
	struct record record = { .kind = RECORD_GONE, .number = 1 };
	char data[RECORD_HEAD_MAX_BYTES];

	record.mark = segment_mark(&header, 48);
	size_t bytes = encode(&record, data);

	cr_assert(record_has_mark(data, bytes, segment_mark(&header, 48)));
	for (unsigned bit = 0; bit < 40; bit++)
		cr_assert_not(
		    record_has_mark(data, bytes, segment_mark(&header, 48 ^ 1ull << bit)));
	cr_assert_not(record_has_mark(data, bytes, segment_mark(&other_number, 48)));
	cr_assert_not(record_has_mark(data, bytes, segment_mark(&other_log, 48)));
	cr_assert_not(record_has_mark(data, RECORD_HEADER_BYTES - 1, record.mark));
}
