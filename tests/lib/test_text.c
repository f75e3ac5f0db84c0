/* text.c: what is formatted, and that what does not fit is cut. */
#include "text.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <errno.h>
#include <string.h>

static void assert_holds(const struct tide_text *text, const char *wanted)
{
	cr_assert_eq(text->used_bytes, strlen(wanted), "%zu bytes for \"%s\"", text->used_bytes,
	             wanted);
	cr_assert(memcmp(text->line, wanted, text->used_bytes) == 0, "\"%.*s\" instead of \"%s\"",
	          (int)text->used_bytes, text->line, wanted);
}

Test(text, strings_follow_one_another)
{
	struct tide_text text;

	tide_text_start(&text);
	assert_holds(&text, "");
	tide_text_string(&text, "one");
	tide_text_string(&text, "");
	tide_text_string(&text, " two");
	assert_holds(&text, "one two");
}

Test(text, decimals)
{
	static const struct {
		int64_t value;
		const char *wanted;
	} row[] = {
		{ 0, "0" },
		{ 7, "7" },
		{ 10, "10" },
		{ -1, "-1" },
		{ -305, "-305" },
		{ INT64_MAX, "9223372036854775807" },
		{ INT64_MIN, "-9223372036854775808" },
	};

	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		struct tide_text text;

		tide_text_start(&text);
		tide_text_decimal(&text, row[i].value);
		assert_holds(&text, row[i].wanted);
	}
}

Test(text, pointers)
{
	struct tide_text text;

	tide_text_start(&text);
	tide_text_pointer(&text, NULL);
	tide_text_string(&text, " ");
	tide_text_pointer(&text, (const void *)(uintptr_t)0x7f00abcdef10u);
	tide_text_string(&text, " ");
	tide_text_pointer(&text, (const void *)UINTPTR_MAX);
	assert_holds(&text, "0x0 0x7f00abcdef10 0xffffffffffffffff");
}

/* Canaries around the buffer: a byte too many would land in one of them. */
Test(text, what_does_not_fit_is_cut)
{
	struct {
		unsigned char before[64];
		struct tide_text text;
		unsigned char after[64];
	} held;

	memset(&held, 0xa5, sizeof held);
	tide_text_start(&held.text);
	for (int i = 0; i < 100; i++) {
		tide_text_string(&held.text, "abcde");
		tide_text_decimal(&held.text, INT64_MIN);
		tide_text_pointer(&held.text, &held);
	}
	cr_assert_eq(held.text.used_bytes, sizeof held.text.line - 1);
	cr_assert(memcmp(held.text.line, "abcde-9223372036854775808", 25) == 0);
	for (size_t i = 0; i < sizeof held.before; i++) {
		cr_assert_eq(held.before[i], 0xa5);
		cr_assert_eq(held.after[i], 0xa5);
	}
}

Test(text, flush_ends_the_line_and_starts_the_next)
{
	struct tide_text text;

	cr_redirect_stderr();
	errno = 77;
	tide_text_start(&text);
	tide_text_string(&text, "first");
	tide_text_flush_stderr(&text);
	cr_assert_eq(text.used_bytes, 0);
	tide_text_string(&text, "second");
	tide_text_flush_stderr(&text);
	cr_assert_eq(errno, 77);
	cr_assert_stderr_eq_str("first\nsecond\n");
}

Test(text, a_cut_line_still_ends)
{
	struct tide_text text;
	char wanted[sizeof text.line + 1];

	cr_redirect_stderr();
	tide_text_start(&text);
	for (size_t i = 0; i < sizeof text.line; i++)
		tide_text_string(&text, "x");
	tide_text_flush_stderr(&text);
	memset(wanted, 'x', sizeof wanted);
	wanted[sizeof text.line - 1] = '\n';
	wanted[sizeof text.line] = '\0';
	cr_assert_stderr_eq_str(wanted);
}
