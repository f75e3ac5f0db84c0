/* The index: entries by id, in liburcu's lock-free resizable hash table.
 *
 * Touched by  every thread, in a read section
 * Progress    looking up is wait-free but for the length of a chain, adding and removing lock-free;
 *             the table grows and shrinks on liburcu's own thread
 */
#ifndef TIDE_STORE_INDEX_H
#define TIDE_STORE_INDEX_H

#include "state.h"

TIDE_HIDDEN struct cds_lfht *tide_index_create(void);
/* Empty, and not in a read section. */
TIDE_HIDDEN void tide_index_destroy(struct cds_lfht *index);
/* False: the id is there. Publishes all that was written of the entry (entry.id). */
TIDE_HIDDEN bool tide_index_add(struct cds_lfht *index, struct tide_store_entry *entry,
                                uint64_t id);
TIDE_HIDDEN void tide_index_remove(struct cds_lfht *index, struct tide_store_entry *entry);
TIDE_HIDDEN struct tide_store_entry *tide_index_find(struct cds_lfht *index, uint64_t id);

#endif
