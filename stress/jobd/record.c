/* See record.h. */
#include "record.h"

#include <endian.h>
#include <string.h>
#include <zlib.h>

static const char segment_magic[8] = "tidejob2";

static char *put_u32(char *at, uint32_t value)
{
	uint32_t little = htole32(value);

	memcpy(at, &little, sizeof little);
	return at + sizeof little;
}

static char *put_u64(char *at, uint64_t value)
{
	uint64_t little = htole64(value);

	memcpy(at, &little, sizeof little);
	return at + sizeof little;
}

static const char *get_u32(const char *at, uint32_t *value)
{
	memcpy(value, at, sizeof *value);
	*value = le32toh(*value);
	return at + sizeof *value;
}

static const char *get_u64(const char *at, uint64_t *value)
{
	memcpy(value, at, sizeof *value);
	*value = le64toh(*value);
	return at + sizeof *value;
}

static const char *get_i64(const char *at, int64_t *value)
{
	uint64_t bits;

	at = get_u64(at, &bits);
	*value = (int64_t)bits;
	return at;
}

uint32_t record_crc(const char *body, size_t bytes)
{
	uLong start = crc32_z(0, NULL, 0);

	return (uint32_t)crc32_z(start, (const Bytef *)body, bytes);
}

uint64_t record_full_bytes(size_t tube_bytes, uint32_t body_bytes)
{
	return RECORD_HEADER_BYTES + RECORD_FIELDS_BYTES + RECORD_TUBE_COUNT_BYTES + tube_bytes +
	       (uint64_t)body_bytes;
}

uint64_t record_bytes(const struct record *record)
{
	switch (record->kind) {
	case RECORD_FULL:
		return record_full_bytes(strlen(record->tube), record->body_bytes);
	case RECORD_CHANGE:
		return RECORD_HEADER_BYTES + RECORD_FIELDS_BYTES;
	default:
		return RECORD_HEADER_BYTES + 8;
	}
}

static char *put_fields(char *at, const struct record_fields *fields)
{
	at = put_u64(at, fields->id);
	at = put_u64(at, (uint64_t)fields->created_ns);
	at = put_u64(at, (uint64_t)fields->due_ns);
	at = put_u32(at, fields->state);
	at = put_u32(at, fields->priority);
	at = put_u32(at, fields->delay_s);
	at = put_u32(at, fields->ttr_s);
	at = put_u32(at, fields->reserves);
	at = put_u32(at, fields->timeouts);
	at = put_u32(at, fields->releases);
	at = put_u32(at, fields->buries);
	at = put_u32(at, fields->kicks);
	return put_u32(at, fields->body_crc);
}

static const char *get_fields(const char *at, struct record_fields *fields)
{
	at = get_u64(at, &fields->id);
	at = get_i64(at, &fields->created_ns);
	at = get_i64(at, &fields->due_ns);
	at = get_u32(at, &fields->state);
	at = get_u32(at, &fields->priority);
	at = get_u32(at, &fields->delay_s);
	at = get_u32(at, &fields->ttr_s);
	at = get_u32(at, &fields->reserves);
	at = get_u32(at, &fields->timeouts);
	at = get_u32(at, &fields->releases);
	at = get_u32(at, &fields->buries);
	at = get_u32(at, &fields->kicks);
	return get_u32(at, &fields->body_crc);
}

size_t record_encode_head(const struct record *record, char *head)
{
	char *at = head + RECORD_HEADER_BYTES;

	if (record->kind == RECORD_GONE) {
		at = put_u64(at, record->fields.id);
	} else {
		at = put_fields(at, &record->fields);
	}
	if (record->kind == RECORD_FULL) {
		size_t tube_bytes = strlen(record->tube);

		at = put_u32(at, (uint32_t)tube_bytes);
		at = put_u32(at, record->body_bytes);
		memcpy(at, record->tube, tube_bytes);
		at += tube_bytes;
	}
	size_t head_bytes = (size_t)(at - head);

	at = put_u32(head + 4, (uint32_t)record->kind);
	at = put_u64(at, record_bytes(record));
	at = put_u64(at, record->number);
	at = put_u64(at, record->synced);
	put_u64(at, record->mark);
	put_u32(head, record_crc(head + 4, head_bytes - 4));
	return head_bytes;
}

static enum record_result decode_full(const char *at, size_t left, uint64_t all_bytes,
                                      struct record *record, size_t *head_bytes)
{
	uint32_t tube_bytes;

