/* The heap profile as a file, in the form that pprof calls "heap_v2":
 *
 *   heap profile: LIVE: BYTES [ALLOCATED: BYTES] @ heap_v2/MEAN      sums over
 *   LIVE: BYTES [ALLOCATED: BYTES] @ 0xADDRESS 0xADDRESS ...         a site each, innermost first
 *   MAPPED_LIBRARIES:                                                then /proc/self/maps
 *
 * The figures are of sampled blocks as they are; a reader scales them up by MEAN and the mean size
 * in a line. A site has blocks of one size (large ones: nearly), so that this is exact. The first
 * address lies in the call, the others are return addresses: so readers take them.
 *
 * Touched by  the process's first thread; who writes, one thread at a time by `profile.writer`
 * Progress    who finds it taken does without. Raw system calls, no allocation
 */
#ifndef TIDE_PROFILE_WRITE_H
#define TIDE_PROFILE_WRITE_H

#include "compiler.h"

/* Once, by the process's first thread, in profile mode: the signal, and what can't be had. */
TIDE_HIDDEN void tide_profile_write_start(void);
/* Say, unless it is on after all, that blocks were allocated before the option could be read. */
TIDE_HIDDEN void tide_profile_write_late(void);

#endif
