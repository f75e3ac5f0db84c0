/* tide-measure: run a command under an allocator and report what it took.
 *
 * A program of its own because a process inherits the resident peak of the one that it was forked
 * from: started by this small one, ru_maxrss is the command's. The preload is put on the command
 * alone, neither on this program nor on the load.
 *
 * The report is one line of JSON:
 *   wall_s          from the start of the command to its end; of a server: of the load
 *   cpu_s           user and system time of the command and the children it waited for
 *   peak_rss_bytes  the most that the processes of the command held together: the peak of the
 *                   largest (exact, from the kernel), or the sum of the peaks of those that were
 *                   seen alive at the same time (sampled), whichever is more
 *
 * Exit status  the command's, 128 + n when signal n ended it; 124 time is over; 125 it could not be
 *              started or measured; of a server: 75 when it ended before it listened, 1 when it
 *              ended under load or badly, or the load failed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	STATUS_SERVER_BAD = 1,
	STATUS_NOT_LISTENING = 75,
	STATUS_TIMEOUT = 124,
	STATUS_UNABLE = 125,
	STATUS_SIGNAL = 128,
};
enum { SAMPLE_MS = 100, CONNECT_MS = 10, END_S = 20 };

static const char usage[] =
    "usage: tide-measure [--preload FILE] [--report FILE] [--limit SECONDS] COMMAND [ARGUMENT...]\n"
    "       tide-measure [...] --port PORT --load SHELL_COMMAND SERVER [ARGUMENT...]\n"
    "       tide-measure --free-port\n"
    "The server is ended by SIGTERM when the load is over. The load finds PORT and SERVER_PID in\n"
    "its environment. The report goes to FILE, or to the standard error.\n";

struct task {
	const char *preload; /* NULL: none */
	const char *report;  /* NULL: the standard error */
	const char *load;    /* NULL: the command is no server */
	uint16_t port;
	double limit_s;
	char **command;
};

struct measured {
	pid_t pid;
	bool is_over;
	int status; /* as wait gives it; valid when it is over */
	struct rusage usage;
	uint64_t sampled_bytes;
};

/* Signals are taken by sigtimedwait: no handler, and none is lost between a test and a wait. */
static sigset_t awaited;
static double deadline_s;

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "tide-measure: %s: %s\n", what, strerror(errno));
	exit(STATUS_UNABLE);
}

/* In the child: as if a shell had started it, but in a group of its own, which ends as a whole. */
static _Noreturn void become(char *const command[], const char *preload)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	sigprocmask(SIG_UNBLOCK, &awaited, NULL);
	if (preload != NULL)
		setenv("LD_PRELOAD", preload, 1);
	else
		unsetenv("LD_PRELOAD");
	execvp(command[0], command);
	give_up(command[0]);
}

static pid_t start(char *const command[], const char *preload)
{
	pid_t pid = fork();

	if (pid < 0)
		give_up("fork");
	if (pid == 0)
		become(command, preload);
	setpgid(pid, pid); /* here too: the group is there before anybody signals it */
	return pid;
}

/* The peak of a process and of its living descendants. Only the first thread's children are looked
 * at: those are the ones that the programs measured here have. */
static uint64_t peak_of_tree_bytes(pid_t pid)
{
	char path[64], line[256];
	uint64_t sum_bytes = 0;
	unsigned long long peak_kb;
	int child;
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof line, file) != NULL) {
		if (sscanf(line, "VmHWM: %llu kB", &peak_kb) == 1)
			sum_bytes = peak_kb * 1024;
	}
	if (file != NULL)
		fclose(file);

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
	file = fopen(path, "re");
	while (file != NULL && fscanf(file, "%d", &child) == 1)
		sum_bytes += peak_of_tree_bytes(child);
	if (file != NULL)
		fclose(file);
	return sum_bytes;
}

static void sample(struct measured *of)
{
	uint64_t bytes = peak_of_tree_bytes(of->pid);

	if (bytes > of->sampled_bytes)
		of->sampled_bytes = bytes;
}

