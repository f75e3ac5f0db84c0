/* What the profile's scripts look at: functions that allocate known sums. Each is kept in one
 * piece, so that its name is on the stack. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
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

static OWN_FRAME void grown_small(void)
{
	void *volatile block = malloc(500);
	kept[used++] = realloc(block, 5000);
}

static OWN_FRAME void grown_large(void)
{
	void *volatile block = malloc(2 << 20);
	kept[used++] = realloc(block, 6 << 20);
}

__attribute__((weak)) int tide_profile_write(const char *path);

/* Profiles one after the other, into the exit of the process. */
static atomic_uint written;
static void *write_main(void *path)
{
	while (true)
		written += tide_profile_write(path) == 0;
	return NULL;
}

/* A signal at which a profile is written, for a thread with a signal stack; whether it was used. */
static bool is_on_signal_stack(int number)
{
	static char stack[64 << 10];
	stack_t own = { .ss_sp = stack, .ss_size = sizeof stack };
	size_t used = 0;
	(void)sigaltstack(&own, NULL);
	(void)raise(number);
	for (size_t i = 0; i < sizeof stack; i++)
		used += stack[i] != 0;
	return used > 0;
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
	if (strcmp(what, "grow") == 0) {
		grown_small();
		grown_large();
	}
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
	if (strcmp(what, "writing") == 0) {
		(void)pthread_create(&thread[0], NULL, write_main, argv[2]);
		while (written < 3)
			(void)usleep(1000);
	}
	if (strcmp(what, "stack") == 0)
		puts(is_on_signal_stack(SIGUSR2) ? "on its own stack" : "on the thread's stack");
	puts("done");
	return 0;
}
