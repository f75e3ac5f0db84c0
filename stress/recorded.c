/* Reads what `tide-trace distribution` made of a trace. A file is lines "size MIN MAX COUNT
 * [LIFE:COUNT...]": so many blocks of MIN to MAX bytes, of which COUNT lived for 2^LIFE - 1 to
 * 2^(LIFE + 1) - 2 other allocations; those not named were never freed. Lines of other words are
 * for people. See distribution.h. */
#include "distribution.h"

#include "number.h"
#include "text_file.h"

#include <stdio.h>
#include <string.h>

enum { RECORDED_MAX = 16, ROWS_MAX = 1024, COUNT_SHIFT = 48, LINE_BYTES = 1024 };

/* Those read so far: of several phases that name the same one. */
static struct recorded found[RECORDED_MAX];

/* One "LIFE:COUNT". Counts are summed up later. */
static bool life_parse(struct recorded_row *row, char *word, uint64_t *left)
{
	char *colon = strchr(word, ':');
	uint64_t life = 0, count = 0;

	if (colon == NULL)
		return false;
	*colon = '\0';
	if (!number_parse(word, 0, RECORDED_LIVES - 2, &life) ||
	    !number_parse(colon + 1, 0, *left, &count))
		return false;
	row->life_below[life] += count;
	*left -= count;
	return true;
}

/* What follows "size" in a line. */
static bool row_parse(struct recorded_row *row, char **save)
{
	uint64_t number[3] = { 0 }, least = 1, most = DISTRIBUTION_MAX_BYTES;

	for (int i = 0; i < 3; i++) {
		const char *word = strtok_r(NULL, " \t", save);

		if (word == NULL || !number_parse(word, least, most, &number[i]))
			return false;
		least = i == 0 ? number[0] : 1;
		if (i == 1)
			most = UINT64_C(1) << COUNT_SHIFT;
	}
	row->min_bytes = (uint32_t)number[0];
	row->max_bytes = (uint32_t)number[1];
	row->below = number[2];
	for (char *word; (word = strtok_r(NULL, " \t", save)) != NULL;) {
		if (!life_parse(row, word, &number[2]))
			return false;
	}
	return true;
}

/* `part` of `whole`, as a share of 2^32. */
static uint64_t share(uint64_t part, uint64_t whole)
{
	return (uint64_t)((double)part / (double)whole * 0x1p32);
}

/* Counts become the shares that are drawn by. */
static void sum_up(struct recorded *recorded, uint64_t total)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < recorded->rows; i++) {
		struct recorded_row *row = &recorded->row[i];
		uint64_t blocks = row->below, lives = 0;

		for (int life = 0; life < RECORDED_LIVES; life++) {
			lives += row->life_below[life];
			row->life_below[life] = share(lives, blocks);
		}
		sum += blocks;
		row->below = share(sum, total);
	}
}

static bool parse(struct recorded *recorded, const char *text, const char *from, char *fault,
                  size_t fault_bytes)
{
	struct lines lines = { .next = text };
	char line[LINE_BYTES];
	uint64_t total = 0;

	while (lines_read(&lines, line, sizeof line)) {
		char *save = NULL;
		const char *word = strtok_r(line, " \t", &save);

		if (word == NULL || strcmp(word, "size") != 0)
			continue;
		if (recorded->rows == ROWS_MAX || lines.too_long ||
		    !row_parse(&recorded->row[recorded->rows], &save)) {
			snprintf(fault, fault_bytes,
			         "%s:%u: not a line 'size MIN MAX COUNT LIFE:COUNT...' "
			         "with sizes from 1 to 1G and lives from 0 to %d",
			         from, lines.number, RECORDED_LIVES - 2);
			return false;
		}
		total += recorded->row[recorded->rows++].below;
	}
	if (total == 0) {
		snprintf(fault, fault_bytes, "%s: no line 'size MIN MAX COUNT ...'", from);
		return false;
	}
	sum_up(recorded, total);
	return true;
}

static bool read_into(struct recorded *recorded, const char *name, char *fault, size_t fault_bytes)
{
	const char *text = embedded_find("distribution", name);

	if (text == NULL)
		text = text_file_read(name, fault, fault_bytes);
	if (text == NULL) {
		size_t used = strlen(fault);
		char names[256];

		embedded_names("distribution", names, sizeof names);
		snprintf(fault + used, fault_bytes - used, "; built in are: %s", names);
		return false;
	}
	memset(recorded, 0, sizeof *recorded);
	recorded->row = table_map(ROWS_MAX, sizeof *recorded->row, false);
	if (recorded->row == NULL) {
		snprintf(fault, fault_bytes, "%s: no memory for it", name);
		return false;
	}
	return parse(recorded, text, name, fault, fault_bytes);
}

const struct recorded *recorded_find(const char *name, char *fault, size_t fault_bytes)
{
	struct recorded *recorded = found;

	if (name[0] == '\0' || strlen(name) >= sizeof recorded->name) {
		snprintf(fault, fault_bytes, "'recorded' takes a name, or the path of a file");
		return NULL;
	}
	while (recorded < found + RECORDED_MAX && recorded->name[0] != '\0') {
		if (strcmp(recorded->name, name) == 0)
			return recorded;
		recorded++;
	}
	if (recorded == found + RECORDED_MAX) {
		snprintf(fault, fault_bytes, "more than %d recorded distributions", RECORDED_MAX);
		return NULL;
	}
	if (!read_into(recorded, name, fault, fault_bytes))
		return NULL;
	snprintf(recorded->name, sizeof recorded->name, "%s", name);
	return recorded;
}
