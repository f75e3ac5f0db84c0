/* Whether the allocator comes to rest: when all is freed and nobody calls any more, an idle process
 * gives its memory back, nothing is left in anybody's garbage, and no thread is known that is gone.
 *
 * Asked of Tide while its GC thread runs; others, and processes of one thread, promise no such
 * thing.
 *
 * Touched by  the main thread only.
 */
#ifndef STRESS_REST_H
#define STRESS_REST_H

#include "sampler.h"

/* After all was freed, and no thread is left but this one. Waits, and takes samples meanwhile.
 * False, after a message: memory, garbage or threads are left. */
bool rest_verdict(struct sampler *sampler);

#endif
