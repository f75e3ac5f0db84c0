#include "symbols.h"

#include <elfutils/libdwfl.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct symbols {
	Dwfl *dwfl;
	void *known; /* tree of struct symbol, by address */
};

/* Of libstdc++. NULL: not a name of C++. */
extern char *__cxa_demangle(const char *name, char *buffer, size_t *bytes, int *status);

static int compare(const void *a, const void *b)
{
	uint64_t one = ((const struct symbol *)a)->address;
	uint64_t other = ((const struct symbol *)b)->address;
	return (one > other) - (one < other);
}

struct symbols *symbols_open(const char *maps, size_t maps_bytes, const char *path)
{
	static char *no_path; /* the standard places */
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_linux_proc_find_elf,
		.find_debuginfo = dwfl_standard_find_debuginfo,
		.debuginfo_path = &no_path,
	};
	struct symbols *symbols = calloc(1, sizeof *symbols);
	FILE *file = maps_bytes > 0 ? fmemopen((void *)(uintptr_t)maps, maps_bytes, "r") : NULL;
	(void)unsetenv("DEBUGINFOD_URLS"); /* what is here, and not what a server has */
	if (symbols != NULL)
		symbols->dwfl = dwfl_begin(&callbacks);
	if ((file == NULL && maps_bytes > 0) || symbols == NULL || symbols->dwfl == NULL ||
	    (file != NULL && dwfl_linux_proc_maps_report(symbols->dwfl, file) != 0) ||
	    dwfl_report_end(symbols->dwfl, NULL, NULL) != 0) {
		fprintf(stderr, "tide-prof: %s: no list of mapped files: %s\n", path,
		        dwfl_errmsg(-1));
		return NULL;
	}
	if (file != NULL)
		(void)fclose(file);
	return symbols;
}

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool is_of_allocator(const char *function, const char *module)
{
	static const char *const names[] = { "malloc",         "calloc",   "realloc",
		                             "reallocarray",   "memalign", "aligned_alloc",
		                             "posix_memalign", "valloc",   "pvalloc" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (strcmp(function, names[i]) == 0)
			return true;
	}
	return starts(function, "tide_") || starts(function, "operator new") ||
	       strstr(module, "libtide-preload.so") != NULL;
}

static void find(struct symbols *symbols, struct symbol *symbol)
{
	Dwfl_Module *module = dwfl_addrmodule(symbols->dwfl, symbol->address);
	const char *path = "";
	Dwarf_Addr start = 0;
	GElf_Sym elf_symbol;
	GElf_Off offset = 0;
	char text[64];
	int status;
	if (module != NULL)
		(void)dwfl_module_info(module, NULL, &start, NULL, NULL, NULL, &path, NULL);
	if (path == NULL)
		path = "";
	const char *name = module != NULL ? dwfl_module_addrinfo(module, symbol->address, &offset,
	                                                         &elf_symbol, NULL, NULL, NULL)
	                                  : NULL;
	if (name != NULL) {
		char *plain = starts(name, "_Z") ? __cxa_demangle(name, NULL, NULL, &status) : NULL;
		symbol->function = plain != NULL ? plain : strdup(name);
	} else {
		const char *slash = strrchr(path, '/');
		char *made = NULL;
		snprintf(text, sizeof text, "0x%" PRIx64, symbol->address - start);
		if (asprintf(&made, "%s%s%s", slash != NULL ? slash + 1 : path,
		             module != NULL ? "+" : "", text) >= 0)
			symbol->function = made;
	}
	Dwfl_Line *line = module != NULL ? dwfl_module_getsrc(module, symbol->address) : NULL;
	const char *file =
	    line != NULL ? dwfl_lineinfo(line, NULL, &symbol->line, NULL, NULL, NULL) : NULL;
	symbol->file = file != NULL ? file : "";
	if (symbol->function == NULL)
		symbol->function = "(out of memory)";
	symbol->of_allocator = is_of_allocator(symbol->function, path);
}

const struct symbol *symbols_find(struct symbols *symbols, uint64_t address)
{
	static const struct symbol none = { .function = "(out of memory)", .file = "" };
	struct symbol *symbol = calloc(1, sizeof *symbol);
	if (symbol == NULL)
		return &none;
	symbol->address = address;
	void *found = tsearch(symbol, &symbols->known, compare);
	if (found == NULL)
		return &none;
	struct symbol *known = *(struct symbol **)found;
	if (known != symbol)
		free(symbol);
	else
		find(symbols, symbol);
	return known;
}
