/* Tide's heap profile: where the program's memory was allocated, from samples.
 *
 * With TIDE_PROFILE=1 in the environment about one byte in TIDE_PROFILE_BYTES (512 KiB) that is
 * allocated has the block it lies in noted, with the stack of the call; every byte has the same
 * chance. A program can't turn it on later: blocks of before would be missing. For the same reason
 * there is none, and a message says so, when something allocates before the environment is there.
 * A sample that finds no memory, or no room in the tables, is lost and counted: the profile has a
 * line that begins with "# incomplete".
 *
 * A profile is written at exit and at a signal (TIDE_PROFILE_FILE, TIDE_PROFILE_SIGNAL), or by the
 * function below. That at exit waits up to five seconds for a thread that is writing one; a process
 * left by _exit or a signal writes none. tide-prof shows what is live, what grew between two of
 * them and what was never freed, draws a flame graph, and writes pprof's format; the file itself is
 * of the older form that google-pprof reads.
 */
#ifndef TIDE_PROFILE_PUBLIC_H
#define TIDE_PROFILE_PUBLIC_H

#include <tide/tide.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Write the profile as it is now into the file `path`, which is replaced when it is complete.
 * Returns 0; EINVAL when there is no profile; EBUSY when another thread is writing one, or that at
 * exit is on its way; else the error of the file system. Async-signal-safe: it allocates nothing,
 * waits for no other thread, and leaves errno as it was. Other threads may go on meanwhile: what
 * they allocate or free is in the profile or not. */
TIDE_API int tide_profile_write(const char *path);

/* Mean distance of two samples in bytes; 0 when there is no profile. Async-signal-safe. */
TIDE_API size_t tide_profile_mean_bytes(void);

#ifdef __cplusplus
}
#endif

#endif
