/* The commands of the beanstalk protocol: a line of text becomes a struct command.
 *
 * Pure: no input, no output, no allocation, no state. Any bytes may come in; what comes out is
 * within the ranges below or a refusal. Which of two faults is reported, and what is let pass
 * behind a complete command, follows beanstalkd 1.12, as far as its answers show it
 * (tests/jobd/conformance.txt).
 */
#ifndef JOBD_PROTOCOL_H
#define JOBD_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

enum {
	PROTOCOL_LINE_BYTES = 224, /* a command line at most, its CR and LF included */
	PROTOCOL_TUBE_BYTES = 200, /* a tube's name at most */
};

enum command_kind {
	COMMAND_PUT,
	COMMAND_PEEK,
	COMMAND_PEEK_READY,
	COMMAND_PEEK_DELAYED,
	COMMAND_PEEK_BURIED,
	COMMAND_RESERVE,
	COMMAND_RESERVE_TIMEOUT,
	COMMAND_RESERVE_JOB,
	COMMAND_DELETE,
	COMMAND_RELEASE,
	COMMAND_USE,
	COMMAND_WATCH,
	COMMAND_IGNORE,
	COMMAND_BURY,
	COMMAND_KICK,
	COMMAND_KICK_JOB,
	COMMAND_TOUCH,
	COMMAND_STATS,
	COMMAND_STATS_JOB,
	COMMAND_STATS_TUBE,
	COMMAND_LIST_TUBES,
	COMMAND_LIST_TUBE_USED,
	COMMAND_LIST_TUBES_WATCHED,
	COMMAND_PAUSE_TUBE,
	COMMAND_QUIT,
	COMMAND_KINDS
};

/* What a kind has no use for is 0. */
struct command {
	enum command_kind kind;
	uint32_t priority;
	uint32_t delay_s;
	uint32_t ttr_s;
	uint32_t body_bytes; /* without the CR and LF behind it */
	uint32_t timeout_s;
	uint64_t id;
	uint64_t count;
	char tube[PROTOCOL_TUBE_BYTES + 1];
};

enum protocol_result {
	PROTOCOL_COMMAND,
	PROTOCOL_TOO_BIG, /* a put with a body above the maximum: body_bytes to skip */
	PROTOCOL_BAD_FORMAT,
	PROTOCOL_UNKNOWN,
};

/* Read a line of `bytes`, CR and LF not included; `max_body_bytes` is the longest body allowed.
 * `command` is filled in for the first two results. */
enum protocol_result protocol_parse(const char *line, size_t bytes, uint32_t max_body_bytes,
                                    struct command *command);

/* The name under which statistics count the kind: "put" for cmd-put. */
const char *protocol_name(enum command_kind kind);

#endif
