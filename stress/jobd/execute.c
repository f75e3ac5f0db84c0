/* Commands and their replies. See connection.h. */
#include "connection.h"

#include <stdlib.h>
#include <string.h>

#define LLU(number) ((unsigned long long)(number))

static void reply(struct connection *connection, const char *text)
{
	buffer_append(&connection->out, text, strlen(text));
}

static void reply_answer(struct connection *connection, enum answer answer)
{
	static const char *const texts[] = {
		[ANSWER_NOT_FOUND] = "NOT_FOUND\r\n", [ANSWER_NO_MEMORY] = "OUT_OF_MEMORY\r\n",
		[ANSWER_TIMED_OUT] = "TIMED_OUT\r\n", [ANSWER_DEADLINE_SOON] = "DEADLINE_SOON\r\n",
		[ANSWER_BURIED] = "BURIED\r\n",       [ANSWER_NOT_IGNORED] = "NOT_IGNORED\r\n",
		[ANSWER_DRAINING] = "DRAINING\r\n",
	};

	reply(connection, texts[answer]);
}

static void reply_done(struct connection *connection, enum answer answer, const char *done)
{
	if (answer == ANSWER_DONE)
		reply(connection, done);
	else
		reply_answer(connection, answer);
}

/* "RESERVED" or "FOUND", and the body. In the read section that got the entry. */
static void reply_job(struct connection *connection, const char *word, enum answer answer,
                      const struct tide_store_entry *entry)
{
	if (answer != ANSWER_DONE) {
		reply_answer(connection, answer);
		return;
	}
	size_t bytes = tide_store_bytes(entry);

	buffer_print(&connection->out, "%s %llu %zu\r\n", word, LLU(tide_store_id(entry)), bytes);
	buffer_append(&connection->out, tide_store_body(entry), bytes);
	buffer_append(&connection->out, "\r\n", 2);
}

static void reply_text(struct connection *connection, enum answer answer, struct buffer *text)
{
	if (answer == ANSWER_DONE && !text->no_memory) {
		buffer_print(&connection->out, "OK %zu\r\n", text->bytes);
		buffer_append(&connection->out, text->data, text->bytes);
		buffer_append(&connection->out, "\r\n", 2);
	} else {
		reply_answer(connection, text->no_memory ? ANSWER_NO_MEMORY : answer);
	}
	buffer_clear(text, 0);
}

static void reply_reserved(struct connection *connection, enum answer answer,
                           const struct tide_store_entry *entry)
{
	connection->is_waiting = answer == ANSWER_WAITS;
	if (!connection->is_waiting)
		reply_job(connection, "RESERVED", answer, entry);
}

static void reserve(struct connection *connection, const struct command *command)
{
	struct tide_store_entry *entry = NULL;

	tide_store_read_begin(board_store(connection->board));
	enum answer answer =
	    board_reserve(connection->board, &connection->session, command->timeout_s,
	                  command->kind == COMMAND_RESERVE, !connection->is_half_closed, &entry);

	reply_reserved(connection, answer, entry);
	tide_store_read_end(board_store(connection->board));
}

void connection_collect(struct connection *connection)
{
	struct tide_store_entry *entry = NULL;

	tide_store_read_begin(board_store(connection->board));
	enum answer answer = board_collect(connection->board, &connection->session, &entry);

	reply_reserved(connection, answer, entry);
	/* Behind answers that may yet become errors it must keep its place. */
	connection->unsure += connection->unsure > 0 && !connection->is_waiting;
	tide_store_read_end(board_store(connection->board));
	if (connection->is_waiting && connection->is_half_closed)
		board_stop_waiting(connection->board, &connection->session);
}

