/* The doorbell: a publication and a sleep that must not miss each other.
 *
 * Stands for
 *   lib/doorbell.h: tide_doorbell_announce, tide_doorbell_retract, tide_doorbell_sleep,
 *                   tide_doorbell_ring
 *   lib/garbage.h:  tide_garbage_publish, tide_garbage_is_empty, tide_garbage_consume
 *   lib/slow_free.c: class_put, make_room, tide_slow_give_away
 *   lib/pool.c:     tide_pool_free, tide_pool_free_hit
 *   lib/cache.h:    tide_cache_slow_enter, tide_cache_note_pending, tide_cache_is_to_take
 *   lib/orphan.h:   tide_orphan_push
 *   gc/thread.c:    anything_left, park, gc_main, tide_gc_thread_stop
 *   gc/loop.c:      tide_gc_step_once, tide_gc_refill_inline
 *
 * Abstracted
 *   The GC's naps are left out: they are timed, in the state AWAKE, and a round comes after each.
 *   Bins are counts: links of a garbage queue made by its producer, links followed by the GC. Which
 *   bin it is makes no difference to who wakes whom (garbage.pml follows the bins themselves).
 *   One queue stands for all that is pushed by a compare-and-swap and then rung for: ready queues,
 *   up to the level and beyond it, orphans, parked caches, cached large blocks. Levels, and whether
 *   a batch is `much`, are free choices, which allows more than the code does. The clock's tick is
 *   a free choice, too.
 *   A doze may end at any time. The 30 s of a sleep never pass: the limit is not what wakes the GC.
 *   A futex call reads memory and queues in one step, as the kernel's does under its bucket lock;
 *   nothing but a wake ends it.
 *
 * Memory   x86-TSO: a plain store goes to its thread's store buffer, from which memory takes it at
 *          any time; a locked instruction, as seq_cst stores, swaps and compare-and-swaps are,
 *          waits until the buffer is empty and then writes to memory. Only the stores of the
 *          two halves are modelled; what else is stored plainly is followed by a locked one before
 *          its thread loads anything that somebody else stores.
 *          Looking into the garbage, the GC thread takes the token first, which on x86 would do
 *          for the fence of its announcement; a mutation without that fence has neither.
 * Bounds   2 freeing threads with 2 bins and 1, an inline step by a third, the GC thread; collects:
 *          1 freeing thread with 2 bins, likewise; stops: 1 with 2 bins, the GC thread, a stopper
 *
 * Properties
 *   The GC never sleeps without a limit while something is left (else: invalid end state), one wake
 *   for each sleep at the most (assert), everything published is collected (ltl collected, every
 *   thread being scheduled again and again), a stop ends (ltl ended).
 *   In `kept` one thread also keeps blocks in a pending bin, which the GC knows of by the count of
 *   slow calls: counted by a plain store (kept_plain) it may still be in the buffer when the bell is
 *   read, and the GC sleeps on the pending bin. Once is enough until the GC takes what is kept; but
 *   a GC that takes it and does not say so (kept_noted) sleeps on what is kept next.
 *
 * Checks, for check.sh: name, what is searched for, what must come of it, definitions.
 * @check wakes        safety         holds
 * @check collects     ltl:collected  holds                             -DLIVE
 * @check stops        ltl:ended      holds                             -DSTOP -DLIVE
 * @check no_fence     safety         breaks(invalid end state)         -DMUTATE_no_fence
 * @check no_fence_gc  safety         breaks(invalid end state)         -DMUTATE_no_fence_gc
 * @check no_look      safety         breaks(invalid end state)         -DMUTATE_no_look
 * @check look_first   safety         breaks(invalid end state)         -DMUTATE_look_first
 * @check ring_first   safety         breaks(invalid end state)         -DMUTATE_ring_first
 * @check wake_only    safety         breaks(invalid end state)         -DMUTATE_wake_only
 * @check ring_store   safety         breaks(assertion violated !(rung)) -DMUTATE_ring_store
 * @check stop_once    safety         breaks(invalid end state)         -DSTOP -DMUTATE_stop_once
 * @check spill_silent safety         breaks(invalid end state)         -DMUTATE_spill_silent
 * @check orphan_silent safety        breaks(invalid end state)         -DMUTATE_orphan_silent
 * @check kept         safety         holds                             -DKEPT
 * @check kept_plain   safety         breaks(invalid end state)         -DKEPT -DMUTATE_kept_plain
 * @check kept_noted   safety         breaks(invalid end state)         -DKEPT -DMUTATE_kept_noted
 */
