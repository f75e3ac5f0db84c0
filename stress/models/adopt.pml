/* Caches of threads that come, end, and vanish; who adopts them; and the bins that are in them.
 *
 * Stands for
 *   lib/cache.c:  make, tide_cache_unpark, tide_cache_park, tide_cache_take_parked,
 *                 tide_cache_adopt, repair, tide_cache_empty
 *   lib/slow.c:   make_room, refill, empty_to_ready
 *   lib/start.c:  thread_end
 *   lib/os.c:     tide_os_thread_exists
 *   gc/release.c: empty_parked
 *   gc/thread.c:  tide_gc_fork_child
 *
 * Abstracted
 *   The parked stack and the queue are sets with push and pop in one step (queue.pml). One class,
 *   whose bins are full or empty just as it suits the operation, which allows more than the code
 *   does. Bins taken out of a parked cache are spare at once (garbage.pml). The owner word is read
 *   and written in one step, as it is one word. The roll call goes on all the time, in a process
 *   with the token (token.pml). Ids are reused as soon as they are free.
 *   A thread may vanish after any of its steps: that is the thread that ends without notice, and
 *   for the child of a fork it is every other thread; the child's own roll call is the one here.
 *
 * Memory   sequentially consistent: a cache changes hands by locked instructions (the parked stack,
 *          the owner's compare-and-swap). The owner word alone is read without one; a thread that
 *          is gone has nothing left in its store buffer, and of one that is there nothing is
 *          believed but the compare-and-swap's word.
 * Bounds   2 caches, 4 bins, 3 threads with 2 thread ids, one operation on the bins each
 *
 * Properties
 *   A cache is never taken from, or believed free of, a thread that is there, and never in two
 *   hands (asserts). A bin that the GC gets is nowhere else (assert). In the end all caches are
 *   parked, but for those that were in between two owners when their thread vanished, and the
 *   thread count is 0 when none vanished (asserts). The roll call waits for nobody (invalid end
 *   state).
 *   Not kept by the code: a thread that vanishes between taking a cache and owning it, or between
 *   disowning and parking it, takes the cache with it (run `leak`); one that vanishes between
 *   changing its owner word and the count of threads leaves the count wrong for ever (run `count`).
 *
 * Checks, for check.sh: name, what is searched for, what must come of it, definitions.
 * @check adoption     safety    holds
 * @check ends         safety    holds                                     -DNONE_VANISHES
 * @check generation   safety    breaks(assertion violated)                -DMUTATE_no_generation
 * @check look_first   safety    breaks(assertion violated)                -DMUTATE_look_first
 * @check store        safety    breaks(assertion violated)                -DMUTATE_store
 * @check park_first   safety    breaks(assertion violated)                -DMUTATE_park_first
 * @check give_early   safety    breaks(assertion violated)                -DMUTATE_give_early
 * @check leak         safety    open(assertion violated)           -DLEAK
 * @check count        safety    open(assertion violated (threads==0))     -DCOUNT
 */
#define CACHES  2
#define BINS    4
#ifdef OPERATE
#define THREADS 2
#else
#define THREADS 3
#endif
#define IDS     2
#define NULL    0
#define GC      4 /* an actor, as threads are 1 to 3 */
#define NOBODY  5

/* Memory. Cache 0 and bin 0 are NULL. */
byte owner_id[CACHES + 1];
byte owner_count[CACHES + 1];
bool used[CACHES + 1];
byte ready[CACHES + 1];
byte pending[CACHES + 1];
bool parked[CACHES + 1];
bool queued[BINS + 1];
bool spare[BINS + 1];
short threads;
byte made; /* caches; the roster is 1 to `made` */

/* The system's. */
bool exists[IDS + 1];

/* What the checks need. */
byte id[THREADS + 1];
bool gone[THREADS + 1];     /* vanished */
bool between[GC + 1];       /* it has a cache whose owner word does not say so */
byte holder[CACHES + 1];    /* the actor that has the cache; 0: it is parked */
bool ended[THREADS + 1];    /* came to its end */
byte running = THREADS;

