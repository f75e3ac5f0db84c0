#include "profile_text.h"

#include "os_file.h"

void tide_profile_flush(struct tide_profile_text *text)
{
	int result = text->error == 0 ? tide_os_write(text->file, text->buffer, text->used) : 0;
	if (result != 0)
		text->error = result;
	text->used = 0;
}

void tide_profile_put(struct tide_profile_text *text, const char *string)
{
	for (; *string != '\0'; string++) {
		if (text->used == TIDE_PROFILE_TEXT_BYTES)
			tide_profile_flush(text);
		text->buffer[text->used++] = *string;
	}
}

void tide_profile_put_number(struct tide_profile_text *text, uint64_t number, unsigned base)
{
	char digit[24]; /* 20 in decimal */
	char *at = digit + sizeof digit - 1;
	*at = '\0';
	do
		*--at = "0123456789abcdef"[number % base];
	while ((number /= base) != 0);
	tide_profile_put(text, at);
}
