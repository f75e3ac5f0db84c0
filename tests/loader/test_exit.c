/* malloc outside of main: in constructors, destructors, functions of atexit, on_exit and
 * at_quick_exit, destructors of pthread keys in each of their rounds; exit by any thread while
 * others allocate; and main left first. life.cpp in tests/override has the same for C++. */
#include <limits.h>
#include <pthread.h>

#include "support.h"

/* What happened, told to the parent when the process is at its very end. */
static char *steps;
static unsigned step_count;
static int report = -1;

static void step(char name)
{
	steps = (char *)realloc(steps, step_count + 2);
	require(steps != NULL, "realloc");
	steps[step_count++] = name;
	steps[step_count] = '\0';
	use_heap((uint64_t)name, 1000);
}

static void *early;

__attribute__((constructor(101))) static void first_constructor(void)
{
	early = malloc(1000);
	require(from_tide(early, 1000), "malloc in the first constructor");
	step('a');
}

__attribute__((constructor(65535))) static void last_constructor(void)
{
	step('b');
}

__attribute__((destructor(65535))) static void first_destructor(void)
{
	if (report >= 0)
		step('y');
}

__attribute__((destructor(101))) static void last_destructor(void)
{
	free(early);
	if (report < 0)
		return;
	step('z');
	require(write(report, steps, step_count) == (ssize_t)step_count, "the report");
}

static void at_exit(void)
{
	step('x');
}

static void on_exit_too(int status, void *block)
{
	require(status == 3, "the status");
	free(block);
	step('w');
}

static void at_exit_registering(void)
{
	step('v');
	require(atexit(at_exit) == 0, "atexit in an atexit function");
}

/* ---- Keys: a destructor that allocates and sets its key anew is called again. ---- */

static pthread_key_t key[3];
static unsigned rounds;

static void key_end(void *block)
{
	free(block);
	use_heap(rounds, 200);
	if (rounds++ < PTHREAD_DESTRUCTOR_ITERATIONS - 1)
		require(pthread_setspecific(key[0], malloc(500)) == 0, "setspecific");
}

static void key_end_late(void *block)
{
	use_heap(1, 200);
	free(block);
}

static void *use_keys(void *unused)
{
	use_heap(2, 500);
	for (unsigned i = 0; i < 3; i++)
		require(pthread_setspecific(key[i], malloc(100)) == 0, "setspecific");
	return unused;
}

static void ends_of_threads(void)
{
	pthread_t thread;

	require(pthread_key_create(&key[0], key_end) == 0, "a key");
	require(pthread_key_create(&key[1], key_end_late) == 0, "a key");
	require(pthread_key_create(&key[2], free) == 0, "a key");
	for (unsigned i = 0; i < 200; i++) {
		rounds = 0;
		require(pthread_create(&thread, NULL, use_keys, NULL) == 0, "a thread");
		require(pthread_join(thread, NULL) == 0, "join");
		require(rounds == PTHREAD_DESTRUCTOR_ITERATIONS, "every round of destructors");
	}
	for (unsigned i = 0; i < 3; i++)
		require(pthread_key_delete(key[i]) == 0, "the key's end");
}

/* ---- Ends of the process ---- */

static void *allocate_for_ever(void *number)
{
	for (uint64_t i = (uintptr_t)number;; i++)
		use_heap(i, 1000);
	return NULL;
}

static void start_threads(unsigned count)
{
	pthread_t thread;

	for (uintptr_t i = 0; i < count; i++)
		require(pthread_create(&thread, NULL, allocate_for_ever, (void *)i) == 0, "thread");
}

static void by_exit(void)
{
	require(on_exit(on_exit_too, malloc(100)) == 0, "on_exit");
	require(atexit(at_exit_registering) == 0, "atexit");
	step('c');
	exit(3);
}

/* The others go on through all of it. */
static void by_exit_among_threads(void)
{
	start_threads(4);
	by_exit();
}

static void *exit_here(void *unused)
{
	(void)unused;
	by_exit();
	return NULL;
}

static void by_exit_of_a_thread(void)
{
	pthread_t thread;

	start_threads(2);
	require(pthread_create(&thread, NULL, exit_here, NULL) == 0, "a thread");
	(void)allocate_for_ever((void *)9);
}

static void by_exit_after_main(void)
{
	pthread_t thread;

	start_threads(1);
	require(pthread_create(&thread, NULL, exit_here, NULL) == 0, "a thread");
	pthread_exit(NULL);
}

static void at_quick_exit_function(void)
{
	step('q');
	require(write(report, steps, step_count) == (ssize_t)step_count, "the report");
}

static void by_quick_exit(void)
{
	start_threads(2);
	require(at_quick_exit(at_quick_exit_function) == 0, "at_quick_exit");
	require(atexit(at_exit) == 0, "atexit");
	quick_exit(3);
}

static void by_underscore_exit(void)
{
	start_threads(2);
	require(atexit(at_exit) == 0, "atexit");
	require(write(report, "c", 1) == 1, "the report");
	_exit(3);
}

static void must_end(void (*way)(void), const char *wanted, const char *name)
{
	char seen[64] = "";
	int ends[2];

	require(pipe(ends) == 0, "pipe");
	pid_t child = fork();
	if (child == 0) {
		report = ends[1];
		way();
		_exit(1);
	}
	(void)close(ends[1]);
	int status = wait_for(child);
	require(read(ends[0], seen, sizeof seen - 1) >= 0, "read");
	(void)close(ends[0]);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 3 || strcmp(seen, wanted) != 0) {
		(void)fprintf(stderr, "%s: status %x, steps '%s', not '%s'\n", name,
		              (unsigned)status, seen, wanted);
		_exit(1);
	}
}

int main(void)
{
	require_tide();
	require(step_count == 2 && strcmp(steps, "ab") == 0, "the constructors");
	ends_of_threads();
	for (unsigned round = 0; round < 5; round++) {
		/* Last registered, first called. */
		must_end(by_exit, "abcvxwyz", "exit");
		must_end(by_exit_among_threads, "abcvxwyz", "exit among threads");
		must_end(by_exit_of_a_thread, "abcvxwyz", "exit of a thread");
		must_end(by_exit_after_main, "abcvxwyz", "exit after main has left");
		must_end(by_quick_exit, "abq", "quick_exit");
		must_end(by_underscore_exit, "c", "_exit");
	}
	return 0;
}
