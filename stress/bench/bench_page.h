/* The page of tide-bench. */
#ifndef BENCH_PAGE_H
#define BENCH_PAGE_H

#include <jansson.h>
#include <stdbool.h>

/* False, after a message. Adds to the document the sentences that the page quotes. */
bool bench_page_write(json_t *results, const char *path);

#endif
