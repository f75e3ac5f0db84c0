/* What a search came to, in sentences, and the chosen set as a file. */
#ifndef TUNE_SUMMARY_H
#define TUNE_SUMMARY_H

#include "verdict.h"

/* Add `summary` and `env` to the document. */
void summary_add(json_t *document, const struct tuner *tuner, const struct verdict *verdict,
                 char *const *command);

#endif
