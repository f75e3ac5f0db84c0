/* A search as a page that stands alone. */
#ifndef TUNE_PAGE_H
#define TUNE_PAGE_H

#include "verdict.h"

/* Of a document with the member "machine". False, after a message. */
bool tune_page_write(const json_t *document, const struct tuner *tuner,
                     const struct verdict *verdict, const char *path);

#endif
