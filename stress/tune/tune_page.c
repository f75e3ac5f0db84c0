/* See tune_page.h. */
#include "tune_page.h"

#include "document.h"
#include "drawing.h"
#include "json.h"
#include "machine.h"
#include "page.h"

#include <stdio.h>

struct path {
	char text[64];
};

/* "compared.0.p"; of NULL, the member itself. */
static struct path at(const char *list, size_t number, const char *name)
{
	struct path path;
	snprintf(path.text, sizeof path.text, "%s.%zu%s%s", list, number, name != NULL ? "." : "",
	         name != NULL ? name : "");
	return path;
}

static void figure_begin(struct page *page, const char *name, const char *title, const char *lead)
{
	text_print(&page->text, "<figure class=\"plot\" data-plot=\"%s\">\n<figcaption><h3>", name);
	text_print_escaped(&page->text, title);
	text_print(&page->text, "</h3></figcaption>\n");
	if (lead != NULL) {
		text_print(&page->text, "<p class=\"lead\">");
		text_print_escaped(&page->text, lead);
		text_print(&page->text, "</p>\n");
	}
}

static void figure_end(struct page *page)
{
	text_print(&page->text, "</figure>\n");
}

static void figures(struct page *page, const struct tuner *tuner)
{
	page_figures_begin(page);
	page_figure(page, "runs", "runs", PAGE_COUNT, NULL);
	page_figure(page, "settings", "settings", PAGE_COUNT, "the default among them");
	page_figure(page, "failed runs", "failed_runs", PAGE_COUNT, NULL);
	for (int o = 0; o < OBJECTIVES; o++) {
		char path[32], label[96];
		if (!tuner->wanted[o])
			continue;
		snprintf(path, sizeof path, "noise.%s", objective_row[o].name);
		snprintf(label, sizeof label, "noise of %s", objective_row[o].label);
		page_figure(page, label, path, PAGE_RATIO,
		            "the middle half of the default's runs, as a part of their median");
	}
	page_figures_end(page);
}

static void ratio_cells(struct page *page, const char *of, const char *objective)
{
	static const char *const part[] = { "ratio", "low", "high" };
	for (int i = 0; i < 3; i++) {
		char path[96];
		snprintf(path, sizeof path, "%s.%s.%s", of, objective, part[i]);
		page_cell(page, path, PAGE_RATIO);
	}
}

/* One setting against another: a row for each objective that was measured. */
static void comparison_rows(struct page *page, const char *of, const char *name)
{
	char path[96], label[96];
	for (int o = 0; o < OBJECTIVES; o++) {
		snprintf(path, sizeof path, "%s.%s.ratio", of, objective_row[o].name);
		if (!json_is_number(json_at(page->root, path)))
			continue;
		snprintf(label, sizeof label, "%s%s%s", name, *name != '\0' ? ": " : "",
		         objective_row[o].label);
		page_row_begin(page, label);
		ratio_cells(page, of, objective_row[o].name);
		page_row_end(page);
	}
}

/* Four decimals are all that is worth telling. */
static void p_cell(struct page *page, size_t compared)
{
	const char *path = at("compared", compared, "p").text;
	double p = json_number_at(page->root, path);

	text_print(&page->text, "<td><data data-path=\"%s\" value=\"%.12g\">", path, p);
	text_print(&page->text, p < 0.0001 ? "&lt; 0.0001" : "%.4f", p);
	text_print(&page->text, "</data></td>");
}

static void section_compared(struct page *page)
{
	static const char *const heading[] = { "", "ratio", "low", "high", NULL };
	static const char *const test[] = { "", "ratio", "p after Holm", "", "setting", NULL };
	const json_t *compared = json_object_get(page->root, "compared"), *its;
	size_t i;

	page_section_begin(page, "The final rounds",
	                   "Ratios to the default in the same round, with their intervals; runs "
	                   "that had no part in choosing the settings.");
	page_table_begin(page, test);
	json_array_foreach(compared, i, its)
	{
		page_row_begin(page, json_text_of(its, "name"));
		page_cell(page, at("compared", i, "objective.ratio").text, PAGE_RATIO);
		p_cell(page, i);
		page_cell(page, at("compared", i, "says").text, PAGE_TEXT);
		/* As long as it may be, it is not to push the figures out of sight. */
		text_print(&page->text, "<td class=\"text\" style=\"white-space:normal\">");
		page_value(page, at("compared", i, "text").text, PAGE_TEXT);
		text_print(&page->text, "</td>");
		page_row_end(page);
	}
	page_table_end(page);
	page_table_begin(page, heading);
	json_array_foreach(compared, i, its)
	{
		comparison_rows(page, at("compared", i, NULL).text, json_text_of(its, "name"));
	}
	page_table_end(page);
	page_section_end(page);
	if (json_is_null(json_object_get(page->root, "with_start")))
		return;
	page_section_begin(page, "The chosen set against what it began with", NULL);
	page_table_begin(page, heading);
	comparison_rows(page, "with_start", "");
	page_table_end(page);
	page_section_end(page);
}