#if defined(STOP) || defined(LIVE)
#define PRODUCERS 1
#define GARBAGE   (garbage[0] > 0)
#else
#define PRODUCERS 2
#define GARBAGE   (garbage[0] > 0 || garbage[1] > 0)
#endif
#define BINS 2

#define AWAKE  0
#define DOZING 1
#define ASLEEP 2

/* Memory. */
byte bell = AWAKE;       /* tide_doorbell.state */
byte garbage[PRODUCERS]; /* links made and not yet followed */
bool queued;             /* something was pushed and rung for */
bool unsettled;          /* something is left to age */
bool token_held;

/* The kernel's. */
bool sleeping; /* the GC thread waits at the futex */

/* What the checks need. */
byte busy;        /* threads that may still publish, or take the token */
bool stopping;
bool alive = true;
bool rung;        /* somebody woke the GC since it last announced */

#ifdef KEPT
/* A thread has a pending bin that is to be taken when it is idle; in memory, and in its buffer. */
bool kept, kept_buffered;
bool noted; /* cache.noted: whoever has the pending bins writes it */
#define LEFT (GARBAGE || queued || unsettled || kept || kept_buffered)
#else
#define LEFT (GARBAGE || queued || unsettled)
#endif

/* Store buffers: links of a producer, announcements of the GC thread, still on their way. Locked
 * instructions wait for DRAINED and then write to memory at once. */
byte links_buffered[PRODUCERS];
byte bell_buffered; /* 1 + value */
#ifdef KEPT
#define DRAINED(me) (links_buffered[me] == 0 && (me != 0 || !kept_buffered))

proctype memory_takes_kept()
{
end:	do
	:: atomic { kept_buffered -> kept_buffered = false; kept = true }
	od
}
#else
#define DRAINED(me) (links_buffered[me] == 0)
#endif

#ifdef MUTATE_no_fence
proctype memory_takes_links(byte who)
{
end:	do
	:: atomic { links_buffered[who] > 0 -> links_buffered[who]--; garbage[who]++ }
	od
}
#endif
#ifdef MUTATE_no_fence_gc
proctype memory_takes_bell()
{
end:	do
	:: atomic { bell_buffered > 0 -> bell = bell_buffered - 1; bell_buffered = 0 }
	od
}
#endif

#ifdef MUTATE_ring_store
#define UNCHANGED true
#else
#define UNCHANGED (bell == seen)
#endif

inline ring(me, much)
{
	seen = bell;
	if
	:: seen == AWAKE || (seen == DOZING && !much) -> skip
	:: else ->
#ifdef MUTATE_wake_only
		atomic { DRAINED(me) -> sleeping = false }
#else
		if
		:: atomic { DRAINED(me) && UNCHANGED ->
			bell = AWAKE; assert(!rung); rung = true };
			sleeping = false
		:: atomic { DRAINED(me) && !UNCHANGED -> skip }
		fi
#endif
	fi;
	seen = 0
}
inline publish(me)
{
#ifdef MUTATE_no_fence
	links_buffered[me]++
#else
	garbage[me]++
#endif
}

proctype producer(byte me)
{
	byte bins, seen;
	do
	:: bins < BINS - me ->
		bins++;
		if
		:: true -> /* the queue has room */
			atomic { DRAINED(me) -> queued = true };
			ring(me, false)
		:: garbage[me] > 0 -> /* as much as the limit of the backlog */
			if
			:: token_held -> /* and nobody can be helped */
				atomic { DRAINED(me) -> queued = true };
#ifndef MUTATE_spill_silent
				ring(me, false)
#endif
			:: !token_held -> skip
			fi
#ifdef KEPT
		:: me == 0 -> /* the swap of tide_cache_slow_enter, and what comes after */
			atomic { DRAINED(me) -> kept_buffered = true };
#ifndef MUTATE_kept_plain
			/* tide_cache_note_pending: locked, unless it was since the last tick */
			atomic {
				if
				:: !noted -> kept_buffered = false; kept = true; noted = true
				:: noted -> skip
				fi
			};
#endif
			ring(me, false)
#endif
		:: true -> /* no memory for a bin: an orphan */
			atomic { DRAINED(me) -> queued = true };
#ifndef MUTATE_orphan_silent
			ring(me, false)
#endif
#ifdef MUTATE_ring_first
		:: true -> ring(me, false); publish(me)
		:: true -> ring(me, true); publish(me)
#else
		:: true -> publish(me); ring(me, false)
		:: true -> publish(me); ring(me, true)
#endif
		fi
	:: else -> break
	od;
	atomic { DRAINED(me) -> busy-- }
}

