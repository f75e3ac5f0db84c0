/* See companion.h. COMPANION_FOLDERS, from CMake, is where they are installed. */
#include "companion.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Relative to the folder of the program. */
static const char *const folder[] = { ".", "../lib", "../share/tide", COMPANION_FOLDERS };

/* The folder that the program lies in; "." when the system does not tell. */
static void own_folder(char *path, size_t bytes)
{
	ssize_t length = readlink("/proc/self/exe", path, bytes - 1);

	path[length > 0 ? length : 0] = '\0';
	char *slash = strrchr(path, '/');
	if (slash == NULL)
		snprintf(path, bytes, ".");
	else
		*slash = '\0';
}

static bool is_there(char *path, size_t bytes, const char *in, const char *name)
{
	static const char *const suffix[] = { "", COMPANION_LIBRARY_SUFFIX };
	size_t suffixes = strstr(name, ".so") != NULL ? 2 : 1;

	for (size_t i = 0; i < suffixes; i++) {
		int length = snprintf(path, bytes, "%s/%s%s", in, name, suffix[i]);
		if (length > 0 && (size_t)length < bytes && access(path, R_OK) == 0)
			return true;
	}
	return false;
}

bool companion_path(char *path, size_t bytes, const char *name)
{
	char own[PATH_MAX], near[2 * PATH_MAX], resolved[PATH_MAX];

	own_folder(own, sizeof own);
	for (size_t i = 0; i < sizeof folder / sizeof folder[0]; i++) {
		snprintf(near, sizeof near, "%s/%s", own, folder[i]);
		if (realpath(near, resolved) != NULL && is_there(path, bytes, resolved, name))
			return true;
	}
	snprintf(path, bytes, "%s/../lib/%s", own, name);
	return false;
}

bool companion_preload(const char *program, const char *path)
{
	const char *before = getenv("LD_PRELOAD");
	char *all;

	if (access(path, R_OK) != 0) {
		fprintf(stderr, "%s: %s: %s\n", program, path, strerror(errno));
		return false;
	}
	if (strpbrk(path, ": ") != NULL) {
		fprintf(stderr, "%s: %s: a path with a blank or a colon can't be preloaded\n",
		        program, path);
		return false;
	}
	bool more = before != NULL && *before != '\0';
	if (asprintf(&all, "%s%s%s", path, more ? ":" : "", more ? before : "") < 0)
		return false;
	bool set = setenv("LD_PRELOAD", all, 1) == 0;
	free(all);
	return set;
}
