/* The pending bins of a cache: its owner's in slow calls, the GC's when the thread seems idle.
 *
 * Stands for
 *   lib/cache.h:  tide_cache_slow_enter, tide_cache_slow_leave, tide_cache_pending
 *   lib/cache.c:  tide_cache_take_idle, tide_cache_empty, tide_cache_park, tide_cache_unpark,
 *                 tide_cache_adopt, park_left
 *   lib/slow.c:   tide_slow_refill, empty_to_ready
 *   lib/slow_free.c: make_room, tide_slow_give_away
 *   gc/release.c: tide_gc_empty_idle, empty_parked
 *   gc/drain.c:   tide_gc_drain_bin
 *
 * Abstracted
 *   One class, whose bins have room for one block, so that each is empty or full and most calls
 *   are slow. Whether a thread seems idle, by its count of slow calls, is a free choice: the count
 *   is a hint, and the swap alone decides. What is given away goes to the free set in one step
 *   (garbage.pml, queue.pml), and its bin to the spare ones; a refill takes from the free set, as
 *   the frontier would do. The parked stack is a set with pop and push in one step; new caches are
 *   not made, so a thread begins when the cache is parked. The GC is whoever has the token.
 *   A thread's stores to its ready bin are nobody else's affair, so a hit is one step.
 *   That a thread is gone is seen at once when it is (adopt.pml); vanishing, it takes what it had
 *   in its hands with it. Pools of medium blocks (pool.c) are pending bins like others.
 *
 * Memory   sequentially consistent: taking is a swap, a locked instruction, on both sides. Giving
 *          back is a plain store, which leaves a store buffer after all that the taker stored; while
 *          it is in there the bins look taken, which is as if their taker had been slower.
 * Bounds   1 cache, 2 owners one after the other with 3 calls each, the GC with 2 rounds and
 *          an emptying; 3 blocks, 4 bins; vanishes: an owner after any step; frozen: 1 owner and the
 *          GC go on and on, and either may stop for ever after any step
 *
 * Properties
 *   No bin is in two hands, no block is handed out that somebody has, and none is freed twice
 *   (asserts). In the end each block is in one place, none lost but with a thread that vanished, and
 *   the pending bins are nobody's (asserts). Nobody waits: an owner that stops at any step does
 *   not stop the GC, nor the GC an owner (non-progress cycle, invalid end state).
 *
 * Checks, for check.sh: name, what is searched for, what must come of it, definitions.
 * @check pending      safety    holds
 * @check vanished     safety    holds                      -DVANISHES
 * @check frozen       progress  holds                      -DFROZEN
 * @check load_store   safety    breaks(assertion violated) -DMUTATE_load_store
 * @check owner_store  safety    breaks(assertion violated) -DMUTATE_owner_store
 * @check early        safety    breaks(assertion violated) -DMUTATE_early
 * @check owner_early  safety    breaks(assertion violated) -DMUTATE_owner_early
 * @check not_asked    safety    breaks(assertion violated) -DMUTATE_not_asked
 * @check empty_all    safety    breaks(assertion violated) -DMUTATE_empty_all
 * @check leave_all    safety    breaks(assertion violated) -DMUTATE_leave_all
 * @check kept         safety    breaks(assertion violated !(is_taken)) -DVANISHES -DMUTATE_kept
 * @check waits        progress  breaks(non-progress cycle) -DFROZEN -DMUTATE_waits
 */
#ifdef FROZEN
#define OWNERS 1
#else
#define OWNERS 2
#endif
#define CALLS  3
#define ROUNDS 2
#define BLOCKS 3 /* numbered from 1, as bins are; 0 is none */
#define BINS   4
#define GC     3 /* an actor, as owners are 1 and 2 */

/* Memory. */
bool is_taken;    /* pending_taken */
bool has_pending; /* plain, the owner's */
byte ready;       /* a bin */
byte pending;
byte block[BINS + 1]; /* the one in the bin */
bool parked;
bool free_set[BLOCKS + 1];
bool spare[BINS + 1];

/* What the checks need. */
bool held[BLOCKS + 1]; /* the program's */
byte hand[BINS + 1];   /* who has the bin out of its place */
byte running = OWNERS;
bool gone; /* an owner vanished, and its cache is not parked yet */
bool vanished;

#ifdef VANISHES
#define OR_VANISH \
	:: atomic { me != GC && !vanished -> vanished = true; gone = true; running--; goto over }
#else
#define OR_VANISH
#endif
#define STEP(x) if :: atomic { x } OR_VANISH fi

