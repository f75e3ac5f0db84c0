/* The options of the library, from their one table, for people. */
#ifndef TOP_OPTIONS_TEXT_H
#define TOP_OPTIONS_TEXT_H

#include <stdio.h>

/* For a terminal. */
void options_print(FILE *out);
/* A table in Markdown, and the OPTIONS section of a manual page. */
void options_print_markdown(FILE *out);
void options_print_manual(FILE *out);

#endif
