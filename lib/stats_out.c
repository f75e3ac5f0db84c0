#include "stats_out.h"

#include <assert.h>
#include <string.h>

#define ROW(name, kind, meaning) { #name, meaning, TIDE_STATS_##kind },
static const struct tide_stats_row row_all[] = { TIDE_STATS_TOTALS(ROW) };
static const struct tide_stats_row row_class[] = { TIDE_STATS_CLASS(ROW) };
static const struct tide_stats_row row_thread[] = { TIDE_STATS_THREAD(ROW) };
static const struct tide_stats_row row_heap[] = { TIDE_STATS_HEAP(ROW) };
#undef ROW
#define FITS(name, kind, meaning)                                                                  \
	&&sizeof #name <= TIDE_STATS_NAME_ROOM && sizeof(meaning) <= TIDE_STATS_MEANING_ROOM
static_assert(true TIDE_STATS_TOTALS(FITS) TIDE_STATS_CLASS(FITS) TIDE_STATS_THREAD(FITS)
                  TIDE_STATS_HEAP(FITS),
              "stats: room for names and meanings");
#undef FITS

#define ROWS(rows)                                                                                 \
	{                                                                                          \
		rows, sizeof(rows) / sizeof(rows)[0]                                               \
	}
const struct tide_stats_rows tide_stats_rows_all = ROWS(row_all);
const struct tide_stats_rows tide_stats_rows_class = ROWS(row_class);
const struct tide_stats_rows tide_stats_rows_thread = ROWS(row_thread);
const struct tide_stats_rows tide_stats_rows_heap = ROWS(row_heap);

static_assert(sizeof(struct tide_stats) == 8 * (sizeof row_all / sizeof row_all[0]),
              "stats: the structure is its rows");
static_assert(sizeof(struct tide_stats_class) == 8 * (sizeof row_class / sizeof row_class[0]),
              "stats: the structure is its rows");

void tide_out_char(struct tide_out *out, char c)
{
	if (out->used < out->room)
		out->buffer[out->used] = c;
	out->used++;
}

void tide_out_string(struct tide_out *out, const char *string)
{
	for (; *string != '\0'; string++)
		tide_out_char(out, *string);
}

void tide_out_padded(struct tide_out *out, const char *string, unsigned width)
{
	size_t start = out->used;
	tide_out_string(out, string);
	while (out->used < start + width)
		tide_out_char(out, ' ');
}

/* At least `least` digits, after blanks up to `width`. */
static void number(struct tide_out *out, uint64_t value, unsigned least, unsigned width)
{
	char digit[20]; /* of UINT64_MAX */
	unsigned digits = 0;
	do {
		digit[digits++] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0 || digits < least);
	for (unsigned i = digits; i < width; i++)
		tide_out_char(out, ' ');
	while (digits > 0)
		tide_out_char(out, digit[--digits]);
}

void tide_out_number(struct tide_out *out, uint64_t value)
{
	number(out, value, 1, 0);
}

void tide_out_column(struct tide_out *out, uint64_t value, unsigned width)
{
	number(out, value, 1, width);
}

void tide_out_seconds(struct tide_out *out, uint64_t ns)
{
	number(out, ns / 1000000000u, 1, 0);
	tide_out_char(out, '.');
	number(out, ns % 1000000000u, 9, 0);
}

/* `value`, which is in units of 1 / `base`, as "12.3" or "123" and a suffix. */
static void scaled(struct tide_out *out, uint64_t value, uint64_t base, const char *const *suffix,
                   unsigned width)
{
	uint64_t rest = 0;
	while (value >= base && suffix[1] != NULL) {
		rest = value % base;
		value /= base;
		suffix++;
	}
	unsigned suffix_chars = (unsigned)strlen(*suffix);
	unsigned room = width > suffix_chars ? width - suffix_chars : 0;
	if (value < 100 && (rest != 0)) {
		number(out, value, 1, room > 2 ? room - 2 : 0);
		tide_out_char(out, '.');
		number(out, rest * 10 / base, 1, 0);
	} else {
		number(out, value, 1, room);
	}
	tide_out_string(out, *suffix);
}

void tide_out_bytes(struct tide_out *out, uint64_t bytes, unsigned width)
{
	static const char *const suffix[] = { "", "K", "M", "G", "T", NULL };
	scaled(out, bytes, 1024, suffix, width);
}

void tide_out_count(struct tide_out *out, uint64_t count, unsigned width)
{
	static const char *const suffix[] = { "", "k", "m", "g", "t", NULL };
	scaled(out, count, 1000, suffix, width);
}

void tide_out_time(struct tide_out *out, uint64_t ns, unsigned width)
{
	static const char *const suffix[] = { "ns", "us", "ms", "s", NULL };
	scaled(out, ns, 1000, suffix, width);
}

void tide_out_version(struct tide_out *out, uint64_t library)
{
	number(out, library >> 32, 1, 0);
	tide_out_char(out, '.');
	number(out, library >> 16 & 0xffff, 1, 0);
	tide_out_char(out, '.');
	number(out, library & 0xffff, 1, 0);
}

bool tide_out_ends_with(const char *name, const char *end)
{
	size_t name_chars = strlen(name), end_chars = strlen(end);
	return name_chars >= end_chars && strcmp(name + name_chars - end_chars, end) == 0;
}

size_t tide_stats_format(const struct tide_stats_snapshot *snapshot, enum tide_stats_format format,
                         char *buffer, size_t room)
{
	struct tide_out out = { .room = room };
	out.buffer = buffer;
	switch (format) {
	case TIDE_STATS_TEXT:
		tide_stats_text(&out, snapshot);
		break;
	case TIDE_STATS_JSON:
		tide_stats_json(&out, snapshot);
		break;
	case TIDE_STATS_OPENMETRICS:
		tide_stats_openmetrics(&out, snapshot);
		break;
	}
	return out.used;
}
