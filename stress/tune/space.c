/* See space.h. */
#include "space.h"

#include "options_table.h"
#include "settings.h"

#include <stdio.h>
#include <string.h>

enum { HYPERCUBES = 20, NAME_BYTES = 64, KI = 1 << 10, MI = 1 << 20 };

/* Steps of a factor of two or more: what differs less, no measurement of a minute tells apart. */
static const struct {
	int option;
	const char *what;
	int64_t level[SPACE_LEVELS_MAX]; /* ends with a 0 after the first; the default is added */
} known[] = {
	{ TIDE_OPTION_QUEUE_BLOCKS,
	  "initial level, in blocks",
	  { 0, 16, 64, 256, 1024, 4096, 16384 } },
	{ TIDE_OPTION_QUEUE_FIRST_BYTES,
	  "initial level, in bytes at most",
	  { 4 * KI, 16 * KI, 64 * KI, 256 * KI, 1 * MI } },
	{ TIDE_OPTION_QUEUE_MAX_BYTES,
	  "highest level",
	  { 64 * KI, 256 * KI, 1 * MI, 4 * MI, 16 * MI, 64 * MI } },
	{ TIDE_OPTION_QUEUE_GROW_BINS, "grow step", { 1, 2, 4, 8, 16, 32 } },
	{ TIDE_OPTION_QUEUE_FULL_COUNT, "full count", { 1, 2, 4, 8, 16, 32, 128 } },
	{ TIDE_OPTION_QUEUE_RECLAIM_PERCENT, "reclaim percent", { 5, 10, 25, 50, 75, 100 } },
	{ TIDE_OPTION_BIN_BLOCKS, "first bin capacity", { 1, 2, 4, 8, 16, 32, 64, 128 } },
	{ TIDE_OPTION_BIN_MAX_BLOCKS, "bin capacity, in blocks", { 1, 4, 8, 16, 32, 64, 128 } },
	{ TIDE_OPTION_BIN_MAX_BYTES,
	  "bin capacity, in bytes",
	  { 4 * KI, 8 * KI, 16 * KI, 32 * KI, 64 * KI, 128 * KI, 256 * KI } },
	{ TIDE_OPTION_WAKE_BYTES,
	  "wake threshold",
	  { 64 * KI, 128 * KI, 256 * KI, 512 * KI, 1 * MI, 2 * MI, 4 * MI, 8 * MI } },
	{ TIDE_OPTION_DECAY_MS, "decay", { 10, 50, 200, 500, 2000, 10000 } },
	{ TIDE_OPTION_RETAIN_BYTES,
	  "kept without a GC thread",
	  { 1 * MI, 4 * MI, 16 * MI, 64 * MI, 256 * MI } },
	{ TIDE_OPTION_PREFAULT_BYTES,
	  "prefault",
	  { 0, 16 * KI, 64 * KI, 256 * KI, 1 * MI, 4 * MI } },
};

bool space_include(struct parameter *parameter, int64_t value, unsigned *at)
{
	unsigned i = 0;
	while (i < parameter->levels && parameter->level[i] < value)
		i++;
	*at = i;
	if (i < parameter->levels && parameter->level[i] == value)
		return true;
	if (parameter->levels == SPACE_LEVELS_MAX)
		return false;
	memmove(&parameter->level[i + 1], &parameter->level[i],
	        (parameter->levels - i) * sizeof parameter->level[0]);
	parameter->level[i] = value;
	parameter->levels++;
	if (parameter->standard >= i && parameter->levels > 1)
		parameter->standard++;
	return true;
}

static void add(struct space *space, size_t number)
{
	struct parameter *parameter = &space->parameter[space->count++];
	const struct options_row *row = &options_row[known[number].option];
	unsigned at;

	*parameter =
	    (struct parameter){ .option = known[number].option, .what = known[number].what };
	for (unsigned i = 0; i < SPACE_LEVELS_MAX; i++) {
		int64_t level = known[number].level[i];
		if (i > 0 && level == 0)
			break;
		if (row->min <= level && level <= row->max)
			(void)space_include(parameter, level, &at);
	}
	(void)space_include(parameter, row->standard, &at);
	parameter->standard = at;
}