/* Wait a little, but not beyond the deadline. Returns the signal that came, 0 when none did. */
static int wait_ms(long ms)
{
	struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	int signal_number = sigtimedwait(&awaited, NULL, &pause);

	return signal_number < 0 ? 0 : signal_number;
}

/* Note the end of a child, if it has come. */
static bool has_ended(struct measured *of)
{
	if (!of->is_over)
		of->is_over = wait4(of->pid, &of->status, WNOHANG, &of->usage) == of->pid;
	return of->is_over;
}

static void end_group(struct measured *of)
{
	kill(-of->pid, SIGKILL);
	if (!of->is_over && wait4(of->pid, &of->status, 0, &of->usage) == of->pid)
		of->is_over = true;
}

/* Why to stop waiting for children that have not ended: 0 is "no reason". */
static int stop_reason(int signal_number)
{
	if (signal_number != 0 && signal_number != SIGCHLD)
		return STATUS_SIGNAL + signal_number;
	if (now_s() < deadline_s)
		return 0;
	fprintf(stderr, "tide-measure: time is over\n");
	return STATUS_TIMEOUT;
}

static int exit_status(int wait_status)
{
	if (WIFSIGNALED(wait_status))
		return STATUS_SIGNAL + WTERMSIG(wait_status);
	return WEXITSTATUS(wait_status);
}

static double seconds_of(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

static void report(const struct task *task, const struct measured *of, double wall_s)
{
	uint64_t peak_bytes = (uint64_t)of->usage.ru_maxrss * 1024;
	FILE *file = task->report != NULL ? fopen(task->report, "we") : stderr;

	if (file == NULL)
		give_up(task->report);
	if (peak_bytes < of->sampled_bytes)
		peak_bytes = of->sampled_bytes;
	fprintf(file, "{\"wall_s\":%.6f,\"cpu_s\":%.6f,\"peak_rss_bytes\":%llu}\n", wall_s,
	        seconds_of(of->usage.ru_utime) + seconds_of(of->usage.ru_stime),
	        (unsigned long long)peak_bytes);
	if (fflush(file) != 0 || (file != stderr && fclose(file) != 0))
		give_up("the report");
}

static int measure_command(const struct task *task)
{
	double begin_s = now_s();
	struct measured of = { .pid = start(task->command, task->preload) };

	while (!has_ended(&of)) {
		int reason = stop_reason(wait_ms(SAMPLE_MS));

		if (reason != 0) {
			end_group(&of);
			return reason;
		}
		if (!has_ended(&of))
			sample(&of);
	}

	double wall_s = now_s() - begin_s;

	kill(-of.pid, SIGKILL); /* whatever it left behind */
	report(task, &of, wall_s);
	return exit_status(of.status);
}

static bool port_answers(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		                       .sin_port = htons(port),
		                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool answers;

	if (fd < 0)
		give_up("socket");
	answers = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
	close(fd);
	return answers;
}

/* Returns 0 when the server listens, else the status to exit with. */
static int await_port(struct measured *server, uint16_t port)
{
	while (!port_answers(port)) {
		int reason = stop_reason(wait_ms(CONNECT_MS));

		if (reason != 0)
			return reason;
		if (has_ended(server))
			return STATUS_NOT_LISTENING;
	}
	return 0;
}

/* Returns 0 when the load has succeeded and the server still runs, else the status to exit with. */
static int await_load(struct measured *server, struct measured *load)
{
	while (!has_ended(load)) {
		int reason = stop_reason(wait_ms(SAMPLE_MS));

		if (reason != 0)
			return reason;
		if (has_ended(server)) {
			fprintf(stderr, "tide-measure: the server ended under load, status %d\n",
			        exit_status(server->status));
			return STATUS_SERVER_BAD;
		}
		sample(server);
	}
	if (exit_status(load->status) == 0)
		return 0;
	fprintf(stderr, "tide-measure: the load ended with %d\n", exit_status(load->status));
	return STATUS_SERVER_BAD;
}

/* Ask the server to end. Returns 0 when it does so well. */
static int await_end(struct measured *server)
{
	double until_s = now_s() + END_S;

	sample(server);
	kill(server->pid, SIGTERM);
	while (!has_ended(server)) {
		int reason = stop_reason(wait_ms(CONNECT_MS));

		if (reason != 0)
			return reason;
		if (now_s() > until_s) {
			fprintf(stderr, "tide-measure: the server does not end\n");
			return STATUS_SERVER_BAD;
		}
	}
	if (exit_status(server->status) == 0 ||
	    exit_status(server->status) == STATUS_SIGNAL + SIGTERM)
		return 0;
	fprintf(stderr, "tide-measure: the server ended with %d\n", exit_status(server->status));
	return STATUS_SERVER_BAD;
}

static int measure_server(const struct task *task)
{
	char text[16];
	char *const shell[] = { "sh", "-c", (char *)(uintptr_t)task->load, NULL };
	struct measured server = { .pid = start(task->command, task->preload) };
	struct measured load = { .is_over = true };
	double wall_s = 0;
	int status = await_port(&server, task->port);

	if (status == 0) {
		double begin_s = now_s();

		snprintf(text, sizeof text, "%u", task->port);
		setenv("PORT", text, 1);
		snprintf(text, sizeof text, "%d", (int)server.pid);
		setenv("SERVER_PID", text, 1);
		load = (struct measured){ .pid = start(shell, NULL) };
		status = await_load(&server, &load);
		wall_s = now_s() - begin_s;
		end_group(&load);
	}
	if (status == 0)
		status = await_end(&server);
	end_group(&server);
	if (status == 0)
		report(task, &server, wall_s);
	return status;
}

static int print_free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) != 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) != 0)
		give_up("no port");
	printf("%u\n", ntohs(address.sin_port));
	return 0;
}

