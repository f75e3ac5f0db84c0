/* The order of age: entries in a list, the oldest first, and marks between them that hold the
 * place of those who walk.
 *
 * Touched by  whoever holds the store's lock
 */
#ifndef TIDE_STORE_AGE_H
#define TIDE_STORE_AGE_H

#include "atomic.h"

enum tide_age_state {
	TIDE_AGE_NEW,  /* not in the list yet */
	TIDE_AGE_LIVE, /* in it */
	TIDE_AGE_LEFT, /* out of it, for good */
	TIDE_AGE_MARK  /* no entry */
};

struct tide_age_link {
	struct tide_age_link *prev, *next; /* plain: under the lock */
	/* enum tide_age_state.
	 * writers  under the lock                        readers  every thread
	 * order    relaxed: whoever acts on it has the   edges    none
	 *          lock, and whoever reads an entry may
	 *          see it leave a little late */
	_Atomic uint32_t state;
	uint32_t home; /* plain: under the lock; which heap has the body */
};

struct tide_age {
	struct tide_age_link head;
};

static inline void tide_age_init(struct tide_age *age)
{
	age->head.prev = age->head.next = &age->head;
	tide_store_relaxed(&age->head.state, TIDE_AGE_MARK);
}

/* Between two neighbours. */
static inline void tide_age_insert(struct tide_age_link *prev, struct tide_age_link *link)
{
	link->prev = prev;
	link->next = prev->next;
	prev->next->prev = link;
	prev->next = link;
}

static inline void tide_age_append(struct tide_age *age, struct tide_age_link *link)
{
	tide_age_insert(age->head.prev, link);
}

static inline void tide_age_remove(struct tide_age_link *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
}

static inline bool tide_age_is_mark(const struct tide_age_link *link)
{
	return tide_load_relaxed(&link->state) == TIDE_AGE_MARK;
}

/* Before the oldest entry. */
static inline void tide_age_mark_oldest(struct tide_age *age, struct tide_age_link *mark)
{
	tide_store_relaxed(&mark->state, TIDE_AGE_MARK);
	tide_age_insert(&age->head, mark);
}

/* After the youngest one. */
static inline void tide_age_mark_youngest(struct tide_age *age, struct tide_age_link *mark)
{
	tide_store_relaxed(&mark->state, TIDE_AGE_MARK);
	tide_age_append(age, mark);
}

/* Move a mark behind the next entry, which is returned; NULL: there is none before `end` (or the
 * end of the list). */
static inline struct tide_age_link *tide_age_next(struct tide_age *age, struct tide_age_link *mark,
                                                  const struct tide_age_link *end)
{
	struct tide_age_link *link = mark->next;
	while (link != &age->head && link != end && tide_age_is_mark(link))
		link = link->next;
	if (link == &age->head || link == end)
		return NULL;
	tide_age_remove(mark);
	tide_age_insert(link, mark);
	return link;
}

static inline struct tide_age_link *tide_age_oldest(struct tide_age *age)
{
	struct tide_age_link *link = age->head.next;
	while (link != &age->head && tide_age_is_mark(link))
		link = link->next;
	return link != &age->head ? link : NULL;
}

#endif
