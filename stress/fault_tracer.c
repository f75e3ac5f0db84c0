/* A process whose only work is to stop one thread of this one, at any instruction, and to let it go
 * on: what a debugger does. The GC thread has all signals blocked, so nothing less stops it.
 * See fault_kind.h.
 *
 * Asked through a pair of sockets, one order at a time. When either process ends, the threads go on
 * or end with it.
 */
#include "fault_kind.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum order_kind { ORDER_FREEZE, ORDER_FREEZE_AT_WORK, ORDER_THAW };

struct order {
	uint32_t kind, thread;
};

static int tracer_end = -1; /* of the sockets; -1: there is no tracer */
static pid_t tracer;

/* Whether it waits in a futex call. Elsewhere than on x86-64 that is not known: no. */
static bool is_asleep(pid_t thread)
{
#if defined(__x86_64__)
	struct user_regs_struct regs;

	return ptrace(PTRACE_GETREGS, thread, NULL, &regs) == 0 && regs.orig_rax == SYS_futex;
#else
	(void)thread;
	return false;
#endif
}

static enum fault_stop stop_thread(pid_t thread, bool at_work)
{
	int status;

	if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) != 0)
		return STOP_FAILED;
	if (ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) != 0 ||
	    waitpid(thread, &status, __WALL) != thread || !WIFSTOPPED(status)) {
		ptrace(PTRACE_DETACH, thread, NULL, NULL);
		return STOP_FAILED;
	}
	if (!at_work || !is_asleep(thread))
		return STOP_DONE;
	ptrace(PTRACE_DETACH, thread, NULL, NULL);
	return STOP_ASLEEP;
}

static void trace(int orders)
{
	struct order order;
	pid_t stopped = 0;

	while (read(orders, &order, sizeof order) == (ssize_t)sizeof order) {
		uint32_t answer = STOP_DONE;

		if (stopped != 0)
			ptrace(PTRACE_DETACH, stopped, NULL, NULL);
		stopped = 0;
		if (order.kind != ORDER_THAW) {
			answer =
			    stop_thread((pid_t)order.thread, order.kind == ORDER_FREEZE_AT_WORK);
			stopped = answer == STOP_DONE ? (pid_t)order.thread : 0;
		}
		if (write(orders, &answer, sizeof answer) != (ssize_t)sizeof answer)
			break;
	}
	_exit(0);
}

bool fault_tracer_start(struct fault *fault)
{
	int ends[2];
	sigset_t all, before;

	if (tracer_end != -1)
		return true;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
		fault_say(fault, "no sockets: %s", strerror(errno));
		return false;
	}
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	tracer = fork();
	if (tracer == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ends[0]);
		trace(ends[1]);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(ends[1]);
	if (tracer < 0) {
		close(ends[0]);
		fault_say(fault, "no process: %s", strerror(errno));
		return false;
	}
	tracer_end = ends[0];
	prctl(PR_SET_PTRACER, (unsigned long)tracer, 0, 0, 0); /* where only parents may */
	return true;
}

static uint32_t ask(uint32_t kind, uint32_t thread)
{
	struct order order = { kind, thread };
	uint32_t answer = STOP_FAILED;
	ssize_t got;

	if (write(tracer_end, &order, sizeof order) != (ssize_t)sizeof order)
		return STOP_FAILED;
	do {
		got = read(tracer_end, &answer, sizeof answer);
	} while (got < 0 && errno == EINTR);
	return got == (ssize_t)sizeof answer ? answer : STOP_FAILED;
}

enum fault_stop fault_tracer_freeze(uint32_t id, bool at_work)
{
	return (enum fault_stop)ask(at_work ? ORDER_FREEZE_AT_WORK : ORDER_FREEZE, id);
}

void fault_tracer_thaw(void)
{
	(void)ask(ORDER_THAW, 0);
}

void fault_tracer_end(void)
{
	if (tracer_end == -1)
		return;
	close(tracer_end);
	tracer_end = -1;
	while (waitpid(tracer, NULL, 0) < 0 && errno == EINTR)
		continue;
}
