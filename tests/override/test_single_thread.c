/* A program of one thread stays one: no thread of the allocator's makes the C library lock its
 * streams or C++ count its pointers by atomics. And it can still enter a namespace.
 */
#include <dirent.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__has_include)
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define HAS_SINGLE_THREADED 1
#endif
#endif
#ifndef HAS_SINGLE_THREADED
#define HAS_SINGLE_THREADED 0
#define __libc_single_threaded 1
#endif

#include "support.h"

static void use_heavily(void)
{
	enum { BLOCKS = 100000 };
	static void *block[BLOCKS];
	uint64_t random = 3;

	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; i < BLOCKS; i++) {
			size_t size = random_size(&random);
			block[i] = malloc(size);
			require(block[i] != NULL, "malloc");
			memset(block[i], 1, size);
		}
		for (size_t i = 0; i < BLOCKS; i++)
			free(block[i]);
	}
	use_heap(4, 200000);
}

static unsigned tasks(void)
{
	DIR *folder = opendir("/proc/self/task");
	struct dirent *entry;
	unsigned count = 0;

	if (folder == NULL)
		skip("no /proc");
	while ((entry = readdir(folder)) != NULL)
		count += entry->d_name[0] != '.';
	(void)closedir(folder);
	return count;
}

/* Status 0 when the kernel lets this process into a namespace of that kind, else 77. */
static int try_unshare(int flags)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && unshare(flags) == 0 ? 0 : 77;
}

/* In children: first whether it is allowed at all, then after heavy use. */
static void namespaces(int flags, const char *what)
{
	pid_t child = fork();

	if (child == 0)
		_exit(try_unshare(flags));
	int status = wait_for(child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		(void)fprintf(stderr, "the kernel forbids %s regardless\n", what);
		return;
	}
	require(ended_well(status), "the try before any allocation");

	child = fork();
	if (child == 0) {
		use_heavily();
		int result = try_unshare(flags);
		use_heavily();
		_exit(result);
	}
	require(ended_well(wait_for(child)), what);
}

/* Under strict seccomp any system call but read, write and exit kills: what is at hand must do. */
static void strict_sandbox(void)
{
	pid_t child = fork();

	if (child == 0) {
		use_heap(5, 10000);
		for (unsigned i = 0; i < 64; i++)
			free(malloc(100));
		if (prctl(PR_SET_SECCOMP, 1, 0, 0, 0) != 0)
			_exit(77);
		for (unsigned i = 0; i < 1000000; i++)
			free(malloc(100));
		(void)syscall(SYS_exit, 0);
	}
	int status = wait_for(child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		return;
	require(ended_well(status), "malloc and free in strict seccomp");
}

/* The same for a child that has not called malloc yet, and then misses. */
static void strict_sandbox_at_once(void)
{
	enum { BLOCKS = 1000 };
	static void *block[2 * BLOCKS];

	for (unsigned i = 0; i < 2 * BLOCKS; i++)
		block[i] = malloc(64);
	for (unsigned i = 0; i < 2 * BLOCKS; i++)
		free(block[i]);
	pid_t child = fork();
	if (child == 0) {
		if (prctl(PR_SET_SECCOMP, 1, 0, 0, 0) != 0)
			_exit(77);
		for (unsigned i = 0; i < BLOCKS; i++)
			block[i] = malloc(64);
		for (unsigned i = 0; i < BLOCKS; i++)
			free(block[i]);
		(void)syscall(SYS_exit, 0);
	}
	int status = wait_for(child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		return;
	require(ended_well(status), "malloc in strict seccomp right after fork");
}

int main(void)
{
	namespaces(CLONE_NEWUSER, "a user namespace");
	namespaces(CLONE_NEWNS, "a mount namespace");
	strict_sandbox();
	strict_sandbox_at_once();

	require(__libc_single_threaded != 0, "single-threaded at the start");
	use_heavily();
	require(__libc_single_threaded != 0, "single-threaded after heavy use");
	require(tasks() == 1, "one task after heavy use");
	(void)tide_malloc_trim(0);
	require(tasks() == 1, "one task after a trim");
	require(!HAS_SINGLE_THREADED || __libc_single_threaded != 0, "single-threaded at the end");
	return 0;
}