static void show(struct connection *connection, const struct command *command)
{
	struct board *board = connection->board;
	struct tide_store_entry *entry = NULL;
	enum answer answer;

	tide_store_read_begin(board_store(board));
	if (command->kind == COMMAND_RESERVE_JOB) {
		answer = board_reserve_job(board, &connection->session, command->id, &entry);
		reply_job(connection, "RESERVED", answer, entry);
	} else {
		answer = command->kind == COMMAND_PEEK
		             ? board_peek(board, command->id, &entry)
		             : board_peek_first(board, &connection->session, command->kind, &entry);
		reply_job(connection, "FOUND", answer, entry);
	}
	tide_store_read_end(board_store(board));
}

static void choose_tube(struct connection *connection, const struct command *command)
{
	struct session *session = &connection->session;
	uint32_t watched = 0;
	enum answer answer;

	if (command->kind == COMMAND_USE) {
		answer = board_use(connection->board, session, command->tube);
		if (answer == ANSWER_DONE)
			buffer_print(&connection->out, "USING %s\r\n", command->tube);
		else
			reply_answer(connection, answer);
		return;
	}
	answer = command->kind == COMMAND_WATCH
	             ? board_watch(connection->board, session, command->tube, &watched)
	             : board_ignore(connection->board, session, command->tube, &watched);
	if (answer == ANSWER_DONE)
		buffer_print(&connection->out, "WATCHING %u\r\n", watched);
	else
		reply_answer(connection, answer);
}

static void tell(struct connection *connection, const struct command *command)
{
	struct board *board = connection->board;
	struct buffer text = { 0 };
	enum answer answer = ANSWER_DONE;
	char name[PROTOCOL_TUBE_BYTES + 1];

	switch (command->kind) {
	case COMMAND_STATS:
		board_stats(board, &text);
		break;
	case COMMAND_STATS_JOB:
		answer = board_stats_job(board, command->id, &text);
		break;
	case COMMAND_STATS_TUBE:
		answer = board_stats_tube(board, command->tube, &text);
		break;
	case COMMAND_LIST_TUBES:
		board_list_tubes(board, &text);
		break;
	case COMMAND_LIST_TUBES_WATCHED:
		board_list_watched(board, &connection->session, &text);
		break;
	default:
		board_used_tube(board, &connection->session, name);
		buffer_print(&connection->out, "USING %s\r\n", name);
		return;
	}
	reply_text(connection, answer, &text);
}

static bool is_question(enum command_kind kind)
{
	return kind == COMMAND_STATS || kind == COMMAND_STATS_JOB || kind == COMMAND_STATS_TUBE ||
	       kind == COMMAND_LIST_TUBES || kind == COMMAND_LIST_TUBE_USED ||
	       kind == COMMAND_LIST_TUBES_WATCHED;
}

static void change(struct connection *connection, const struct command *command)
{
	struct board *board = connection->board;
	struct session *session = &connection->session;
	enum answer answer;
	uint64_t kicked;

	switch (command->kind) {
	case COMMAND_DELETE:
		reply_done(connection, board_delete(board, session, command->id), "DELETED\r\n");
		break;
	case COMMAND_RELEASE:
		reply_done(connection, board_release(board, session, command), "RELEASED\r\n");
		break;
	case COMMAND_BURY:
		reply_done(connection, board_bury(board, session, command), "BURIED\r\n");
		break;
	case COMMAND_KICK:
		answer = board_kick(board, session, command->count, &kicked);
		if (answer == ANSWER_DONE)
			buffer_print(&connection->out, "KICKED %llu\r\n", LLU(kicked));
		else
			reply_answer(connection, answer);
		break;
	case COMMAND_KICK_JOB:
		reply_done(connection, board_kick_job(board, session, command->id), "KICKED\r\n");
		break;
	case COMMAND_TOUCH:
		reply_done(connection, board_touch(board, session, command->id), "TOUCHED\r\n");
		break;
	case COMMAND_PAUSE_TUBE:
		reply_done(connection, board_pause(board, command), "PAUSED\r\n");
		break;
	default:
		choose_tube(connection, command);
		break;
	}
}

