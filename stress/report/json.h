/* What jansson leaves open: memory that is not the heap's, numbers by path, and files.
 *
 * Touched by  one thread.
 */
#ifndef REPORT_JSON_H
#define REPORT_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Let jansson take its memory from the system and give none back. Before its first use, by programs
 * whose heap may be broken or is being measured; others need not call this. */
void json_use_own_memory(void);

json_t *json_count(uint64_t count);
/* NULL (null in JSON) for what is not finite. */
json_t *json_number(double number);
json_t *json_numbers(const double *numbers, size_t count);

/* The value at a path of member names, as "memory.peak.live_bytes"; an index of an array is a
 * number. NULL: there is none. Borrowed. */
const json_t *json_at(const json_t *root, const char *path);
double json_number_at(const json_t *root, const char *path); /* 0 where there is no number */

/* A member that is a string, or "". Borrowed. */
const char *json_text_of(const json_t *object, const char *name);

/* False, after a message. */
bool json_write_file(const json_t *root, const char *path);

#endif