#ifdef FROZEN
#define COUNT(x) skip
#else
#define COUNT(x) x++
#endif

/* A bin comes into the hands of the calling actor. */
inline grasp(b)
{
	assert(b == 0 || hand[b] == 0);
	hand[b] = (b != 0 -> me : 0)
}

inline let_go(b)
{
	assert(b == 0 || hand[b] == me);
	hand[b] = 0
}

inline to_free_set(b)
{
	if
	:: b != 0 ->
		assert(!free_set[b] && !held[b]);
		free_set[b] = true
	:: else -> skip
	fi
}

inline to_program(b)
{
	assert(b != 0 && !free_set[b] && !held[b]);
	held[b] = true
}

inline take_free_block(to)
{
	if
	:: free_set[1] -> to = 1
	:: free_set[2] -> to = 2
	:: free_set[3] -> to = 3
	:: !free_set[1] && !free_set[2] && !free_set[3] -> to = 0
	fi;
	free_set[to] = false
}

inline take_spare(to)
{
	if
	:: spare[1] -> to = 1
	:: !spare[1] && spare[2] -> to = 2
	:: !spare[1] && !spare[2] && spare[3] -> to = 3
	:: !spare[1] && !spare[2] && !spare[3] && spare[4] -> to = 4
	:: !spare[1] && !spare[2] && !spare[3] && !spare[4] -> to = 0
	fi;
	spare[to] = false;
	grasp(to)
}

/* Full or empty: given away or recycled. */
inline away(b)
{
	if
	:: b != 0 ->
		to_free_set(block[b]);
		block[b] = 0;
		let_go(b);
		spare[b] = true
	:: else -> skip
	fi
}

/* By an owner, or the GC with a parked cache in hand. */
inline slow_enter()
{
#if defined(MUTATE_waits)
	do
	:: is_taken -> skip
	:: atomic { !is_taken -> is_taken = true; has_pending = true; break }
	od;
#elif defined(MUTATE_owner_store)
	STEP(has_pending = !is_taken);
	STEP(is_taken = true);
#else
	STEP(has_pending = !is_taken; is_taken = true);
#endif
#ifdef MUTATE_owner_early
	if
	:: has_pending -> STEP(is_taken = false)
	:: else -> skip
	fi;
#endif
#ifdef MUTATE_not_asked
	STEP(has_pending = true)
#endif
}

inline slow_leave()
{
#ifdef MUTATE_leave_all
	STEP(is_taken = false);
#else
	if
	:: has_pending -> STEP(is_taken = false)
	:: else -> skip
	fi;
#endif
	STEP(has_pending = false)
}

#define PENDING (has_pending -> pending : 0)

/* The ready bin is empty, or there is none: the pending bin, when it is full, or a block of the
 * free set. */
inline refill()
{
	bin = PENDING;
	if
	:: bin != 0 && block[bin] != 0 ->
		STEP(grasp(bin); pending = 0);
		STEP(old = ready; ready = 0; grasp(old));
		if
		:: old == 0 -> skip
		:: old != 0 && pending == 0 -> STEP(pending = old; let_go(old))
		:: old != 0 && pending != 0 -> STEP(away(old))
		fi
	:: else ->
		STEP(bin = ready; ready = 0; grasp(bin));
		if
		:: bin == 0 -> STEP(take_spare(bin))
		:: else -> skip
		fi;
		if
		:: bin != 0 -> STEP(take_free_block(block[bin]))
		:: else -> skip
		fi
	fi;
	STEP(ready = bin; let_go(bin))
}

/* The ready bin is full, or there is none. */
inline make_room()
{
	if
	:: ready == 0 ->
		STEP(take_spare(fresh));
		STEP(ready = fresh; let_go(fresh))
	:: else ->
		bin = PENDING;
		if
		:: bin != 0 && block[bin] == 0 -> STEP(fresh = bin; grasp(fresh))
		:: else -> STEP(take_spare(fresh))
		fi;
		if
		:: fresh == 0 -> skip
		:: else ->
			STEP(old = ready; ready = 0; grasp(old));
			if
			:: has_pending ->
				if
				:: bin != 0 && bin != fresh -> 
					STEP(grasp(bin); pending = old; let_go(old); old = bin)
				:: else -> STEP(pending = old; let_go(old); old = 0)
				fi
			:: else -> skip
			fi;
			if
			:: old != 0 -> STEP(away(old))
			:: else -> skip
			fi;
			STEP(ready = fresh; let_go(fresh))
		fi
	fi
}

