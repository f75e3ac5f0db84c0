/* See launch.h. */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_NOT_FOUND = 127, EXIT_NOT_STARTED = 126, STATUS_SIGNAL = 128, LOOK_MS = 100 };

/* All that can be sent to end, suspend or tell something; not what a fault of our own raises. */
static const int passed_on[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGUSR1,
	                         SIGUSR2, SIGALRM, SIGCONT, SIGPIPE, SIGWINCH };

static double clock_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static _Noreturn void become(char *const command[], const sigset_t *mask,
                             const struct sigaction *child_action, int report)
{
	sigaction(SIGCHLD, child_action, NULL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(command[0], command);
	int error = errno;
	(void)!write(report, &error, sizeof error);
	_exit(EXIT_NOT_FOUND);
}

/* The errno of its exec; 0 when that went well. */
static int exec_error(int report)
{
	int error = 0;
	ssize_t got;
	do {
		got = read(report, &error, sizeof error);
	} while (got < 0 && errno == EINTR);
	return got == (ssize_t)sizeof error ? error : 0;
}

/* Whether it has ended; it can still be waited for. */
static bool has_ended(pid_t id)
{
	siginfo_t end = { .si_pid = 0 };

	return waitid(P_PID, (id_t)id, &end, WEXITED | WNOHANG | WNOWAIT) == 0 && end.si_pid == id;
}

/* Until it ends: pass signals on, look at it. */
static void attend(struct launched *launched, const sigset_t *waited,
                   void (*look)(void *context, pid_t id), void *context)
{
	const struct timespec while_ns = { .tv_nsec = LOOK_MS * 1000000 };
	for (;;) {
		siginfo_t signal;
		int number = sigtimedwait(waited, &signal, &while_ns);

		if (has_ended(launched->id))
			return;
		if (number < 0 && errno == EAGAIN && look != NULL)
			look(context, launched->id);
		/* (The kernel's are the terminal's, and go to the whole group.) */
		else if (number > 0 && number != SIGCHLD && signal.si_code <= 0)
			kill(launched->id, number);
	}
}

static double seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

bool launch_run(struct launched *launched, char *const command[],
                void (*look)(void *context, pid_t id), void *context)
{
	sigset_t waited, mask;
	struct sigaction child_action, standard = { .sa_handler = SIG_DFL };
	struct rusage usage = { .ru_maxrss = 0 };
	int report[2];

	*launched = (struct launched){ .id = -1 };
	sigemptyset(&waited);
	sigaddset(&waited, SIGCHLD);
	for (size_t i = 0; i < sizeof passed_on / sizeof passed_on[0]; i++)
		sigaddset(&waited, passed_on[i]);
	sigprocmask(SIG_BLOCK, &waited, &mask);
	sigaction(SIGCHLD, &standard, &child_action); /* ignored, it would leave no status */
	double start_s = clock_s();
	if (pipe2(report, O_CLOEXEC) != 0 || (launched->id = fork()) < 0)
		return false;
	if (launched->id == 0)
		become(command, &mask, &child_action, report[1]);
	close(report[1]);
	launched->error = exec_error(report[0]);
	close(report[0]);
	attend(launched, &waited, look, context);
	launched->wall_s = clock_s() - start_s;
	/* Once more, before its number is free. */
	if (look != NULL)
		look(context, launched->id);
	while (wait4(launched->id, &launched->status, 0, &usage) < 0 && errno == EINTR)
		continue;
	launched->user_s = seconds(usage.ru_utime);
	launched->system_s = seconds(usage.ru_stime);
	launched->peak_bytes = (uint64_t)usage.ru_maxrss * 1024;
	return true;
}

_Noreturn void launch_end_alike(const struct launched *launched)
{
	if (launched->error != 0)
		exit(launched->error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_STARTED);
	if (WIFEXITED(launched->status))
		exit(WEXITSTATUS(launched->status));
	/* By the same signal, so that a shell or make sees what happened; the core is its. */
	const struct rlimit no_core = { 0, 0 };
	sigset_t none;
	int number = WTERMSIG(launched->status);
	setrlimit(RLIMIT_CORE, &no_core);
	signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	raise(number);
	exit(STATUS_SIGNAL + number);
}
