#include <criterion/criterion.h>

#include "format.h"
#include "json.h"
#include "page.h"
#include "plot.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

Test(text, grows_and_escapes)
{
	struct text text = { 0 };

	for (int i = 0; i < 100000; i++)
		text_print(&text, "%d,", i % 10);
	cr_assert_eq(text.used, 200000);
	cr_assert_eq(strlen(text.bytes), text.used);
	size_t before = text.used;
	text_print_escaped(&text, "a<b>&\"c'");
	cr_assert_str_eq(text.bytes + before, "a&lt;b&gt;&amp;&quot;c&#39;");
	text_print_escaped(&text, "");
	text_end(&text);
	cr_assert_null(text.bytes);
}

Test(text, a_file_is_replaced)
{
	char path[] = "/tmp/tide-text-XXXXXX";
	int file = mkstemp(path);
	struct text text = { 0 }, again = { 0 };

	cr_assert_geq(file, 0);
	cr_assert_eq(write(file, "something longer", 16), 16);
	text_print(&text, "short");
	cr_assert(text_write_file(&text, path));
	cr_assert(text_read(&again, file));
	cr_assert_str_eq(again.bytes, "short");
	cr_assert_not(text_write_file(&text, "/proc/no/such/folder"));
	text_end(&text);
	text_end(&again);
	close(file);
	unlink(path);
}

Test(format, figures)
{
	cr_assert_str_eq(format_bytes(1536).text, "1.5 KiB");
	cr_assert_str_eq(format_bytes(-2097152).text, "-2.0 MiB");
	cr_assert_str_eq(format_count(9999).text, "9999");
	cr_assert_str_eq(format_count(12345678).text, "12.3 M");
	cr_assert_str_eq(format_ns(999).text, "999 ns");
	cr_assert_str_eq(format_ns(1500000).text, "1.5 ms");
	cr_assert_str_eq(format_seconds(59.94).text, "59.9 s");
	cr_assert_str_eq(format_seconds(61).text, "1:01 min");
	cr_assert_str_eq(format_seconds(94210).text, "26:10:10 h");
	cr_assert_str_eq(format_ratio(1, 0).text, "-");
}

Test(json, paths)
{
	json_use_own_memory();
	json_t *root = json_pack("{s:{s:i,s:[f,f]}}", "a", "b", 7, "c", 1.5, 2.5);

	cr_assert_float_eq(json_number_at(root, "a.b"), 7, 0);
	cr_assert_float_eq(json_number_at(root, "a.c.1"), 2.5, 0);
	cr_assert_null(json_at(root, "a.x"));
	cr_assert_null(json_at(root, "a.c.2"));
	cr_assert_null(json_at(root, "a.b.c"));
	cr_assert(json_is_null(json_number(NAN)));
	cr_assert(json_is_null(json_number(INFINITY)));
}

static struct text drawn(struct plot *plot, enum plot_result wanted)
{
	struct text svg = { 0 };

	plot->name = "one";
	plot->title = "A <title>";
	enum plot_result result = plot_draw(plot, &svg);
	if (result == PLOT_NO_GNUPLOT)
		cr_skip_test("gnuplot is not installed");
	cr_assert_eq(result, wanted);
	return svg;
}

static unsigned count(const struct text *text, const char *what)
{
	unsigned count = 0;

	for (const char *at = text->bytes; (at = strstr(at, what)) != NULL; at++)
		count++;
	return count;
}

Test(plot, lines_have_the_colours_of_the_page)
{
	double x[] = { 0, 1, 2, 3 }, y[] = { 1, NAN, 3, 2 }, top[] = { 2, 3, 4, 5 };
	struct plot_series series[] = { { .label = "a", .ink = 1, .y = y, .top = top },
		                        { .label = "b", .ink = 2, .y = top, .kind = PLOT_STEP } };
	struct plot_span span = { 1, 2 };
	struct plot plot = { .y_unit = PLOT_BYTES,
		             .x_label = "it's 100 %",
		             .points = 4,
		             .x = x,
		             .series = series,
		             .series_count = 2,
		             .span = &span,
		             .span_count = 1 };
	struct text svg = drawn(&plot, PLOT_DRAWN);

	cr_assert_eq(strncmp(svg.bytes, "<svg viewBox=", 13), 0);
	cr_assert_not_null(strstr(svg.bytes, "A &lt;title&gt;"));
	cr_assert_not_null(strstr(svg.bytes, "it's 100 %"));
	cr_assert_not_null(strstr(svg.bytes, "</svg>"));
	cr_assert_geq(count(&svg, "var(--ink-1)"), 2);
	cr_assert_geq(count(&svg, "var(--ink-2)"), 1);
	cr_assert_eq(count(&svg, "var(--span)"), 1);
	cr_assert_eq(count(&svg, "rgb("), 0);
	cr_assert_eq(count(&svg, "id="), 0, "ids would be the same in each plot of a page");
}

