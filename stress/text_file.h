/* Text that a run is described by: built into the program, or read from a file.
 *
 * The built-in ones are the files of stress/scenarios and stress/distributions themselves, put into
 * the program when it is built. Neither way uses the allocator under test.
 */
#ifndef STRESS_TEXT_FILE_H
#define STRESS_TEXT_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct embedded {
	const char *kind, *name, *text; /* "scenario", "mixed" */
};

/* Made by the build; the last has no name. */
extern const struct embedded embedded_texts[];

/* NULL: there is none. */
const char *embedded_find(const char *kind, const char *name);
/* The names of that kind, blank between two. */
void embedded_names(const char *kind, char *names, size_t bytes);

/* The whole file, with a zero byte behind it; it stays. NULL: `fault` says why. */
const char *text_file_read(const char *path, char *fault, size_t fault_bytes);

/* Zeroed memory that is not the allocator's; resident at once if `touched`. NULL: there is none. */
void *table_map(size_t count, size_t bytes, bool touched);

/* One line of a text after the other, into a buffer; a '#' and what follows is left out, as are
 * blanks at both ends. */
struct lines {
	const char *next;
	unsigned number; /* of the line last read; the first is 1 */
	bool too_long;   /* it was cut */
};

/* False: no line is left. */
bool lines_read(struct lines *lines, char *line, size_t bytes);

#endif
