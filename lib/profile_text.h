/* The text of a heap profile on its way into its file, by way of a buffer.
 *
 * Touched by  who writes a profile, one thread at a time
 * Errors      the first one is kept, and nothing is written after it
 */
#ifndef TIDE_PROFILE_TEXT_H
#define TIDE_PROFILE_TEXT_H

#include "compiler.h"

#define TIDE_PROFILE_TEXT_BYTES (64u << 10)

struct tide_profile_text {
	int file;
	int error; /* negative */
	size_t used;
	char *buffer; /* TIDE_PROFILE_TEXT_BYTES */
};

TIDE_HIDDEN void tide_profile_put(struct tide_profile_text *text, const char *string);
TIDE_HIDDEN void tide_profile_put_number(struct tide_profile_text *text, uint64_t number,
                                         unsigned base);
TIDE_HIDDEN void tide_profile_flush(struct tide_profile_text *text);

#endif
