#include "table.h"

#include <ctype.h>

static const char *const name_of[COLUMN_COUNT] = { "class", "held",    "live", "bins",  "queued",
	                                           "level", "garbage", "free", "misses" };

const char *column_name(enum column column)
{
	return name_of[column];
}

uint64_t column_value(const struct tide_stats_class *own, enum column column)
{
	switch (column) {
	case COLUMN_BLOCK:
		return own->block_bytes;
	case COLUMN_HELD:
		return own->held_bytes;
	case COLUMN_LIVE:
		return own->live_blocks;
	case COLUMN_BINS:
		return own->bin_blocks;
	case COLUMN_QUEUED:
		return own->queued_blocks;
	case COLUMN_LEVEL:
		return own->level_blocks;
	case COLUMN_GARBAGE:
		return own->garbage_blocks;
	case COLUMN_FREE:
		return own->free_blocks;
	default:
		return own->from_queue + own->from_gc + own->from_frontier;
	}
}

/* Digits and an optional K or M. False: no digit, or too many. */
static bool parse_bytes(const char **text, uint64_t *bytes)
{
	unsigned digits = 0;
	*bytes = 0;
	for (; isdigit((unsigned char)**text); (*text)++, digits++)
		*bytes = *bytes * 10 + (uint64_t)(**text - '0');
	char unit = (char)toupper((unsigned char)**text);
	if (unit == 'K' || unit == 'M') {
		*bytes <<= unit == 'K' ? 10 : 20;
		(*text)++;
	}
	return 0 < digits && digits <= 12;
}

bool filter_parse(struct filter *filter, const char *text)
{
	struct filter parsed = { 0, UINT64_MAX };
	bool has_from = *text != '\0' && *text != '-';
	if (has_from && !parse_bytes(&text, &parsed.from_bytes))
		return false;
	if (*text == '-') {
		text++;
		if (*text != '\0' && !parse_bytes(&text, &parsed.to_bytes))
			return false;
	} else if (has_from) {
		parsed.to_bytes = parsed.from_bytes;
	}
	if (*text != '\0' || parsed.from_bytes > parsed.to_bytes)
		return false;
	*filter = parsed;
	return true;
}

/* Whether `a` comes before `b`. */
static bool before(const struct tide_stats_class *a, const struct tide_stats_class *b,
                   enum column column, bool reverse)
{
	uint64_t left = column_value(a, column), right = column_value(b, column);
	bool upwards = (column == COLUMN_BLOCK) != reverse;
	return upwards ? left < right : left > right;
}

size_t table_sort(const struct tide_stats_snapshot *snapshot, const struct filter *filter,
                  enum column column, bool reverse, unsigned *index)
{
	size_t count = 0;
	for (unsigned i = 0; i < snapshot->class_count; i++) {
		const struct tide_stats_class *own = &snapshot->of_class[i];
		if (own->block_bytes < filter->from_bytes || own->block_bytes > filter->to_bytes)
			continue;
		size_t at = count++;
		for (; at > 0 && before(own, &snapshot->of_class[index[at - 1]], column, reverse);
		     at--)
			index[at] = index[at - 1];
		index[at] = i;
	}
	return count;
}
