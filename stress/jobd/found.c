/* See found.h. */
#include "found.h"

#include <stdlib.h>

enum { CHAINS_LEAST = 1024 };

static struct found **chain_of(const struct found_jobs *jobs, uint64_t id)
{
	return &jobs->chains[id & (jobs->chain_count - 1)];
}

struct found *found_get(const struct found_jobs *jobs, uint64_t id)
{
	struct found *found = jobs->chain_count > 0 ? *chain_of(jobs, id) : NULL;

	while (found != NULL && found->fields.id != id)
		found = found->next;
	return found;
}

static void link_to_chain(struct found_jobs *jobs, struct found *found)
{
	struct found **chain = chain_of(jobs, found->fields.id);

	found->next = *chain;
	*chain = found;
}

/* Twice as many chains: on average there is one job in each at most. */
static bool grow(struct found_jobs *jobs)
{
	struct found_jobs grown = { .count = jobs->count };

	grown.chain_count = jobs->chain_count > 0 ? 2 * jobs->chain_count : CHAINS_LEAST;
	grown.chains = calloc(grown.chain_count, sizeof *grown.chains);
	if (grown.chains == NULL)
		return false;
	for (uint64_t i = 0; i < jobs->chain_count; i++) {
		while (jobs->chains[i] != NULL) {
			struct found *found = jobs->chains[i];

			jobs->chains[i] = found->next;
			link_to_chain(&grown, found);
		}
	}
	free(jobs->chains);
	*jobs = grown;
	return true;
}

struct found *found_add(struct found_jobs *jobs, uint64_t id)
{
	if (jobs->count >= jobs->chain_count && !grow(jobs))
		return NULL;
	struct found *found = calloc(1, sizeof *found);

	if (found == NULL)
		return NULL;
	found->fields.id = id;
	link_to_chain(jobs, found);
	jobs->count++;
	return found;
}

void found_remove(struct found_jobs *jobs, struct found *found)
{
	struct found **link = chain_of(jobs, found->fields.id);

	while (*link != found)
		link = &(*link)->next;
	*link = found->next;
	free(found);
	jobs->count--;
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t one = (*(struct found *const *)a)->fields.id;
	uint64_t other = (*(struct found *const *)b)->fields.id;

	return (one > other) - (one < other);
}

struct found **found_sorted(const struct found_jobs *jobs)
{
	struct found **sorted = malloc((jobs->count + 1) * sizeof(struct found *));
	uint64_t count = 0;

	if (sorted == NULL)
		return NULL;
	for (uint64_t i = 0; i < jobs->chain_count; i++) {
		for (struct found *found = jobs->chains[i]; found != NULL; found = found->next)
			sorted[count++] = found;
	}
	qsort(sorted, count, sizeof(struct found *), compare_ids);
	return sorted;
}

void found_clear(struct found_jobs *jobs)
{
	for (uint64_t i = 0; i < jobs->chain_count; i++) {
		while (jobs->chains[i] != NULL) {
			struct found *found = jobs->chains[i];

			jobs->chains[i] = found->next;
			free(found);
		}
	}
	free(jobs->chains);
	*jobs = (struct found_jobs){ 0 };
}
