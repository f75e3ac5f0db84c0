/* See page.h. */
#include "page.h"

#include "format.h"
#include "page_style.h"

#include <string.h>

static void print(struct page *page, const char *string)
{
	text_append(&page->text, string, strlen(string));
}

static void escaped(struct page *page, const char *string)
{
	text_print_escaped(&page->text, string);
}

void page_begin(struct page *page, const char *title, const json_t *root)
{
	*page = (struct page){ .root = root };
	print(page, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	            "<meta name=\"color-scheme\" content=\"light dark\">\n<title>");
	escaped(page, title);
	print(page, "</title>\n<style>\n");
	print(page, page_style);
	print(page, "</style>\n</head>\n<body>\n<main>\n");
}

static struct figure formatted(double value, enum page_unit unit)
{
	switch (unit) {
	case PAGE_BYTES:
		return format_bytes(value);
	case PAGE_NS:
		return format_ns(value);
	case PAGE_SECONDS:
		return format_seconds(value);
	case PAGE_RATIO:
		return format_ratio(value, 1);
	default:
		return format_count(value);
	}
}

void page_value(struct page *page, const char *path, enum page_unit unit)
{
	const json_t *value = json_at(page->root, path);

	if (unit == PAGE_TEXT) {
		const char *string = json_string_value(value);

		text_print(&page->text, "<span data-path=\"%s\">", path);
		escaped(page, string != NULL ? string : "\xe2\x80\x93"); /* a dash */
		print(page, "</span>");
	} else if (json_is_integer(value)) {
		text_print(&page->text,
		           "<data data-path=\"%s\" value=\"%" JSON_INTEGER_FORMAT "\">%s</data>",
		           path, json_integer_value(value),
		           formatted(json_number_value(value), unit).text);
	} else if (json_is_real(value)) {
		text_print(&page->text, "<data data-path=\"%s\" value=\"%.12g\">%s</data>", path,
		           json_real_value(value), formatted(json_real_value(value), unit).text);
	} else {
		print(page, "<span class=\"none\">\xe2\x80\x93</span>");
	}
}

void page_verdict(struct page *page, enum page_mood mood, const char *headline, const char *reason)
{
	static const char *const name[] = { "good", "doubtful", "bad" };
	static const char *const sign[] = { "\xe2\x9c\x93", "!", "\xe2\x9c\x95" };

	text_print(
	    &page->text,
	    "<header class=\"verdict %s\">\n<div class=\"sign\" aria-hidden=\"true\">%s</div>\n"
	    "<div>\n<h1>",
	    name[mood], sign[mood]);
	page_value(page, headline, PAGE_TEXT);
	print(page, "</h1>\n<p>");
	page_value(page, reason, PAGE_TEXT);
	print(page, "</p>\n</div>\n</header>\n");
}

bool page_end(struct page *page, const char *path)
{
	print(page, "</main>\n</body>\n</html>\n");
	bool written = text_write_file(&page->text, path);
	text_end(&page->text);
	return written;
}

void page_figures_begin(struct page *page)
{
	print(page, "<div class=\"figures\">\n");
}

void page_figure(struct page *page, const char *label, const char *path, enum page_unit unit,
                 const char *note)
{
	print(page, "<div class=\"figure\"><div class=\"label\">");
	escaped(page, label);
	print(page, "</div><div class=\"number\">");
	page_value(page, path, unit);
	print(page, "</div>");
	if (note != NULL) {
		print(page, "<div class=\"note\">");
		escaped(page, note);
		print(page, "</div>");
	}
	print(page, "</div>\n");
}

void page_figures_end(struct page *page)
{
	print(page, "</div>\n");
}

static void print_lead(struct page *page, const char *lead)
{
	if (lead == NULL)
		return;
	print(page, "<p class=\"lead\">");
	escaped(page, lead);
	print(page, "</p>\n");
}

void page_section_begin(struct page *page, const char *heading, const char *lead)
{
	print(page, "<section>\n<h2>");
	escaped(page, heading);
	print(page, "</h2>\n");
	print_lead(page, lead);
}

void page_section_end(struct page *page)
{
	print(page, "</section>\n");
}

void page_table_begin(struct page *page, const char *const headings[])
{
	size_t columns = 0;
	bool empty = true;

	for (; headings[columns] != NULL; columns++)
		empty &= *headings[columns] == '\0';
	text_print(&page->text, "<div class=\"scroll\"><table%s>\n",
	           columns == 2 ? " class=\"pairs\"" : "");
	if (!empty)
		print(page, "<thead><tr>");
	for (size_t i = 0; i < columns && !empty; i++) {
		print(page, "<th scope=\"col\">");
		escaped(page, headings[i]);
		print(page, "</th>");
	}
	print(page, empty ? "<tbody>\n" : "</tr></thead>\n<tbody>\n");
}

void page_row_begin(struct page *page, const char *name)
{
	print(page, "<tr><th scope=\"row\">");
	escaped(page, name);
	print(page, "</th>");
}

void page_cell(struct page *page, const char *path, enum page_unit unit)
{
	print(page, unit == PAGE_TEXT ? "<td class=\"text\">" : "<td>");
	if (path != NULL)
		page_value(page, path, unit);
	print(page, "</td>");
}

void page_row_end(struct page *page)
{
	print(page, "</tr>\n");
}

void page_table_end(struct page *page)
{
	print(page, "</tbody>\n</table></div>\n");
}

void page_preformatted(struct page *page, const char *path)
{
	print(page, "<pre>");
	page_value(page, path, PAGE_TEXT);
	print(page, "</pre>\n");
}

static void print_legend(struct page *page, const struct plot *plot)
{
	if (plot->series_count < 2 && plot->span_count == 0)
		return;
	print(page, "<div class=\"legend\">");
	for (size_t i = 0; i < plot->series_count; i++) {
		text_print(&page->text, "<span><i style=\"background:var(--ink-%u)\"></i>",
		           plot->series[i].ink);
		escaped(page, plot->series[i].label);
		print(page, "</span>");
	}
	if (plot->span_count > 0 && plot->span_label != NULL) {
		print(page, "<span><i class=\"span\"></i>");
		escaped(page, plot->span_label);
		print(page, "</span>");
	}
	print(page, "</div>\n");
}

void page_plot(struct page *page, const struct plot *plot, const char *lead)
{
	struct text svg = { 0 };
	enum plot_result result = plot_draw(plot, &svg);

	text_print(&page->text, "<figure class=\"plot\" data-plot=\"%s\">\n<figcaption>",
	           plot->name);
	print(page, "<h3>");
	escaped(page, plot->title);
	print(page, "</h3>\n");
	print_legend(page, plot);
	print(page, "</figcaption>\n");
	print_lead(page, lead);
	if (result == PLOT_DRAWN)
		text_append(&page->text, svg.bytes, svg.used);
	else
		text_print(&page->text, "<p class=\"missing\">%s</p>\n",
		           result == PLOT_NO_GNUPLOT
		               ? "No plot: gnuplot is not installed (Debian package gnuplot-nox). "
		                 "The numbers are in the JSON file beside this page."
		               : "No plot: gnuplot failed, or there was nothing to draw.");
	print(page, "</figure>\n");
	text_end(&svg);
}