static _Noreturn void refuse_arguments(void)
{
	fputs(usage, stderr);
	exit(STATUS_UNABLE);
}

static double number_between(const char *text, double least, double most)
{
	char *end;
	double number = strtod(text, &end);

	if (end == text || *end != '\0' || !(number >= least && number <= most))
		refuse_arguments();
	return number;
}

/* Returns false when only a port is wanted. */
static bool read_arguments(struct task *task, int argc, char **argv)
{
	static const struct option options[] = {
		{ "preload", required_argument, NULL, 'p' },
		{ "report", required_argument, NULL, 'r' },
		{ "limit", required_argument, NULL, 't' },
		{ "load", required_argument, NULL, 'l' },
		{ "port", required_argument, NULL, 'P' },
		{ "free-port", no_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		switch (option) {
		case 'p':
			task->preload = *optarg != '\0' ? optarg : NULL;
			break;
		case 'r':
			task->report = optarg;
			break;
		case 't':
			task->limit_s = number_between(optarg, 0.001, 1e6);
			break;
		case 'l':
			task->load = optarg;
			break;
		case 'P':
			task->port = (uint16_t)number_between(optarg, 1, 65535);
			break;
		case 'f':
			return false;
		default:
			refuse_arguments();
		}
	}
	task->command = argv + optind;
	if (*task->command == NULL || (task->load != NULL) != (task->port != 0))
		refuse_arguments();
	return true;
}

int main(int argc, char **argv)
{
	struct task task = { .limit_s = 600 };

	if (!read_arguments(&task, argc, argv))
		return print_free_port();
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* who started it is to see it end */
	sigemptyset(&awaited);
	sigaddset(&awaited, SIGCHLD);
	sigaddset(&awaited, SIGHUP);
	sigaddset(&awaited, SIGINT);
	sigaddset(&awaited, SIGTERM);
	sigprocmask(SIG_BLOCK, &awaited, NULL);
	deadline_s = now_s() + task.limit_s;
	return task.load != NULL ? measure_server(&task) : measure_command(&task);
}
