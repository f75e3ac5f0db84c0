/* See text.h. */
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TEXT_FIRST_BYTES = 64 << 10 };

/* Room for `count` more and the ending zero. */
static bool reserve(struct text *text, size_t count)
{
	size_t capacity = text->capacity > 0 ? text->capacity : TEXT_FIRST_BYTES;
	void *bytes;

	if (text->failed)
		return false;
	while (capacity <= text->used + count)
		capacity *= 2;
	if (capacity == text->capacity)
		return true;
	if (text->bytes == NULL)
		bytes = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		             -1, 0);
	else
		bytes = mremap(text->bytes, text->capacity, capacity, MREMAP_MAYMOVE);
	if (bytes == MAP_FAILED) {
		text->failed = true;
		return false;
	}
	text->bytes = bytes;
	text->capacity = capacity;
	return true;
}

void text_append(struct text *text, const char *from, size_t count)
{
	if (!reserve(text, count))
		return;
	memcpy(text->bytes + text->used, from, count);
	text->used += count;
	text->bytes[text->used] = '\0';
}

void text_print(struct text *text, const char *format, ...)
{
	va_list arguments, again;

	va_start(arguments, format);
	va_copy(again, arguments);
	int count = vsnprintf(NULL, 0, format, arguments);
	if (count >= 0 && reserve(text, (size_t)count)) {
		vsnprintf(text->bytes + text->used, (size_t)count + 1, format, again);
		text->used += (size_t)count;
	}
	va_end(again);
	va_end(arguments);
}

void text_print_escaped(struct text *text, const char *string)
{
	for (; *string != '\0'; string++) {
		size_t plain = strcspn(string, "&<>\"'");

		text_append(text, string, plain);
		string += plain;
		switch (*string) {
		case '&':
			text_print(text, "&amp;");
			break;
		case '<':
			text_print(text, "&lt;");
			break;
		case '>':
			text_print(text, "&gt;");
			break;
		case '"':
			text_print(text, "&quot;");
			break;
		case '\'':
			text_print(text, "&#39;");
			break;
		default:
			return; /* the end */
		}
	}
}

bool text_write_file(const struct text *text, const char *path)
{
	int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	size_t done = 0;
	int error = 0;

	if (file < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	if (text->failed)
		error = ENOMEM;
	while (error == 0 && done < text->used) {
		ssize_t wrote = write(file, text->bytes + done, text->used - done);

		if (wrote > 0)
			done += (size_t)wrote;
		else if (wrote == 0 || errno != EINTR)
			error = wrote == 0 ? EIO : errno;
	}
	if (close(file) != 0 && error == 0)
		error = errno;
	if (error != 0)
		fprintf(stderr, "%s: %s\n", path, strerror(error));
	return error == 0;
}

bool text_read(struct text *text, int file)
{
	char part[4096];
	off_t from = 0;

	for (;;) {
		ssize_t got = pread(file, part, sizeof part, from);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got == 0 && !text->failed;
		text_append(text, part, (size_t)got);
		from += got;
	}
}

void text_end(struct text *text)
{
	if (text->bytes != NULL)
		munmap(text->bytes, text->capacity);
	*text = (struct text){ 0 };
}
