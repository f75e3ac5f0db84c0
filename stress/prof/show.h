/* Stacks as text, and as drawings: what tide-prof shows. */
#ifndef PROF_SHOW_H
#define PROF_SHOW_H

#include "stacks.h"

/* "12.3 MiB" into `text` of SHOW_BYTES; returns it. */
enum { SHOW_BYTES = 32 };
const char *show_bytes(char *text, double bytes);

/* A table of functions: what they allocated themselves, and with what they called. */
bool show_top(const struct stacks *stacks, size_t lines);
/* Stack by stack, with files and lines. `what` says what the blocks are. */
void show_stacks(const struct stacks *stacks, size_t lines, const char *what);

/* A flame graph as SVG that stands alone. False, after a message. */
bool flame_write(const struct stacks *stacks, const char *title, const char *path);

/* pprof's format, compressed. False, after a message. */
bool pprof_write(const struct stacks *stacks, enum stacks_measure measure, uint64_t mean_bytes,
                 const char *path);

#endif
