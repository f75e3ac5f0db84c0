/* See proc.h. */
#include "proc.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

uint64_t proc_number(const char *path, unsigned place)
{
	char text[128] = { 0 }, *next = text;
	uint64_t number = 0;
	int file = open(path, O_RDONLY | O_CLOEXEC);

	if (file < 0)
		return 0;
	ssize_t got = read(file, text, sizeof text - 1);
	close(file);
	if (got <= 0)
		return 0;
	for (unsigned i = 0; i <= place; i++)
		number = strtoull(next, &next, 10);
	return number;
}

static uint64_t statm_bytes(unsigned place)
{
	return proc_number("/proc/self/statm", place) * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t proc_mapped_bytes(void)
{
	return statm_bytes(0);
}

uint64_t proc_resident_bytes(void)
{
	return statm_bytes(1);
}
