/* Bytes on their way out: appended at the end, sent from the start. */
#ifndef JOBD_BUFFER_H
#define JOBD_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

/* All zero is an empty one. */
struct buffer {
	char *data;
	size_t bytes;
	size_t sent;
	size_t room;
	bool no_memory; /* something is missing: what follows would be wrong as well */
};

void buffer_append(struct buffer *buffer, const void *data, size_t bytes);
void buffer_print(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Empty, with its memory given back if it is more than `kept_bytes`. */
void buffer_clear(struct buffer *buffer, size_t kept_bytes);

static inline size_t buffer_left(const struct buffer *buffer)
{
	return buffer->bytes - buffer->sent;
}

#endif