static bool add_named(struct space *space, const char *name)
{
	int option = settings_find(name);

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (known[i].option != option)
			continue;
		if (space_find(space, option) < 0)
			add(space, i);
		return true;
	}
	fprintf(stderr, "tide-tune: --parameters: %s: not a parameter that is searched\n", name);
	return false;
}

bool space_of(struct space *space, const char *names)
{
	space->count = 0;
	for (size_t i = 0; names == NULL && i < sizeof known / sizeof known[0]; i++)
		add(space, i);
	while (names != NULL && *names != '\0') {
		char name[NAME_BYTES];
		size_t length = strcspn(names, ",");

		snprintf(name, sizeof name, "%.*s", (int)length, names);
		if (!add_named(space, name))
			return false;
		names += length;
		names += *names == ',';
	}
	return space->count > 0;
}

int space_find(const struct space *space, int option)
{
	for (unsigned i = 0; i < space->count; i++) {
		if (space->parameter[i].option == option)
			return (int)i;
	}
	return -1;
}

struct setting space_standard(const struct space *space)
{
	struct setting setting = { { 0 } };
	for (unsigned i = 0; i < space->count; i++)
		setting.at[i] = (uint8_t)space->parameter[i].standard;
	return setting;
}

bool setting_is(const struct space *space, const struct setting *a, const struct setting *b)
{
	return memcmp(a->at, b->at, space->count) == 0;
}

unsigned setting_changes(const struct space *space, const struct setting *setting)
{
	unsigned changes = 0;
	for (unsigned i = 0; i < space->count; i++)
		changes += setting->at[i] != space->parameter[i].standard;
	return changes;
}

json_t *setting_json(const struct space *space, const struct setting *setting, bool all)
{
	json_t *object = json_object();
	for (unsigned i = 0; i < space->count; i++) {
		const struct parameter *parameter = &space->parameter[i];
		char name[NAME_BYTES], value[OPTIONS_VALUE_BYTES];

		if (!all && setting->at[i] == parameter->standard)
			continue;
		snprintf(name, sizeof name, "TIDE_%s", settings_id(parameter->option));
		options_value(value, parameter->level[setting->at[i]],
		              options_row[parameter->option].unit);
		json_object_set_new(object, name, json_string(value));
	}
	return object;
}

static void shuffle(struct random *random, unsigned *number, unsigned count)
{
	for (unsigned i = count; i > 1; i--) {
		unsigned other = random_below(random, i), kept = number[i - 1];
		number[i - 1] = number[other];
		number[other] = kept;
	}
}

enum { FILL_MAX = 256 };

/* Each parameter's levels in equal shares, in an order of its own. */
static void hypercube(const struct space *space, struct random *random, struct setting *to,
                      unsigned count)
{
	unsigned order[FILL_MAX];
	for (unsigned p = 0; p < space->count; p++) {
		for (unsigned i = 0; i < count; i++)
			order[i] = i;
		shuffle(random, order, count);
		for (unsigned i = 0; i < count; i++)
			to[i].at[p] = (uint8_t)((2 * order[i] + 1) * space->parameter[p].levels /
			                        (2 * count));
	}
}

static double distance(const struct space *space, const struct setting *a, const struct setting *b)
{
	double sum = 0;
	for (unsigned p = 0; p < space->count; p++) {
		double of = space->parameter[p].levels > 1 ? space->parameter[p].levels - 1 : 1;
		double part = (a->at[p] - b->at[p]) / of;
		sum += part * part;
	}
	return sum;
}

static double nearest(const struct space *space, const struct setting *of, unsigned count)
{
	double least = 1e9;
	for (unsigned i = 0; i < count; i++) {
		for (unsigned j = 0; j < i; j++) {
			double apart = distance(space, &of[i], &of[j]);
			least = apart < least ? apart : least;
		}
	}
	return least;
}

void space_fill(const struct space *space, struct random *random, struct setting *to,
                unsigned count)
{
	static struct setting tried[FILL_MAX];
	double best = -1;

	count = count < FILL_MAX ? count : FILL_MAX;
	for (int i = 0; i < HYPERCUBES; i++) {
		memset(tried, 0, sizeof tried);
		hypercube(space, random, tried, count);
		double apart = nearest(space, tried, count);
		if (apart > best) {
			best = apart;
			memcpy(to, tried, count * sizeof *to);
		}
	}
}
