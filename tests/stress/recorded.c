/* Blocks of known sizes and lives, for record.sh. The sizes are such as the C library does not ask
 * for; what each function makes is in a range of its own. Calls stay calls: -fno-builtin. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void at_once(void)
{
	for (int i = 0; i < 1000; i++)
		free(malloc(400000));
}

/* Never freed. */
static void kept(void)
{
	static void *block[7];

	for (int i = 0; i < 7; i++)
		block[i] = calloc(2, 220000);
}

/* One lives for 1000 others: between 2^9 - 1 and 2^10 - 2. */
static void long_lived(void)
{
	void *block = malloc(470000);

	at_once();
	free(block);
}

static void *of_thread(void *none)
{
	for (int i = 0; i < 1000; i++)
		free(malloc(550000));
	return none;
}

/* Each is ended by the next, and the last by free: a life of one each would be 0:3; the block made
 * in between makes it 1. */
static void resized(void)
{
	char *block = NULL;

	for (int i = 0; i < 3; i++) {
		block = realloc(block, 600000 + (size_t)i);
		free(malloc(1000));
	}
	free(block);
}

static void in_a_child(void)
{
	pid_t child = fork();

	if (child == 0) {
		free(malloc(700000));
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

int main(void)
{
	kept();
	long_lived();
	resized();
	in_a_child();
	/* One after the other, so that no block lives while another thread makes one. */
	for (int i = 0; i < 4; i++) {
		pthread_t thread;

		pthread_create(&thread, NULL, of_thread, NULL);
		pthread_join(thread, NULL);
	}
	return 0;
}
