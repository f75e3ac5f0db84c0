/* Caches of threads that come, end, and vanish; who adopts them; and the bins that are in them.
 *
 * Stands for
 *   lib/cache.c:  make, tide_cache_unpark, tide_cache_park, tide_cache_take_parked,
 *                 tide_cache_adopt, tide_cache_adopt_all, park_left, repair, tide_cache_empty
 *   lib/slow.c:   tide_slow_refill, empty_to_ready
 *   lib/slow_free.c: make_room
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
 *   A thread may vanish after any of its steps: that is the thread that ends without notice. In a
 *   fork (FORK) it is every other thread at once, and what goes on is the child: its only thread
 *   parks all caches but its own anew, one step since nobody else is there; threads that had not
 *   begun yet are the child's. The GC stood between two steps, as the parent had the token, or
 *   anywhere; then there is none in the child.
 *   The pending bin in the hands of the GC is in pending.pml.
 *
 * Memory   sequentially consistent: a cache changes hands by locked instructions (the parked stack,
 *          the owner's compare-and-swap). The owner word alone is read without one; a thread that
 *          is gone has nothing left in its store buffer, and of one that is there nothing is
 *          believed but the compare-and-swap's word.
 * Bounds   2 caches, 2 thread ids; 3 threads, or 2 that do 2 operations each on the bins, of 4
 *
 * Properties
 *   A cache is never taken from, or believed free of, a thread that is there, and never in two
 *   hands (asserts). A bin that the GC gets is nowhere else (assert). In the end all caches are
 *   parked, but for those that were in between two owners when their thread ended without notice,
 *   and the thread count is 0 when none did (asserts). In the child of a fork all are, and it is,
 *   wherever the other threads were. The roll call waits for nobody (invalid end state).
 *   Not kept by the code, for a thread that ends without notice: between taking a cache and owning
 *   it, or between disowning and parking it, it takes the cache with it (run `lost_alone`); between
 *   changing its owner word and the count of threads it leaves the count wrong till the next fork's
 *   child (run `count_alone`).
 *
 * Checks, for check.sh: name, what is searched for, what must come of it, definitions.
 * @check adoption    safety  holds
 * @check bins        safety  holds                                 -DOPERATE
 * @check ends        safety  holds                                 -DNONE_VANISHES
 * @check generation  safety  breaks(assertion violated)            -DMUTATE_no_generation
 * @check look_first  safety  breaks(assertion violated)            -DMUTATE_look_first
 * @check store       safety  breaks(assertion violated)            -DMUTATE_store
 * @check park_first  safety  breaks(assertion violated)            -DMUTATE_park_first
 * @check give_early  safety  breaks(assertion violated)            -DOPERATE -DMUTATE_give_early
 * @check fork        safety  holds                                 -DFORK
 * @check fork_bins   safety  holds                                 -DFORK -DOPERATE
 * @check fork_roll   safety  breaks(assertion violated)            -DFORK -DMUTATE_fork_roll
 * @check fork_count  safety  breaks(assertion violated (threads==0)) -DFORK -DMUTATE_fork_count
 * @check fork_stack  safety  breaks(assertion violated)            -DFORK -DMUTATE_fork_stack
 * @check fork_all    safety  breaks(assertion violated)            -DFORK -DMUTATE_fork_all
 * @check lost_alone  safety  open(assertion violated)              -DLEAK
 * @check count_alone safety  open(assertion violated (threads==0)) -DCOUNT
 */
#define CACHES 2
#define BINS   4
#define IDS    2
#ifdef OPERATE
#define THREADS 2
#else
#define THREADS 3
#endif
#define NULL 0
#define GC   4 /* an actor, as threads are 1 to 3 */
#if defined(FORK) || defined(COUNT) || defined(NONE_VANISHES)
#define COUNTED
#endif

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
byte begun;
byte running = THREADS;
bool gone[THREADS + 1];  /* vanished */
bool between[GC + 1];    /* it has a cache whose owner word does not say so */
byte holder[CACHES + 1]; /* the actor that has the cache; 0: it is parked */
#ifdef FORK
bool forked;
bool live[THREADS + 1];
bool gc_busy; /* in a step */
bool lost;    /* it was at the copy: nobody is the GC in the child */
#endif

/* After any step, or before the first: */
#if defined(FORK)
#define STEP(x)    if :: atomic { !gone[me] -> x } :: gone[me] -> goto over fi
#define GC_STEP(x) if :: atomic { !lost -> x } :: lost -> goto last fi
#define GC_IS(x)   gc_busy = x
#elif defined(NONE_VANISHES)
#define STEP(x)    atomic { x }
#else
#define STEP(x) \
	if \
	:: atomic { x } \
	:: atomic { gone[me] = true; exists[id] = false; running--; goto over } \
	fi
#endif
#ifndef FORK
#define GC_STEP(x) atomic { x }
#define GC_IS(x)   skip
#endif

inline taken(c)
{
	assert(parked[c] && holder[c] == 0);
	parked[c] = false;
	holder[c] = me;
	between[me] = true;
	cache = c
}

