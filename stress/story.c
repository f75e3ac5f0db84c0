/* See story.h. */
#include "story.h"

#include "order.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

enum { STORIES = 8, OTHERS = 2, FIRST_OTHER = STORIES - OTHERS, STORY_BYTES = 2048 };

struct story {
	/* writers  its teller                   readers  the main thread
	 * order    release, acquire             edges    story.told: text -> told */
	_Atomic bool told;
	size_t used;
	char text[STORY_BYTES];
};

static struct {
	const char *seed_text;
	/* Begun, of both kinds.
	 * writers  every thread, by addition    readers  every thread
	 * order    relaxed                      edges    none: tickets */
	_Atomic uint64_t begun, others;
	struct story story[STORIES];
} stories;

void story_start(const char *seed_text)
{
	stories.seed_text = seed_text;
}

struct story *story_begin(void)
{
	uint64_t number = add_relaxed(&stories.begun, 1);

	return number < FIRST_OTHER ? &stories.story[number] : NULL;
}

struct story *story_begin_other(void)
{
	uint64_t number = FIRST_OTHER + add_relaxed(&stories.others, 1);

	return number < STORIES ? &stories.story[number] : NULL;
}

void story_tell(struct story *story, const char *format, ...)
{
	size_t left = sizeof story->text - story->used;
	va_list arguments;

	va_start(arguments, format);
	int count = vsnprintf(story->text + story->used, left, format, arguments);
	va_end(arguments);
	if (count > 0)
		story->used += (size_t)count < left ? (size_t)count : left - 1;
}

/* In one write, so that the stories of several threads do not mix. */
void story_end(struct story *story)
{
	story_tell(story, "  seed %s\n", stories.seed_text);
	ssize_t wrote = write(STDERR_FILENO, story->text, story->used);
	(void)wrote; /* nobody listens? The failure is counted, and the story is kept. */
	store_release(&story->told, true); /* story.told */
}

const char *story_told(unsigned number)
{
	for (unsigned i = 0; i < STORIES; i++) {
		const struct story *story = &stories.story[i];

		if (load_acquire(&story->told) && number-- == 0) /* story.told */
			return story->text + 1; /* an empty line parts it from a live view */
	}
	return NULL;
}
