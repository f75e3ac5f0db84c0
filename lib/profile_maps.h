/* The end of a heap profile: which files are mapped where, as /proc/self/maps has it. Where that
 * can't be read (a chroot without /proc, no descriptor left) it is the files in which the sites'
 * addresses lie, as the loader knows them; a line before says so.
 *
 * The loader is asked by _dl_find_object (glibc 2.35), which takes no lock: another thread may be
 * in dlopen, or this one in a signal handler that interrupted it.
 * With no lock, what it has found stays only as long as nobody unloads it: a dlclose at this moment
 * of a file with such an address, in another thread or in what a signal handler interrupted, may
 * take the file's name away while it is read. A program that does that must not write profiles
 * meanwhile where /proc/self/maps can't be read.
 *
 * Touched by  who writes a profile, one thread at a time
 */
#ifndef TIDE_PROFILE_MAPS_H
#define TIDE_PROFILE_MAPS_H

#include "profile_text.h"

TIDE_HIDDEN void tide_profile_put_maps(struct tide_profile_text *text);

#endif
