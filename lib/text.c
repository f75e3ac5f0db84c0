/* See text.h. */
#include "text.h"

#include "os.h"

enum { TEXT_DIGITS_MAX = 20 }; /* of UINT64_MAX in decimal */

static void text_char(struct tide_text *text, char c)
{
	if (text->used_bytes < sizeof text->line - 1)
		text->line[text->used_bytes++] = c;
}

static void text_number(struct tide_text *text, uint64_t value, unsigned base)
{
	char digit[TEXT_DIGITS_MAX];
	unsigned digits = 0;

	do {
		digit[digits++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	while (digits > 0)
		text_char(text, digit[--digits]);
}

void tide_text_string(struct tide_text *text, const char *string)
{
	for (; *string != '\0'; string++)
		text_char(text, *string);
}

void tide_text_decimal(struct tide_text *text, int64_t value)
{
	uint64_t magnitude = (uint64_t)value;

	if (value < 0) {
		text_char(text, '-');
		magnitude = 0 - magnitude; /* unsigned: INT64_MIN has no positive twin */
	}
	text_number(text, magnitude, 10);
}

void tide_text_pointer(struct tide_text *text, const void *pointer)
{
	tide_text_string(text, "0x");
	text_number(text, (uintptr_t)pointer, 16);
}

void tide_text_flush_stderr(struct tide_text *text)
{
	text->line[text->used_bytes++] = '\n'; /* the byte that text_char never takes */
	tide_os_write_stderr(text->line, text->used_bytes);
	tide_text_start(text);
}
