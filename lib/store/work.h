/* What there is to do beside the calls of the program: expiry, freeing what has left, checks,
 * moving. Done by the store's thread, or by the program's with no_thread.
 *
 * Touched by  one thread at a time: it has the work lock
 */
#ifndef TIDE_STORE_WORK_H
#define TIDE_STORE_WORK_H

#include "state.h"

/* Returns 0 or EAGAIN. */
TIDE_HIDDEN int tide_work_start(struct tide_store *store);
/* End the thread, and wait for its end. */
TIDE_HIDDEN void tide_work_end(struct tide_store *store);

#endif
