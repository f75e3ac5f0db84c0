/* The log, read: which jobs it has, and where their bodies are.
 *
 * Two passes. The first reads every record of every segment and checks it: checksums, numbers
 * without gaps. The second gives the jobs that are left, in the order of their ids, with their
 * bodies. The last segment may end in the middle of a record, as a kill leaves it: it is cut there.
 * A power failure may leave any of it that was not synced, a hole before whole records as well:
 * what is right up to the hole is taken, the rest is left out with a message, and kept beside it.
 * That no sync had confirmed it, the records behind the hole tell. Anything else that is wrong ends
 * the recovery with a message: what was acknowledged is not to be lost in silence.
 */
#ifndef JOBD_RECOVERY_H
#define JOBD_RECOVERY_H

#include "log.h"

struct recovery;

/* NULL, after a message. Fills in `start`, its segments included, which the caller frees or gives
 * to log_open. */
struct recovery *recovery_read(const char *folder, struct log_start *start);
/* Each job to `take`, until it returns false; then false. */
bool recovery_give(struct recovery *recovery,
                   bool (*take)(void *context, const struct record *record, uint32_t segment),
                   void *context);
uint64_t recovery_jobs(const struct recovery *recovery);
void recovery_end(struct recovery *recovery);

#endif
