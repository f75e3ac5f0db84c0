/* Lock-free stack of type-stable nodes: the one hand-over structure of the shared middle.
 *
 * R. K. Treiber's stack (IBM RJ 5118, 1986) with a modification count beside the head, changed
 * together by a double-width compare-and-swap, so that a node popped and pushed again in between
 * (ABA) makes the exchange fail. Only pop counts: a push that finds the head it read is right
 * whatever happened in between.
 *
 * Touched by  any thread at both ends
 * Ownership   push gives the node away, pop takes it
 * Progress    lock-free: an operation is repeated only because another one succeeded; a thread
 *             frozen at any instruction hinders nobody
 * Memory      nodes come from meta.h and never change type: a pop may read `next` of a node that
 *             somebody else has just taken, and then fails
 * Weak order  a pop reads head after count (acquire), and the node's `next` by the head it read: an
 *             exchange that succeeds proves all three to be of one moment. Between a push and the
 *             pop of its node other exchanges may stand; each is a read-modify-write of the head,
 *             so the acquire still meets the push's release
 * Edges       stack.hand  push (CAS release) -> pop (load acquire): the node and what it carries
 */
#ifndef TIDE_STACK_H
#define TIDE_STACK_H

#include "atomic.h"
#include "yield.h"

struct tide_node {
	/* writers  the owner of the node   readers  any thread that pops, perhaps in vain
	 * order    relaxed                 edges    none: stack.hand carries it */
	_Atomic(struct tide_node *) next;
};

struct tide_stack {
	/* Head and count of pops.
	 * writers  every thread, by CAS    readers  every thread
	 * order    acquire, release        edges    stack.hand */
	struct tide_tagged head;
};

static inline void tide_stack_push(struct tide_stack *stack, struct tide_node *node)
{
	void *head = tide_load_relaxed(&stack->head.pointer);
	do {
		tide_store_relaxed(&node->next, head);
		TIDE_YIELD("stack.push");
	} while (!tide_cas_release(&stack->head.pointer, &head, node)); /* stack.hand */
}

/* NULL when empty. */
static inline struct tide_node *tide_stack_pop(struct tide_stack *stack)
{
	for (;;) {
		/* The count before the head: were it the other way round, a pop and push in
		 * between would leave an old head with a new count. */
		uintptr_t tag = tide_load_acquire(&stack->head.tag);
		TIDE_YIELD("stack.pop.tag");
		struct tide_node *node = tide_load_acquire(&stack->head.pointer); /* stack.hand */
		if (node == NULL)
			return NULL;
		TIDE_YIELD("stack.pop.head");
		void *next = tide_load_relaxed(&node->next);
		TIDE_YIELD("stack.pop.next");
		if (tide_cas2_acq_rel(&stack->head, node, tag, next, tag + 1)) {
			__builtin_prefetch(next); /* for the next pop */
			return node;
		}
	}
}

/* Empty it at once, its nodes being known otherwise. For the only thread of a process. */
static inline void tide_stack_reset(struct tide_stack *stack)
{
	tide_store_relaxed(&stack->head.pointer, NULL);
}

static inline bool tide_stack_is_empty_racy(struct tide_stack *stack)
{
	return tide_load_relaxed(&stack->head.pointer) == NULL;
}

#endif
