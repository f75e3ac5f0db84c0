#include "options_text.h"

#include "../report/wrap.h"
#include "options_table.h"

#include <ctype.h>
#include <string.h>

#define ROWS ((size_t)TIDE_OPTION_COUNT)
#define TEXT_ROWS ((size_t)TIDE_TEXT_OPTION_COUNT)
static const struct options_row *const row = options_row;
static const struct options_text_row *const text_row = options_text_row;

/* Good until the fourth call after. */
static const char *value_text(int64_t value, const char *unit)
{
	static char text[4][OPTIONS_VALUE_BYTES];
	static unsigned next;
	return options_value(text[next++ % 4], value, unit);
}

/* In lines of their own, each after `indent` blanks. */
static void print_meaning(FILE *out, const char *meaning, int indent)
{
	fprintf(out, "\n%*s", indent, "");
	wrap_print(out, meaning, indent, 78);
}

static void print_text(FILE *out)
{
	fputs("Options of the library, set in the environment of the program it is in.\n"
	      "Bytes may end with k, m or g. A program with more rights than its caller "
	      "(set-user-id)\n"
	      "ignores them.\n\n",
	      out);
	for (size_t i = 0; i < ROWS; i++) {
		fprintf(out, "TIDE_%s=%s (%s, %s to %s)", row[i].id,
		        value_text(row[i].standard, row[i].unit), row[i].unit,
		        value_text(row[i].min, row[i].unit), value_text(row[i].max, row[i].unit));
		print_meaning(out, row[i].meaning, 4);
	}
	for (size_t i = 0; i < TEXT_ROWS; i++) {
		fprintf(out, "TIDE_%s=%s", text_row[i].id, text_row[i].form);
		print_meaning(out, text_row[i].meaning, 4);
	}
}

/* "--decay-ms" of "DECAY_MS". */
static void flag(FILE *out, const char *id)
{
	fputs("  --", out);
	for (; *id != '\0'; id++)
		fputc(*id == '_' ? '-' : tolower((unsigned char)*id), out);
}

static void print_flags(FILE *out)
{
	for (size_t i = 0; i < ROWS; i++) {
		flag(out, row[i].id);
		fprintf(out, " %s (%s, %s to %s)", value_text(row[i].standard, row[i].unit),
		        row[i].unit, value_text(row[i].min, row[i].unit),
		        value_text(row[i].max, row[i].unit));
		print_meaning(out, row[i].meaning, 6);
	}
	for (size_t i = 0; i < TEXT_ROWS; i++) {
		flag(out, text_row[i].id);
		fprintf(out, " %s", text_row[i].form);
		print_meaning(out, text_row[i].meaning, 6);
	}
}

/* "|" would end a cell. */
static void cell(FILE *out, const char *text)
{
	for (; *text != '\0'; text++)
		fprintf(out, *text == '|' ? "\\|" : "%c", *text);
}

static void print_markdown(FILE *out)
{
	fputs("| option | default | unit | range | meaning |\n| --- | --- | --- | --- | --- |\n",
	      out);
	for (size_t i = 0; i < ROWS; i++)
		fprintf(out, "| `TIDE_%s` | %s | %s | %s to %s | %s |\n", row[i].id,
		        value_text(row[i].standard, row[i].unit), row[i].unit,
		        value_text(row[i].min, row[i].unit), value_text(row[i].max, row[i].unit),
		        row[i].meaning);
	for (size_t i = 0; i < TEXT_ROWS; i++) {
		fprintf(out, "| `TIDE_%s` | | text | `", text_row[i].id);
		cell(out, text_row[i].form);
		fprintf(out, "` | %s |\n", text_row[i].meaning);
	}
}

/* Text of a manual page: "-" is a hyphen there, and a leading "." a request. */
static void manual_text(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '-')
			fputs("\\-", out);
		else if (*text == '\\')
			fputs("\\e", out);
		else
			fputc(*text, out);
	}
}

static void manual_entry(FILE *out, const char *id, const char *value, const char *meaning)
{
	fprintf(out, ".TP\n.B TIDE_%s\n", id);
	manual_text(out, value);
	fputs("\n.br\n", out);
	manual_text(out, meaning);
	fputs(".\n", out);
}

/* The entries; man/tide.7.in is around them. */
static void print_manual(FILE *out)
{
	char value[128];
	for (size_t i = 0; i < ROWS; i++) {
		snprintf(value, sizeof value, "%s, %s to %s, default %s", row[i].unit,
		         value_text(row[i].min, row[i].unit), value_text(row[i].max, row[i].unit),
		         value_text(row[i].standard, row[i].unit));
		manual_entry(out, row[i].id, value, row[i].meaning);
	}
	for (size_t i = 0; i < TEXT_ROWS; i++)
		manual_entry(out, text_row[i].id, text_row[i].form, text_row[i].meaning);
}

/* "--decay-ms", for the page of who has flags for them. */
static void manual_flag(FILE *out, const char *id)
{
	fputs(".TP\n\\fB\\-\\-", out);
	for (; *id != '\0'; id++) {
		if (*id == '_')
			fputs("\\-", out);
		else
			fputc(tolower((unsigned char)*id), out);
	}
	fputs("\\fR ", out);
}

static void print_manual_flags(FILE *out)
{
	for (size_t i = 0; i < ROWS; i++) {
		manual_flag(out, row[i].id);
		fprintf(out, "%s (%s, %s to %s)\n", value_text(row[i].standard, row[i].unit),
		        row[i].unit, value_text(row[i].min, row[i].unit),
		        value_text(row[i].max, row[i].unit));
		manual_text(out, row[i].meaning);
		fputs(".\n", out);
	}
	for (size_t i = 0; i < TEXT_ROWS; i++) {
		manual_flag(out, text_row[i].id);
		manual_text(out, text_row[i].form);
		fputc('\n', out);
		manual_text(out, text_row[i].meaning);
		fputs(".\n", out);
	}
}

void options_print(FILE *out, enum options_form form)
{
	switch (form) {
	case OPTIONS_TEXT:
		print_text(out);
		break;
	case OPTIONS_MARKDOWN:
		print_markdown(out);
		break;
	case OPTIONS_MANUAL:
		print_manual(out);
		break;
	case OPTIONS_FLAGS:
		print_flags(out);
		break;
	case OPTIONS_MANUAL_FLAGS:
		print_manual_flags(out);
		break;
	}
}

bool options_form_parse(const char *text, enum options_form *form)
{
	static const char *const name[] = { "text", "markdown", "manual", "flags", "manual-flags" };
	for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
		if (strcmp(text, name[i]) == 0) {
			*form = (enum options_form)i;
			return true;
		}
	}
	return false;
}
