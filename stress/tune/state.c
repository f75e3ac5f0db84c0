/* See state.h. */
#include "state.h"

#include "child.h"
#include "json.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { DIGITS = 17 }; /* what a double needs to come back as it was */
enum { SYNC_S = 5 };

static const char *const value_name[OBJECTIVES] = { "wall_s", "cpu_s", "peak_bytes", "p99" };

static bool complain(const struct state *state, const char *what)
{
	fprintf(stderr, "tide-tune: %s: %s\n", state->path, what);
	return false;
}

/* In one write, and now and then to the disk. */
static bool write_line(struct state *state, const json_t *line)
{
	char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS));
	bool good =
	    text != NULL && fprintf(state->file, "%s\n", text) > 0 && fflush(state->file) == 0;
	free(text);
	if (good && child_clock_s() - state->synced_s > SYNC_S) {
		good = fdatasync(fileno(state->file)) == 0;
		state->synced_s = child_clock_s();
	}
	return good || complain(state, strerror(errno));
}

static json_t *run_json(const struct space *space, const struct setting *setting,
                        const struct run *run)
{
	json_t *line = json_pack("{s:s, s:i, s:o}", "phase", phase_name[run->phase], "round",
	                         (int)run->round, "setting", setting_json(space, setting, true));
	for (int i = 0; i < OBJECTIVES; i++)
		json_object_set_new(line, value_name[i], json_number(run->value[i]));
	json_object_set_new(line, "fault",
	                    *run->fault != '\0' ? json_string(run->fault) : json_null());
	return line;
}

/* The whole lines into state->lines; `end` is where the last of them ends. False: the first one is
 * none of ours. */
static bool read_lines(struct state *state, json_t **head, long *end)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	json_t *object;
	bool foreign = false;

	*head = NULL;
	*end = 0;
	while ((length = getline(&line, &room, state->file)) > 0) {
		json_error_t error;
		object = line[length - 1] == '\n' ? json_loads(line, 0, &error) : NULL;
		if (!json_is_object(object)) {
			foreign = *head == NULL;
			json_decref(object);
			break;
		}
		*end += length;
		if (*head == NULL)
			*head = object;
		else
			json_array_append_new(state->lines, object);
	}
	free(line);
	return !foreign;
}

/* "runs" and the like, whichever differs first. */
static bool complain_of_other(const struct state *state, const json_t *there, const json_t *head)
{
	const char *name = "something", *key;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)head, key, value)
	{
		if (!json_equal(value, json_object_get(there, key))) {
			name = key;
			break;
		}
	}
	fprintf(stderr,
	        "tide-tune: %s: belongs to another search (%s differs); take another --out, or "
	        "--restart to begin anew\n",
	        state->path, name);
	return false;
}

bool state_open(struct state *state, const char *path, const json_t *head)
{
	json_t *there = NULL;
	long end = 0;
	bool good;

	*state = (struct state){ .path = path, .file = fopen(path, "a+e"), .lines = json_array() };
	if (state->file == NULL)
		return complain(state, strerror(errno));
	if (flock(fileno(state->file), LOCK_EX | LOCK_NB) != 0)
		return complain(state, "another tide-tune is at it");
	rewind(state->file);
	if (!read_lines(state, &there, &end))
		return complain(state, "not a state of tide-tune");
	if (ftruncate(fileno(state->file), end) != 0)
		return complain(state, strerror(errno));
	fseek(state->file, 0, SEEK_END);
	state->known = (unsigned)json_array_size(state->lines);
	if (there == NULL)
		good = write_line(state, head);
	else
		good = json_equal(there, head) || complain_of_other(state, there, head);
	json_decref(there);
	return good;
}

int state_next(struct state *state, const struct space *space, const struct setting *setting,
               struct run *run)
{
	const json_t *line = json_array_get(state->lines, state->next);
	json_t *mine = setting_json(space, setting, true);
	bool is_same = line != NULL && json_equal(json_object_get(line, "setting"), mine) &&
	               strcmp(json_text_of(line, "phase"), phase_name[run->phase]) == 0;

	json_decref(mine);
	if (line == NULL)
		return 0;
	if (!is_same) {
		complain(state, "its runs are not those of this search; --restart begins anew");
		return -1;
	}
	for (int i = 0; i < OBJECTIVES; i++) {
		const json_t *value = json_object_get(line, value_name[i]);
		run->value[i] = json_is_number(value) ? json_number_value(value) : NAN;
	}
	snprintf(run->fault, FAULT_BYTES, "%s", json_text_of(line, "fault"));
	state->next++;
	return 1;
}

bool state_add(struct state *state, const struct space *space, const struct setting *setting,
               const struct run *run)
{
	json_t *line = run_json(space, setting, run);
	bool good = write_line(state, line);
	json_decref(line);
	return good;
}

void state_close(struct state *state)
{
	if (state->file != NULL)
		fclose(state->file);
	json_decref(state->lines);
	*state = (struct state){ .file = NULL };
}