#define HELD (held[1] -> 1 : (held[2] -> 2 : (held[3] -> 3 : 0)))

inline pop()
{
	if
	:: ready != 0 && block[ready] != 0 ->
		STEP(to_program(block[ready]); block[ready] = 0)
	:: else -> skip
	fi
}

inline call_malloc()
{
	if
	:: ready == 0 || block[ready] == 0 ->
		slow_enter();
		refill();
		slow_leave()
	:: else -> skip
	fi;
	pop()
}

/* No memory for a bin: the block is an orphan. */
inline push()
{
	STEP(
		mine = HELD;
		held[mine] = false;
		if
		:: ready != 0 && block[ready] == 0 -> block[ready] = mine
		:: else -> to_free_set(mine)
		fi;
		mine = 0)
}

inline call_free()
{
	if
	:: ready == 0 || block[ready] != 0 ->
		slow_enter();
		make_room();
		slow_leave()
	:: else -> skip
	fi;
	push()
}

/* As bin_to_garbage does with what the GC drains next. */
inline empty_cache()
{
	slow_enter();
#ifdef MUTATE_empty_all
	bin = pending;
#else
	bin = PENDING;
#endif
	if
	:: bin != 0 -> STEP(grasp(bin); pending = 0)
	:: else -> skip
	fi;
	STEP(old = ready; ready = 0; grasp(old));
	STEP(away(old));
	STEP(away(bin));
	slow_leave()
}

proctype owner(byte me)
{
	byte calls, bin, old, fresh, mine;
	atomic { parked -> parked = false };
	do
	:: calls < CALLS ->
		COUNT(calls);
		if
		:: call_malloc()
		:: HELD != 0 -> call_free()
		:: empty_cache() /* tide_purge */
		fi;
		atomic { bin = 0; old = 0; fresh = 0 };
progress:	skip
	:: calls == CALLS -> break
	od;
	atomic { parked = true; running-- };
over:	atomic { bin = 0; old = 0; fresh = 0; mine = 0; calls = 0 }
}

/* The pending bins, when nobody is at them. */
inline take_idle()
{
#ifdef MUTATE_load_store
	was_taken = is_taken;
	is_taken = true;
#else
	atomic { was_taken = is_taken; is_taken = true };
#endif
	if
	:: was_taken -> skip
	:: else ->
#ifdef MUTATE_early
		is_taken = false;
#endif
		bin = pending;
		if
		:: bin != 0 && block[bin] != 0 ->
			atomic { grasp(bin); to_free_set(block[bin]) };
			atomic { block[bin] = 0; let_go(bin) }
		:: else -> skip
		fi;
		is_taken = false
	fi;
	atomic { bin = 0; was_taken = false }
}

/* The cache of a thread that ended without notice. A bin that is in both places is in one. */
inline adopt()
{
	atomic {
		gone = false;
#ifndef MUTATE_kept
		is_taken = false;
#endif
		if
		:: pending == ready -> pending = 0
		:: else -> skip
		fi;
		hand[1] = 0;
		hand[2] = 0;
		hand[3] = 0;
		hand[4] = 0;
		parked = true
	}
}

inline empty_parked()
{
	if
	:: atomic { parked -> parked = false };
		empty_cache();
		atomic { bin = 0; old = 0; parked = true }
	:: !parked -> skip
	fi
}

#define PLACES(b)                                                                     \
	(held[b] + free_set[b] + (ready != 0 && block[ready] == b) +                   \
	 (pending != 0 && block[pending] == b))
#define IS_SOMEWHERE(b) (PLACES(b) == 1 || (vanished && PLACES(b) == 0))

proctype gc()
{
	byte me = GC;
	byte rounds, emptied, bin, old;
	bool was_taken;
	do
	:: rounds < ROUNDS -> COUNT(rounds); take_idle();
progress:	skip
	:: gone -> adopt()
	:: emptied < 1 && parked -> emptied++; empty_parked()
	:: rounds == ROUNDS && running == 0 && !gone -> break
	od;
	assert(!is_taken);
	assert(IS_SOMEWHERE(1));
	assert(IS_SOMEWHERE(2));
	assert(IS_SOMEWHERE(3));
over:	skip
}

init
{
	atomic {
		/* As if its thread had used it for a while. */
		ready = 1;
		pending = 2;
		block[2] = 1;
		spare[3] = true;
		spare[4] = true;
		free_set[2] = true;
		held[3] = true;
		parked = true;
		run owner(1);
#if OWNERS == 2
		run owner(2);
#endif
		run gc()
	}
}
