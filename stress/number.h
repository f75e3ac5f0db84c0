/* Numbers as people write them: digits, and for powers of 1024 a K, M or G. */
#ifndef STRESS_NUMBER_H
#define STRESS_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* False: not a number, or not from `min` to `max`. */
bool number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *value);

#endif
