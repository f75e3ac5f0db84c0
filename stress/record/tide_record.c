/* tide-record COMMAND: run a program with libtide-record.so preloaded, and tell what it wrote. */
#include "companion.h"
#include "trace/summary.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, EXIT_NO_COMMAND = 127 };

static void help(void)
{
	printf(
	    "Usage: tide-record [--out FOLDER] COMMAND [ARGUMENT]...\n"
	    "\n"
	    "Run COMMAND and record each call of its allocator, of all threads and of all\n"
	    "processes: one file PROGRAM-PID.trace for each, in FOLDER (tide-record). A process\n"
	    "that is killed leaves what it did up to then. tide-replay plays a trace on any\n"
	    "allocator, tide-trace shows it as text and makes distributions for tide-stress.\n"
	    "\n"
	    "The allocator is the command's own, or the one that LD_PRELOAD names. Programs that\n"
	    "are statically linked leave no file. Some six bytes are written for each call.\n"
	    "The exit status is the command's; 2 when it was not started.\n");
}

static bool set_environment(const char *folder)
{
	char library[PATH_MAX];

	(void)companion_path(library, sizeof library, "libtide-record.so");
	/* Not TIDE_...: Tide would take that for an option it does not know. */
	return companion_preload("tide-record", library) &&
	       setenv("RECORD_TIDE_FOLDER", folder, 1) == 0;
}

/* The exit status of the command, as a shell has it. */
static int run(char *command[], const char *folder)
{
	int status = 0;

	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		if (!set_environment(folder))
			_exit(EXIT_USAGE);
		execvp(command[0], command);
		fprintf(stderr, "tide-record: %s: %s\n", command[0], strerror(errno));
		_exit(EXIT_NO_COMMAND);
	}
	/* Ctrl-C is for the command; what it wrote is to be told after. */
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	if (child < 0 || waitpid(child, &status, 0) != child) {
		perror("tide-record");
		return EXIT_USAGE;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void tell(const char *path)
{
	static struct trace trace;
	static struct summary summary;
	const struct books *books = &summary.books;
	uint64_t bytes;

	if (!trace_open(&trace, path) || !summary_make(&summary, &trace)) {
		printf("%s\n", trace.fault);
		trace_close(&trace);
		return;
	}
	bytes = books->calls != 0 ? 10 * trace.call_bytes / books->calls : 0;
	printf("%-16s %11" PRIu64 " %7" PRIu64 " %14" PRIu64 " %14" PRIu64 " %7" PRIu64 ".%" PRIu64
	       "  %s%s\n",
	       trace.head.program, books->calls, summary.threads, books->bytes, books->peak_bytes,
	       bytes / 10, bytes % 10, path, trace.head.ended != 0 ? "" : " (did not exit)");
	if (trace.head.lost != 0)
		printf("  %" PRIu64 " calls could not be recorded\n", trace.head.lost);
	trace_close(&trace);
}

static bool is_older(const struct stat *status, const struct timespec *start)
{
	if (status->st_mtim.tv_sec != start->tv_sec)
		return status->st_mtim.tv_sec < start->tv_sec;
	return status->st_mtim.tv_nsec < start->tv_nsec;
}

/* The files written since `start`; how many. */
static unsigned tell_all(const char *folder, const struct timespec *start)
{
	DIR *entries = opendir(folder);
	struct dirent *entry;
	unsigned told = 0;

	while (entries != NULL && (entry = readdir(entries)) != NULL) {
		char path[2 * PATH_MAX];
		const char *kind = strrchr(entry->d_name, '.');
		struct stat status;

		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		if (kind == NULL || strcmp(kind, ".trace") != 0 || stat(path, &status) != 0 ||
		    is_older(&status, start))
			continue;
		if (told++ == 0)
			printf("\n%-16s %11s %7s %14s %14s %9s  %s\n", "program", "calls",
			       "threads", "bytes in all", "most live", "per call", "file");
		tell(path);
	}
	if (entries != NULL)
		closedir(entries);
	return told;
}

/* The time as the file system sees it, which may lag behind the clock. */
static bool folder_start(const char *wanted, char *folder, struct timespec *start)
{
	char path[2 * PATH_MAX];
	struct stat status;
	bool good = false;

	if ((mkdir(wanted, 0777) != 0 && errno != EEXIST) || realpath(wanted, folder) == NULL) {
		fprintf(stderr, "tide-record: %s: %s\n", wanted, strerror(errno));
		return false;
	}
	snprintf(path, sizeof path, "%s/.start-%d", folder, (int)getpid());
	FILE *file = fopen(path, "we");
	if (file != NULL) {
		good = fstat(fileno(file), &status) == 0;
		*start = status.st_mtim;
		fclose(file);
		unlink(path);
	}
	if (!good)
		fprintf(stderr, "tide-record: %s: %s\n", folder, strerror(errno));
	return good;
}

int main(int argc, char *argv[])
{
	static const struct option known[] = { { "out", required_argument, NULL, 'o' },
		                               { "help", no_argument, NULL, 'h' },
		                               { NULL, 0, NULL, 0 } };
	const char *wanted = "tide-record";
	char folder[PATH_MAX];
	struct timespec start;

	for (int option; (option = getopt_long(argc, argv, "+", known, NULL)) != -1;) {
		if (option == 'h') {
			help();
			return 0;
		}
		if (option != 'o')
			return EXIT_USAGE;
		wanted = optarg;
	}
	if (optind == argc) {
		fprintf(stderr, "tide-record: a command is missing; see --help\n");
		return EXIT_USAGE;
	}
	if (!folder_start(wanted, folder, &start))
		return EXIT_USAGE;
	int status = run(argv + optind, folder);
	if (tell_all(folder, &start) == 0)
		fprintf(stderr, "tide-record: no process wrote anything into %s\n", folder);
	return status;
}
