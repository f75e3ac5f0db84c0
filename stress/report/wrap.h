/* Sentences in lines. */
#ifndef REPORT_WRAP_H
#define REPORT_WRAP_H

#include <stdio.h>

/* `text` in lines of `width` at the most, where its words allow it, each after `indent` blanks; the
 * first one goes on after what has been printed up to there. */
void wrap_print(FILE *out, const char *text, int indent, int width);

#endif
