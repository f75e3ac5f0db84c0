/* See buffer.h. */
#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_ROOM_LEAST = 256 };

static bool has_room(struct buffer *buffer, size_t bytes)
{
	size_t room = buffer->room > 0 ? buffer->room : BUFFER_ROOM_LEAST;

	if (buffer->no_memory)
		return false;
	if (buffer->room - buffer->bytes >= bytes)
		return true;
	if (buffer->sent >= buffer->bytes / 2 && buffer->sent > 0) {
		/* A reader that is always a little behind must not make it grow for ever. */
		buffer->bytes -= buffer->sent;
		memmove(buffer->data, buffer->data + buffer->sent, buffer->bytes);
		buffer->sent = 0;
		if (buffer->room - buffer->bytes >= bytes)
			return true;
	}
	while (room - buffer->bytes < bytes)
		room *= 2;
	char *data = realloc(buffer->data, room);

	if (data == NULL) {
		buffer->no_memory = true;
		return false;
	}
	buffer->data = data;
	buffer->room = room;
	return true;
}

void buffer_append(struct buffer *buffer, const void *data, size_t bytes)
{
	if (bytes == 0 || !has_room(buffer, bytes))
		return;
	memcpy(buffer->data + buffer->bytes, data, bytes);
	buffer->bytes += bytes;
}

void buffer_print(struct buffer *buffer, const char *format, ...)
{
	char line[512];
	va_list arguments;

	va_start(arguments, format);
	int bytes = vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	/* Lines are short: a tube's name and a few numbers. */
	if (bytes > 0)
		buffer_append(buffer, line,
		              (size_t)bytes < sizeof line ? (size_t)bytes : sizeof line - 1);
}

void buffer_clear(struct buffer *buffer, size_t kept_bytes)
{
	if (buffer->room > kept_bytes) {
		free(buffer->data);
		buffer->data = NULL;
		buffer->room = 0;
	}
	buffer->bytes = buffer->sent = 0;
}
