/* The index: entries by id, in liburcu's lock-free resizable hash table.
 *
 * Touched by  every thread, in a read section
 * Progress    looking up is wait-free but for the length of a chain, adding and removing lock-free,
 *             also while the table grows or shrinks, which whoever has the work lock does:
 *             liburcu's own thread for that would be one more in the process, and hands its work
 *             over in ways that ThreadSanitizer does not see
 */
#ifndef TIDE_STORE_INDEX_H
#define TIDE_STORE_INDEX_H

#include "state.h"

enum { TIDE_INDEX_BUCKETS_MIN = 64 };

TIDE_HIDDEN struct cds_lfht *tide_index_create(void);
/* How many buckets so many entries want; `buckets` if those will do. */
static inline uint64_t tide_index_buckets_for(uint64_t entries, uint64_t buckets)
{
	if (entries > 2 * buckets)
		return UINT64_C(2) << (63 - __builtin_clzll(entries));
	if (entries < buckets / 8 && buckets > TIDE_INDEX_BUCKETS_MIN)
		return buckets / 4 > TIDE_INDEX_BUCKETS_MIN ? buckets / 4 : TIDE_INDEX_BUCKETS_MIN;
	return buckets;
}
/* Not in a read section. */
TIDE_HIDDEN void tide_index_resize(struct cds_lfht *index, uint64_t buckets);
/* Empty, and not in a read section. */
TIDE_HIDDEN void tide_index_destroy(struct cds_lfht *index);
/* False: the id is there. Publishes all that was written of the entry (entry.id). */
TIDE_HIDDEN bool tide_index_add(struct cds_lfht *index, struct tide_store_entry *entry,
                                uint64_t id);
TIDE_HIDDEN void tide_index_remove(struct cds_lfht *index, struct tide_store_entry *entry);
TIDE_HIDDEN struct tide_store_entry *tide_index_find(struct cds_lfht *index, uint64_t id);

#endif
