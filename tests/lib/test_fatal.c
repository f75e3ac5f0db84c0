/* fatal.c: the wording of each misuse, and when it ends the program. Each report is made in a child
 * whose stderr is a pipe. */
#include "fatal.h"
#include "options.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RETURNED = 42, CHANGED_ERRNO = 43 };

struct outcome {
	pid_t child;
	int status;
	char text[1024];
};

struct report {
	enum tide_misuse misuse;
	const char *function;
	uintptr_t block;
	unsigned cls;
	size_t bytes;
};

static void report_misuse(const void *of)
{
	const struct report *report = of;

	tide_fatal_misuse(report->misuse, report->function, (const void *)report->block,
	                  report->cls, report->bytes);
}

static void fail_check(const void *unused)
{
	(void)unused;
	TIDE_CHECK(1 + 1 == 3);
}

/* Run `action` in a child: what it wrote, and how it ended. */
static struct outcome outcome_of(void (*action)(const void *), const void *of)
{
	struct outcome outcome = { 0 };
	int ends[2];
	size_t used = 0;
	ssize_t got;

	cr_assert_eq(pipe(ends), 0);
	pid_t child = fork();
	cr_assert_geq(child, 0);
	if (child == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
		dup2(ends[1], STDERR_FILENO);
		errno = 77;
		action(of);
		_exit(errno == 77 ? RETURNED : CHANGED_ERRNO);
	}
	close(ends[1]);
	while ((got = read(ends[0], outcome.text + used, sizeof outcome.text - 1 - used)) > 0)
		used += (size_t)got;
	close(ends[0]);
	outcome.child = child;
	cr_assert_eq(waitpid(child, &outcome.status, 0), child);
	return outcome;
}

static bool aborted(const struct outcome *outcome)
{
	return WIFSIGNALED(outcome->status) && WTERMSIG(outcome->status) == SIGABRT;
}

static const struct {
	struct report report;
	const char *wanted;
} row[] = {
	{ { TIDE_MISUSE_FOREIGN, "free", 0x1000, 0, 0 },
	  "tide: free(0x1000): not a pointer into Tide's memory" },
	{ { TIDE_MISUSE_INSIDE, "free", 0x1000, 0, 0 },
	  "tide: free(0x1000): in Tide's memory, but not inside any block" },
	{ { TIDE_MISUSE_INTERIOR, "realloc", 0x7f0000000030, 4, 64 },
	  "tide: realloc(0x7f0000000030): inside a block, not at its start "
	  "(class 4, 64-byte blocks)" },
	{ { TIDE_MISUSE_MISALIGNED, "free", 0x1001, 0, 0 },
	  "tide: free(0x1001): not aligned to 16 bytes" },
	{ { TIDE_MISUSE_DOUBLE, "free", 0x1040, 4, 64 },
	  "tide: free(0x1040): double free (class 4, 64-byte blocks)" },
	{ { TIDE_MISUSE_DOUBLE, "free", 0x1040, 4, 0 },
	  "tide: free(0x1040): double free (class 4)" },
	{ { TIDE_MISUSE_SIZE, "free_sized", 0x1040, 4, 64 },
	  "tide: free_sized(0x1040): size does not match the block "
	  "(class 4, 64-byte blocks)" },
};

/* The whole line: the child's only thread has its id. */
static const char *line_of(const struct outcome *outcome, const char *wanted)
{
	static char line[256];

	(void)snprintf(line, sizeof line, "%s in thread %d\n", wanted, (int)outcome->child);
	return line;
}

Test(fatal, misuse_is_told_and_aborts)
{
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		struct outcome outcome = outcome_of(report_misuse, &row[i].report);

		cr_assert_str_eq(outcome.text, line_of(&outcome, row[i].wanted));
		cr_assert(aborted(&outcome), "status %#x after %s", (unsigned)outcome.status,
		          row[i].wanted);
	}
}

Test(fatal, misuse_returns_when_the_option_is_off)
{
	tide_options_set(TIDE_OPTION_FATAL, 0);
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		struct outcome outcome = outcome_of(report_misuse, &row[i].report);

		cr_assert_str_eq(outcome.text, line_of(&outcome, row[i].wanted));
		cr_assert(WIFEXITED(outcome.status));
		cr_assert_eq(WEXITSTATUS(outcome.status), RETURNED);
	}
}

Test(fatal, failed_check_tells_condition_and_place)
{
	struct outcome outcome = outcome_of(fail_check, NULL);
	const char *head = "tide: check failed: 1 + 1 == 3 at ";
	const char *line = strrchr(outcome.text, ':');

	cr_assert(aborted(&outcome));
	cr_assert(strncmp(outcome.text, head, strlen(head)) == 0, "%s", outcome.text);
	cr_assert_not_null(strstr(outcome.text, "test_fatal.c:"));
	cr_assert(line[1] >= '1' && line[1] <= '9');
	cr_assert_eq(outcome.text[strlen(outcome.text) - 1], '\n');
}

Test(fatal, failed_check_aborts_even_when_misuse_does_not)
{
	tide_options_set(TIDE_OPTION_FATAL, 0);
	struct outcome outcome = outcome_of(fail_check, NULL);
	cr_assert(aborted(&outcome));
}
