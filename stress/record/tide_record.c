/* tide-record COMMAND: run a program with libtide-record.so preloaded, and tell what it wrote. */
#include "companion.h"

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

enum { EXIT_USAGE = 2, EXIT_NO_COMMAND = 127, LINE_BYTES = 2048 };

/* What is told of a file. */
struct summary {
	char program[64];
	uint64_t blocks, reallocs, lost, kept;
	uint64_t soon; /* freed before eight others were made */
	double bytes;
};

static void help(void)
{
	printf(
	    "Usage: tide-record [--out FOLDER] COMMAND [ARGUMENT]...\n"
	    "\n"
	    "Run COMMAND and record the sizes of the blocks it allocates and how long they live:\n"
	    "one file for each process, in FOLDER (tide-record). A scenario of tide-stress uses\n"
	    "such a file with 'sizes recorded FILE' and 'lifetime recorded'.\n"
	    "\n"
	    "Programs that are statically linked, or end by a signal, leave no file.\n"
	    "The exit status is the command's; 2 when it was not started.\n");
}

/* False, after a message: it can't be preloaded. */
static bool find_library(char *path, size_t bytes)
{
	if (!companion_path(path, bytes, "libtide-record.so")) {
		fprintf(stderr, "tide-record: %s: %s\n", path, strerror(errno));
		return false;
	}
	if (strpbrk(path, ": ") != NULL) {
		fprintf(stderr,
		        "tide-record: a path with a blank or a colon can't be preloaded: %s\n",
		        path);
		return false;
	}
	return true;
}

static bool set_environment(const char *folder)
{
	char library[2 * PATH_MAX], both[4 * PATH_MAX];
	const char *before = getenv("LD_PRELOAD");

	if (!find_library(library, sizeof library))
		return false;
	snprintf(both, sizeof both, "%s%s%s", library, before != NULL && *before != '\0' ? ":" : "",
	         before != NULL ? before : "");
	return setenv("LD_PRELOAD", both, 1) == 0 && setenv("TIDE_RECORD_FOLDER", folder, 1) == 0;
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

/* A line "size MIN MAX COUNT LIFE:COUNT..." */
static void add_size(struct summary *summary, char *line)
{
	uint64_t min = 0, max = 0, count = 0, ended = 0, of = 0;
	unsigned life = 0;
	int used = 0;

	if (sscanf(line, "size %" SCNu64 " %" SCNu64 " %" SCNu64 "%n", &min, &max, &count, &used) !=
	    3)
		return;
	summary->blocks += count;
	summary->bytes += (double)count * (double)(min + max) / 2;
	for (line += used; sscanf(line, " %u:%" SCNu64 "%n", &life, &of, &used) == 2;
	     line += used) {
		ended += of;
		if (life < 3)
			summary->soon += of;
	}
	summary->kept += count - ended;
}

static bool summarise(struct summary *summary, const char *path)
{
	char line[LINE_BYTES];
	FILE *file = fopen(path, "re");

	*summary = (struct summary){ 0 };
	if (file == NULL)
		return false;
	while (fgets(line, sizeof line, file) != NULL) {
		sscanf(line, "program %63s", summary->program);
		sscanf(line, "lost %" SCNu64, &summary->lost);
		sscanf(line, "calls malloc %*u calloc %*u realloc %" SCNu64, &summary->reallocs);
		add_size(summary, line);
	}
	fclose(file);
	return summary->blocks != 0;
}

static void tell(const struct summary *summary, const char *path)
{
	double blocks = (double)summary->blocks;

	printf("%-16s %11" PRIu64 " %10.1f %9.1f %% %9.1f %% %9" PRIu64 "  %s\n", summary->program,
	       summary->blocks, summary->bytes / blocks, 100 * (double)summary->soon / blocks,
	       100 * (double)summary->kept / blocks, summary->reallocs, path);
	if (summary->lost != 0)
		printf("  %" PRIu64 " blocks could not be followed\n", summary->lost);
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
		struct summary summary;

		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		if (kind == NULL || strcmp(kind, ".distribution") != 0 ||
		    stat(path, &status) != 0 || is_older(&status, start) ||
		    !summarise(&summary, path))
			continue;
		if (told++ == 0)
			printf("\n%-16s %11s %10s %11s %11s %9s  %s\n", "program", "blocks",
			       "mean bytes", "freed soon", "never freed", "reallocs", "file");
		tell(&summary, path);
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
