/* The buffer of replies: what goes in comes out, and a slow reader does not make it grow. */
#include "buffer.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void take(struct buffer *buffer, size_t bytes, unsigned *expected)
{
	for (size_t i = 0; i < bytes; i++)
		cr_assert_eq((unsigned char)buffer->data[buffer->sent + i],
		             (unsigned char)(*expected)++);
	buffer->sent += bytes;
}

Test(buffer, in_order)
{
	struct buffer buffer = { 0 };
	unsigned seed = 5, next = 0, expected = 0;

	for (int round = 0; round < 20000; round++) {
		char data[300];
		size_t bytes = (size_t)(rand_r(&seed) % 300);

		for (size_t i = 0; i < bytes; i++)
			data[i] = (char)next++;
		buffer_append(&buffer, data, bytes);
		/* At least one stays behind. */
		if (buffer_left(&buffer) > 1000)
			take(&buffer, buffer_left(&buffer) - 1, &expected);
	}
	cr_assert(buffer.room <= 4096, "%zu bytes of room for what is never more than 1300",
	          buffer.room);
	take(&buffer, buffer_left(&buffer), &expected);
	cr_assert_eq(next, expected);
	buffer_clear(&buffer, 0);
	cr_assert_eq(buffer.room, 0);
}

Test(buffer, prints)
{
	struct buffer buffer = { 0 };

	buffer_print(&buffer, "%s %d\r\n", "INSERTED", 7);
	cr_assert_eq(buffer.bytes, 12);
	cr_assert_eq(memcmp(buffer.data, "INSERTED 7\r\n", 12), 0);
	buffer_clear(&buffer, 1024);
	cr_assert_eq(buffer.bytes, 0);
	cr_assert(buffer.room > 0, "its memory is kept");
	buffer_clear(&buffer, 0);
}
