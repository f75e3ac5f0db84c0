/* Where the files are that a program needs beside itself: libraries it preloads, programs it
 * starts, scripts. They are found from the program's own place, so that what is installed can be
 * moved; a build's bin/, lib/ and share/ lie like an installation's, which may have them further
 * apart.
 */
#ifndef TIDE_COMPANION_H
#define TIDE_COMPANION_H

#include <stdbool.h>
#include <stddef.h>

/* The whole path of `name`: a file, or one below a folder of the data ("bench/programs"). A library
 * "X.so" may be there as "X.so.VERSION" alone, where nobody links with it. False when there is
 * none, and `path` is then where a build has it. */
bool companion_path(char *path, size_t bytes, const char *name);

/* Put a library first in LD_PRELOAD. False, after a message of `program`. */
bool companion_preload(const char *program, const char *path);

#endif
