/* What the command lines of the benchmark programs have in common. */
#ifndef BENCH_CLI_H
#define BENCH_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>

enum { CLI_RIGHT = 0, CLI_WRONG = 1, CLI_USAGE = 2 };

/* False, after a message that names the option. */
bool cli_number(const char *program, const char *option, double min, double max, double *value);
/* Hand each option to `read`, with its letter in `known` and as it was written. False when `read`
 * was, or after a message about what is no option. */
bool cli_options(const char *program, int argc, char *argv[], const struct option known[],
                 bool (*read)(void *arguments, int option, const char *written), void *arguments);
/* For the option that getopt_long did not know or that lacks its value. */
void cli_refuse(const char *program, const char *argument);
/* Make the folder, and the path of a file in it. False, after a message. */
bool cli_file_in(const char *program, const char *folder, const char *file, char *path,
                 size_t bytes);
/* A line about what is going on, over the last one on a terminal; "" wipes it. */
void cli_progress(bool quiet, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