Test(plot, bars_with_names)
{
	double a[] = { 1, 2, 3 }, b[] = { 3, 2, 1 };
	static const char *const name[] = { "first", "50 %", "it's" };
	struct plot_series series[] = { { .label = "a", .ink = 1, .y = a, .kind = PLOT_BARS },
		                        { .label = "b", .ink = 3, .y = b, .kind = PLOT_BARS } };
	struct plot plot = { .x_unit = PLOT_NAMES,
		             .points = 3,
		             .x_name = name,
		             .series = series,
		             .series_count = 2 };
	struct text svg = drawn(&plot, PLOT_DRAWN);

	cr_assert_eq(count(&svg, "<polygon fill = 'var(--ink-1)'"), 3);
	cr_assert_eq(count(&svg, "<polygon fill = 'var(--ink-3)'"), 3);
	cr_assert_not_null(strstr(svg.bytes, "50 %"));
	cr_assert_not_null(strstr(svg.bytes, "it's"));
}

Test(plot, powers_of_ten_have_names)
{
	double y[] = { 10, 250, 4e6 };
	static const char *const name[] = { "a", "b", "c" };
	struct plot_series series[] = { { .label = "a", .ink = 4, .y = y } };
	struct plot plot = { .x_unit = PLOT_NAMES,
		             .y_unit = PLOT_NS,
		             .y_log = true,
		             .points = 3,
		             .x_name = name,
		             .series = series,
		             .series_count = 1 };
	struct text svg = drawn(&plot, PLOT_DRAWN);

	cr_assert_not_null(strstr(svg.bytes, ">10 ns<"));
	cr_assert_not_null(strstr(svg.bytes, ">10 ms<"));
}

Test(plot, nothing_to_draw_is_no_drawing)
{
	struct plot plot = { .points = 0 };
	struct text svg = drawn(&plot, PLOT_FAILED);

	cr_assert_eq(svg.used, 0);
}

Test(plot, all_zero_and_all_missing)
{
	double x[] = { 0, 1 }, zero[] = { 0, 0 }, missing[] = { NAN, NAN };
	struct plot_series series[] = { { .label = "a", .ink = 1, .y = zero } };
	struct plot plot = { .points = 2, .x = x, .series = series, .series_count = 1 };

	drawn(&plot, PLOT_DRAWN);
	series[0].y = missing;
	drawn(&plot, PLOT_DRAWN);
	plot.y_log = true;
	series[0].y = zero;
	drawn(&plot, PLOT_DRAWN);
}

Test(plot, without_gnuplot)
{
	double x[] = { 0, 1 };
	struct plot_series series[] = { { .label = "a", .ink = 1, .y = x } };
	struct plot plot = {
		.name = "a", .title = "a", .points = 2, .x = x, .series = series, .series_count = 1
	};
	struct text svg = { 0 };

	setenv("PATH", "/nonexistent", 1);
	cr_assert_eq(plot_draw(&plot, &svg), PLOT_NO_GNUPLOT);
	cr_assert_eq(svg.used, 0);
}

Test(page, values_are_those_of_the_document)
{
	struct page page;
	json_t *root = json_pack("{s:i,s:f,s:s}", "a", 2048, "b", 1234.5, "c", "<&>");
	char path[] = "/tmp/tide-page-XXXXXX";
	int file = mkstemp(path);
	struct text text = { 0 };

	page_begin(&page, "title", root);
	page_value(&page, "a", PAGE_BYTES);
	page_value(&page, "b", PAGE_NS);
	page_value(&page, "c", PAGE_TEXT);
	page_value(&page, "gone", PAGE_COUNT);
	cr_assert(page_end(&page, path));
	cr_assert(text_read(&text, file));
	cr_assert_not_null(
	    strstr(text.bytes, "<data data-path=\"a\" value=\"2048\">2.0 KiB</data>"));
	cr_assert_not_null(
	    strstr(text.bytes, "<data data-path=\"b\" value=\"1234.5\">1.2 us</data>"));
	cr_assert_not_null(strstr(text.bytes, "<span data-path=\"c\">&lt;&amp;&gt;</span>"));
	cr_assert_null(strstr(text.bytes, "data-path=\"gone\""));
	close(file);
	unlink(path);
}
