/* See cli.h. */
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool cli_number(const char *program, const char *option, double min, double max, double *value)
{
	char *end = NULL;

	errno = 0;
	double number = strtod(optarg, &end);
	/* strtod also takes blanks, signs, infinity. */
	if (*optarg >= '0' && *optarg <= '9' && *end == '\0' && errno == 0 && number >= min &&
	    number <= max) {
		*value = number;
		return true;
	}
	fprintf(stderr, "%s: --%s %s: not a number from %g to %g\n", program, option, optarg, min,
	        max);
	return false;
}

void cli_refuse(const char *program, const char *argument)
{
	fprintf(stderr, "%s: %s: no such option, or not used so; see --help\n", program, argument);
}

bool cli_options(const char *program, int argc, char *argv[], const char *letters,
                 const struct option known[], bool (*read)(void *arguments, int option),
                 void *arguments)
{
	opterr = 0;
	for (;;) {
		int at = optind;
		int option = getopt_long(argc, argv, letters, known, NULL);

		if (option == -1)
			break;
		if (option == ':')
			fprintf(stderr, "%s: %s: a value is missing\n", program, argv[at]);
		else if (option == '?')
			cli_refuse(program, argv[at]);
		if (option == ':' || option == '?' || !read(arguments, option))
			return false;
	}
	if (optind == argc)
		return true;
	fprintf(stderr, "%s: %s: not an option; see --help\n", program, argv[optind]);
	return false;
}

bool cli_file_in(const char *program, const char *folder, const char *file, char *path,
                 size_t bytes)
{
	if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
		fprintf(stderr, "%s: %s: %s\n", program, folder, strerror(errno));
		return false;
	}
	if ((size_t)snprintf(path, bytes, "%s/%s", folder, file) < bytes)
		return true;
	fprintf(stderr, "%s: %s: too long\n", program, folder);
	return false;
}

void cli_progress(bool quiet, const char *format, ...)
{
	va_list list;

	if (quiet || !isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r\033[K");
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fflush(stderr);
}