inline take_parked(c)
{
	atomic {
		if
		:: parked[1] -> c = 1
		:: parked[2] -> c = 2
		:: !parked[1] && !parked[2] -> c = NULL
		fi;
		if
		:: c != NULL ->
			parked[c] = false;
			assert(holder[c] == 0);
			holder[c] = me;
			between[me] = me != GC
		:: else -> skip
		fi
	}
}

inline push_parked(c)
{
	atomic {
		assert(holder[c] == me && !parked[c]);
		parked[c] = true;
		holder[c] = 0;
		between[me] = false
	}
}

inline unpark()
{
	take_parked(cache);
	if
	:: cache == NULL ->
		atomic {
			if
			:: made < CACHES -> made++; cache = made; holder[cache] = me; between[me] = true
			:: else -> skip
			fi
		}
	:: else -> skip
	fi;
	if
	:: cache != NULL ->
		atomic {
			used[cache] = true;
#ifndef MUTATE_no_generation
			owner_count[cache]++;
#endif
			owner_id[cache] = id[me];
			between[me] = false
		};
		threads++
	:: else -> skip
	fi
}

inline park()
{
	threads--;
#ifdef MUTATE_park_first
	push_parked(cache);
	owner_id[cache] = 0;
#else
	atomic { owner_id[cache] = 0; between[me] = true };
	push_parked(cache);
#endif
	cache = NULL
}

inline take_spare(b)
{
	atomic {
		if
		:: spare[1] -> b = 1
		:: spare[2] -> b = 2
		:: spare[3] -> b = 3
		:: spare[4] -> b = 4
		:: !spare[1] && !spare[2] && !spare[3] && !spare[4] -> b = NULL
		fi;
		spare[b] = false
	}
}

inline pop_queued(b)
{
	atomic {
		if
		:: queued[1] -> b = 1
		:: queued[2] -> b = 2
		:: queued[3] -> b = 3
		:: queued[4] -> b = 4
		:: !queued[1] && !queued[2] && !queued[3] && !queued[4] -> b = NULL
		fi;
		queued[b] = false
	}
}

/* The ready bin is full, or there is none. `out`: the pending bin, when that is full as well. */
inline make_room()
{
	if
	:: ready[cache] == NULL ->
		take_spare(bin);
		ready[cache] = bin
	:: ready[cache] != NULL ->
		if
		:: pending[cache] != NULL -> bin = pending[cache]
		:: true -> out = pending[cache]; take_spare(bin)
		fi;
		if
		:: bin == NULL -> skip
		:: bin != NULL ->
			old = ready[cache];
			ready[cache] = NULL;
#ifdef MUTATE_give_early
			queued[out] = out != NULL;
			pending[cache] = old;
#else
			pending[cache] = old;
			queued[out] = out != NULL;
#endif
			ready[cache] = bin
		fi
	fi
}

/* The ready bin is empty: the pending bin, if it is old, or one of the queue, or a refill. */
inline refill()
{
	if
	:: pending[cache] != NULL -> bin = pending[cache]; pending[cache] = NULL
	:: true -> pop_queued(bin)
	fi;
	if
	:: bin != NULL ->
		old = ready[cache]; /* which is empty here */
		ready[cache] = NULL;
		if
		:: old != NULL && pending[cache] == NULL -> pending[cache] = old
		:: old != NULL && pending[cache] != NULL -> spare[old] = true
		:: old == NULL -> skip
		fi
	:: bin == NULL ->
		bin = ready[cache];
		ready[cache] = NULL;
		if
		:: bin == NULL -> take_spare(bin)
		:: bin != NULL -> skip
		fi
	fi;
	ready[cache] = bin
}

proctype thread(byte me)
{
	byte cache;
#ifdef OPERATE
	byte bin, out, old;
#endif
	{
		atomic {
			if
			:: !exists[1] -> id[me] = 1
			:: !exists[2] -> id[me] = 2
			fi;
			exists[id[me]] = true
		};
		unpark();
		if
		:: cache != NULL ->
#ifdef OPERATE
			if
			:: make_room()
			:: refill()
			fi;
			atomic { bin = NULL; out = NULL; old = NULL };
#endif
			park()
		:: cache == NULL -> skip
		fi;
		atomic { ended[me] = true; exists[id[me]] = false; running-- }
	} unless {
		gone[me]
	}
}

