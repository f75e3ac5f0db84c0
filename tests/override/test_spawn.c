/* Other ways to a child: posix_spawn, vfork, system, popen, from a process of busy threads. */
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>

#include "support.h"

extern char **environ;

enum { ROUNDS = 50, BUSY = 3 };
static atomic_bool ended;

static void *be_busy(void *seed)
{
	uint64_t serial = (uintptr_t)seed;

	while (!atomic_load(&ended))
		use_heap(serial++, 5000);
	return NULL;
}

static pid_t spawn_true(void)
{
	static char name[] = "/bin/true";
	char *argv[] = { name, NULL };
	pid_t child;

	require(posix_spawn(&child, name, NULL, NULL, argv, environ) == 0, "posix_spawn");
	return child;
}

static pid_t vfork_true(void)
{
	static char name[] = "/bin/true";
	char *argv[] = { name, NULL };
	pid_t child = vfork();

	if (child == 0) {
		(void)execve(name, argv, environ);
		_exit(127);
	}
	require(child > 0, "vfork");
	return child;
}

static void read_from_shell(void)
{
	char line[64] = "";
	FILE *pipe = popen("echo said", "r");

	require(pipe != NULL && fgets(line, sizeof line, pipe) != NULL, "popen");
	require(strcmp(line, "said\n") == 0, "what the shell said");
	require(pclose(pipe) == 0, "pclose");
}

int main(void)
{
	pthread_t busy[BUSY];

	if (access("/bin/true", X_OK) != 0 || access("/bin/sh", X_OK) != 0)
		skip("no /bin/true or /bin/sh");
	for (uintptr_t i = 0; i < BUSY; i++)
		require(pthread_create(&busy[i], NULL, be_busy, (void *)(i + 1)) == 0, "a thread");
	for (unsigned round = 0; round < ROUNDS; round++) {
		require(ended_well(wait_for(spawn_true())), "posix_spawn's child");
		require(ended_well(wait_for(vfork_true())), "vfork's child");
		require(system("exit 3") == 3 << 8, "system");
		read_from_shell();
	}
	atomic_store(&ended, true);
	for (unsigned i = 0; i < BUSY; i++)
		require(pthread_join(busy[i], NULL) == 0, "join");
	return 0;
}
