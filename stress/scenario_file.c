/* See scenario_file.h. */
#include "scenario_file.h"

#include "scenario_keys.h"
#include "text_file.h"

#include <stdarg.h>
#include <string.h>

enum { LINE_BYTES = 512, FAULT_BYTES = 1024 };

/* Where the reader is. */
struct reader {
	struct scenario *scenario;
	const char *from; /* file, or name of a built-in scenario */
	struct lines lines;
	enum section section;
	void *into; /* what the section fills: struct scenario, phase or crew */
};

static bool refuse(const struct reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool refuse(const struct reader *reader, const char *format, ...)
{
	char text[FAULT_BYTES];
	va_list values;

	va_start(values, format);
	vsnprintf(text, sizeof text, format, values);
	va_end(values);
	if (reader->lines.number != 0)
		fprintf(stderr, "tide-stress: %s:%u: %s\n", reader->from, reader->lines.number,
		        text);
	else
		fprintf(stderr, "tide-stress: %s: %s\n", reader->from, text);
	return false;
}

static bool phase_begin(struct reader *reader, const char *name)
{
	struct scenario *scenario = reader->scenario;

	if (scenario->phases == PHASES_MAX)
		return refuse(reader, "more than %d phases", PHASES_MAX);
	struct phase *phase = &scenario->phase[scenario->phases++];
	*phase = (struct phase){ .duration_ms = 1000, .fill_percent = 80 };
	strcpy(phase->name, name);
	reader->section = SECTION_PHASE;
	reader->into = phase;
	return true;
}

static bool crew_begin(struct reader *reader, const char *name)
{
	struct scenario *scenario = reader->scenario;

	if (scenario->crews == CREWS_MAX)
		return refuse(reader, "more than %d crews", CREWS_MAX);
	struct crew *crew = &scenario->crew[scenario->crews++];
	*crew = (struct crew){
		.share = 1,
		.slots = 10000,
		.heaps = 8,
		.heap_end_one_in = 100,
		.large_sizes = { .kind = SIZES_POWER, .min_bytes = 64 << 10, .max_bytes = 4 << 20 },
		.align_max_bytes = 4096,
		.resize_chain_max = 8,
		.resize_max_bytes = 8 << 20,
		.exchange_slots = 4096,
		.ring_slots = 1024,
		.burst_blocks = 64,
		.mayfly_blocks = 100,
	};
	strcpy(crew->name, name);
	reader->section = SECTION_CREW;
	reader->into = crew;
	return true;
}

/* A line "[phase NAME]" or "[crew NAME]". */
static bool section_begin(struct reader *reader, const char *line)
{
	char kind[16], name[NAME_BYTES];
	int end = 0;

	_Static_assert(NAME_BYTES == 32, "the width of a name below");
	if (sscanf(line, "[%15[a-z] %31[^] \t]]%n", kind, name, &end) != 2 || end == 0 ||
	    line[end] != '\0')
		return refuse(reader,
		              "'%s' is not [phase NAME] or [crew NAME], with a name of 1 to %d "
		              "characters",
		              line, NAME_BYTES - 1);
	if (strcmp(kind, "phase") == 0)
		return phase_begin(reader, name);
	if (strcmp(kind, "crew") == 0)
		return crew_begin(reader, name);
	return refuse(reader, "there is no section '%s'; there are phase and crew", kind);
}

/* A line "KEY VALUE". */
static bool key_line(struct reader *reader, char *line)
{
	static const char *const section[] = { "at the top", "in a phase", "in a crew" };
	char *value = line + strcspn(line, " \t");
	char fault[FAULT_BYTES] = "";

	if (*value != '\0')
		*value++ = '\0';
	value += strspn(value, " \t");
	const struct key *key = key_find(reader->section, line);
	if (key == NULL) {
		key_names(reader->section, fault, sizeof fault);
		return refuse(reader, "there is no key '%s' %s; there are: %s", line,
		              section[reader->section], fault);
	}
	if (!key_set(key, reader->into, value, fault, sizeof fault))
		return refuse(reader, "key '%s': %s", line, fault);
	return true;
}

static bool read_lines(struct reader *reader)
{
	char line[LINE_BYTES];

	while (lines_read(&reader->lines, line, sizeof line)) {
		if (reader->lines.too_long)
			return refuse(reader, "longer than %d characters", LINE_BYTES - 1);
		if (line[0] == '\0')
			continue;
		if (!(line[0] == '[' ? section_begin(reader, line) : key_line(reader, line)))
			return false;
	}
	reader->lines.number = 0; /* what is wrong now is wrong with the whole */
	return true;
}

/* A crew's blocks need sizes in each phase that makes some. */
static bool crew_is_complete(const struct reader *reader, const struct crew *crew)
{
	const struct scenario *scenario = reader->scenario;

	for (uint32_t i = 0; i < scenario->phases; i++) {
		const struct phase *phase = &scenario->phase[i];
		const struct distribution *sizes =
		    crew->sizes.kind != SIZES_NONE ? &crew->sizes : &phase->sizes;

		if (phase->kind != PHASE_GROW)
			continue;
		if (sizes->kind == SIZES_NONE)
			return refuse(reader,
			              "crew %s has no sizes in phase %s: key 'sizes' is missing in "
			              "both",
			              crew->name, phase->name);
		if (crew->lifetime == LIFETIME_RECORDED && sizes->kind != SIZES_RECORDED)
			return refuse(reader,
			              "crew %s: 'lifetime recorded' needs 'sizes recorded' in it, "
			              "or in phase %s",
			              crew->name, phase->name);
	}
	if (crew->lifetime != LIFETIME_RANDOM && crew->pattern != PATTERN_OWN)
		return refuse(reader, "crew %s: 'lifetime' is for 'pattern own' only", crew->name);
	return true;
}

static bool is_complete(const struct reader *reader)
{
	const struct scenario *scenario = reader->scenario;
	uint32_t grows = 0;

	for (uint32_t i = 0; i < scenario->phases; i++)
		grows += scenario->phase[i].kind == PHASE_GROW;
	if (grows == 0)
		return refuse(reader, "no [phase NAME] of 'kind grow'");
	if (scenario->crews == 0)
		return refuse(reader, "no [crew NAME]");
	for (uint32_t i = 0; i < scenario->crews; i++) {
		if (!crew_is_complete(reader, &scenario->crew[i]))
			return false;
	}
	return true;
}

bool scenario_read(struct scenario *scenario, const char *name)
{
	struct reader reader = { .scenario = scenario, .from = name, .into = scenario };
	const char *last = strrchr(name, '/');
	char fault[FAULT_BYTES] = "";
	const char *text = embedded_find("scenario", name);

	if (text == NULL)
		text = text_file_read(name, fault, sizeof fault);
	if (text == NULL) {
		fprintf(stderr, "tide-stress: scenario %s; --list shows those built in\n", fault);
		return false;
	}
	*scenario = (struct scenario){ .seconds = 20, .threads = 4 };
	snprintf(scenario->name, sizeof scenario->name, "%s", last != NULL ? last + 1 : name);
	reader.lines.next = text;
	return read_lines(&reader) && is_complete(&reader);
}

void scenario_list(FILE *out)
{
	for (const struct embedded *text = embedded_texts; text->name != NULL; text++) {
		static struct scenario scenario;

		if (strcmp(text->kind, "scenario") == 0 && scenario_read(&scenario, text->name))
			fprintf(out, "%-14s %s\n", text->name, scenario.about);
	}
}

bool scenario_print(FILE *out, const char *name)
{
	const char *text = embedded_find("scenario", name);

	if (text == NULL) {
		fprintf(stderr, "tide-stress: no scenario '%s' is built in; see --list\n", name);
		return false;
	}
	fputs(text, out);
	return true;
}

void scenario_keys_print(FILE *out)
{
	keys_print(out);
}
