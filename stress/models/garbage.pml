/* The garbage bins of one thread: handed over to the GC, and taken over when their thread vanishes.
 *
 * Stands for
 *   lib/garbage.h: tide_garbage_init, tide_garbage_publish, tide_garbage_consume,
 *                  tide_garbage_is_empty, tide_garbage_repair
 *   lib/bin.c:     tide_bin_new, tide_bin_recycle
 *   lib/cache.c:   tide_cache_adopt
 *   gc/drain.c:    tide_gc_drain_cache
 *
 * Abstracted
 *   A bin carries one block, so that a bin's bytes are 1. Spare bins are a set, any of which may
 *   come next (queue.pml has the stack they are in); as a spare, and in any other place between two
 *   uses, a bin's `next` is anything. The GC token and who holds it is one process that never
 *   leaves off (token.pml): it drains, or adopts the cache once its thread is gone. The next owner
 *   of the cache begins after the adoption, as it has to pop the cache from the parked stack.
 *   Vanishing after any step stands for a thread that ends in a signal handler, and for the copies
 *   of all other threads that fork does not take along.
 *
 * Memory   sequentially consistent: of the producer's stores only those to `next` and the two
 *          counters are ever read by others; between them the producer loads nothing that others
 *          store, and the store that publishes is a locked instruction, before which the buffer is
 *          empty. What a vanishing thread, or a fork's copy, has of a buffer is a part of its
 *          stores from the first one on: the same as vanishing earlier.
 * Bounds   4 bins; 2 owners one after the other, who publish 2 blocks each; vanishing at any step
 *
 * Properties
 *   A block is drained once at most, and only after it was published; in the end all that were
 *   linked are drained, by the time nothing is left to do (asserts). No bin is spare twice, or
 *   spare while in the queue (asserts). The backlog is never taken for less than it is (assert).
 *   Wait-free: the consumer's and the producer's steps are no loops; the repair's walk ends
 *   (non-progress cycle), and a frozen producer leaves the GC nothing to wait for.
 *
 * Checks, for check.sh: name, what is searched for, what must come of it, definitions.
 * @check handover     safety    holds
 * @check wait_free    progress  holds
 * @check link_first   safety    breaks(assertion violated)            -DMUTATE_link_first
 * @check spend_taken  safety    breaks(assertion violated)            -DMUTATE_spend_taken
 * @check from_tail    safety    breaks(assertion violated)            -DMUTATE_from_tail
 * @check no_repair    safety    breaks(assertion violated)            -DMUTATE_no_repair
 * @check count_late   safety    breaks(assertion violated (backlog>=) -DMUTATE_count_late
 * @check no_token     safety    breaks(assertion violated)            -DMUTATE_no_token
 */
#define BINS   4
#define BLOCKS 4
#define FIRST  2 /* of the blocks, the first owner's */
#define NULL   0

/* Memory. Bin 0 is NULL. */
byte next[BINS + 1];
byte block[BINS + 1];
byte head = 1; /* the token's */
byte tail = 1; /* the producer's */
short backlog; /* published_bytes - drained_bytes */

/* What the checks need. */
bool spare[BINS + 1];
bool linked[BLOCKS + 1];
bool drained[BLOCKS + 1];
byte waiting; /* blocks linked and not taken out */
bool vanish;  /* the first owner is never scheduled again */
bool parked;  /* it came to its end instead */
bool second, finished;

/* A spare bin: with as many as there are, one is or will be there. */
inline take_spare()
{
	atomic {
		if
		:: spare[1] -> bin = 1
		:: spare[2] -> bin = 2
		:: spare[3] -> bin = 3
		:: spare[4] -> bin = 4
		fi;
		spare[bin] = false
	}
}

/* To the spare bins, where its link is overwritten. */
inline recycle(b)
{
	atomic {
		assert(!spare[b]);
		spare[b] = true;
		if
		:: next[b] = NULL
		:: next[b] = 1
		:: next[b] = 2
		:: next[b] = 3
		:: next[b] = 4
		fi
	}
}

inline link()
{
	atomic {
		next[tail] = bin;
		linked[block[bin]] = true;
		waiting++;
		assert(backlog >= waiting)
	}
}

inline publish()
{
#ifdef MUTATE_link_first
	backlog++;
	link();
	next[bin] = NULL;
#else
	next[bin] = NULL;
#ifdef MUTATE_count_late
	link();
	backlog++;
#else
	backlog++;
	link();
#endif
#endif
	tail = bin
}

inline publish_all(last)
{
	do
	:: n <= last ->
		take_spare();
		block[bin] = n;
		publish();
		atomic { bin = NULL; n++ }
	:: n > last -> break
	od
}

/* Ends at its last block, parking the cache, or at any step before. */
proctype first_owner()
{
	byte bin;
	byte n = 1;
	{
		publish_all(FIRST);
		parked = true
	} unless {
		vanish
	}
}

proctype second_owner()
{
	byte bin;
	byte n = FIRST + 1;
	publish_all(BLOCKS);
	finished = true
}

proctype fate()
{
	if
	:: atomic { !parked -> vanish = true }
	:: atomic { parked -> second = true; run second_owner() }
	fi
}

inline consume()
{
	bin = next[head];
	if
	:: bin != NULL ->
		atomic { backlog--; waiting-- };
		atomic { spent = head; head = bin };
		atomic {
			assert(linked[block[bin]] && !drained[block[bin]]);
			drained[block[bin]] = true;
			block[bin] = 0
		};
#ifdef MUTATE_spend_taken
		recycle(bin);
#else
		recycle(spent);
#endif
		atomic { spent = NULL; bin = NULL }
	:: else -> skip
	fi
}

/* tide_garbage_repair, then the cache may have its next owner. */
inline adopt()
{
#ifndef MUTATE_no_repair
#ifndef MUTATE_from_tail
	tail = head;
#endif
	do
	:: next[tail] != NULL -> tail = next[tail]
	:: next[tail] == NULL -> break
	od;
#endif
	atomic { second = true; run second_owner() }
}

#define ALL_LINKED_ARE_DRAINED \
	(linked[1] == drained[1] && linked[2] == drained[2] && \
	linked[3] && drained[3] && linked[4] && drained[4])

proctype gc()
{
	byte bin, spent;
	do
	:: next[head] != NULL || !finished ->
progress:	if
		:: next[head] != NULL -> consume()
		:: vanish && !second -> adopt()
		:: next[head] == NULL && finished -> skip
		fi
	:: next[head] == NULL && finished -> break
	od;
	assert(waiting == 0 && ALL_LINKED_ARE_DRAINED)
}

#ifdef MUTATE_no_token
/* One more, without the token. */
proctype thief()
{
	byte bin, spent;
	consume()
}
#endif

init
{
	atomic {
		spare[2] = true;
		spare[3] = true;
		spare[4] = true;
		run first_owner();
		run fate();
#ifdef MUTATE_no_token
		run thief();
#endif
		run gc()
	}
}
