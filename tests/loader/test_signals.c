/* Handlers of signals that interrupt malloc and free at any instruction, and keep to what tide.h
 * says they may call: the program goes on as if nothing had been. Handlers that end the process do
 * so with their status, whatever they have interrupted; there is no lock that they could wait
 * for. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>

#include "support.h"

enum { TICK_US = 200, ENOUGH = 300, ENDS = 60 };

static volatile sig_atomic_t ticks;
static int nowhere = -1;
static void *known_block;

/* Allowed: what reads, or does nothing. */
static void look_around(int signal_number)
{
	int saved = errno;
	struct tide_stats stats;

	(void)signal_number;
	free(NULL);
	tide_stats_read(&stats, sizeof stats);
	require(stats.mapped_bytes > 0, "statistics in a handler");
	require(tide_malloc_usable_size(known_block) >= 1000, "usable size in a handler");
	require(strchr(tide_version(), '.') != NULL, "version in a handler");
	if (ticks % 16 == 0)
		require(tide_stats_write(nowhere, TIDE_STATS_JSON) == 0, "print in a handler");
	ticks = ticks + 1;
	errno = saved;
}

static void arm(void (*handler)(int), long us)
{
	struct sigaction action;
	struct itimerval timer = { { 0, us }, { 0, us } };

	memset(&action, 0, sizeof action);
	action.sa_handler = handler;
	action.sa_flags = SA_RESTART;
	require(sigaction(SIGALRM, &action, NULL) == 0, "sigaction");
	require(setitimer(ITIMER_REAL, &timer, NULL) == 0, "setitimer");
}

static void *allocate(void *rounds)
{
	for (uint64_t i = 0; ticks < ENOUGH; i++) {
		errno = 4711;
		use_heap(i, 300);
		require(errno == 4711, "errno is as it was");
	}
	return rounds;
}

static void handlers_that_look(void)
{
	pthread_t thread[2];

	known_block = malloc(1000);
	arm(look_around, TICK_US);
	for (unsigned i = 0; i < 2; i++)
		require(pthread_create(&thread[i], NULL, allocate, NULL) == 0, "a thread");
	(void)allocate(NULL);
	for (unsigned i = 0; i < 2; i++)
		require(pthread_join(thread[i], NULL) == 0, "join");
	arm(SIG_IGN, 0);
	free(known_block);
}

static void leave_at_once(int signal_number)
{
	_exit(signal_number);
}

static void leave(int signal_number)
{
	exit(signal_number);
}

static void quit(int signal_number)
{
	quick_exit(signal_number);
}

static void at_exit(void)
{
	(void)write(2, "", 0);
}

/* At an instant of its own each time. */
static void must_end(void (*handler)(int), int wanted, const char *name)
{
	for (unsigned i = 0; i < ENDS; i++) {
		pid_t child = fork();
		if (child == 0) {
			(void)atexit(at_exit);
			use_heap(i, 100);
			arm(handler, 500 + (long)i * 37);
			for (uint64_t n = 0;; n++)
				use_heap(n, 100);
		}
		require(child > 0, "fork");
		int status = wait_for(child);
		if (wanted < 0 ? !WIFSIGNALED(status) || WTERMSIG(status) != -wanted
		               : !WIFEXITED(status) || WEXITSTATUS(status) != wanted) {
			(void)fprintf(stderr, "%s, number %u: status %x\n", name, i,
			              (unsigned)status);
			_exit(1);
		}
	}
}

/* Out of a handler by a jump, where what was interrupted is the program's own code. */
static sigjmp_buf back;
static volatile sig_atomic_t may_jump;

static void jump(int signal_number)
{
	(void)signal_number;
	if (may_jump) {
		may_jump = 0;
		siglongjmp(back, 1);
	}
}

static void jumps_between_calls(void)
{
	volatile unsigned jumps = 0;

	arm(jump, TICK_US);
	while (jumps < 100) {
		if (sigsetjmp(back, 1) != 0)
			jumps = jumps + 1;
		may_jump = 0;
		use_heap(jumps, 200);
		may_jump = 1;
		for (unsigned n = 0; n < 100000; n++)
			__asm__ volatile("");
	}
	may_jump = 0;
	arm(SIG_IGN, 0);
}

int main(void)
{
	require_tide();
	nowhere = fileno(tmpfile());
	handlers_that_look();
	jumps_between_calls();
	must_end(leave_at_once, SIGALRM, "_exit");
	must_end(leave, SIGALRM, "exit");
	must_end(quit, SIGALRM, "quick_exit");
	must_end(SIG_DFL, -SIGALRM, "no handler");
	return 0;
}
