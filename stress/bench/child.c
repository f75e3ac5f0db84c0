/* See child.h. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_NOT_STARTED = 127, STATUS_SIGNAL = 128, PAGE_BYTES = 4096 };
enum { WATCH_MS = 200, GENTLE_MS = 1000, GENTLE_POLL_MS = 10 };

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	interrupted = number;
}

void child_handle_signals(void)
{
	/* No SA_RESTART: poll is to return. Once: who asks again wants the end at once. */
	struct sigaction action = { .sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool child_interrupted(void)
{
	return interrupted != 0;
}

double child_clock_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static _Noreturn void give_up(const char *what)
{
	perror(what);
	exit(1);
}

static _Noreturn void become(const char *const argv[], const char *variable, const char *preload,
                             const int end[3])
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	for (int i = 0; i < 3; i++)
		dup2(end[i], i);
	unsetenv("LD_PRELOAD");
	unsetenv(variable);
	if (*preload != '\0')
		setenv(variable, preload, 1);
	execv(argv[0], (char *const *)(uintptr_t)argv); /* execv's type is an old mistake */
	perror(argv[0]);
	_exit(EXIT_NOT_STARTED);
}

void child_start(struct child *child, const char *const argv[], const char *variable,
                 const char *preload)
{
	int in[2], out[2], error[2];

	memset(child, 0, sizeof *child);
	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(error, O_CLOEXEC) != 0)
		give_up("pipe");
	fflush(NULL);
	child->started_s = child_clock_s();
	child->id = fork();
	if (child->id < 0)
		give_up("fork");
	if (child->id == 0)
		become(argv, variable, preload, (const int[]){ in[0], out[1], error[1] });
	setpgid(child->id, child->id); /* here too: it is there before anybody signals it */
	close(in[0]);
	close(out[1]);
	close(error[1]);
	child->input = in[1];
	child->output = out[0];
	child->error = error[0];
}

void child_nudge(struct child *child)
{
	if (child->input >= 0)
		close(child->input);
	child->input = -1;
}

/* The last bytes of what there was and what comes. */
static void keep_end(char end[CHILD_END_BYTES], const char *more, size_t bytes)
{
	size_t there = strlen(end), room = CHILD_END_BYTES - 1;

	if (bytes > room) {
		more += bytes - room;
		bytes = room;
	}
	size_t kept = there < room - bytes ? there : room - bytes;
	memmove(end, end + there - kept, kept);
	for (size_t i = 0; i < bytes; i++)
		end[kept + i] = more[i] != '\0' ? more[i] : ' ';
	end[kept + bytes] = '\0';
}

/* What does not fit is read and dropped, so that the child never waits for us. */
static void gather(int *file, char *text, size_t *used, size_t bytes, char *end)
{
	char chunk[4096];
	ssize_t got = read(*file, chunk, sizeof chunk);

	if (got < 0 && errno == EINTR)
		return;
	if (got <= 0) {
		close(*file);
		*file = -1;
		return;
	}
	size_t fits = bytes - 1 - *used < (size_t)got ? bytes - 1 - *used : (size_t)got;
	memcpy(text + *used, chunk, fits);
	*used += fits;
	text[*used] = '\0';
	keep_end(end, chunk, (size_t)got);
}

/* False: nothing came. */
static bool gather_for(struct child *child, int wait_ms)
{
	struct pollfd file[2] = { { .fd = child->output, .events = POLLIN },
		                  { .fd = child->error, .events = POLLIN } };

	if (poll(file, 2, wait_ms) <= 0)
		return false;
	if (file[0].revents != 0)
		gather(&child->output, child->output_text, &child->output_used,
		       sizeof child->output_text, child->output_end);
	if (file[1].revents != 0)
		gather(&child->error, child->error_text, &child->error_used,
		       sizeof child->error_text, child->error_end);
	return true;
}

bool child_watch(struct child *child, double wait_s)
{
	gather_for(child, (int)(wait_s * 1000));
	return child->output >= 0 || child->error >= 0;
}

static void close_pipes(struct child *child)
{
	int *const end[] = { &child->input, &child->output, &child->error };

	for (size_t i = 0; i < sizeof end / sizeof end[0]; i++) {
		if (*end[i] >= 0)
			close(*end[i]);
		*end[i] = -1;
	}
}

