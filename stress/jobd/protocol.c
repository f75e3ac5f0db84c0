/* See protocol.h. */
#include "protocol.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What follows the word of a command. */
enum shape {
	SHAPE_ANY, /* whatever: it is not looked at */
	SHAPE_NOTHING,
	SHAPE_PUT,
	SHAPE_ID,
	SHAPE_ID_PRIORITY,
	SHAPE_ID_PRIORITY_DELAY,
	SHAPE_TIMEOUT,
	SHAPE_COUNT,
	SHAPE_TUBE,
	SHAPE_TUBE_DELAY,
};

struct word {
	const char *start; /* the line starts with it; of two that fit, the first counts */
	enum command_kind kind;
	enum shape shape;
};

static const struct word words[] = {
	{ "put ", COMMAND_PUT, SHAPE_PUT },
	{ "peek ", COMMAND_PEEK, SHAPE_ID },
	{ "peek-ready", COMMAND_PEEK_READY, SHAPE_NOTHING },
	{ "peek-delayed", COMMAND_PEEK_DELAYED, SHAPE_NOTHING },
	{ "peek-buried", COMMAND_PEEK_BURIED, SHAPE_NOTHING },
	{ "reserve-with-timeout ", COMMAND_RESERVE_TIMEOUT, SHAPE_TIMEOUT },
	{ "reserve-job ", COMMAND_RESERVE_JOB, SHAPE_ID },
	{ "reserve", COMMAND_RESERVE, SHAPE_NOTHING },
	{ "delete ", COMMAND_DELETE, SHAPE_ID },
	{ "release ", COMMAND_RELEASE, SHAPE_ID_PRIORITY_DELAY },
	{ "bury ", COMMAND_BURY, SHAPE_ID_PRIORITY },
	{ "kick ", COMMAND_KICK, SHAPE_COUNT },
	{ "kick-job ", COMMAND_KICK_JOB, SHAPE_ID },
	{ "touch ", COMMAND_TOUCH, SHAPE_ID },
	{ "stats-job ", COMMAND_STATS_JOB, SHAPE_ID },
	{ "stats-tube ", COMMAND_STATS_TUBE, SHAPE_TUBE },
	{ "stats", COMMAND_STATS, SHAPE_NOTHING },
	{ "use ", COMMAND_USE, SHAPE_TUBE },
	{ "watch ", COMMAND_WATCH, SHAPE_TUBE },
	{ "ignore ", COMMAND_IGNORE, SHAPE_TUBE },
	{ "list-tubes-watched", COMMAND_LIST_TUBES_WATCHED, SHAPE_NOTHING },
	{ "list-tube-used", COMMAND_LIST_TUBE_USED, SHAPE_NOTHING },
	{ "list-tubes", COMMAND_LIST_TUBES, SHAPE_NOTHING },
	{ "quit", COMMAND_QUIT, SHAPE_ANY },
	{ "pause-tube", COMMAND_PAUSE_TUBE, SHAPE_TUBE_DELAY },
};