/* A thread that has begun, and has not ended, is no more. */
inline vanish(victim)
{
	atomic { id[victim] != 0 && !ended[victim] && !gone[victim] ->
		gone[victim] = true; exists[id[victim]] = false; running-- }
}

proctype fate()
{
	do
	:: vanish(1)
	:: vanish(2)
#if THREADS == 3
	:: vanish(3)
#endif
	:: true -> break
	od
}

/* A bin leaves the parked cache in hand: it is nowhere else. */
inline bin_out(b)
{
	if
	:: b != NULL ->
		assert(!spare[b] && !queued[b]);
		assert(ready[3 - cache] != b && pending[3 - cache] != b);
		spare[b] = true
	:: else -> skip
	fi
}

/* tide_cache_empty. One step: the cache is in hand, and where the bins go is no matter of order. */
inline empty_cache()
{
	atomic {
		bin_out(pending[cache]);
		pending[cache] = NULL;
		bin_out(ready[cache]);
		ready[cache] = NULL;
		used[cache] = false
	}
}

#ifdef MUTATE_store
#define SAME_OWNER true
#else
#define SAME_OWNER owner_id[cache] == seen_id && owner_count[cache] == seen_count
#endif

/* tide_cache_adopt, with repair. */
inline adopt()
{
	if
	:: atomic { SAME_OWNER ->
		assert(holder[cache] != 0 && holder[cache] != GC && gone[holder[cache]]);
		owner_id[cache] = 0;
		holder[cache] = GC };
		threads--;
		if
		:: pending[cache] == ready[cache] -> pending[cache] = NULL
		:: else -> skip
		fi;
		push_parked(cache)
	:: !(SAME_OWNER) -> skip
	fi
}
inline roll_call(c)
{
	if
	:: c <= made ->
		cache = c;
#ifdef MUTATE_look_first
		atomic { none[1] = !exists[1]; none[2] = !exists[2] };
#endif
		atomic { seen_id = owner_id[cache]; seen_count = owner_count[cache] };
		if
#ifdef MUTATE_look_first
		:: seen_id != 0 && none[seen_id] -> adopt()
#else
		:: seen_id != 0 && !exists[seen_id] -> adopt()
#endif
		:: else -> skip
		fi;
		atomic { cache = NULL; seen_id = 0; seen_count = 0 }
	:: else -> skip
	fi
}

/* The second half of empty_parked: those it has emptied it keeps until no more are parked. */
inline empty_parked()
{
	take_parked(cache);
	if
	:: cache != NULL ->
		if
		:: used[cache] -> empty_cache()
		:: else -> skip
		fi;
		atomic { first = cache };
		take_parked(cache);
		if
		:: cache != NULL ->
			if
			:: used[cache] -> empty_cache()
			:: else -> skip
			fi;
			push_parked(cache)
		:: else -> skip
		fi;
		push_parked(first)
	:: else -> skip
	fi;
	atomic { first = NULL; cache = NULL }
}

#define VANISHED_WITH(c) (holder[c] != 0 && holder[c] != GC && gone[holder[c]] && between[holder[c]])

proctype gc()
{
	byte me = GC;
	byte cache, first, seen_id, seen_count;
#ifdef MUTATE_look_first
	bool none[IDS + 1];
#endif
	bool over;
	do
	:: !over ->
		over = running == 0;
		roll_call(1);
		roll_call(2);
		empty_parked()
	:: over -> break
	od;
#ifdef LEAK
	assert(parked[1] || made < 1);
	assert(parked[2] || made < 2);
#else
	assert(parked[1] || made < 1 || VANISHED_WITH(1));
	assert(parked[2] || made < 2 || VANISHED_WITH(2));
#endif
#if defined(NONE_VANISHES) || defined(COUNT)
	assert(threads == 0)
#endif
}

init
{
	atomic {
		spare[1] = true;
		spare[2] = true;
		spare[3] = true;
		queued[4] = true;
		run thread(1);
		run thread(2);
#if THREADS == 3
		run thread(3);
#endif
#ifndef NONE_VANISHES
		run fate();
#endif
		run gc()
	}
}