inline push_parked(c)
{
	assert(!parked[c] && holder[c] == me);
	parked[c] = true;
	holder[c] = 0;
	between[me] = false
}

/* One that is parked, or a new one: that may be so as well when one was parked meanwhile. */
inline take_or_make()
{
	if
	:: parked[1] -> taken(1)
	:: parked[2] -> taken(2)
	:: made < CACHES ->
		made++;
		cache = made;
		holder[cache] = me;
		between[me] = true
	:: made == CACHES && !parked[1] && !parked[2] -> skip
	fi
}

inline own()
{
	used[cache] = true;
#ifndef MUTATE_no_generation
	owner_count[cache]++;
#endif
	owner_id[cache] = id;
	between[me] = false
}

inline disown()
{
	owner_id[cache] = 0;
	between[me] = true
}

#ifdef OPERATE
inline take_spare()
{
	if
	:: spare[1] -> bin = 1
	:: spare[2] -> bin = 2
	:: spare[3] -> bin = 3
	:: spare[4] -> bin = 4
	:: !spare[1] && !spare[2] && !spare[3] && !spare[4] -> bin = NULL
	fi;
	spare[bin] = false
}

inline take_queued()
{
	if
	:: queued[1] -> bin = 1
	:: queued[2] -> bin = 2
	:: queued[3] -> bin = 3
	:: queued[4] -> bin = 4
	:: !queued[1] && !queued[2] && !queued[3] && !queued[4] -> bin = NULL
	fi;
	queued[bin] = false
}

/* The ready bin is full, or there is none. `out`: the pending bin, when that is full as well. */
inline make_room()
{
	if
	:: ready[cache] == NULL ->
		STEP(take_spare());
		STEP(ready[cache] = bin)
	:: ready[cache] != NULL ->
		if
		:: pending[cache] != NULL -> bin = pending[cache]
		:: true -> out = pending[cache]; STEP(take_spare())
		fi;
		if
		:: bin == NULL -> skip
		:: bin != NULL ->
			STEP(old = ready[cache]; ready[cache] = NULL);
#ifdef MUTATE_give_early
			STEP(queued[out] = (out != NULL));
			STEP(pending[cache] = old);
#else
			STEP(pending[cache] = old);
			STEP(queued[out] = (out != NULL));
#endif
			STEP(ready[cache] = bin)
		fi
	fi
}

/* The ready bin is empty: the pending bin, if it is full, or one of the queue, or a refill. */
inline refill()
{
	if
	:: pending[cache] != NULL -> STEP(bin = pending[cache]; pending[cache] = NULL)
	:: true -> STEP(take_queued())
	fi;
	STEP(old = ready[cache]; ready[cache] = NULL);
	if
	:: bin != NULL && old != NULL && pending[cache] == NULL -> STEP(pending[cache] = old)
	:: bin != NULL && old != NULL && pending[cache] != NULL -> STEP(spare[old] = true)
	:: bin == NULL && old != NULL -> bin = old
	:: bin == NULL && old == NULL -> STEP(take_spare())
	:: bin != NULL && old == NULL -> skip
	fi;
	STEP(ready[cache] = bin)
}
#endif

/* A cache as its owner left it: what is in both places is in one. */
inline repair(c)
{
	if
	:: pending[c] == ready[c] -> pending[c] = NULL
	:: else -> skip
	fi
}

#ifdef FORK
inline vanish(other)
{
	if
	:: other != me && live[other] ->
		gone[other] = true;
		live[other] = false;
		running--
	:: else -> skip
	fi
}

/* tide_cache_adopt_all, for a cache. */
inline park_anew(c)
{
	if
	:: c > made || c == cache -> skip
#ifdef MUTATE_fork_all
	:: c <= made && c != cache && owner_id[c] == 0 -> skip
	:: c <= made && c != cache && owner_id[c] != 0 ->
#else
	:: c <= made && c != cache ->
#endif
		owner_id[c] = 0;
		assert(!parked[c]);
		repair(c);
		holder[c] = 0;
		parked[c] = true
	fi
}

/* What goes on is the child, in a thread that has a cache or none. Once, or never. */
inline fork()
{
	if
	:: atomic { !forked && !gone[me] ->
		forked = true;
		lost = gc_busy;
		vanish(1);
		vanish(2);
#if THREADS == 3
		vanish(3);
#endif
		exists[1] = (id == 1);
		exists[2] = (id == 2);
#ifndef MUTATE_fork_roll
#ifndef MUTATE_fork_stack
		parked[1] = false;
		parked[2] = false;
#endif
#ifndef MUTATE_fork_count
		threads = (cache != NULL -> 1 : 0);
#endif
		park_anew(1);
		park_anew(2)
#endif
	}
	:: true -> skip
	fi
}
#define LIVE(is) live[me] = is
#else
#define fork()   skip
#define LIVE(is) skip
#endif

