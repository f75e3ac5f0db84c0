/* Command lines: what is read out of them, what is refused, and any bytes whatever. */
#include "protocol.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BODY = 65535 };

static struct command command;

static enum protocol_result parse(const char *line)
{
	return protocol_parse(line, strlen(line), MAX_BODY, &command);
}

Test(protocol, put)
{
	cr_assert_eq(parse("put 4294967295 4294967294 4294967293 65535"), PROTOCOL_COMMAND);
	cr_assert_eq(command.kind, COMMAND_PUT);
	cr_assert_eq(command.priority, 4294967295u);
	cr_assert_eq(command.delay_s, 4294967294u);
	cr_assert_eq(command.ttr_s, 4294967293u);
	cr_assert_eq(command.body_bytes, 65535);
	cr_assert_eq(parse("put 1 2 0 0"), PROTOCOL_COMMAND);
	cr_assert_eq(command.ttr_s, 1, "no time to run is one second");
	cr_assert_eq(parse("put 1 2 3 65536"), PROTOCOL_TOO_BIG);
	cr_assert_eq(command.body_bytes, 65536);
}

Test(protocol, numbers_out_of_range)
{
	static const char *const lines[] = {
		"put 4294967296 0 0 0",
		"put 0 4294967296 0 0",
		"put 0 0 4294967296 0",
		"put 0 0 0 4294967296",
		"put 99999999999999999999999 0 0 0",
		"put -1 0 0 0",
		"put +1 0 0 0",
		"put 0x1 0 0 0",
		"put 1 1 1 1 1",
		"put 1 1 1 1 ",
		"delete 18446744073709551616",
		"delete ",
		"delete 1 ",
		"touch 1x",
		"release 1 1",
		"bury 1",
		"kick ",
		"kick 18446744073709551616",
		"reserve-with-timeout 4294967296",
		"reserve-with-timeout 1x",
		"pause-tube x 4294967296",
	};

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		cr_assert_eq(parse(lines[i]), PROTOCOL_BAD_FORMAT, "%s", lines[i]);
}

Test(protocol, largest_id)
{
	cr_assert_eq(parse("release 18446744073709551615 7 8"), PROTOCOL_COMMAND);
	cr_assert_eq(command.kind, COMMAND_RELEASE);
	cr_assert_eq(command.id, UINT64_MAX);
	cr_assert_eq(command.priority, 7);
	cr_assert_eq(command.delay_s, 8);
}

Test(protocol, tube_names)
{
	char line[PROTOCOL_LINE_BYTES + 1] = "watch ";

	cr_assert_eq(parse("use aZ09-+/;.$_()"), PROTOCOL_COMMAND);
	cr_assert_str_eq(command.tube, "aZ09-+/;.$_()");
	memset(line + 6, 'x', PROTOCOL_TUBE_BYTES);
	cr_assert_eq(parse(line), PROTOCOL_COMMAND);
	cr_assert_eq(strlen(command.tube), PROTOCOL_TUBE_BYTES);
	line[6 + PROTOCOL_TUBE_BYTES] = 'x';
	cr_assert_eq(parse(line), PROTOCOL_BAD_FORMAT, "a name of 201");
	cr_assert_eq(parse("watch -x"), PROTOCOL_BAD_FORMAT);
	cr_assert_eq(parse("watch a b"), PROTOCOL_BAD_FORMAT);
	cr_assert_eq(parse("watch \x80"), PROTOCOL_BAD_FORMAT);
	cr_assert_eq(parse("pause-tube  x  9"), PROTOCOL_COMMAND);
	cr_assert_str_eq(command.tube, "x");
	cr_assert_eq(command.delay_s, 9);
}

/* Each command's shortest right line is read as that command, and with a letter less or more it is
 * none, or refused. */
