/* tide-jobd's two readers of bytes: commands and records of the log. What a record says must come
 * out again when it is written and read. */
#include "input.h"

#include "protocol.h"
#include "record.h"

static void command(const char *line, size_t bytes)
{
	struct command read;
	enum protocol_result result = protocol_parse(line, bytes, 65535, &read);

	if (result != PROTOCOL_COMMAND)
		return;
	HOLDS(read.kind < COMMAND_KINDS && protocol_name(read.kind) != NULL);
	HOLDS(read.body_bytes <= 65535);
	HOLDS(strnlen(read.tube, sizeof read.tube) <= PROTOCOL_TUBE_BYTES);
}

static void record(const char *data, size_t bytes)
{
	struct record first, again;
	char *copy = malloc(RECORD_HEAD_MAX_BYTES + bytes);
	size_t used = 0;

	if (record_decode(data, bytes, &first, &used) == RECORD_IS_WHOLE) {
		HOLDS(used > 0 && used <= bytes);
		size_t head = record_encode_head(&first, copy);
		if (first.kind == RECORD_FULL && first.body_bytes > 0)
			memcpy(copy + head, first.body, first.body_bytes);
		HOLDS(record_decode(copy, used, &again, &used) == RECORD_IS_WHOLE);
		HOLDS(again.fields.id == first.fields.id && again.number == first.number);
	}
	free(copy);
}

/* A record of the fuzzer's fields, whole, with one byte changed or none: a CRC is hard to guess. */
static void written(struct input input)
{
	struct record out = { .kind = (enum record_kind)(input_byte(&input) % 3 + 1) }, in;
	char data[RECORD_HEAD_MAX_BYTES + 64], body[64];
	unsigned at = input_byte(&input), flip = input_byte(&input);
	size_t used;

	out.number = input_word(&input);
	out.fields.id = input_word(&input);
	out.fields.priority = input_word(&input);
	out.body_bytes = out.kind == RECORD_FULL ? input_byte(&input) % 64 : 0;
	memset(body, 'b', sizeof body);
	out.body = body;
	out.fields.body_crc = record_crc(body, out.body_bytes);
	snprintf(out.tube, sizeof out.tube, "%s", out.kind == RECORD_FULL ? "tube" : "");
	size_t head = record_encode_head(&out, data);
	memcpy(data + head, body, out.body_bytes);
	size_t bytes = head + out.body_bytes;
	data[at % head] ^= (char)flip;
	enum record_result result = record_decode(data, bytes, &in, &used);
	HOLDS((result == RECORD_IS_WHOLE) == (flip == 0));
	if (flip == 0)
		HOLDS(in.fields.id == out.fields.id &&
		      in.fields.priority == (out.kind == RECORD_GONE ? 0 : out.fields.priority));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (bytes == 0)
		return 0;
	/* A copy of exact length, so that a read past it is seen. */
	char *copy = malloc(bytes);
	memcpy(copy, data, bytes);
	switch (data[0] % 3) {
	case 0:
		command(copy + 1, bytes - 1);
		break;
	case 1:
		record(copy + 1, bytes - 1);
		break;
	default:
		written((struct input){ data + 1, bytes - 1 });
		break;
	}
	free(copy);
	return 0;
}
