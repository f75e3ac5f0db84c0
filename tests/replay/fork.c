/* A process that forks in several ways; for fork.sh. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { INHERITED = 50 };

static void *block[INHERITED];

static void child(void)
{
	for (int i = 0; i < 1000; i++)
		free(malloc(20000));
	for (int i = 0; i < INHERITED; i++)
		free(block[i]);
	if (fork() == 0) {
		free(malloc(30000));
		exit(0);
	}
	wait(NULL);
	exit(0);
}

int main(void)
{
	for (int i = 0; i < INHERITED; i++)
		block[i] = malloc(10000);
	if (fork() == 0)
		child();
	wait(NULL);
	/* Without handlers: nobody tells the recorder. */
	pid_t id = _Fork();
	if (id == 0) {
		free(malloc(40000));
		_exit(0);
	}
	waitpid(id, NULL, 0);
	id = vfork();
	if (id == 0)
		_exit(0);
	waitpid(id, NULL, 0);
	for (int i = 0; i < INHERITED; i++)
		free(block[i]);
	return 0;
}
