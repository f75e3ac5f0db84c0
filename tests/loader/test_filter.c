/* A filter of system calls for all threads that allows what tide.h says, and kills the process for
 * anything else: the GC thread goes on working, over many ticks, threads use the allocator for the
 * first time, the GC thread is stopped, and started. Each case is a child process; what the program
 * itself calls besides is in `own`. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "support.h"

#pragma weak tide_gc_step

enum { WORKERS = 3, TICKS = 24, POLLS = 20000, LIST_MAX = 64 };

/* The lines of tide.h. */
static const int always[] = { SYS_futex,  SYS_madvise,  SYS_mmap,          SYS_munmap,
	                      SYS_mremap, SYS_mprotect, SYS_clock_gettime, SYS_getpid,
	                      SYS_gettid, SYS_tgkill,   SYS_pread64,       SYS_exit };
static const int at_stop[] = { SYS_close };
static const int at_start[] = { SYS_clone, SYS_rt_sigprocmask, SYS_prctl, SYS_geteuid, SYS_capset };
static const int own[] = { SYS_clock_nanosleep, SYS_exit_group, SYS_rt_sigprocmask, SYS_write };

#define LIST(list) list, sizeof list / sizeof list[0]

static int allowed[LIST_MAX];
static unsigned allowed_count;

static void allow(const int *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		allowed[allowed_count++] = list[i];
}

/* (The number alone decides: nobody here calls for another architecture.) */
static void set_filter(void)
{
	struct sock_filter step[LIST_MAX + 3];
	unsigned steps = 0;

	step[steps++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	                                             offsetof(struct seccomp_data, nr));
	for (unsigned i = 0; i < allowed_count; i++)
		step[steps++] =
		    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i],
		                                 (unsigned char)(allowed_count - i), 0);
	step[steps++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	step[steps++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);

	struct sock_fprog program = { (unsigned short)steps, step };
	require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
	require(
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0,
	    "seccomp");
}

static uint64_t ticks(void)
{
	struct tide_stats stats;

	tide_stats_read(&stats, sizeof stats);
	return stats.gc_ticks;
}

static atomic_bool filtered, work_ends;
static atomic_uint begun;

/* The first use of the allocator comes with the filter, for all but the first one. */
static void *work(void *seed)
{
	uint64_t random = *(uint64_t *)seed;

	atomic_fetch_add(&begun, 1);
	if (random == 1)
		use_heap(random, 1000);
	while (!atomic_load(&filtered))
		sleep_ms(1);
	while (!atomic_load(&work_ends)) {
		use_heap(random_next(&random), 2000);
		void *large = malloc(3000000);
		require(large != NULL, "a large block");
		large = realloc(large, 6000000);
		require(large != NULL, "a larger one");
		free(large);
		sleep_ms(2);
	}
	return NULL;
}

static void go_on_for(uint64_t count)
{
	uint64_t until = ticks() + count;

	for (unsigned polls = 0; ticks() < until; sleep_ms(2)) {
		require(++polls < POLLS, "the GC's clock goes on");
		use_heap(polls, 200);
		(void)tide_gc_step(); /* where there is no GC thread */
	}
}

/* With threads at work, and one that ends: the roll call asks for all of them. */
static void live(void (*begin)(void), void (*middle)(void))
{
	static uint64_t seed[WORKERS] = { 1, 2, 3 };
	pthread_t thread[WORKERS];

	for (unsigned i = 0; i < WORKERS; i++)
		require(pthread_create(&thread[i], NULL, work, &seed[i]) == 0, "a thread");
	/* What the C library calls to begin a thread is nobody's concern here. */
	while (atomic_load(&begun) < WORKERS)
		sleep_ms(1);
	use_heap(7, 5000);
	begin();
	set_filter();
	atomic_store(&filtered, true);
	go_on_for(TICKS);
	middle();
	go_on_for(TICKS);
	atomic_store(&work_ends, true);
	for (unsigned i = 0; i < WORKERS; i++)
		require(pthread_join(thread[i], NULL) == 0, "join");
	go_on_for(TICKS);
}

static void nothing(void)
{
}

static void start(void)
{
	int result = tide_gc_start();

	require(result == 0 || result == EALREADY, "start of the GC thread");
	sleep_ms(1200); /* its first second */
}

static void stop(void)
{
	require(tide_gc_stop() == 0, "stop");
}

static void stop_and_start(void)
{
	stop();
	require(tide_gc_start() == 0, "start");
}

static void stop_first(void)
{
	(void)tide_gc_stop();
}

static void start_at_last(void)
{
	require(tide_gc_start() == 0, "the first start");
}

static void works(void)
{
	live(start, nothing);
}

static void stops(void)
{
	allow(LIST(at_stop));
	live(start, stop);
}

static void starts_again(void)
{
	allow(LIST(at_stop));
	allow(LIST(at_start));
	live(start, stop_and_start);
}

static void starts_under_it(void)
{
	allow(LIST(at_start));
	live(stop_first, start_at_last);
}

/* The filter does its work: of the calls that Tide makes, one that is missing is fatal. */
static void lacks_tgkill(void)
{
	for (unsigned i = 0; i < allowed_count; i++) {
		if (allowed[i] == SYS_tgkill)
			allowed[i] = SYS_getpid;
	}
	live(start, nothing);
}

int main(int count, char **argument)
{
	static const struct {
		const char *name;
		void (*run)(void);
		bool killed;
	} test[] = {
		{ "works", works, false },
		{ "stops", stops, false },
		{ "starts_again", starts_again, false },
		{ "starts_under_it", starts_under_it, false },
		{ "lacks_tgkill", lacks_tgkill, true },
	};
	int failed = 0;

	require_tide();
	/* Short ticks, for a program that reads its options at its start. */
	if (getenv("TIDE_DECAY_MS") == NULL) {
		require(setenv("TIDE_DECAY_MS", "20", 1) == 0, "setenv");
		(void)execv("/proc/self/exe", argument);
		require(false, "exec");
	}
	(void)count;
	allow(LIST(always));
	allow(LIST(own));
	for (size_t i = 0; i < sizeof test / sizeof test[0]; i++) {
		pid_t child = fork();
		if (child == 0) {
			test[i].run();
			_exit(0);
		}
		require(child > 0, "fork");
		int status = wait_for(child);
		bool holds = test[i].killed ? WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS
		                            : ended_well(status);
		if (!holds) {
			(void)fprintf(stderr, "in %s: status %x\n", test[i].name, (unsigned)status);
			failed = 1;
		}
	}
	return failed;
}
