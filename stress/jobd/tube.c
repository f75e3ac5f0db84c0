/* Tubes: made when they are first named, gone when nothing refers to them. See board.h. */
#include "board_internal.h"

#include <stdlib.h>
#include <string.h>

static struct tube **chain_of(struct board *board, const char *name)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (; *name != '\0'; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619u;
	return &board->names[hash & (BOARD_NAME_CHAINS - 1)];
}

struct tube *tube_find(struct board *board, const char *name)
{
	struct tube *tube = *chain_of(board, name);

	while (tube != NULL && strcmp(tube->name, name) != 0)
		tube = tube->next_of_name;
	return tube;
}

/* Of the smallest number, and first come, first served within it. */
static bool ready_before(const struct queue_item *a, const struct queue_item *b)
{
	const struct job *one = (const struct job *)a;
	const struct job *other = (const struct job *)b;

	if (one->priority != other->priority)
		return one->priority < other->priority;
	return one->id < other->id;
}

static bool due_before(const struct queue_item *a, const struct queue_item *b)
{
	const struct job *one = (const struct job *)a;
	const struct job *other = (const struct job *)b;

	if (one->due_ns != other->due_ns)
		return one->due_ns < other->due_ns;
	return one->id < other->id;
}

static bool add_to_list(struct board *board, struct tube *tube)
{
	if (board->tube_count == board->tube_room) {
		uint32_t room = 2 * board->tube_room + 8;
		struct tube **tubes = realloc(board->tubes, room * sizeof *tubes);

		if (tubes == NULL)
			return false;
		board->tubes = tubes;
		board->tube_room = room;
	}
	tube->place = board->tube_count;
	board->tubes[board->tube_count++] = tube;
	return true;
}

static struct tube *tube_make(struct board *board, const char *name)
{
	struct tube *tube = calloc(1, sizeof *tube);

	if (tube == NULL)
		return NULL;
	if (!timers_reserve(board, (uint32_t)board->sessions + board->tube_count + 1) ||
	    !add_to_list(board, tube)) {
		free(tube);
		return NULL;
	}
	memcpy(tube->name, name, strlen(name) + 1);
	queue_init(&tube->ready, ready_before);
	queue_init(&tube->delayed, due_before);
	queue_init(&tube->buried, due_before);
	TAILQ_INIT(&tube->waiters);
	tube->timer.is_of_tube = true;
	struct tube **chain = chain_of(board, name);

	tube->next_of_name = *chain;
	*chain = tube;
	return tube;
}

struct tube *tube_refer(struct board *board, const char *name)
{
	struct tube *tube = tube_find(board, name);

	if (tube == NULL)
		tube = tube_make(board, name);
	if (tube != NULL)
		tube->references++;
	return tube;
}

struct tube *tube_refer_for_client(struct board *board, const char *name)
{
	bool is_one_too_many =
	    board->tube_count >= board->options.tubes_max && tube_find(board, name) == NULL;

	return is_one_too_many ? NULL : tube_refer(board, name);
}

void tube_unrefer(struct board *board, struct tube *tube)
{
	struct tube **link = chain_of(board, tube->name);

	if (--tube->references > 0)
		return;
	timer_set(board, &tube->timer, INT64_MAX);
	while (*link != tube)
		link = &(*link)->next_of_name;
	*link = tube->next_of_name;
	struct tube *last = board->tubes[--board->tube_count];

	board->tubes[tube->place] = last;
	last->place = tube->place;
	queue_destroy(&tube->ready);
	queue_destroy(&tube->delayed);
	queue_destroy(&tube->buried);
	free(tube);
}

bool tube_is_paused(const struct tube *tube)
{
	return tube->pause_ns > 0;
}

void tube_set_timer(struct board *board, struct tube *tube)
{
	const struct job *first = (const struct job *)queue_first(&tube->delayed);
	int64_t at_ns = first != NULL ? first->due_ns : INT64_MAX;

	if (tube_is_paused(tube) && tube->unpause_at_ns < at_ns)
		at_ns = tube->unpause_at_ns;
	timer_set(board, &tube->timer, at_ns);
}

void tube_end_pause(struct board *board, struct tube *tube, int64_t now)
{
	tube->pause_ns = 0;
	tube_serve(board, tube, now);
}

enum answer board_pause(struct board *board, const struct command *command)
{
	enum answer answer = ANSWER_NOT_FOUND;

	board_lock(board);
	struct tube *tube = tube_find(board, command->tube);

	if (tube != NULL) {
		/* A pause of 0 is one as well: who waits is served at its end. */
		tube->pause_ns = command->delay_s > 0 ? command->delay_s * SECOND_NS : 1;
		tube->unpause_at_ns = board_now() + tube->pause_ns;
		tube->pauses++;
		tube_set_timer(board, tube);
		answer = ANSWER_DONE;
	}
	board_unlock(board);
	return answer;
}
