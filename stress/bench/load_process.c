/* Processes that start, allocate a little and end; and forks of one that has a heap. */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { FORKS = 1000, FORKS_AMONG_OTHERS = 100, FORK_SLOTS = 40000 };
enum { PROCESSES = 500, TINY_BLOCKS = 200, TINY_MIN = 16, TINY_MAX = 4096 };

/* Tells its peak through stdout: its resource usage, as its parent sees it, starts with the size
 * of the parent. */
int load_tiny(void)
{
	void *block[TINY_BLOCKS];
	struct random random;

	random_seed(&random, 1, 0);
	for (int i = 0; i < TINY_BLOCKS; i++)
		block[i] = load_block(random_power_law(&random, TINY_MIN, TINY_MAX));
	for (int i = 0; i < TINY_BLOCKS; i++)
		free(block[i]);
	uint64_t peak_bytes = load_peak_bytes();
	return write(STDOUT_FILENO, &peak_bytes, sizeof peak_bytes) == sizeof peak_bytes ? 0 : 1;
}

static double children_cpu_s(void)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static void run_tiny(const int pipe_end[2], uint64_t *peak_bytes)
{
	char *argv[] = { (char[]){ "tide-bench-load" }, (char[]){ LOAD_TINY }, NULL };
	posix_spawn_file_actions_t actions;
	uint64_t its_peak_bytes = 0;
	int status = 0;
	pid_t id = 0;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipe_end[1], STDOUT_FILENO);
	errno = posix_spawn(&id, "/proc/self/exe", &actions, NULL, argv, environ);
	if (errno != 0)
		load_die("posix_spawn");
	posix_spawn_file_actions_destroy(&actions);
	if (waitpid(id, &status, 0) != id || status != 0)
		load_die("a tiny process failed");
	if (read(pipe_end[0], &its_peak_bytes, sizeof its_peak_bytes) != sizeof its_peak_bytes)
		load_die("a tiny process said nothing");
	if (its_peak_bytes > *peak_bytes)
		*peak_bytes = its_peak_bytes;
}

static void processes(struct load_run *run)
{
	uint64_t processes = load_scaled(run, PROCESSES, 3);
	int pipe_end[2];

	if (pipe2(pipe_end, O_CLOEXEC) != 0)
		load_die("pipe");
	double before_cpu_s = children_cpu_s();
	load_start(run);
	for (uint64_t i = 0; i < processes; i++)
		run_tiny(pipe_end, &run->peak_bytes);
	load_stop(run);
	run->cpu_s += children_cpu_s() - before_cpu_s;
	run->operations = processes;
}

/* One thread forks children that end at once; the others allocate until it is done. */
struct forking {
	const uint32_t *sizes;
	uint64_t forks;
	double fork_s; /* in fork itself: the rest is the child's end, and the way to a processor */
	/* writers  the thread that forks     readers  the others     order  relaxed: a signal to end */
	atomic_bool is_over;
};

/* Returns how long fork itself took. */
static double fork_and_wait(void)
{
	double before_s = load_clock_s(CLOCK_MONOTONIC);
	int status = 0;
	pid_t id = fork();

	if (id == 0)
		_exit(0);
	double fork_s = load_clock_s(CLOCK_MONOTONIC) - before_s;
	if (id < 0)
		load_die("fork");
	if (waitpid(id, &status, 0) != id || status != 0)
		load_die("a child failed");
	return fork_s;
}

static void forking_work(struct load_thread *thread)
{
	struct forking *forking = thread->shared;
	uint32_t slots = FORK_SLOTS / thread->run->threads;
	void **block = load_own_memory(slots * sizeof *block);

	for (uint32_t i = 0; i < slots; i++)
		block[i] = load_block(forking->sizes[i % LOAD_SIZES]);
	load_ready(thread);
	for (uint64_t i = 0; i < forking->forks && thread->index == 0; i++)
		forking->fork_s += fork_and_wait();
	if (thread->index == 0)
		atomic_store_explicit(&forking->is_over, true, memory_order_relaxed);
	for (uint64_t i = 0; !atomic_load_explicit(&forking->is_over, memory_order_relaxed); i++) {
		uint32_t at = random_below(&thread->random, slots);

		free(block[at]);
		block[at] = load_block(forking->sizes[i % LOAD_SIZES]);
	}
}

static void forks(struct load_run *run)
{
	uint32_t forks = run->threads == 1 ? FORKS : FORKS_AMONG_OTHERS;
	struct forking forking = {
		.sizes = load_sizes(run->seed, LOAD_SMALL_MIN, LOAD_SMALL_MAX, true),
		.forks = load_scaled(run, forks, 3),
	};
	double before_cpu_s = children_cpu_s();

	load_on_threads(run, forking_work, &forking);
	run->cpu_s += children_cpu_s() - before_cpu_s;
	run->operations = forking.forks;
	load_part(run, "fork_ns", forking.fork_s * 1e9 / (double)forking.forks);
}

const struct load_scenario load_processes[] = {
	{ "processes", "500 tiny processes one after the other", 1, processes },
	{ "forks", "forks of a process with 40000 small blocks", 1, forks },
	{ "forks-t8", "the same while 7 other threads allocate", 8, forks },
	{ NULL, NULL, 0, NULL },
};
