/* System calls about files, raw like those of os.h: for what the GC thread publishes. None of them
 * is ever made by a thread in malloc or free.
 *
 * Errors  a call that can fail returns a negative errno; errno is never touched.
 */
#ifndef TIDE_OS_FILE_H
#define TIDE_OS_FILE_H

#include "compiler.h"

/* Give the calling thread, one of ours, a file table of its own, empty: what it opens can't get
 * into the program's way (a number the program counts on, a file it closes, a socket its children
 * inherit). False: the system can't (before Linux 5.9), and it shares the program's. Numbers 0 to
 * 2 stay unused, so that what is written to them is not written to a file of ours. */
TIDE_HIDDEN bool tide_os_files_apart(void);
/* A second descriptor for file number `file` of the process's first thread. */
TIDE_HIDDEN int tide_os_file_of_process(int file);
/* Whether system calls of this thread go through a filter, which may end the process for some. */
TIDE_HIDDEN bool tide_os_is_filtered(void);

/* Whether the calling thread, without CAP_SYS_RESOURCE, has the user and group of that thread, and
 * that one no others besides; true as well where the system does not say, or there is none. The
 * first thread's id is the process's. */
TIDE_HIDDEN bool tide_os_has_ids_of(uint32_t thread_id);
/* Open a file to be read, where `path` begins at an open folder, by a thread whose file table is
 * its own: any number above 2 will do, so it can be had under a low limit, too. Negative: it can't
 * be. */
TIDE_HIDDEN int tide_os_file_open_apart(int folder, const char *path);

/* Where a symbolic link leads, with its end; false: it is none, or that has no room. */
TIDE_HIDDEN bool tide_os_read_link(const char *path, char *text, size_t room);

/* Open or create for writing, mode 0600, never through a symbolic link; it must be a regular file,
 * and must not exist yet when `fresh`. */
TIDE_HIDDEN int tide_os_create(const char *path, bool fresh);
/* Open what is there, to write at its end. */
TIDE_HIDDEN int tide_os_append(const char *path);
TIDE_HIDDEN void tide_os_close(int file);
/* All of it. 0 or a negative errno. */
TIDE_HIDDEN int tide_os_write(int file, const char *text, size_t bytes);
TIDE_HIDDEN int tide_os_rename(const char *from, const char *to);
TIDE_HIDDEN int tide_os_unlink(const char *path);
/* Whether something else than a regular file is there. */
TIDE_HIDDEN bool tide_os_is_special(const char *path);

/* A file in memory of that many bytes, mode 0600, whose size nobody can change; mapped shared at
 * *start, but not in children. */
TIDE_HIDDEN int tide_os_memory_file(const char *name, size_t bytes, void **start);

/* A socket in the file system, mode 0600, that listens; in place of one that nobody listens at. */
TIDE_HIDDEN int tide_os_listen(const char *path);
/* These never wait: -EAGAIN. */
TIDE_HIDDEN int tide_os_accept(int listener);
TIDE_HIDDEN long tide_os_receive(int socket, char *text, size_t room);
TIDE_HIDDEN long tide_os_send(int socket, const char *text, size_t bytes);

#endif
