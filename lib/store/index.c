#include "index.h"

#include "rcu.h"

static struct tide_store_entry *entry_of(struct cds_lfht_node *node)
{
	return (struct tide_store_entry *)(void *)node; /* it is the first member */
}
_Static_assert(offsetof(struct tide_store_entry, node) == 0, "an entry is found by its node");

/* Ids come one after another, and a program may choose its own: every bit has a say in the low
 * ones, which choose the bucket. */
static unsigned long hash_of(uint64_t id)
{
	id ^= id >> 32;
	id *= UINT64_C(0x9e3779b97f4a7c15);
	return (unsigned long)(id ^ id >> 29);
}

static int matches(struct cds_lfht_node *node, const void *key)
{
	/* entry.id */
	return tide_load_acquire(&entry_of(node)->id) == *(const uint64_t *)key;
}

struct cds_lfht *tide_index_create(void)
{
	return cds_lfht_new_flavor(TIDE_INDEX_BUCKETS_MIN, TIDE_INDEX_BUCKETS_MIN, 0, 0,
	                           &urcu_mb_flavor, NULL);
}

void tide_index_resize(struct cds_lfht *index, uint64_t buckets)
{
	/* It reads, and wants a thread that liburcu knows. */
	if (!tide_rcu_registered)
		tide_rcu_register();
	cds_lfht_resize(index, (unsigned long)buckets);
}

void tide_index_destroy(struct cds_lfht *index)
{
	(void)cds_lfht_destroy(index, NULL);
}

bool tide_index_add(struct cds_lfht *index, struct tide_store_entry *entry, uint64_t id)
{
	cds_lfht_node_init(&entry->node);
	tide_store_release(&entry->id, id); /* entry.id */
	return cds_lfht_add_unique(index, hash_of(id), matches, &id, &entry->node) == &entry->node;
}

void tide_index_remove(struct cds_lfht *index, struct tide_store_entry *entry)
{
	(void)cds_lfht_del(index, &entry->node);
}

struct tide_store_entry *tide_index_find(struct cds_lfht *index, uint64_t id)
{
	struct cds_lfht_iter iter;
	cds_lfht_lookup(index, hash_of(id), matches, &id, &iter);
	struct cds_lfht_node *node = cds_lfht_iter_get_node(&iter);
	return node != NULL ? entry_of(node) : NULL;
}
