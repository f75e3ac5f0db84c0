/* Formatting without allocation, into a bounded buffer: for messages from inside the allocator.
 *
 * Touched by  its owner, whose stack it is on; no shared state.
 * Invariant   used_bytes < sizeof line: the last byte is kept for the end of the line, so text that
 *             does not fit is cut and the line still ends. There is no terminating zero.
 */
#ifndef TIDE_TEXT_H
#define TIDE_TEXT_H

#include "compiler.h"

struct tide_text {
	size_t used_bytes;
	char line[256];
};

static inline void tide_text_start(struct tide_text *text)
{
	text->used_bytes = 0;
}
TIDE_HIDDEN void tide_text_string(struct tide_text *text, const char *string);
TIDE_HIDDEN void tide_text_decimal(struct tide_text *text, int64_t value);
/* In hexadecimal after 0x, without leading zeros; NULL is 0x0. */
TIDE_HIDDEN void tide_text_pointer(struct tide_text *text, const void *pointer);
/* End the line, write it to stderr in one call, so that lines of several threads do not mix, and
 * start the next. */
TIDE_HIDDEN void tide_text_flush_stderr(struct tide_text *text);

#endif
