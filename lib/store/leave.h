/* How entries leave the store.
 *
 * Two steps, in one read section: tide_leave_locked takes the entry out of list, wheel and index,
 * then into the list of those that leave, all under the lock; tide_leave_told, without it, tells
 * the program. The read section keeps it from being freed in between. Draining frees what has left,
 * after a grace period: nobody can have found it who began after that.
 *
 * Touched by  every thread
 */
#ifndef TIDE_STORE_LEAVE_H
#define TIDE_STORE_LEAVE_H

#include "state.h"

/* Between two drains that nobody waits for. */
#define TIDE_LEAVE_DRAIN_NS (10 * TIDE_STORE_MILLISECOND)

TIDE_HIDDEN void tide_leave_locked(struct tide_store *store, struct tide_store_entry *entry,
                                   enum tide_store_reason reason);
TIDE_HIDDEN void tide_leave_told(struct tide_store *store, struct tide_store_entry *entry,
                                 enum tide_store_reason reason);
/* The oldest entry leaves. Returns the bytes that it took (header and body); 0: there is none. */
TIDE_HIDDEN uint64_t tide_leave_oldest(struct tide_store *store, enum tide_store_reason reason);
/* Those whose time is over, `most` at most. Returns whether there may be more. */
TIDE_HIDDEN bool tide_leave_expired(struct tide_store *store, unsigned most);
/* Free all that has left. Waits for read sections; not in one, nor under the lock. */
TIDE_HIDDEN void tide_leave_drain(struct tide_store *store);
/* A body's block; the empty body is none. */
TIDE_HIDDEN void tide_leave_free_body(const void *body);

/* The body of entries that have no bytes. */
TIDE_HIDDEN extern const char tide_leave_empty_body[16];

#endif
