/* Reads scenarios.
 *
 * A scenario is a text of lines "KEY VALUE": first what holds for the whole, then one section
 * "[phase NAME]" for each phase in their order, and one "[crew NAME]" for each part of the threads.
 * A '#' begins a comment. Numbers may end in K, M or G. scenario_keys_print prints all keys.
 */
#ifndef STRESS_SCENARIO_FILE_H
#define STRESS_SCENARIO_FILE_H

#include "scenario.h"

#include <stdio.h>

/* A built-in scenario by its name, else a file by its path. False, after a message on stderr that
 * names file, line, key and valid values. */
bool scenario_read(struct scenario *scenario, const char *name);

/* Name and purpose of each built-in scenario. */
void scenario_list(FILE *out);
/* A built-in scenario as the file it is. False, after a message: no such one. */
bool scenario_print(FILE *out, const char *name);
/* All keys with their sections, ranges and meanings. */
void scenario_keys_print(FILE *out);

#endif
