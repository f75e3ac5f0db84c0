/* No thread waits for another: three threads of six are frozen at random instants, one of them the
 * GC, and the rest goes on with bounded memory.
 *
 * Each repetition is a child process with a seed of its own. A signal handler that never returns
 * does the freezing, so it hits a thread at any instruction, also inside the allocator.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "support.h"

enum {
	REPETITIONS = 40,
	THREADS = 6, /* number 0 is the GC */
	FROZEN = 3,
	WARM_UP = 30000,
	AFTER = 100000, /* operations of each thread that is left */
	SLOTS = 2048,
	WATCHDOG_S = 60,
};

static _Atomic(unsigned char *) slot[SLOTS];
static _Atomic uint64_t done[THREADS]; /* operations of each thread */
static atomic_uint frozen;
static uint64_t seed;

static void freeze(int signal_number)
{
	(void)signal_number;
	atomic_fetch_add(&frozen, 1);
	for (;;)
		(void)pause();
}

static void *be_the_gc(void *unused)
{
	(void)unused;
	for (;;) {
		if (tide_gc_step() != 1)
			(void)sched_yield();
		atomic_fetch_add(&done[0], 1);
	}
	return NULL;
}

/* Exchange blocks through the slots: as many live at any time, most of them freed by others. */
static void *exchange(void *number)
{
	uintptr_t self = (uintptr_t)number;
	uint64_t random = seed * THREADS + self;

	for (;;) {
		size_t bytes = random_size(&random);
		unsigned char *block = malloc(bytes);

		require(block != NULL, "malloc");
		block[0] = (unsigned char)self;
		block[bytes - 1] = (unsigned char)self;
		free(atomic_exchange(&slot[random_next(&random) % SLOTS], block));
		atomic_fetch_add(&done[self], 1);
	}
	return NULL;
}

static size_t resident_bytes(void)
{
	unsigned long total_pages = 0, resident_pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	require(file != NULL && fscanf(file, "%lu %lu", &total_pages, &resident_pages) == 2,
	        "/proc/self/statm");
	(void)fclose(file);
	return resident_pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Until each thread in `mask` has done `count` more operations than `from` says. */
static void wait_for_work(unsigned mask, const uint64_t *from, uint64_t count)
{
	for (unsigned i = 1; i < THREADS; i++) {
		while ((mask & 1u << i) != 0 && atomic_load(&done[i]) < from[i] + count)
			sleep_ms(1);
	}
}

/* Freeze three threads, one after another, each at an instant of its own; the GC is first,
 * second or third among them. Returns the mask of the workers that are left. */
static unsigned freeze_three(pthread_t *thread, uint64_t *random)
{
	unsigned left = (1u << THREADS) - 1;
	unsigned gc_turn = (unsigned)(random_next(random) % FROZEN);

	for (unsigned turn = 0; turn < FROZEN; turn++) {
		unsigned victim = 0;

		while (turn != gc_turn && (victim == 0 || (left & 1u << victim) == 0))
			victim = 1 + (unsigned)(random_next(random) % (THREADS - 1));
		left &= ~(1u << victim);
		for (uint64_t spin = random_next(random) % 3000000; spin > 0; spin--)
			__asm__ volatile("");
		require(pthread_kill(thread[victim], SIGUSR1) == 0, "pthread_kill");
		while (atomic_load(&frozen) <= turn)
			(void)sched_yield();
	}
	return left & ~1u;
}

static int live_with(uint64_t repetition)
{
	static const uint64_t zero[THREADS];
	uint64_t from[THREADS];
	pthread_t thread[THREADS];
	struct sigaction action;

	seed = repetition;
	(void)alarm(WATCHDOG_S);
	memset(&action, 0, sizeof action);
	action.sa_handler = freeze;
	require(sigaction(SIGUSR1, &action, NULL) == 0, "sigaction");

	(void)tide_gc_stop();
	require(pthread_create(&thread[0], NULL, be_the_gc, NULL) == 0, "a thread");
	for (uintptr_t i = 1; i < THREADS; i++)
		require(pthread_create(&thread[i], NULL, exchange, (void *)i) == 0, "a thread");
	wait_for_work((1u << THREADS) - 1, zero, WARM_UP);
	size_t before = resident_bytes();

	unsigned left = freeze_three(thread, &(uint64_t){ repetition });
	for (unsigned i = 0; i < THREADS; i++)
		from[i] = atomic_load(&done[i]);
	wait_for_work(left, from, AFTER);
	size_t after = resident_bytes();

	if (after >= 10 * before) {
		(void)fprintf(stderr, "%zu KiB grew to %zu KiB\n", before >> 10, after >> 10);
		return 1;
	}
	return 0;
}

int main(void)
{
	for (uint64_t repetition = 1; repetition <= REPETITIONS; repetition++) {
		pid_t child = fork();

		if (child == 0)
			_exit(live_with(repetition)); /* exit might wait for a frozen thread */
		require(child > 0, "fork");
		int status = wait_for(child);
		if (!ended_well(status)) {
			(void)fprintf(stderr, "repetition (seed) %llu\n",
			              (unsigned long long)repetition);
			return 1;
		}
	}
	return 0;
}
