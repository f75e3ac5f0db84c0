/* The GC thread has the rights of the program's threads, and follows when they change.
 *
 * The C library's setuid and its kin change the threads that the library knows, one by one, and the
 * GC thread is none of them (os.h). Left behind it would be a way back to what the program gave up:
 * all threads share the memory, and who can write there can make any of them do anything. So the GC
 * thread looks, and where its rights are not the program's it ends; the next thread that misses
 * starts another, and clone gives that one the rights of the thread that started it.
 *
 * Ended and started anew, and not changed by setresuid and the rest, because
 *   - all that threads have of their own comes along, also what no call could take over:
 *     supplementary groups, capability sets, securebits, no_new_privs, filters of system calls,
 *     Landlock domains, security labels;
 *   - a change of ids makes the kernel forget that the process may be dumped, for all of it, and
 *     the program may have just set that by prctl.
 * And looked for, and not told by setuid and its kin under names of ours: programs make the calls
 * without the C library, capset and prctl would have to be there too, and libtide-core.a replaces
 * nothing.
 *
 * What is looked at are status files of /proc, opened when the thread begins, so neither a chroot
 * nor a lower limit of open files later on is any matter: ids, groups, no_new_privs and Seccomp
 * must be those of the process's first thread (of another one, when that has ended; its file is
 * opened then), capabilities no more than it has: a GC thread of root has none. Where a file can't
 * be had, it is asked whether prlimit takes the two for the same user and group.
 *
 * When    FOLLOW_NS apart while there is work, else after each sleep; where the program's threads
 *         have something to give up, no_new_privs being unset included, no sleep is longer than
 *         ASLEEP_NS; elsewhere only a filter can come, and may stay unseen as long as the GC thread
 *         sleeps, 30 seconds. A program that needs to know calls tide_gc_stop before the change and
 *         tide_gc_start after it.
 * Unseen  what status files do not show, when it changes alone: Landlock domains, security labels,
 *         namespaces of one thread. tide_gc_stop and tide_gc_start are for these too.
 * Filter  a first thread that has a filter of system calls where the GC thread has none: the GC
 *         thread ends, and is not started again unasked, since the filter may end the process for
 *         the call. A GC thread that has the filter too (SECCOMP_FILTER_FLAG_TSYNC) looks no more:
 *         it sees so in its own file, before any call that is not on the list in <tide/tide.h>.
 *         (But for a filter that comes between the two, where the first thread has ended.)
 * Threads that differ among themselves, or one that changes to and fro, make the GC thread that of
 *         the last one to start it; looks are then further and further apart, up to FOLLOW_MAX_NS,
 *         and nearer again, by half, with each that sees no difference. A GC thread gives all free
 *         memory back before it leaves, but not soon after another one did.
 *
 * Touched by  the GC thread only, with system calls, hence without the token
 */
#ifndef TIDE_GC_FOLLOW_H
#define TIDE_GC_FOLLOW_H

#include "compiler.h"

enum tide_gc_follow {
	GC_FOLLOW_SAME,
	GC_FOLLOW_CHANGED, /* the GC thread has other rights, or more */
	GC_FOLLOW_FILTERED /* the program's thread has a filter of system calls */
};

/* Once in a GC thread's life, when its files are apart if they can be, and at its end. */
TIDE_HIDDEN void tide_gc_follow_begin(uint64_t now_ns, bool files_apart);
TIDE_HIDDEN void tide_gc_follow_end(void);
/* Look, when it is time to. */
TIDE_HIDDEN enum tide_gc_follow tide_gc_follow_round(uint64_t now_ns);
/* It leaves: whether it purges before. */
TIDE_HIDDEN bool tide_gc_follow_purges(uint64_t now_ns);
/* The longest that the GC thread may sleep; 0: no limit. */
TIDE_HIDDEN uint64_t tide_gc_follow_patience_ns(void);

/* What two status files say of two threads: the GC thread, and one of the program. */
TIDE_HIDDEN enum tide_gc_follow tide_gc_follow_compare(const char *own, const char *other);
/* How long it is to the next look. */
TIDE_HIDDEN uint64_t tide_gc_follow_interval_ns(uint64_t before_ns, enum tide_gc_follow seen);
/* Whether the thread can change its rights at all without a new program, filters aside. */
TIDE_HIDDEN bool tide_gc_follow_is_exposed(const char *status);

#endif
