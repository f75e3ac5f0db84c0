/* What is told to the outside: the page that others watch, files, a socket, what is printed at the
 * end or at a signal. All of it is done by the GC thread, between its steps and without the token,
 * with raw system calls and a file table of its own; in a process without GC thread by whoever
 * calls tide_stats_publish, and at exit.
 *
 * The page is a file in memory, "tide-stats", mode 0600, whose size is sealed: whoever may look
 * into the process finds it under /proc/PID/task/TID/fd of thread "tide-gc" (else /proc/PID/fd) and
 * maps it. It is a struct tide_stats_snapshot, rewritten in place:
 *
 *   writer  sequence odd, fence(release), fields, sequence even (release)    publish.page
 *   reader  sequence even (acquire), fields, fence(acquire), sequence the same
 *
 * Touched by  the GC thread; a thread in tide_stats_publish, a signal handler, the exit of the
 *             process
 * Progress    never waits for another thread, `publish.busy` is tried; but the process's exit does,
 *             for a tenth of a second
 * Memory      the page is not in children (MADV_DONTFORK); a child forgets it and may make its own
 */
#ifndef TIDE_GC_PUBLISH_H
#define TIDE_GC_PUBLISH_H

#include "compiler.h"

/* Once, by the process's first thread, when the options are known: what TIDE_STATS asks for. */
TIDE_HIDDEN void tide_gc_publish_start(void);
/* Whether it needs a GC thread even in a process of one thread. */
TIDE_HIDDEN bool tide_gc_publish_needs_thread(void);

/* The GC thread: at its begin, after each round, before it sleeps, at its end. `patience` is how
 * long it may sleep (0: without limit). */
TIDE_HIDDEN void tide_gc_publish_begin(void);
/* Leave the program's file table for an empty one, before the first file is opened; false:
 * shared. */
TIDE_HIDDEN bool tide_gc_publish_go_apart(void);
TIDE_HIDDEN void tide_gc_publish_round(bool before_sleep);
TIDE_HIDDEN uint64_t tide_gc_publish_patience_ns(void);
TIDE_HIDDEN void tide_gc_publish_end(void);

/* In a child after fork. */
TIDE_HIDDEN void tide_gc_publish_forget(void);

#endif
