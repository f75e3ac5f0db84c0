/* See text_file.h. */
#include "text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_MAX_BYTES = 1 << 20 };

const char *embedded_find(const char *kind, const char *name)
{
	for (const struct embedded *text = embedded_texts; text->name != NULL; text++) {
		if (strcmp(text->kind, kind) == 0 && strcmp(text->name, name) == 0)
			return text->text;
	}
	return NULL;
}

void embedded_names(const char *kind, char *names, size_t bytes)
{
	size_t used = 0;

	names[0] = '\0';
	for (const struct embedded *text = embedded_texts; text->name != NULL; text++) {
		if (strcmp(text->kind, kind) == 0 && used < bytes)
			used += (size_t)snprintf(names + used, bytes - used, "%s%s",
			                         used == 0 ? "" : " ", text->name);
	}
}

void *table_map(size_t count, size_t bytes, bool touched)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | (touched ? MAP_POPULATE : MAP_NORESERVE);
	void *mapped = mmap(NULL, count * bytes, PROT_READ | PROT_WRITE, flags, -1, 0);

	return mapped == MAP_FAILED ? NULL : mapped;
}

static const char *read_whole(int file, size_t bytes)
{
	char *text = table_map(bytes + 1, 1, false);
	size_t used = 0;

	while (text != NULL && used < bytes) {
		ssize_t got = read(file, text + used, bytes - used);

		if (got < 0 && errno != EINTR)
			return NULL;
		if (got == 0)
			break;
		used += got > 0 ? (size_t)got : 0;
	}
	return text;
}

const char *text_file_read(const char *path, char *fault, size_t fault_bytes)
{
	struct stat status;
	const char *text = NULL;
	int file = open(path, O_RDONLY | O_CLOEXEC);

	if (file < 0 || fstat(file, &status) != 0)
		snprintf(fault, fault_bytes, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(status.st_mode))
		snprintf(fault, fault_bytes, "%s: not a file", path);
	else if (status.st_size > TEXT_MAX_BYTES)
		snprintf(fault, fault_bytes, "%s: longer than 1 MiB", path);
	else if ((text = read_whole(file, (size_t)status.st_size)) == NULL)
		snprintf(fault, fault_bytes, "%s: %s", path, strerror(errno));
	if (file >= 0)
		close(file);
	return text;
}

bool lines_read(struct lines *lines, char *line, size_t bytes)
{
	static const char blank[] = " \t\r";

	if (*lines->next == '\0')
		return false;
	size_t length = strcspn(lines->next, "\n");
	const char *from = lines->next;

	lines->number++;
	lines->next += length + (from[length] == '\n');
	const char *comment = memchr(from, '#', length);
	if (comment != NULL)
		length = (size_t)(comment - from);
	while (length > 0 && strchr(blank, from[0]) != NULL) {
		from++;
		length--;
	}
	while (length > 0 && strchr(blank, from[length - 1]) != NULL)
		length--;
	lines->too_long = length >= bytes;
	if (lines->too_long)
		length = bytes - 1;
	memcpy(line, from, length);
	line[length] = '\0';
	return true;
}
