/* What the command lines of the programs have in common. */
#ifndef STRESS_CLI_H
#define STRESS_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

enum { CLI_RIGHT = 0, CLI_WRONG = 1, CLI_USAGE = 2 };

/* False, after a message that names the option. */
bool cli_number(const char *program, const char *option, double min, double max, double *value);
/* Hand each option to `read`, by its letter in `known` or in `letters` (as getopt's, after "+:").
 * False when `read` was, or after a message about what is no option, or lacks its value. */
bool cli_options(const char *program, int argc, char *argv[], const char *letters,
                 const struct option known[], bool (*read)(void *arguments, int option),
                 void *arguments);
/* For what getopt_long did not know. */
void cli_refuse(const char *program, const char *argument);
/* Make the folder, and the path of a file in it. False, after a message. */
bool cli_file_in(const char *program, const char *folder, const char *file, char *path,
                 size_t bytes);
/* A line about what is going on, over the last one on a terminal; "" wipes it. */
void cli_progress(bool quiet, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
