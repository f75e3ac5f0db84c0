/* An object cache, as a program uses it: connections with a lock and a buffer, which are made once
 * and then go from one user to the next.
 *
 * Expects:
 *   10000 connections opened and closed
 *   made no more than 100: yes
 *   all unmade: yes
 *   live at the end: 0
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tide/object_cache.h>

enum { CONNECTIONS = 10000, AT_ONCE = 10, BUFFER_BYTES = 4096 };

struct connection {
	pthread_mutex_t lock; /* these two stay as they are from one user to the next */
	char *buffer;
	int number;
};

static int construct(void *object, void *context)
{
	struct connection *connection = (struct connection *)object;

	(void)context;
	connection->buffer = (char *)malloc(BUFFER_BYTES);
	if (connection->buffer == NULL)
		return ENOMEM;
	return pthread_mutex_init(&connection->lock, NULL);
}

static void destruct(void *object, void *context)
{
	struct connection *connection = (struct connection *)object;

	(void)context;
	(void)pthread_mutex_destroy(&connection->lock);
	free(connection->buffer);
}

int main(void)
{
	struct tide_object_options options;
	struct tide_object_stats stats;
	struct connection *open[AT_ONCE];

	memset(&options, 0, sizeof options);
	options.size = sizeof(struct connection);
	options.construct = construct;
	options.destruct = destruct;
	struct tide_object_cache *cache = tide_object_cache_create(&options);
	if (cache == NULL) {
		perror("tide_object_cache_create");
		return 1;
	}
	for (int i = 0; i < CONNECTIONS; i += AT_ONCE) {
		for (int k = 0; k < AT_ONCE; k++) {
			open[k] = (struct connection *)tide_object_alloc(cache);
			if (open[k] == NULL) {
				perror("tide_object_alloc");
				return 1;
			}
			(void)pthread_mutex_lock(&open[k]->lock);
			open[k]->number = i + k;
			open[k]->buffer[0] = 'x';
			(void)pthread_mutex_unlock(&open[k]->lock);
		}
		for (int k = 0; k < AT_ONCE; k++)
			tide_object_free(cache, open[k]);
	}
	printf("%d connections opened and closed\n", CONNECTIONS);
	tide_object_cache_stats(cache, &stats, sizeof stats);
	printf("made no more than 100: %s\n", stats.constructed <= 100 ? "yes" : "no");
	(void)tide_object_cache_drain(cache);
	tide_object_cache_stats(cache, &stats, sizeof stats);
	printf("all unmade: %s\n", stats.constructed == stats.destructed ? "yes" : "no");
	printf("live at the end: %lu\n", (unsigned long)tide_object_cache_destroy(cache));
	return 0;
}
