/* A program that Tide is linked into, with threads. */
#include "owner.h"

#include <pthread.h>

static void *churn(void *argument)
{
	for (size_t i = 1; i < 10000; i++) {
		char *block = malloc(i % 5000 + 1);
		if (block == NULL)
			return argument;
		block[0] = 1;
		free(block);
	}
	return NULL;
}

int main(void)
{
	pthread_t thread[2];
	void *result = NULL;

	for (int i = 0; i < 2; i++) {
		if (pthread_create(&thread[i], NULL, churn, thread) != 0)
			return 1;
	}
	for (int i = 0; i < 2; i++) {
		if (pthread_join(thread[i], &result) != 0 || result != NULL)
			return 1;
	}
	if (!is_all_tides() || !is_one_version())
		return 1;
	puts("replaced");
	return 0;
}
