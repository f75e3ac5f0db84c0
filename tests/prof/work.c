/* What the profile's scripts look at: functions that allocate known sums. Each is kept in one
 * piece, so that its name is on the stack. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OWN_FRAME __attribute__((noinline, noclone))

static void *volatile kept[4096];
static unsigned used;

static OWN_FRAME void leak_small(void)
{
	for (unsigned i = 0; i < 1000; i++)
		kept[used++] = memset(malloc(64), 1, 64);
}

static OWN_FRAME void leak_large(void)
{
	for (unsigned i = 0; i < 3; i++)
		kept[used++] = memset(malloc(4 << 20), 1, 4 << 20);
}

static OWN_FRAME void passing(void)
{
	for (unsigned i = 0; i < 5000; i++) {
		char *volatile block = calloc(1, 1024);
		free(block);
	}
}

static OWN_FRAME void *deep(unsigned depth)
{
	void *volatile block = depth > 0 ? deep(depth - 1) : malloc(8192);
	return block;
}

static void *thread_main(void *arg)
{
	(void)arg;
	passing();
	return NULL;
}

static OWN_FRAME void nested(void)
{
	kept[used++] = deep(5);
}

int main(int argc, char *argv[])
{
	pthread_t thread[3];
	const char *what = argc > 1 ? argv[1] : "";
	leak_small();
	if (strcmp(what, "signal") == 0) {
		printf("half %d\n", (int)getpid());
		(void)fflush(stdout);
		(void)getchar();
	}
	leak_large();
	passing();
	nested();
	for (unsigned i = 0; i < 3; i++)
		(void)pthread_create(&thread[i], NULL, thread_main, NULL);
	for (unsigned i = 0; i < 3; i++)
		(void)pthread_join(thread[i], NULL);
	if (strcmp(what, "fork") == 0) {
		pid_t child = fork();
		if (child == 0)
			return 0;
		(void)waitpid(child, NULL, 0);
	}
	puts("done");
	return 0;
}