/* What a body that is on its way takes: where the server's own memory counts, it counts. */
static bool charge(struct connection *connection, int64_t bytes)
{
	struct board *board = connection->board;

	return !board_charges(board) || tide_store_charge(board_store(board), bytes) == 0;
}

/* The body is on its way. Only what has arrived is charged: jobs must not be dropped for bytes that
 * may never come. */
static void start_put(struct connection *connection, const struct command *command)
{
	struct board *board = connection->board;

	board_note_producer(board, &connection->session);
	connection->put = *command;
	connection->put_id = board_next_id(board);
	connection->put_charged = 0;
	char *body = malloc((size_t)command->body_bytes + 2);

	if (body != NULL) {
		stream_expect_body(&connection->stream, body, command->body_bytes);
	} else {
		connection->skip_is_too_big = false;
		stream_expect_skip(&connection->stream, command->body_bytes);
	}
}

static bool charge_arrived(struct connection *connection)
{
	uint64_t arrived = connection->stream.body_read;

	if (!charge(connection, (int64_t)(arrived - connection->put_charged)))
		return false;
	connection->put_charged = arrived;
	return true;
}

void execute_more_put(struct connection *connection)
{
	if (charge_arrived(connection))
		return;
	execute_end_put(connection);
	connection->skip_is_too_big = false;
	stream_skip_rest(&connection->stream);
}

void execute_end_put(struct connection *connection)
{
	free(connection->stream.body);
	connection->stream.body = NULL;
	charge(connection, -(int64_t)connection->put_charged);
	connection->put_charged = 0;
}

void execute_put(struct connection *connection)
{
	enum answer answer = ANSWER_NO_MEMORY;

	if (charge_arrived(connection))
		answer = board_put(connection->board, &connection->session, &connection->put,
		                   connection->put_id, connection->stream.body);
	execute_end_put(connection);
	if (answer == ANSWER_DONE)
		buffer_print(&connection->out, "INSERTED %llu\r\n", LLU(connection->put_id));
	else
		reply_answer(connection, answer);
}

void execute_wrong_put(struct connection *connection)
{
	execute_end_put(connection);
	reply(connection, "EXPECTED_CRLF\r\n");
}

void execute_skipped(struct connection *connection)
{
	if (connection->skip_is_too_big)
		reply(connection, "JOB_TOO_BIG\r\n");
	else
		reply_answer(connection, ANSWER_NO_MEMORY);
}

void execute_bad_line(struct connection *connection)
{
	reply(connection, "BAD_FORMAT\r\n");
}

static void execute(struct connection *connection, const struct command *command)
{
	board_count(connection->board, command->kind);
	switch (command->kind) {
	case COMMAND_PUT:
		start_put(connection, command);
		break;
	case COMMAND_RESERVE:
	case COMMAND_RESERVE_TIMEOUT:
		reserve(connection, command);
		break;
	case COMMAND_RESERVE_JOB:
	case COMMAND_PEEK:
	case COMMAND_PEEK_READY:
	case COMMAND_PEEK_DELAYED:
	case COMMAND_PEEK_BURIED:
		show(connection, command);
		break;
	case COMMAND_QUIT:
		connection->is_ending = true;
		break;
	default:
		if (is_question(command->kind))
			tell(connection, command);
		else
			change(connection, command);
		break;
	}
}

void execute_line(struct connection *connection, const char *line, size_t bytes)
{
	struct command command;

	switch (protocol_parse(line, bytes, board_max_job_bytes(connection->board), &command)) {
	case PROTOCOL_COMMAND:
		execute(connection, &command);
		break;
	case PROTOCOL_TOO_BIG:
		board_count(connection->board, COMMAND_PUT);
		connection->skip_is_too_big = true;
		stream_expect_skip(&connection->stream, command.body_bytes);
		break;
	case PROTOCOL_BAD_FORMAT:
		execute_bad_line(connection);
		break;
	case PROTOCOL_UNKNOWN:
		reply(connection, "UNKNOWN_COMMAND\r\n");
		break;
	}
}
