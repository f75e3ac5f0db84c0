/* Counts what the hit case of malloc and free costs, in the built library: instructions, by
 * stepping a child process through them one at a time, and system calls, by watching it do a
 * million pairs.
 *
 * Prints a line for each instruction that was executed, "at ADDRESS" as in the program file, so
 * that a disassembly can be laid beside it. Status 1 when a count is over its budget.
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tide/tide.h>

#if !defined(__x86_64__)
int main(void)
{
	(void)fprintf(stderr, "skipped: knows the registers of x86-64 only\n");
	return 77;
}
#else
#include <sys/user.h>

enum { MALLOC_BUDGET = 12, FREE_BUDGET = 16, PAIRS = 1000000, STEPS_MAX = 100000 };

static const size_t hit_sizes[] = { 1, 16, 64, 1000 };
enum { SIZES = sizeof hit_sizes / sizeof hit_sizes[0] };

/* The child stops here, with no system call of its own. */
#define STOP_HERE() __asm__ volatile("int3" ::: "memory")

static void warm_up(void)
{
	enum { BLOCKS = 8 };
	void *block[BLOCKS];

	for (unsigned round = 0; round < 100; round++) {
		for (unsigned s = 0; s < SIZES; s++) {
			for (unsigned i = 0; i < BLOCKS; i++)
				block[i] = tide_malloc(hit_sizes[s]);
			for (unsigned i = 0; i < BLOCKS; i++)
				tide_free(block[i]);
		}
	}
}

static _Noreturn void be_watched(void)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(77);
	warm_up();
	STOP_HERE();
	/* Stepped through: one malloc and one free of each size. */
	for (unsigned s = 0; s < SIZES; s++)
		tide_free(tide_malloc(hit_sizes[s]));
	STOP_HERE();
	/* Watched for system calls. */
	for (unsigned i = 0; i < PAIRS; i++)
		tide_free(tide_malloc(hit_sizes[i % SIZES]));
	STOP_HERE();
	_exit(0);
}

static _Noreturn void give_up(const char *what)
{
	perror(what);
	exit(2);
}

/* Wait until `child` stops; returns the signal it stopped with. */
static int stopped_by(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child)
		give_up("waitpid");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		(void)fprintf(stderr, "skipped: tracing is not allowed here\n");
		exit(77);
	}
	if (!WIFSTOPPED(status)) {
		(void)fprintf(stderr, "the child ended, status %#x\n", (unsigned)status);
		exit(2);
	}
	return WSTOPSIG(status);
}

static struct user_regs_struct registers(pid_t child)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, child, NULL, &regs) != 0)
		give_up("PTRACE_GETREGS");
	return regs;
}

static uint64_t step(pid_t child)
{
	if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0)
		give_up("PTRACE_SINGLESTEP");
	if (stopped_by(child) != SIGTRAP) {
		(void)fprintf(stderr, "the child got another signal while it was stepped\n");
		exit(2);
	}
	return registers(child).rip;
}

/* From an address in this process, and so in its child, to the one in the program file. */
static uint64_t in_file(uint64_t address)
{
	extern const Elf64_Ehdr __executable_start;

	return __executable_start.e_type == ET_DYN ? address - (uint64_t)&__executable_start
	                                           : address;
}

/* Let the child run until it enters `function`. */
static void step_to(pid_t child, uint64_t function)
{
	for (unsigned i = 0; i < STEPS_MAX; i++) {
		if (step(child) == function)
			return;
	}
	(void)fprintf(stderr, "the child did not call what it should\n");
	exit(2);
}

/* The child is at the first instruction of a function: count to its return, that one included. */
static unsigned step_through(pid_t child)
{
	struct user_regs_struct regs = registers(child);
	uint64_t entry_stack = regs.rsp;
	unsigned count = 0;

	errno = 0;
	uint64_t back = (uint64_t)ptrace(PTRACE_PEEKDATA, child, (void *)regs.rsp, NULL);
	if (errno != 0)
		give_up("PTRACE_PEEKDATA");
	do {
		printf("  at %llx\n", (unsigned long long)in_file(regs.rip));
		if (++count == STEPS_MAX)
			break;
		(void)step(child);
		regs = registers(child);
	} while (regs.rip != back || regs.rsp != entry_stack + 8);
	return count;
}

static bool within(const char *name, size_t size, unsigned count, unsigned budget)
{
	printf("%s of %zu bytes: %u instructions, budget %u%s\n", name, size, count, budget,
	       count > budget ? ": OVER" : "");
	return count <= budget;
}

/* System calls between here and the child's next stop of its own. */
static unsigned system_calls(pid_t child)
{
	unsigned stops = 0;

	if (ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)PTRACE_O_TRACESYSGOOD) != 0)
		give_up("PTRACE_SETOPTIONS");
	for (;;) {
		if (ptrace(PTRACE_SYSCALL, child, NULL, NULL) != 0)
			give_up("PTRACE_SYSCALL");
		int signal_number = stopped_by(child);
		if (signal_number == SIGTRAP)
			return (stops + 1) / 2; /* one at its entry, one at its exit */
		if (signal_number == (SIGTRAP | 0x80))
			stops++;
	}
}

int main(void)
{
	bool good = true;
	pid_t child = fork();

	if (child < 0)
		give_up("fork");
	if (child == 0)
		be_watched();

	if (stopped_by(child) != SIGTRAP) {
		(void)fprintf(stderr, "the child did not come to its first stop\n");
		return 2;
	}
	for (unsigned s = 0; s < SIZES; s++) {
		step_to(child, (uint64_t)&tide_malloc);
		good &= within("malloc", hit_sizes[s], step_through(child), MALLOC_BUDGET);
		step_to(child, (uint64_t)&tide_free);
		good &= within("free", hit_sizes[s], step_through(child), FREE_BUDGET);
	}
	if (ptrace(PTRACE_CONT, child, NULL, NULL) != 0 || stopped_by(child) != SIGTRAP)
		give_up("to the second stop");

	unsigned calls = system_calls(child);
	printf("system calls in %d pairs: %u, budget 0%s\n", PAIRS, calls,
	       calls > 0 ? ": OVER" : "");
	good &= calls == 0;

	if (ptrace(PTRACE_CONT, child, NULL, NULL) != 0)
		give_up("PTRACE_CONT");
	int status;
	if (waitpid(child, &status, 0) != child || status != 0)
		give_up("the child's end");
	return good ? 0 : 1;
}
#endif
