/* The ready queue: a stack of type-stable nodes with a count of pops beside its head, and a level.
 *
 * Stands for
 *   lib/stack.h: tide_stack_push, tide_stack_pop, tide_stack_is_empty_racy
 *   lib/queue.h: tide_queue_push, tide_queue_pop, tide_queue_has_room
 *   lib/slow_free.c: tide_slow_give_away
 *   gc/refill.c: take_back
 *
 * Abstracted
 *   The stack is that of all that is kept in one: spare bins, parked caches, sealed regions, too.
 *   A bin holds one block, so that the count of blocks is one of bins. Which thread pushes and
 *   which pops, and when, is a free choice: that covers missing and freeing threads and
 *   the GC alike.
 *   What is done with a node in hand is a store of anything to its `next`: it may be in a garbage
 *   queue or in a private list meanwhile, and a pop that came too late reads that.
 *
 * Memory   sequentially consistent, which is all that x86-TSO can show here: the only plain store
 *          is the one to `next`, no load lies between it and the compare-and-swap that follows in
 *          the same thread, and that empties the store buffer.
 * Bounds   3 bins; 2 threads of 4 operations (ABA takes three against one), or 3 of 2, 2 and 1
 *
 * Properties
 *   A node is taken by one thread and only out of the stack, none is lost, the chain ends
 *   (asserts).
 *   The count of blocks is never below what is in the stack, and is exact at rest (asserts). When
 *   nobody pushes but where there was room, the stack is above its level by no more than one bin
 *   for each thread but one (assert; run `level`).
 *   Lock-free: in no execution whatsoever, such with threads that are never scheduled again among
 *   them, are steps made for ever and operations completed no more (non-progress cycle), and nobody
 *   ends up waiting (invalid end state).
 *
 * Checks, for check.sh: name, what is searched for, what must come of it, definitions.
 * @check two         safety    holds
 * @check three       safety    holds                               -DTHREADS=3 -DOPERATIONS=2
 * @check level       safety    holds                               -DLEVEL=1
 * @check lock_free   progress  holds                               -DOPERATIONS=3
 * @check no_tag      safety    breaks(assertion violated)          -DMUTATE_no_tag
 * @check head_first  safety    breaks(assertion violated)          -DMUTATE_head_first
 * @check link_once   safety    breaks(assertion violated)          -DMUTATE_link_once
 * @check count_late  safety    breaks(assertion violated (blocks>=inside)) -DMUTATE_count_late
 * @check room_equal  safety    breaks(assertion violated (inside<=) -DLEVEL=1 -DMUTATE_room_equal
 * @check two_stores  progress  breaks(non-progress cycle)          -DMUTATE_two_stores
 */
#ifndef THREADS
#define THREADS 2
#endif
#ifndef OPERATIONS
#define OPERATIONS 4
#endif
#define NODES   3
#define NULL    0
#define PENDING 9 /* only in a mutation */

/* Memory. Node 0 is NULL; its `next` stays 0. */
byte next[NODES + 1];
byte head;
byte tag;
short blocks;

/* What the checks need. */
byte holder[NODES + 1]; /* the thread that has the node in hand; 0: it is in the stack */
byte inside;            /* nodes in the stack */
byte done;

/* The stack has just got node n, or lost it. */
inline entered(n)
{
	holder[n] = 0;
	inside++;
	assert(blocks >= inside);
#ifdef LEVEL
	assert(inside <= LEVEL - 1 + THREADS)
#endif
}

inline left(n)
{
	assert(n != NULL && n <= NODES);
	assert(holder[n] == 0);
	holder[n] = me;
	inside--
}

#define MINE(n) (holder[n] == me)

/* tide_queue_has_room, where the level matters; else a push comes as it likes, and never fails. */
#if !defined(LEVEL)
#define ROOM true
#elif defined(MUTATE_room_equal)
#define ROOM (blocks <= LEVEL)
#else
#define ROOM (blocks < LEVEL)
#endif

/* tide_stack_push. */
inline push(n)
{
#ifndef MUTATE_count_late
	blocks++;
#endif
	seen = head;
#ifdef MUTATE_two_stores
	next[n] = PENDING;
	atomic { seen = head; head = n; entered(n) };
	next[n] = seen;
#else
#ifdef MUTATE_link_once
	next[n] = seen;
#endif
	do
	:: true ->
#ifndef MUTATE_link_once
		next[n] = seen;
#endif
		if
		:: atomic { head == seen -> head = n; entered(n) }; break
		:: atomic { head != seen -> seen = head }
		fi
	od;
#endif
#ifdef MUTATE_count_late
	blocks++;
#endif
	atomic { seen = NULL; n = NULL }
}

/* tide_stack_pop: the double-width compare-and-swap is one step. */
inline pop()
{
	do
	:: true ->
#ifdef MUTATE_head_first
		node = head;
		seen_tag = tag;
#else
		seen_tag = tag;
		node = head;
#endif
		if
		:: node == NULL -> break
		:: else -> seen = next[node]
		fi;
		if
		:: seen == PENDING -> skip
#ifdef MUTATE_no_tag
		:: atomic { seen != PENDING && head == node ->
#else
		:: atomic { seen != PENDING && head == node && tag == seen_tag ->
#endif
			head = seen; tag++; left(node) };
			blocks--;
			assert(blocks >= inside);
			break
#ifdef MUTATE_no_tag
		:: seen != PENDING && head != node -> skip
#else
		:: seen != PENDING && (head != node || tag != seen_tag) -> skip
#endif
		fi
	od;
	atomic { seen = NULL; seen_tag = 0 }
}

/* Walk the chain: it has every node that nobody has in hand. */
inline at_rest()
{
	assert(blocks == inside);
	node = head;
	do
	:: node != NULL ->
		assert(inside > 0 && holder[node] == 0);
		inside--;
		node = next[node]
	:: else -> break
	od;
	assert(inside == 0)
}

proctype thread(byte me)
{
	byte operations, node, seen, seen_tag;
	do
	:: operations < OPERATIONS - me / 3 ->
		/* A bin in hand, if there is one: it is pushed, else one is popped. */
		atomic {
			operations++;
			if
			:: MINE(1) -> node = 1
			:: MINE(2) -> node = 2
			:: MINE(3) -> node = 3
			:: true -> node = NULL
			fi
		};
		if
		:: node == NULL ->
			pop();
			/* It is in use elsewhere, which overwrites the link. */
			atomic {
				if
				:: node != NULL -> next[node] = NULL
				:: node != NULL -> next[node] = 1
				:: node != NULL -> next[node] = 2
				:: node != NULL -> next[node] = 3
				:: else -> skip
				fi;
				node = NULL
			}
		:: node != NULL && ROOM -> push(node)
		:: node != NULL && !ROOM -> node = NULL
		fi;
progress:	skip
	:: else -> break
	od;
	atomic {
		done++;
		if
		:: done == THREADS -> at_rest()
		:: else -> skip
		fi
	}
}

init
{
	atomic {
#ifdef LEVEL
		holder[1] = 1;
		holder[2] = 2;
		holder[3] = 1;
#else
		head = 1;
		next[1] = 2;
		next[2] = 3;
		blocks = 3;
		inside = 3;
#endif
		run thread(1);
		run thread(2);
#if THREADS == 3
		run thread(3);
#endif
	}
}
