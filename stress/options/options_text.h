/* The options of the library, from their one table, for people. */
#ifndef OPTIONS_TEXT_H
#define OPTIONS_TEXT_H

#include <stdbool.h>
#include <stdio.h>

enum options_form {
	OPTIONS_TEXT,
	OPTIONS_MARKDOWN,
	OPTIONS_MANUAL,
	OPTIONS_FLAGS,
	OPTIONS_MANUAL_FLAGS
};

/* For a terminal, as a table of a README, as the manual page tide(7), as flags of tide-run, and
 * these as its manual page. */
void options_print(FILE *out, enum options_form form);
/* "text", "markdown", "manual", "flags", "manual-flags". False: none of these. */
bool options_form_parse(const char *text, enum options_form *form);

#endif
