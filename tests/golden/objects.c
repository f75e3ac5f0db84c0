/* objects WHAT SIZE LIVE ROUNDS: in each round allocate LIVE blocks of SIZE bytes, one after the
 * other, and free them; WHAT is "malloc" or "object". objects.sh counts the instructions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tide/object_cache.h>

enum { LIVE_MAX = 4096 };

static void *block[LIVE_MAX];

static void with_malloc(size_t size, unsigned live, unsigned rounds)
{
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < live; i++)
			block[i] = tide_malloc(size);
		for (unsigned i = 0; i < live; i++)
			tide_free(block[i]);
	}
}

static void with_objects(struct tide_object_cache *cache, unsigned live, unsigned rounds)
{
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < live; i++)
			block[i] = tide_object_alloc(cache);
		for (unsigned i = 0; i < live; i++)
			tide_object_free(cache, block[i]);
	}
}

int main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	struct tide_object_options options = { .size = strtoul(argv[2], NULL, 10) };
	unsigned live = (unsigned)strtoul(argv[3], NULL, 10);
	unsigned rounds = (unsigned)strtoul(argv[4], NULL, 10);
	struct tide_object_cache *cache = tide_object_cache_create(&options);

	if (cache == NULL || live > LIVE_MAX)
		return 2;
	if (strcmp(argv[1], "malloc") == 0)
		with_malloc(options.size, live, rounds);
	else
		with_objects(cache, live, rounds);
	return 0;
}
