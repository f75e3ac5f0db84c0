#include "heap.h"

#include "meta.h"

TIDE_APART struct tide_heap tide_heap_default;

static TIDE_OWN_LINE struct tide_stack destroyed;
/* Slots in use.
 * writers  makers, by CAS   readers  the same   order  acq-rel, relaxed   edges  none: a ticket */
static _Atomic uint32_t made;

struct tide_heap *tide_heap_next(struct tide_heap *heap)
{
	do {
		heap = tide_load_acquire(&heap->next);             /* heap.list */
	} while (heap != NULL && !tide_load_acquire(&heap->live)); /* heap.live */
	return heap;
}

static struct tide_heap *make(void)
{
	uint32_t slot = tide_load_relaxed(&made);
	struct tide_heap *heap = slot < TIDE_HEAPS_MAX ? tide_meta_alloc(sizeof *heap) : NULL;
	if (heap == NULL)
		return NULL;
	/* Memory first: a slot that was taken and given back could be another's by then. Who loses
	 * the race for the last slot loses that memory. */
	do {
		if (slot >= TIDE_HEAPS_MAX)
			return NULL;
	} while (!tide_cas_acq_rel(&made, &slot, slot + 1));
	heap->slot = slot;
	tide_store_relaxed(&heap->generation, 1u);
	struct tide_heap *next = tide_load_relaxed(&tide_heap_default.next);
	do {
		tide_store_relaxed(&heap->next, next);
	} while (!tide_cas_release(&tide_heap_default.next, &next, heap)); /* heap.list */
	return heap;
}

struct tide_heap *tide_heap_take(void)
{
	struct tide_node *node = tide_stack_pop(&destroyed);
	return node != NULL ? (void *)((char *)node - offsetof(struct tide_heap, node)) : make();
}

void tide_heap_recycle(struct tide_heap *heap)
{
	tide_stack_push(&destroyed, &heap->node);
}
