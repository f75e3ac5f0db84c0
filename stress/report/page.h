/* A page that stands alone: HTML with its style inside, light or dark as the reader's system is.
 *
 * The numbers of a page come from one JSON document, by path, so that page and document can't
 * differ: each stands in the page as <data data-path="memory.peak.bytes" value="1048576">1.0
 * MiB</data>.
 *
 * Touched by  one thread. Needs no heap.
 */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include "json.h"
#include "plot.h"
#include "text.h"

struct page {
	struct text text;
	const json_t *root;
};

enum page_unit {
	PAGE_COUNT, /* 12.3 M */
	PAGE_BYTES,
	PAGE_NS,
	PAGE_SECONDS,
	PAGE_RATIO, /* 1.28 */
	PAGE_TEXT,  /* a string of the document, as it is */
};

enum page_mood { PAGE_GOOD, PAGE_DOUBTFUL, PAGE_BAD };

void page_begin(struct page *page, const char *title, const json_t *root);
/* The first thing to read. `headline` and `reason` are paths of strings. */
void page_verdict(struct page *page, enum page_mood mood, const char *headline, const char *reason);
/* Close what is open and write. False, after a message. */
bool page_end(struct page *page, const char *path);

/* A number, or a string for PAGE_TEXT. */
void page_value(struct page *page, const char *path, enum page_unit unit);

/* Key figures: large numbers side by side. `note` may be NULL. */
void page_figures_begin(struct page *page);
void page_figure(struct page *page, const char *label, const char *path, enum page_unit unit,
                 const char *note);
void page_figures_end(struct page *page);

void page_section_begin(struct page *page, const char *heading, const char *lead);
void page_section_end(struct page *page);

/* A table: the first column are names. `headings` ends with NULL; two empty ones make a list of
 * pairs without a head. */
void page_table_begin(struct page *page, const char *const headings[]);
void page_row_begin(struct page *page, const char *name);
void page_cell(struct page *page, const char *path, enum page_unit unit); /* NULL: empty */
void page_row_end(struct page *page);
void page_table_end(struct page *page);

/* What a reader may copy, and what a program printed. */
void page_preformatted(struct page *page, const char *path);

/* Draw and put in, with title and legend; `lead` may be NULL. Without gnuplot the page says so. */
void page_plot(struct page *page, const struct plot *plot, const char *lead);

#endif