Test(protocol, every_command)
{
	static const char *const lines[COMMAND_KINDS] = {
		[COMMAND_PUT] = "put 1 1 1 1",
		[COMMAND_PEEK] = "peek 1",
		[COMMAND_PEEK_READY] = "peek-ready",
		[COMMAND_PEEK_DELAYED] = "peek-delayed",
		[COMMAND_PEEK_BURIED] = "peek-buried",
		[COMMAND_RESERVE] = "reserve",
		[COMMAND_RESERVE_TIMEOUT] = "reserve-with-timeout 1",
		[COMMAND_RESERVE_JOB] = "reserve-job 1",
		[COMMAND_DELETE] = "delete 1",
		[COMMAND_RELEASE] = "release 1 1 1",
		[COMMAND_USE] = "use a",
		[COMMAND_WATCH] = "watch a",
		[COMMAND_IGNORE] = "ignore a",
		[COMMAND_BURY] = "bury 1 1",
		[COMMAND_KICK] = "kick 1",
		[COMMAND_KICK_JOB] = "kick-job 1",
		[COMMAND_TOUCH] = "touch 1",
		[COMMAND_STATS] = "stats",
		[COMMAND_STATS_JOB] = "stats-job 1",
		[COMMAND_STATS_TUBE] = "stats-tube a",
		[COMMAND_LIST_TUBES] = "list-tubes",
		[COMMAND_LIST_TUBE_USED] = "list-tube-used",
		[COMMAND_LIST_TUBES_WATCHED] = "list-tubes-watched",
		[COMMAND_PAUSE_TUBE] = "pause-tube a 1",
		[COMMAND_QUIT] = "quit",
	};

	for (int kind = 0; kind < COMMAND_KINDS; kind++) {
		char line[64];

		cr_assert_eq(parse(lines[kind]), PROTOCOL_COMMAND, "%s", lines[kind]);
		cr_assert_eq((int)command.kind, kind, "%s", lines[kind]);
		cr_assert_eq(strncmp(lines[kind], protocol_name(kind), strlen(protocol_name(kind))),
		             0);
		snprintf(line, sizeof line, "x%s", lines[kind]);
		cr_assert_eq(parse(line), PROTOCOL_UNKNOWN, "%s", line);
	}
	cr_assert_eq(parse(""), PROTOCOL_UNKNOWN);
	cr_assert_eq(parse("stats-"), PROTOCOL_BAD_FORMAT);
}

/* Any bytes: no more is read than is there (the buffer ends where the line does), and what comes
 * out is within its range. */
Test(protocol, any_bytes)
{
	static const char *const pieces[] = {
		"put ", "release ", "use ",       "stats-job ",           "kick ",
		" ",    "1",        "4294967295", "18446744073709551616", "\r",
		"\0",   "-",        "x",          "pause-tube ",          "reserve-with-timeout "
	};
	unsigned seed = 1;

	for (int round = 0; round < 200000; round++) {
		char text[400];
		size_t bytes = 0;
		size_t wanted = (size_t)(rand_r(&seed) % 240);

		while (bytes < wanted) {
			if (rand_r(&seed) % 2 == 0) {
				text[bytes++] = (char)rand_r(&seed);
			} else {
				const char *piece = pieces[(size_t)rand_r(&seed) %
				                           (sizeof pieces / sizeof *pieces)];
				size_t piece_bytes = *piece != '\0' ? strlen(piece) : 1;

				memcpy(text + bytes, piece, piece_bytes);
				bytes += piece_bytes;
			}
		}
		char *line = malloc(bytes + 1);

		memcpy(line, text, bytes);
		enum protocol_result result = protocol_parse(line, bytes, MAX_BODY, &command);

		if (result == PROTOCOL_COMMAND) {
			cr_assert(bytes <= PROTOCOL_LINE_BYTES - 2);
			cr_assert((unsigned)command.kind < COMMAND_KINDS);
			cr_assert(command.body_bytes <= MAX_BODY);
			cr_assert(strlen(command.tube) <= PROTOCOL_TUBE_BYTES);
		}
		free(line);
	}
}
