/* What it was measured on. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include "page.h"

#include <jansson.h>

/* Processor, processors, memory, kernel, C library, load average, huge pages, and when. */
json_t *machine_json(void);
/* The member "machine" of the page's document, as a table. */
void machine_page(struct page *page);

#endif
