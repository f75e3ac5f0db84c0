/* One run under one peer: what it reported, if it ended well and was the peer's. */
#ifndef BENCH_TRIAL_H
#define BENCH_TRIAL_H

#include "child.h"
#include "peers.h"

#include <jansson.h>

enum { TRIAL_FAULT_BYTES = 512 };

/* The line of JSON that a child printed last. NULL: it failed, printed none, or its malloc did not
 * come from `peer`, and `fault` says which; "" when Ctrl-C ended it. */
json_t *trial_result(const struct child *child, const struct peer *peer,
                     char fault[TRIAL_FAULT_BYTES]);
/* The number of the peer whose turn it is: each round starts with another one. */
static inline size_t trial_turn(size_t round, size_t turn, size_t peers)
{
	return (turn + round) % peers;
}

/* Touch as much memory as runs took up to now (0: no run yet) and a quarter more: the peers differ,
 * and so does a run from the last one. */
void trial_touch_memory(uint64_t most_bytes);
/* Note what a run took. */
void trial_note_peak(const json_t *run, uint64_t *most_bytes);

#endif