const char *protocol_name(enum command_kind kind)
{
	static const char *const names[COMMAND_KINDS] = {
		[COMMAND_PUT] = "put",
		[COMMAND_PEEK] = "peek",
		[COMMAND_PEEK_READY] = "peek-ready",
		[COMMAND_PEEK_DELAYED] = "peek-delayed",
		[COMMAND_PEEK_BURIED] = "peek-buried",
		[COMMAND_RESERVE] = "reserve",
		[COMMAND_RESERVE_TIMEOUT] = "reserve-with-timeout",
		[COMMAND_RESERVE_JOB] = "reserve-job",
		[COMMAND_DELETE] = "delete",
		[COMMAND_RELEASE] = "release",
		[COMMAND_USE] = "use",
		[COMMAND_WATCH] = "watch",
		[COMMAND_IGNORE] = "ignore",
		[COMMAND_BURY] = "bury",
		[COMMAND_KICK] = "kick",
		[COMMAND_KICK_JOB] = "kick-job",
		[COMMAND_TOUCH] = "touch",
		[COMMAND_STATS] = "stats",
		[COMMAND_STATS_JOB] = "stats-job",
		[COMMAND_STATS_TUBE] = "stats-tube",
		[COMMAND_LIST_TUBES] = "list-tubes",
		[COMMAND_LIST_TUBE_USED] = "list-tube-used",
		[COMMAND_LIST_TUBES_WATCHED] = "list-tubes-watched",
		[COMMAND_PAUSE_TUBE] = "pause-tube",
		[COMMAND_QUIT] = "quit",
	};

	return names[kind];
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A number after any blanks; `*text` moves behind it. */
static bool read_number(const char **text, uint64_t max, uint64_t *number)
{
	const char *at = *text;
	uint64_t value = 0;

	while (*at == ' ')
		at++;
	if (!is_digit(*at))
		return false;
	for (; is_digit(*at); at++) {
		uint64_t digit = (uint64_t)(*at - '0');

		if (value > (max - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*text = at;
	*number = value;
	return true;
}

static bool read_u32(const char **text, uint32_t *number)
{
	uint64_t wide;

	if (!read_number(text, UINT32_MAX, &wide))
		return false;
	*number = (uint32_t)wide;
	return true;
}

static bool is_tube_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) ||
	       (c != '\0' && strchr("-+/;.$_()", c) != NULL);
}

/* The whole of `name`, of `bytes`, is a tube's name. */
static bool read_tube(const char *name, size_t bytes, char *tube)
{
	if (bytes == 0 || bytes > PROTOCOL_TUBE_BYTES || name[0] == '-')
		return false;
	for (size_t i = 0; i < bytes; i++) {
		if (!is_tube_character(name[i]))
			return false;
	}
	memcpy(tube, name, bytes);
	tube[bytes] = '\0';
	return true;
}

/* A count is read more freely than other numbers: with a sign, and with anything behind it. */
static bool read_count(const char *text, uint64_t *count)
{
	char *end = NULL;

	errno = 0;
	*count = strtoul(text, &end, 10);
	return end != text && errno == 0;
}

static enum protocol_result read_put(const char *at, uint32_t max_body_bytes,
                                     struct command *command)
{
	if (!read_u32(&at, &command->priority) || !read_u32(&at, &command->delay_s) ||
	    !read_u32(&at, &command->ttr_s) || !read_u32(&at, &command->body_bytes))
		return PROTOCOL_BAD_FORMAT;
	if (command->body_bytes > max_body_bytes)
		return PROTOCOL_TOO_BIG;
	if (*at != '\0')
		return PROTOCOL_BAD_FORMAT;
	if (command->ttr_s == 0)
		command->ttr_s = 1;
	return PROTOCOL_COMMAND;
}

static bool read_tube_and_delay(const char *at, struct command *command)
{
	while (*at == ' ')
		at++;
	size_t bytes = strcspn(at, " ");
	const char *name = at;

	at += bytes;
	return bytes > 0 && read_u32(&at, &command->delay_s) && *at == '\0' &&
	       read_tube(name, bytes, command->tube);
}

static bool read_arguments(const char *at, enum shape shape, struct command *command)
{
	switch (shape) {
	case SHAPE_ANY:
		return true;
	case SHAPE_ID:
		return read_number(&at, UINT64_MAX, &command->id) && *at == '\0';
	case SHAPE_ID_PRIORITY:
		return read_number(&at, UINT64_MAX, &command->id) &&
		       read_u32(&at, &command->priority) && *at == '\0';
	case SHAPE_ID_PRIORITY_DELAY:
		return read_number(&at, UINT64_MAX, &command->id) &&
		       read_u32(&at, &command->priority) && read_u32(&at, &command->delay_s) &&
		       *at == '\0';
	case SHAPE_TIMEOUT:
		return read_u32(&at, &command->timeout_s) && *at == '\0';
	case SHAPE_COUNT:
		return read_count(at, &command->count);
	case SHAPE_TUBE:
		return read_tube(at, strlen(at), command->tube);
	case SHAPE_TUBE_DELAY:
		return read_tube_and_delay(at, command);
	case SHAPE_NOTHING:
	case SHAPE_PUT:
		break;
	}
	return *at == '\0';
}

enum protocol_result protocol_parse(const char *line, size_t bytes, uint32_t max_body_bytes,
                                    struct command *command)
{
	char text[PROTOCOL_LINE_BYTES];

	if (bytes > PROTOCOL_LINE_BYTES - 2 || memchr(line, '\0', bytes) != NULL ||
	    memchr(line, '\r', bytes) != NULL)
		return PROTOCOL_BAD_FORMAT;
	memcpy(text, line, bytes);
	text[bytes] = '\0';
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		const struct word *word = &words[i];
		size_t start_bytes = strlen(word->start);

		if (strncmp(text, word->start, start_bytes) != 0)
			continue;
		memset(command, 0, sizeof *command);
		command->kind = word->kind;
		if (word->shape == SHAPE_PUT)
			return read_put(text + start_bytes, max_body_bytes, command);
		if (!read_arguments(text + start_bytes, word->shape, command))
			return PROTOCOL_BAD_FORMAT;
		return PROTOCOL_COMMAND;
	}
	return PROTOCOL_UNKNOWN;
}