/* A bin of one producer, as tide_gc_drain_cache does. What was drained has to age. */
inline drain(who)
{
	if
	:: atomic { garbage[who] > 0 -> garbage[who]--; unsettled = true; worked = true }
	:: garbage[who] == 0 -> skip
	fi
}

inline drain_all()
{
	drain(0);
#if PRODUCERS == 2
	drain(1)
#endif
}

/* A thread that misses is the GC for a step. */
proctype misser()
{
	bool worked;
	if
	:: atomic { !token_held -> token_held = true };
		drain_all();
		token_held = false
	:: token_held -> skip
	fi;
	worked = false;
	busy--
}

/* The decay clock: what is queued goes to the free sets and ages there, or is gone by now. */
inline tick()
{
	atomic {
		unsettled = queued;
#ifdef KEPT
		unsettled = unsettled || kept;
		/* Not in the middle of a slow call: what it stored is there when it ends. */
		if
		:: !kept_buffered ->
			kept = false;
#ifndef MUTATE_kept_noted
			noted = false
#endif
		:: kept_buffered -> skip
		fi;
#endif
		queued = false
	}
}

/* Taking the token and giving it back are locked instructions. */
inline anything_left()
{
	if
#ifdef MUTATE_no_fence_gc
	:: token_held = true; /* by no compare-and-swap, which would do for the fence that is gone */
#else
	:: atomic { !token_held -> token_held = true };
#endif
		left = unsettled;
		left = left || queued;
#ifdef KEPT
		left = left || kept;
#endif
		left = left || garbage[0] > 0;
#if PRODUCERS == 2
		left = left || garbage[1] > 0;
#endif
		token_held = false
	:: token_held -> left = true
	fi
}

#ifdef MUTATE_no_fence_gc
#define ANNOUNCE(sleep) atomic { bell_buffered == 0 -> bell_buffered = 1 + sleep; rung = false }
#define SYNC            bell_buffered == 0 ->
#else
#define ANNOUNCE(sleep) atomic { bell = sleep; rung = false }
#define SYNC
#endif
#define RETRACT atomic { SYNC bell = AWAKE }

inline doze()
{
	ANNOUNCE(DOZING);
	atomic { SYNC sleeping = (bell == DOZING) };
	sleeping = false; /* rung, or the time is over: at any time */
	RETRACT
}

/* Without a limit. When all is quiet it ends for good; any other end leaves something behind. */
inline sleep()
{
	atomic { SYNC sleeping = (bell == ASLEEP) };
	if
	:: !sleeping -> skip
	:: sleeping && busy == 0 && !LEFT -> goto quiet
	fi;
	RETRACT
}

inline park()
{
	anything_left();
	if
	:: left -> doze()
	:: else ->
#ifdef MUTATE_look_first
		anything_left();
		if
		:: left -> skip
		:: else -> ANNOUNCE(ASLEEP); sleep()
		fi
#else
		ANNOUNCE(ASLEEP);
#ifndef MUTATE_no_look
		anything_left();
#endif
		if
		:: left -> RETRACT
		:: else -> sleep()
		fi
#endif
	fi;
	left = false
}

proctype gc_thread()
{
	bool left, worked;
	do
	:: stopping -> break
	:: else ->
		if
		:: atomic { !token_held -> token_held = true };
			drain_all();
			if
#ifndef LIVE
			:: true -> skip
#endif
			:: true -> tick()
			fi;
			token_held = false;
			if
			:: worked -> worked = false
			:: else -> park()
			fi
		:: token_held -> doze()
		fi
	od;
	alive = false;
quiet:	skip
}

#ifdef STOP
proctype stopper()
{
	stopping = true;
	do
	:: alive ->
		bell = AWAKE;
		sleeping = false; /* and a short wait */
#ifdef MUTATE_stop_once
		!alive
#endif
	:: !alive -> break
	od
}
#endif

init
{
	atomic {
#ifdef STOP
		busy = 2;
		run producer(0);
		run stopper();
#else
		busy = 1 + PRODUCERS;
		run producer(0);
#if PRODUCERS == 2
		run producer(1);
#endif
		run misser();
#endif
#ifdef MUTATE_no_fence
		run memory_takes_links(0);
		run memory_takes_links(1);
#endif
#ifdef MUTATE_no_fence_gc
		run memory_takes_bell();
#endif
#ifdef KEPT
		run memory_takes_kept();
#endif
		run gc_thread()
	}
}

#ifdef LIVE
#ifdef STOP
ltl ended { <> !alive }
#else
ltl collected { [] (LEFT -> <> !LEFT) }
#endif
#endif
