/* From addresses of a process to names, by elfutils: symbol tables and debug information of the
 * files that were mapped, as they are now. */
#ifndef PROF_SYMBOLS_H
#define PROF_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbol {
	uint64_t address;
	const char *function; /* demangled; "name.so+0x12" where there is no symbol */
	const char *file;     /* "" when it is not known */
	int line;
	bool of_allocator; /* malloc and what it calls, operator new */
};

struct symbols;

/* NULL, after a message. */
struct symbols *symbols_open(const char *maps, size_t maps_bytes, const char *path);
/* It stays as long as the program runs. */
const struct symbol *symbols_find(struct symbols *symbols, uint64_t address);

#endif