/* Why not to wait any longer. */
static bool is_over(struct child *child, double limit_s)
{
	child->is_interrupted = child_interrupted();
	child->is_late = child_clock_s() - child->started_s > limit_s;
	return child->is_interrupted || child->is_late;
}

/* So that it can clear up what it made. 0: it did not. */
static pid_t end_gently(pid_t id, int *status)
{
	pid_t ended = 0;

	kill(-id, SIGTERM);
	for (int ms = 0; ended == 0 && ms < GENTLE_MS; ms += GENTLE_POLL_MS) {
		nanosleep(&(struct timespec){ .tv_nsec = GENTLE_POLL_MS * 1000000 }, NULL);
		ended = waitpid(id, status, WNOHANG);
	}
	return ended;
}

/* As a rule the pipes are closed by its end. A process that closes them and lives on is waited for;
 * one that ended, but left others who hold them, is found out in the watching. */
bool child_end(struct child *child, double limit_s)
{
	int status = 0;
	pid_t ended = 0;
	bool is_open = true;

	while (ended == 0 && !is_over(child, limit_s)) {
		if (is_open)
			is_open = child_watch(child, WATCH_MS * 1e-3);
		else
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
		ended = waitpid(child->id, &status, WNOHANG);
	}
	if (ended == 0)
		ended = end_gently(child->id, &status);
	while (gather_for(child, 0) && is_open)
		is_open = child->output >= 0 || child->error >= 0;
	kill(-child->id, SIGKILL); /* itself, or what it left behind */
	while (ended == 0 || (ended < 0 && errno == EINTR))
		ended = waitpid(child->id, &status, 0);
	close_pipes(child);
	child->status =
	    WIFSIGNALED(status) ? STATUS_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
	return child->status == 0 && !child->is_late && !child->is_interrupted;
}

bool child_run(struct child *child, const char *const argv[], const char *variable,
               const char *preload, double limit_s)
{
	child_start(child, argv, variable, preload);
	return child_end(child, limit_s);
}

/* The last line that is not empty says most. */
static const char *last_line(char *text)
{
	char *end = text + strlen(text);

	while (end > text && end[-1] == '\n')
		*--end = '\0';
	char *start = strrchr(text, '\n');
	return start != NULL ? start + 1 : text;
}

void child_fault(const struct child *child, char *text, size_t bytes)
{
	char said[CHILD_ERROR_BYTES];

	memcpy(said, child->error_text, sizeof said);
	if (child->is_interrupted)
		snprintf(text, bytes, "interrupted");
	else if (child->is_late)
		snprintf(text, bytes, "not ended in time");
	else if (child->status > STATUS_SIGNAL)
		snprintf(text, bytes, "ended by signal %d: %s", child->status - STATUS_SIGNAL,
		         last_line(said));
	else
		snprintf(text, bytes, "exit status %d: %s", child->status, last_line(said));
}

static uint64_t available_bytes(void)
{
	unsigned long long kb = 0;
	char line[256];
	FILE *file = fopen("/proc/meminfo", "re");

	while (file != NULL && fgets(line, sizeof line, file) != NULL) {
		if (sscanf(line, "MemAvailable: %llu kB", &kb) == 1)
			break;
	}
	if (file != NULL)
		fclose(file);
	return kb * 1024;
}

static void touch(uint64_t bytes, bool huge)
{
	char *memory =
	    mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		_exit(1);
	if (madvise(memory, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) != 0 && huge) {
		(void)munmap(memory, bytes); /* a system without */
		return;
	}
	for (uint64_t i = 0; i < bytes; i += PAGE_BYTES)
		((volatile char *)memory)[i] = 1;
	(void)munmap(memory, bytes);
}

void child_touch_memory(uint64_t bytes)
{
	uint64_t most_bytes = available_bytes() / 2;
	int status = 0;

	fflush(NULL);
	pid_t id = fork();
	if (id < 0)
		give_up("fork");
	if (id == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		bytes = bytes < most_bytes ? bytes : most_bytes;
		touch(bytes, true);
		touch(bytes, false);
		_exit(0);
	}
	while (waitpid(id, &status, 0) < 0 && errno == EINTR)
		continue;
	if (status != 0)
		fprintf(stderr, "memory could not be touched before a run\n");
}
