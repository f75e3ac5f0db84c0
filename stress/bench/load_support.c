/* What the scenarios share; see load.h. */
#include "load.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_WRONG = 1 };

_Noreturn void load_die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(EXIT_WRONG);
}

double load_clock_s(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void load_start(struct load_run *run)
{
	run->started_cpu_s = load_clock_s(CLOCK_PROCESS_CPUTIME_ID);
	run->started_wall_s = load_clock_s(CLOCK_MONOTONIC);
}

void load_stop(struct load_run *run)
{
	run->wall_s += load_elapsed_s(run);
	run->cpu_s += load_clock_s(CLOCK_PROCESS_CPUTIME_ID) - run->started_cpu_s;
}

double load_elapsed_s(const struct load_run *run)
{
	return load_clock_s(CLOCK_MONOTONIC) - run->started_wall_s;
}

void load_part(struct load_run *run, const char *name, double value)
{
	size_t i = 0;

	while (run->part[i].name != NULL)
		i++;
	run->part[i].name = name;
	run->part[i].value = value;
}

uint64_t load_scaled(const struct load_run *run, uint64_t of, uint64_t min)
{
	uint64_t scaled = (uint64_t)((double)of * run->scale);

	return scaled > min ? scaled : min;
}

void *load_own_memory(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED)
		load_die("mmap");
	return memory;
}

uint32_t *load_sizes(uint64_t seed, uint32_t min, uint32_t max, bool power_law)
{
	uint32_t *sizes = load_own_memory(LOAD_SIZES * sizeof *sizes);
	struct random random;

	random_seed(&random, seed, 0);
	for (int i = 0; i < LOAD_SIZES; i++)
		sizes[i] = power_law ? random_power_law(&random, min, max)
		                     : min + random_below(&random, max - min + 1);
	return sizes;
}

void *load_block(size_t bytes)
{
	char *block = malloc(bytes);

	if (block == NULL)
		load_die("malloc");
	block[0] = 1;
	block[bytes - 1] = 1;
	load_keep(block);
	return block;
}

struct start {
	struct load_thread thread;
	void (*work)(struct load_thread *thread);
};

static void *thread_main(void *of)
{
	struct start *start = of;

	start->work(&start->thread);
	return NULL;
}

static void start_make(struct start *start, struct load_run *run, uint32_t index, void *shared,
                       void (*work)(struct load_thread *))
{
	start->thread.run = run;
	start->thread.index = index;
	start->thread.shared = shared;
	random_seed(&start->thread.random, run->seed, index);
	start->work = work;
}

void load_on_threads(struct load_run *run, void (*work)(struct load_thread *), void *shared)
{
	pthread_barrier_t ready;
	struct start *start = load_own_memory(run->threads * sizeof *start);
	pthread_t *id = load_own_memory(run->threads * sizeof *id);

	if (run->threads == 1) {
		start_make(start, run, 0, shared, work);
		work(&start->thread);
		load_stop(run);
		return;
	}
	pthread_barrier_init(&ready, NULL, run->threads + 1);
	for (uint32_t i = 0; i < run->threads; i++) {
		start_make(&start[i], run, i, shared, work);
		start[i].thread.ready = &ready;
		errno = pthread_create(&id[i], NULL, thread_main, &start[i]);
		if (errno != 0)
			load_die("pthread_create");
	}
	/* Twice: no thread works before the clock runs. */
	pthread_barrier_wait(&ready);
	load_start(run);
	pthread_barrier_wait(&ready);
	for (uint32_t i = 0; i < run->threads; i++)
		pthread_join(id[i], NULL);
	load_stop(run);
}

void load_ready(struct load_thread *thread)
{
	if (thread->ready == NULL) {
		load_start(thread->run);
		return;
	}
	pthread_barrier_wait(thread->ready);
	pthread_barrier_wait(thread->ready);
}

void load_allocator(char *path, size_t bytes)
{
	/* Addresses out of the loader's table, not names: what is called is what is looked at. */
	void *(*volatile const function[])(void) = {
		(void *(*)(void))(void *)malloc,         (void *(*)(void))(void *)free,
		(void *(*)(void))(void *)calloc,         (void *(*)(void))(void *)realloc,
		(void *(*)(void))(void *)posix_memalign,
	};
	const char *last = "";
	size_t used = 0;

	*path = '\0';
	for (size_t i = 0; i < sizeof function / sizeof function[0]; i++) {
		Dl_info info;
		const char *file = "unknown";

		if (dladdr((void *)function[i], &info) != 0 && info.dli_fname != NULL)
			file = info.dli_fname;
		if (strcmp(file, last) == 0)
			continue;
		last = file;
		used += (size_t)snprintf(path + used, bytes - used, "%s%s", used > 0 ? " + " : "",
		                         file);
		if (used >= bytes)
			return;
	}
}

uint64_t load_peak_bytes(void)
{
	char text[4096];
	const char *label = "\nVmHWM:";
	int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	ssize_t got = file >= 0 ? read(file, text, sizeof text - 1) : -1;

	if (got < 0)
		load_die("/proc/self/status");
	close(file);
	text[got] = '\0';
	const char *at = strstr(text, label);
	if (at == NULL)
		load_die("no VmHWM in /proc/self/status");
	return strtoull(at + strlen(label), NULL, 10) * 1024;
}
