/* What tide-footprint and its load tell each other: a page in a file that both map. The load
 * allocates nothing, writes nothing and calls nothing while it idles; its memory is looked at from
 * outside. */
#ifndef BENCH_FOOTPRINT_H
#define BENCH_FOOTPRINT_H

#include <stdatomic.h>
#include <stdint.h>

/* Each goes on until the next begins. A phase that does something ends with a pause, long enough to
 * be looked at. */
enum footprint_phase {
	FOOTPRINT_START, /* the program itself, no block yet */
	FOOTPRINT_GROW,  /* to the live bytes that were asked for */
	FOOTPRINT_DROP,  /* a random 90 % is freed */
	FOOTPRINT_IDLE_1,
	FOOTPRINT_OTHER,  /* half as many bytes are made again, in other sizes */
	FOOTPRINT_DROP_2, /* a random 90 % again */
	FOOTPRINT_IDLE_2,
	FOOTPRINT_FREE, /* all */
	FOOTPRINT_IDLE_3,
	FOOTPRINT_END, /* the program ends: not looked at */
	FOOTPRINT_PHASES
};

/* One writer for each field: thread i of the load writes live_bytes[i], thread 0 the phase.
 * order  relaxed: samples */
struct footprint_page {
	_Atomic uint32_t phase;
	_Atomic uint64_t live_bytes[8];
};

enum { FOOTPRINT_THREADS_MAX = 8 };

#endif
