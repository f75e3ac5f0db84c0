/* Allocates until it is killed, and counts in a file that outlives it; for kill.sh. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { THREADS = 3, PAGE = 4096 };

static _Atomic uint64_t *count;

static void *run(void *of)
{
	size_t me = (size_t)(uintptr_t)of;

	for (;;) {
		free(malloc(7000 + me));
		atomic_fetch_add_explicit(&count[me], 1, memory_order_relaxed);
	}
	return NULL;
}

int main(void)
{
	int file = open("counts", O_RDWR | O_CREAT | O_TRUNC, 0666);
	pthread_t thread;

	if (file < 0 || ftruncate(file, PAGE) != 0)
		return 1;
	count = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	for (size_t i = 1; i < THREADS; i++)
		pthread_create(&thread, NULL, run, (void *)(uintptr_t)i);
	run(NULL);
	return 0;
}
