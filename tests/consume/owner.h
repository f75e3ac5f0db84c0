/* Whose malloc it is. The C library's blocks, given to tide_free, would end the program (option
 * `fatal`); Tide's, given to the C library's free, too. */
#ifndef CONSUME_OWNER_H
#define CONSUME_OWNER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tide/tide.h>

/* Of a program that Tide's malloc is in: that of its own calls, and of the C library's. */
static inline int is_all_tides(void)
{
	void *own = malloc(1000);
	char *librarys = strdup("made by the C library");

	if (own == NULL || librarys == NULL || strcmp(librarys, "made by the C library") != 0)
		return 0;
	tide_free(own);
	tide_free(librarys);
	return 1;
}

/* The headers and the library are of one version. */
static inline int is_one_version(void)
{
	char header[32];

	(void)snprintf(header, sizeof header, "%d.%d.%d", TIDE_VERSION_MAJOR, TIDE_VERSION_MINOR,
	               TIDE_VERSION_PATCH);
	return strcmp(tide_version(), header) == 0;
}

#endif
