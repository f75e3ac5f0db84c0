/* The tables on the terminal. */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <jansson.h>
#include <stdio.h>

/* One table for each metric, the geometric means, and the faults. */
void table_print(FILE *out, const json_t *results);

#endif
