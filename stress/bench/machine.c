/* See machine.h. */
#include "machine.h"

#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* The rest of the first line of `path` that starts with `label`, without blanks around it. */
static json_t *line_json(const char *path, const char *label, const char *skipped)
{
	char line[512];
	json_t *found = NULL;
	FILE *file = fopen(path, "re");

	while (found == NULL && file != NULL && fgets(line, sizeof line, file) != NULL) {
		if (strncmp(line, label, strlen(label)) != 0)
			continue;
		char *rest = line + strlen(label);

		rest += strspn(rest, skipped);
		rest[strcspn(rest, "\n")] = '\0';
		found = json_string(rest);
	}
	if (file != NULL)
		fclose(file);
	return found != NULL ? found : json_null();
}

json_t *machine_json(void)
{
	struct utsname system;
	double load = 0;
	char when[32];
	time_t now = time(NULL);

	uname(&system);
	getloadavg(&load, 1);
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime(&now));
	return json_pack("{s:s, s:o, s:I, s:I, s:s, s:s, s:f, s:o}", "when", when, "processor",
	                 line_json("/proc/cpuinfo", "model name", "\t :"), "processors",
	                 (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "memory_bytes",
	                 (json_int_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE), "kernel",
	                 system.release, "c_library", gnu_get_libc_version(), "load_average", load,
	                 "huge_pages",
	                 line_json("/sys/kernel/mm/transparent_hugepage/enabled", "", ""));
}

void machine_page(struct page *page)
{
	static const char *const heading[] = { "", "", NULL };
	static const struct {
		const char *label, *path;
		enum page_unit unit;
	} row[] = {
		{ "processor", "machine.processor", PAGE_TEXT },
		{ "processors", "machine.processors", PAGE_COUNT },
		{ "memory", "machine.memory_bytes", PAGE_BYTES },
		{ "kernel", "machine.kernel", PAGE_TEXT },
		{ "C library", "machine.c_library", PAGE_TEXT },
		{ "huge pages", "machine.huge_pages", PAGE_TEXT },
		{ "load average at the start", "machine.load_average", PAGE_RATIO },
		{ "when", "machine.when", PAGE_TEXT },
	};

	page_table_begin(page, heading);
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		page_row_begin(page, row[i].label);
		page_cell(page, row[i].path, row[i].unit);
		page_row_end(page);
	}
	page_table_end(page);
}