/* Threads are alike, so let them begin in order. */
proctype thread(byte me)
{
	byte id, cache;
#ifdef OPERATE
	byte operations, bin, out, old;
#endif
	atomic { begun == me - 1 && !(exists[1] && exists[2]) ->
		begun++;
		if
		:: !exists[1] -> id = 1
		:: !exists[2] -> id = 2
		fi;
		exists[id] = true;
		LIVE(true)
	};
	fork();
	STEP(take_or_make());
	if
	:: cache == NULL -> goto last
	:: else -> skip
	fi;
	STEP(own());
#ifdef COUNTED
	STEP(threads++);
#endif
	fork();
#ifdef OPERATE
	do
	:: operations < 2 ->
		operations++;
		if
		:: make_room()
		:: refill()
		fi;
		atomic { bin = NULL; out = NULL; old = NULL }
	:: operations == 2 -> break
	od;
#endif
#ifdef COUNTED
	STEP(threads--);
#endif
#ifdef MUTATE_park_first
	STEP(push_parked(cache));
	STEP(owner_id[cache] = 0);
#else
	STEP(disown());
	STEP(push_parked(cache));
#endif
last:
#ifdef FORK
	STEP(exists[id] = false; live[me] = false; running--);
#else
	atomic { exists[id] = false; running-- };
#endif
over:	atomic { id = 0; cache = NULL }
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

/* One step: the cache is in hand, and the order in which its bins go does not matter. */
inline empty_cache()
{
	if
	:: used[cache] ->
		bin_out(pending[cache]);
		pending[cache] = NULL;
		bin_out(ready[cache]);
		ready[cache] = NULL;
		used[cache] = false
	:: else -> skip
	fi
}

#ifdef MUTATE_store
#define SAME_OWNER true
#else
#define SAME_OWNER (owner_id[cache] == seen_id && owner_count[cache] == seen_count)
#endif

inline adopt()
{
	if
	:: SAME_OWNER ->
		assert(holder[cache] != 0 && holder[cache] != GC && gone[holder[cache]]);
		owner_id[cache] = 0;
		holder[cache] = GC;
		same = true
	:: else -> skip
	fi
}

/* The first half of empty_parked, for a cache. */
inline roll_call(c)
{
#ifdef MUTATE_look_first
	atomic { none[1] = !exists[1]; none[2] = !exists[2] };
#endif
	GC_STEP(GC_IS(true); cache = c; seen_id = owner_id[cache]; seen_count = owner_count[cache]);
#ifdef MUTATE_look_first
	GC_STEP(absent = none[seen_id]);
#else
	GC_STEP(absent = !exists[seen_id]);
#endif
	if
	:: seen_id != 0 && absent ->
		GC_STEP(adopt());
		if
		:: same ->
#ifdef COUNTED
			GC_STEP(threads--);
#endif
			GC_STEP(repair(cache); push_parked(cache))
		:: else -> skip
		fi
	:: else -> skip
	fi;
	GC_STEP(cache = NULL; seen_id = 0; seen_count = 0; absent = false; same = false; GC_IS(false))
}

inline take_parked()
{
	if
	:: parked[1] -> taken(1)
	:: parked[2] -> taken(2)
	:: !parked[1] && !parked[2] -> skip
	fi
}

/* The second half: what is emptied is kept until no more are parked, then parked again. */
inline empty_parked()
{
	GC_STEP(GC_IS(true); take_parked(); empty_cache(); first = cache; cache = NULL);
	if
	:: first != NULL ->
		GC_STEP(take_parked(); empty_cache());
		if
		:: cache != NULL -> GC_STEP(push_parked(cache); cache = NULL)
		:: else -> skip
		fi;
		GC_STEP(push_parked(first); first = NULL)
	:: else -> skip
	fi;
	GC_STEP(GC_IS(false))
}

#define VANISHED_WITH(c) \
	(holder[c] != 0 && holder[c] != GC && gone[holder[c]] && between[holder[c]])

/* Does this or that as long as there are threads, and all of it after. */
proctype gc()
{
	byte me = GC;
	byte cache, first, seen_id, seen_count;
	bool absent, same;
#ifdef MUTATE_look_first
	bool none[IDS + 1];
#endif
	do
	:: running > 0 -> roll_call(1)
	:: running > 0 -> roll_call(2)
	:: running > 0 -> empty_parked()
	:: running == 0 -> break
	od;
	roll_call(1);
	roll_call(2);
	empty_parked();
last:	running == 0;
#if defined(LEAK) || defined(FORK)
	assert(parked[1] || made < 1);
	assert(parked[2] || made < 2);
#else
	assert(parked[1] || made < 1 || VANISHED_WITH(1));
	assert(parked[2] || made < 2 || VANISHED_WITH(2));
#endif
#ifdef COUNTED
	assert(threads == 0)
#endif
}

init
{
	atomic {
		/* As if its thread had used it for a while. */
		ready[1] = 1;
		pending[1] = 2;
		spare[3] = true;
		queued[4] = true;
		run thread(1);
		run thread(2);
#if THREADS == 3
		run thread(3);
#endif
		run gc()
	}
}