static void section_plane(struct page *page, const struct tuner *tuner, unsigned chosen)
{
	page_section_begin(page, "What can be had", NULL);
	figure_begin(
	    page, "plane", "All settings, and the Pareto front",
	    "Medians of ratios to the default, which is at 1 and 1; left and below is "
	    "better. On the line are those that no other beats in both; a square marks the "
	    "chosen one. Settings with few runs lie farther out than they are.");
	drawing_plane(&page->text, tuner, page->root, chosen);
	figure_end(page);
	page_section_end(page);
}

static void section_parameters(struct page *page, const struct tuner *tuner)
{
	static const char *const heading[] = {
		"parameter", "", "default", "chosen", "range", NULL
	};

	page_section_begin(
	    page, "What each parameter does",
	    "Every compared run of the search, at the value it had, while the others "
	    "differed too; the line joins the medians. A range below the noise means "
	    "that the parameter does not matter to this command. * marks the "
	    "default.");
	page_table_begin(page, heading);
	for (unsigned i = 0; i < tuner->space.count; i++) {
		page_row_begin(
		    page, json_text_of(json_array_get(json_object_get(page->root, "parameters"), i),
		                       "name"));
		page_cell(page, at("parameters", i, "what").text, PAGE_TEXT);
		page_cell(page, at("parameters", i, "standard").text, PAGE_TEXT);
		page_cell(page, at("parameters", i, "chosen").text, PAGE_TEXT);
		page_cell(page, at("parameters", i, "range").text, PAGE_RATIO);
		page_row_end(page);
	}
	page_table_end(page);
	text_print(&page->text, "<div style=\"display:grid;gap:0 14px;"
	                        "grid-template-columns:repeat(auto-fit,minmax(330px,1fr))\">\n");
	for (unsigned i = 0; i < tuner->space.count; i++) {
		const json_t *its = json_array_get(json_object_get(page->root, "parameters"), i);
		figure_begin(page, json_text_of(its, "name"), json_text_of(its, "name"),
		             json_text_of(its, "what"));
		drawing_parameter(&page->text, tuner, page->root, i);
		figure_end(page);
	}
	text_print(&page->text, "</div>\n");
	page_section_end(page);
}

static void section_faults(struct page *page)
{
	static const char *const heading[] = { "setting", "what was wrong", NULL };
	const json_t *faults = json_object_get(page->root, "faults");

	if (json_array_size(faults) == 0)
		return;
	page_section_begin(page, "Settings that failed", "They were left out from then on.");
	page_table_begin(page, heading);
	for (size_t i = 0; i < json_array_size(faults); i++) {
		page_row_begin(page, json_text_of(json_array_get(faults, i), "text"));
		page_cell(page, at("faults", i, "fault").text, PAGE_TEXT);
		page_row_end(page);
	}
	page_table_end(page);
	page_section_end(page);
}

bool tune_page_write(const json_t *document, const struct tuner *tuner,
                     const struct verdict *verdict, const char *path)
{
	struct page page;

	page_begin(&page, "tide-tune", document);
	page_verdict(&page, verdict_found(verdict) ? PAGE_GOOD : PAGE_DOUBTFUL, "summary.headline",
	             "summary.reason");
	page_preformatted(&page, "summary.command");
	figures(&page, tuner);
	page_section_begin(&page, "The chosen set",
	                   "For tide-run --env FILE, or to be set in the environment.");
	page_preformatted(&page, "env");
	if (*json_text_of(json_object_get(document, "summary"), "start") != '\0') {
		text_print(&page.text, "<p>");
		page_value(&page, "summary.start", PAGE_TEXT);
		text_print(&page.text, "</p>\n");
	}
	page_section_end(&page);
	section_compared(&page);
	section_plane(&page, tuner, verdict->chosen);
	section_parameters(&page, tuner);
	section_faults(&page);
	page_section_begin(&page, "Measured on", NULL);
	machine_page(&page);
	page_section_end(&page);
	return page_end(&page, path);
}