	/* The lengths are not yet known to be right. */
	if (left < RECORD_FIELDS_BYTES + RECORD_TUBE_COUNT_BYTES)
		return RECORD_IS_CUT;
	at = get_fields(at, &record->fields);
	at = get_u32(at, &tube_bytes);
	at = get_u32(at, &record->body_bytes);
	if (tube_bytes == 0 || tube_bytes > PROTOCOL_TUBE_BYTES ||
	    all_bytes != record_full_bytes(tube_bytes, record->body_bytes))
		return RECORD_IS_WRONG;
	if (left + RECORD_HEADER_BYTES < all_bytes)
		return RECORD_IS_CUT;
	memcpy(record->tube, at, tube_bytes);
	record->tube[tube_bytes] = '\0';
	record->body = at + tube_bytes;
	*head_bytes = (size_t)all_bytes - record->body_bytes;
	if (record_crc(record->body, record->body_bytes) != record->fields.body_crc)
		return RECORD_IS_WRONG;
	return RECORD_IS_WHOLE;
}

enum record_result record_decode(const char *data, size_t bytes, struct record *record,
                                 size_t *used)
{
	uint32_t crc, kind;
	uint64_t all_bytes;
	size_t head_bytes;
	size_t left;

	if (bytes < RECORD_HEADER_BYTES)
		return RECORD_IS_CUT;
	const char *at = get_u32(data, &crc);

	at = get_u32(at, &kind);
	at = get_u64(at, &all_bytes);
	at = get_u64(at, &record->number);
	at = get_u64(at, &record->synced);
	at = get_u64(at, &record->mark);
	left = bytes - RECORD_HEADER_BYTES;
	memset(&record->fields, 0, sizeof record->fields);
	record->body = NULL;
	record->body_bytes = 0;
	record->tube[0] = '\0';
	if (kind == 0 || kind >= RECORD_KINDS_END)
		return RECORD_IS_WRONG;
	record->kind = (enum record_kind)kind;
	switch (record->kind) {
	case RECORD_FULL: {
		enum record_result result = decode_full(at, left, all_bytes, record, &head_bytes);

		if (result != RECORD_IS_WHOLE)
			return result;
		break;
	}
	case RECORD_CHANGE:
		head_bytes = RECORD_HEADER_BYTES + RECORD_FIELDS_BYTES;
		if (all_bytes != head_bytes)
			return RECORD_IS_WRONG;
		if (bytes < head_bytes)
			return RECORD_IS_CUT;
		get_fields(at, &record->fields);
		break;
	default:
		head_bytes = RECORD_HEADER_BYTES + 8;
		if (all_bytes != head_bytes)
			return RECORD_IS_WRONG;
		if (bytes < head_bytes)
			return RECORD_IS_CUT;
		get_u64(at, &record->fields.id);
		break;
	}
	if (record_crc(data + 4, head_bytes - 4) != crc)
		return RECORD_IS_WRONG;
	*used = (size_t)all_bytes;
	return RECORD_IS_WHOLE;
}

void segment_encode(const struct segment_header *header, char *data)
{
	char *at = data;

	memcpy(at, segment_magic, sizeof segment_magic);
	at = put_u32(at + sizeof segment_magic + 4, header->number);
	at = put_u64(at, header->first_record);
	at = put_u64(at, header->next_id);
	put_u64(at, header->salt);
	put_u32(data + sizeof segment_magic, record_crc(data + 12, SEGMENT_HEADER_BYTES - 12));
}

enum record_result segment_decode(const char *data, size_t bytes, struct segment_header *header)
{
	uint32_t crc;

	if (bytes < SEGMENT_HEADER_BYTES)
		return RECORD_IS_CUT;
	if (memcmp(data, segment_magic, sizeof segment_magic) != 0)
		return RECORD_IS_WRONG;
	const char *at = get_u32(data + sizeof segment_magic, &crc);

	at = get_u32(at, &header->number);
	at = get_u64(at, &header->first_record);
	at = get_u64(at, &header->next_id);
	get_u64(at, &header->salt);
	return crc == record_crc(data + 12, SEGMENT_HEADER_BYTES - 12) ? RECORD_IS_WHOLE
	                                                               : RECORD_IS_WRONG;
}

bool segment_is_of_other_version(const char *data, size_t bytes)
{
	size_t name_bytes = sizeof segment_magic - 1;

	return bytes >= sizeof segment_magic && memcmp(data, segment_magic, name_bytes) == 0 &&
	       data[name_bytes] != segment_magic[name_bytes];
}

uint64_t segment_mark(const struct segment_header *header, uint64_t at)
{
	return (header->salt + header->number * UINT64_C(0x9e3779b97f4a7c15)) ^ at;
}

bool record_has_mark(const char *data, size_t bytes, uint64_t mark)
{
	uint64_t found;

	if (bytes < RECORD_HEADER_BYTES)
		return false;
	get_u64(data + RECORD_HEADER_BYTES - 8, &found);
	return found == mark;
}
