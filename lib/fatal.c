/* See fatal.h. */
#include "fatal.h"

#include "options.h"
#include "os.h"
#include "text.h"

/* One misuse, one wording: people search for these, and the death tests match them. */
static const char *const misuse_wording[] = {
	[TIDE_MISUSE_FOREIGN] = "not a pointer into Tide's memory",
	[TIDE_MISUSE_INSIDE] = "in Tide's memory, but not inside any block",
	[TIDE_MISUSE_INTERIOR] = "inside a block, not at its start",
	[TIDE_MISUSE_MISALIGNED] = "not aligned to 16 bytes",
	[TIDE_MISUSE_DOUBLE] = "double free",
	[TIDE_MISUSE_SIZE] = "size does not match the block",
	[TIDE_MISUSE_HINT] = "hint does not match the block",
	[TIDE_MISUSE_OBJECT] = "not an object of this cache",
	[TIDE_MISUSE_OVERRUN] = "written past its end",
	[TIDE_MISUSE_UNDERRUN] = "written before its start",
	[TIDE_MISUSE_WRITTEN] = "written to after it was freed",
	[TIDE_MISUSE_AFTER_FREE] = "use of a block after it was freed",
	[TIDE_MISUSE_PAST] = "past the end of a block",
	[TIDE_MISUSE_BEFORE] = "before the start of a block",
};

static void text_class(struct tide_text *text, unsigned cls, size_t bytes)
{
	if (cls == 0)
		return;
	tide_text_string(text, " (class ");
	tide_text_decimal(text, cls);
	if (bytes != 0) {
		tide_text_string(text, ", ");
		tide_text_decimal(text, (int64_t)bytes);
		tide_text_string(text, "-byte blocks");
	}
	tide_text_string(text, ")");
}

void tide_fatal_misuse(enum tide_misuse misuse, const char *function, const void *block,
                       unsigned cls, size_t bytes)
{
	struct tide_text text;

	tide_text_start(&text);
	tide_text_string(&text, "tide: ");
	tide_text_string(&text, function);
	tide_text_string(&text, "(");
	tide_text_pointer(&text, block);
	tide_text_string(&text, "): ");
	tide_text_string(&text, misuse_wording[misuse]);
	text_class(&text, cls, bytes);
	tide_text_string(&text, " in thread ");
	tide_text_decimal(&text, tide_os_thread_id());
	tide_text_flush_stderr(&text);
	if (tide_option(TIDE_OPTION_FATAL) != 0)
		tide_os_abort();
}

void tide_fatal_pages(size_t system_bytes, size_t bytes)
{
	struct tide_text text;

	tide_text_start(&text);
	tide_text_string(&text, "tide: pages of ");
	tide_text_decimal(&text, (int64_t)system_bytes);
	tide_text_string(&text, " bytes: this allocator is built for pages of ");
	tide_text_decimal(&text, (int64_t)bytes);
	tide_text_flush_stderr(&text);
	tide_os_abort();
}

void tide_fatal_assert(const char *what, const char *where)
{
	struct tide_text text;

	tide_text_start(&text);
	tide_text_string(&text, "tide: check failed: ");
	tide_text_string(&text, what);
	tide_text_string(&text, " at ");
	tide_text_string(&text, where);
	tide_text_flush_stderr(&text);
	tide_os_abort();
}
