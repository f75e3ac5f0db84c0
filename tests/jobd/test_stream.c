/* The stream: the same bytes give the same events, in whatever pieces they come. */
#include "stream.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a stream of bytes means, as text. A line "put N" is followed by a body, "skip N" by one that
 * is skipped. */
struct reader {
	struct stream stream;
	char body[300];
	char log[20000];
	size_t log_bytes;
};

static void note(struct reader *reader, const char *what, const char *data, size_t bytes)
{
	int wrote =
	    snprintf(reader->log + reader->log_bytes, sizeof reader->log - reader->log_bytes,
	             "%s:%zu:%.*s\n", what, bytes, (int)bytes, data);

	reader->log_bytes += (size_t)wrote;
	cr_assert(reader->log_bytes < sizeof reader->log);
}

static void note_line(struct reader *reader)
{
	char line[PROTOCOL_LINE_BYTES + 1];
	uint32_t bytes = reader->stream.line_bytes - 2;

	memcpy(line, reader->stream.line, bytes);
	line[bytes] = '\0';
	note(reader, "line", line, bytes);
	if (strncmp(line, "put ", 4) == 0)
		stream_expect_body(&reader->stream, reader->body, (uint32_t)atoi(line + 4));
	else if (strncmp(line, "skip ", 5) == 0)
		stream_expect_skip(&reader->stream, (uint32_t)atoi(line + 5));
}

static void feed(struct reader *reader, const char *data, size_t bytes)
{
	size_t at = 0;

	while (at < bytes) {
		size_t used;
		enum stream_event event =
		    stream_feed(&reader->stream, data + at, bytes - at, &used);

		cr_assert(used <= bytes - at);
		at += used;
		switch (event) {
		case STREAM_MORE:
			cr_assert_eq(at, bytes, "more is wanted, and there is more");
			break;
		case STREAM_HAS_LINE:
			note_line(reader);
			break;
		case STREAM_LINE_TOO_LONG:
			note(reader, "long", "", 0);
			break;
		case STREAM_HAS_BODY:
			note(reader, "body", reader->body, reader->stream.body_bytes);
			break;
		case STREAM_HAS_WRONG_END:
			note(reader, "wrong", reader->body, reader->stream.body_bytes);
			break;
		case STREAM_SKIPPED:
			note(reader, "skipped", "", 0);
			break;
		}
		cr_assert(stream_is_valid(&reader->stream));
	}
}

static const char sample[] = "stats\r\n"
			     "put 3\r\nabc\r\nput 0\r\n\r\nput 4\r\n\r\n\r\n\r\nput 2\r\nabcd\r\n"
			     "skip 5\r\n12345xx\r\n"
			     "a\rb\r\n\r\r\n\n\r\n"
			     "skip 0\r\n\r\nlast\r\n";

static const char sample_log[] =
    "line:5:stats\nline:5:put 3\nbody:3:abc\nline:5:put 0\nbody:0:\n"
    "line:5:put 4\nbody:4:\r\n\r\n\nline:5:put 2\nwrong:2:ab\nline:0:\n"
    "line:6:skip 5\nskipped:0:\nline:0:\nline:3:a\rb\nline:1:\r\nline:1:\n\n"
    "line:6:skip 0\nskipped:0:\nline:4:last\n";

Test(stream, in_one_piece)
{
	static struct reader reader;

	feed(&reader, sample, sizeof sample - 1);
	cr_assert_str_eq(reader.log, sample_log);
}

Test(stream, in_two_pieces)
{
	for (size_t cut = 0; cut < sizeof sample; cut++) {
		struct reader *reader = calloc(1, sizeof *reader);

		feed(reader, sample, cut);
		feed(reader, sample + cut, sizeof sample - 1 - cut);
		cr_assert_str_eq(reader->log, sample_log, "cut at %zu", cut);
		free(reader);
	}
}

Test(stream, byte_by_byte)
{
	static struct reader reader;

	for (size_t i = 0; i < sizeof sample - 1; i++)
		feed(&reader, sample + i, 1);
	cr_assert_str_eq(reader.log, sample_log);
}

/* A line that just fits, and longer ones, in pieces of every length. */
Test(stream, long_lines)
{
	static const size_t lengths[] = { 221, 222, 223, 224, 225, 446, 447, 448, 5000 };
	static char data[5100];

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		size_t bytes = lengths[i];
		char expected[400];

		memset(data, 'x', bytes);
		memcpy(data + bytes, "\r\nok\r\n", 6);
		if (bytes <= PROTOCOL_LINE_BYTES - 2)
			snprintf(expected, sizeof expected, "line:%zu:%.*s\nline:2:ok\n", bytes,
			         (int)bytes, data);
		else
			snprintf(expected, sizeof expected, "long:0:\nline:2:ok\n");
		for (size_t piece = 1; piece <= 300; piece++) {
			struct reader *reader = calloc(1, sizeof *reader);

			for (size_t at = 0; at < bytes + 6; at += piece)
				feed(reader, data + at,
				     bytes + 6 - at < piece ? bytes + 6 - at : piece);
			cr_assert_str_eq(reader->log, expected, "%zu in pieces of %zu", bytes,
			                 piece);
			free(reader);
		}
	}
}

/* Random bytes, of which many are of the protocol, in random pieces: the state stays valid. */
Test(stream, any_bytes)
{
	static const char *const pieces[] = { "put 7\r\n",
		                              "skip 9\r\n",
		                              "\r\n",
		                              "\r",
		                              "\n",
		                              "put 200\r\n",
		                              "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" };
	unsigned seed = 1;

	for (int round = 0; round < 2000; round++) {
		struct reader *reader = calloc(1, sizeof *reader);

		for (int i = 0; i < 60; i++) {
			const char *piece =
			    pieces[(size_t)rand_r(&seed) % (sizeof pieces / sizeof *pieces)];
			char other = (char)rand_r(&seed);

			if (rand_r(&seed) % 3 == 0)
				feed(reader, &other, 1);
			else
				feed(reader, piece, strlen(piece));
		}
		free(reader);
	}
}

Test(stream, rest_of_a_body_is_skipped)
{
	struct stream stream = { 0 };
	char body[12];
	size_t used;

	stream_expect_body(&stream, body, 10);
	cr_assert_eq(stream_feed(&stream, "0123", 4, &used), STREAM_MORE);
	stream_skip_rest(&stream);
	cr_assert(stream_is_valid(&stream));
	cr_assert_eq(stream_feed(&stream, "456789\r", 7, &used), STREAM_MORE);
	cr_assert_eq(stream_feed(&stream, "\nnext\r\n", 7, &used), STREAM_SKIPPED);
	cr_assert_eq(used, 1);
	cr_assert_eq(stream_feed(&stream, "next\r\n", 6, &used), STREAM_HAS_LINE);
}
