/* See distribution.h. */
#include "distribution.h"

#include "number.h"

#include <stdio.h>
#include <string.h>

static const struct recorded_row *row_draw(const struct recorded *recorded, struct random *random)
{
	uint64_t drawn = random_next(random);
	uint32_t low = 0, high = recorded->rows - 1;

	/* The first row with drawn < below. */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (drawn < recorded->row[middle].below)
			high = middle;
		else
			low = middle + 1;
	}
	return &recorded->row[low];
}

static uint32_t life_draw(const struct recorded_row *row, struct random *random)
{
	uint64_t drawn = random_next(random);

	for (uint32_t i = 0; i + 1 < RECORDED_LIVES; i++) {
		if (drawn < row->life_below[i])
			return (1u << i) - 1 + random_below(random, 1u << i);
	}
	return LIFE_ENDLESS;
}

uint32_t distribution_draw(const struct distribution *distribution, struct random *random,
                           uint32_t *life)
{
	uint32_t min = distribution->min_bytes, max = distribution->max_bytes;

	if (distribution->kind == SIZES_RECORDED) {
		const struct recorded_row *row = row_draw(distribution->recorded, random);

		*life = life_draw(row, random);
		return row->min_bytes + random_below(random, row->max_bytes - row->min_bytes + 1);
	}
	if (distribution->kind == SIZES_POWER)
		return random_power_law(random, min, max);
	return min + random_below(random, max - min + 1);
}

static bool parse_range(struct distribution *distribution, const char *of, char *rest, char *fault,
                        size_t fault_bytes)
{
	char *save = NULL;
	const char *min_text = strtok_r(rest, " \t", &save);
	const char *max_text = strtok_r(NULL, " \t", &save);
	bool fixed = distribution->kind == SIZES_FIXED;
	uint64_t min = 0, max = 0;

	if (min_text == NULL || (max_text == NULL) != fixed ||
	    strtok_r(NULL, " \t", &save) != NULL) {
		snprintf(fault, fault_bytes, "'%s' takes %s", of,
		         fixed ? "one size" : "two sizes, the least and the greatest");
		return false;
	}
	if (!number_parse(min_text, 1, DISTRIBUTION_MAX_BYTES, &min) ||
	    !number_parse(fixed ? min_text : max_text, min, DISTRIBUTION_MAX_BYTES, &max)) {
		snprintf(fault, fault_bytes, "sizes are from 1 to 1G bytes, the least one first");
		return false;
	}
	distribution->min_bytes = (uint32_t)min;
	distribution->max_bytes = (uint32_t)max;
	return true;
}

bool distribution_parse(struct distribution *distribution, const char *text, char *fault,
                        size_t fault_bytes)
{
	static const char *const kind[] = { "", "fixed", "uniform", "power", "recorded" };
	char copy[256], *save = NULL;

	snprintf(copy, sizeof copy, "%s", text);
	const char *of = strtok_r(copy, " \t", &save);
	char *rest = save + strspn(save, " \t");

	for (int i = SIZES_FIXED; of != NULL && i <= SIZES_RECORDED; i++) {
		if (strcmp(of, kind[i]) != 0)
			continue;
		*distribution = (struct distribution){ .kind = (enum distribution_kind)i };
		if (i != SIZES_RECORDED)
			return parse_range(distribution, of, rest, fault, fault_bytes);
		distribution->recorded = recorded_find(rest, fault, fault_bytes);
		return distribution->recorded != NULL;
	}
	snprintf(fault, fault_bytes,
	         "'%s' is not 'fixed SIZE', 'uniform MIN MAX', 'power MIN MAX' or 'recorded NAME'",
	         text);
	return false;
}
