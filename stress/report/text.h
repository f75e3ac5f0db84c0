/* Text that grows, in memory of its own from the system: a report must also be written by a program
 * whose heap is broken, or is what the report is about.
 *
 * Touched by  its owner.
 * Invariant   used < capacity, and bytes[used] is 0, unless `failed`.
 */
#ifndef REPORT_TEXT_H
#define REPORT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *bytes; /* NULL before the first append */
	size_t used, capacity;
	bool failed; /* the system gave no memory: what comes is dropped */
};

void text_append(struct text *text, const char *from, size_t count);
void text_print(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* With &, <, >, " and ' as HTML wants them. */
void text_print_escaped(struct text *text, const char *string);
/* Into a file, which it replaces. False, after a message. */
bool text_write_file(const struct text *text, const char *path);
/* All of an open file from its start. */
bool text_read(struct text *text, int file);
void text_end(struct text *text);

#endif
