/* The GC token: one GC at a time, waiters that are woken, and threads that never wait.
 *
 * Stands for
 *   lib/token.h: tide_token_try
 *   lib/token.c: tide_token_release, tide_token_wait
 *   gc/lost.c:   tide_gc_wait
 *   gc/loop.c:   tide_gc_refill_inline, tide_gc_help, tide_gc_step_once, tide_gc_purge_all
 *   gc/thread.c: tide_gc_fork_prepare, tide_gc_fork_parent
 *
 * Abstracted
 *   What the GC does is two steps in which it is the only one: writing that it is, and looking. The
 *   clock is a free choice: a waiter with a deadline may find it over after any sleep, a sleep in
 *   the kernel may end by its 10 ms at any time, but not where NO_DEADLINE is defined. A futex call
 *   compares and queues in one step; a wake takes any one sleeper. tide_gc_wait waits in slices; the
 *   end of one is no more than a poll. That it finds a holder that is gone is left out.
 *   The GC thread and a thread that misses differ only in what they do when the token is not to be
 *   had: sleep 2 ms, or carve fresh memory. Neither looks at the token in that.
 *
 * Memory   sequentially consistent: the token is changed by locked instructions only, so all that a
 *          holder stored is in memory before anybody else can be the holder.
 * Bounds   2 who purge (wait for ever), 1 who forks (waits with a deadline), 2 who try twice;
 *          frozen: 2 who try again and again, while a third stops for ever, perhaps as the holder
 *
 * Properties
 *   At most one GC (assert). Who purges comes to the end (invalid end state), without the poll only
 *   when nobody waits with a deadline: one who gives up may have swallowed the only wake (run
 *   `no_poll`), which is what the 10 ms are for. Somebody who tries never waits: with a holder
 *   that is frozen, the others' calls go on ending (non-progress cycle, invalid end state).
 *
 * Checks, for check.sh: name, what is searched for, what must come of it, definitions.
 * @check waits         safety    holds
 * @check no_deadline   safety    holds                      -DNO_DEADLINE
 * @check frozen        progress  holds                      -DFROZEN
 * @check no_poll       safety    breaks(invalid end state)  -DMUTATE_no_poll
 * @check try_store     safety    breaks(assertion violated) -DMUTATE_try_store
 * @check release_late  safety    breaks(invalid end state)  -DNO_DEADLINE -DMUTATE_release_late
 * @check take_held     safety    breaks(invalid end state)  -DNO_DEADLINE -DMUTATE_take_held
 * @check no_compare    safety    breaks(invalid end state)  -DNO_DEADLINE -DMUTATE_no_compare
 * @check spin          progress  breaks(non-progress cycle) -DFROZEN -DMUTATE_spin
 */
#define FREE    0
#define HELD    1
#define AWAITED 2

#define WAITERS 3

byte token = FREE;
byte waiters; /* tide_token_waiters: these go first */
bool owed;    /* tide_token_owed: but one try after each of them does not wait */
bool sleeping[WAITERS]; /* the kernel's */
byte gcs;

/* A step of the GC, by whoever holds the token. */
inline be_gc()
{
	gcs++;
	assert(gcs == 1);
	gcs--
}

/* tide_token_try. The load that comes before saves the compare-and-swap. */
inline try_token()
{
	if
	:: token != FREE || (waiters > 0 && !owed) -> got = false
	:: else ->
#ifdef MUTATE_try_store
		token = HELD;
		got = true
#else
		if
		:: atomic { token == FREE -> token = HELD; got = true }
		:: token != FREE -> got = false
		fi
#endif
	fi;
	if
	:: got -> owed = false
	:: !got -> skip
	fi
}

inline wake_one()
{
	if
	:: atomic { sleeping[0] -> sleeping[0] = false }
	:: atomic { sleeping[1] -> sleeping[1] = false }
	:: atomic { sleeping[2] -> sleeping[2] = false }
	:: !sleeping[0] && !sleeping[1] && !sleeping[2] -> skip
	fi
}

inline release_token()
{
#ifdef MUTATE_release_late
	before = token;
	token = FREE;
#else
	atomic { before = token; token = FREE };
#endif
	if
	:: before == AWAITED -> wake_one()
	:: else -> skip
	fi;
	before = 0
}

/* tide_token_wait; deadline: false when it may not give up. */
inline wait_token(deadline)
{
	try_token();
	marked = !got;
	if
	:: marked -> waiters++
	:: !marked -> skip
	fi;
	do
	:: got -> break
	:: !got ->
#ifdef MUTATE_take_held
		atomic {
			got = (token == FREE);
			if
			:: got && slept -> token = HELD
			:: else -> token = AWAITED
			fi
		};
#else
		atomic { got = (token == FREE); token = AWAITED };
#endif
		if
		:: got -> break
		:: else -> skip
		fi;
#ifdef MUTATE_no_compare
		sleeping[me] = true;
#else
		atomic { sleeping[me] = (token == AWAITED) };
#endif
		if
		:: !sleeping[me]
#if !defined(NO_DEADLINE) && !defined(MUTATE_no_poll)
		:: atomic { sleeping[me] -> sleeping[me] = false }
#else
		:: atomic { deadline && sleeping[me] -> sleeping[me] = false }
#endif
		fi;
		slept = true;
		if
		:: deadline ->
			atomic {
				got = (token == FREE);
				if
				:: got -> token = HELD
				:: !got -> skip
				fi
			};
			break
		:: true -> skip
		fi
	od;
	if
	:: marked ->
		waiters--;
		owed = owed || got;
		marked = false
	:: !marked -> skip
	fi
}

/* tide_gc_purge_all, with tide_gc_lost not set (fork.pml has that). */
proctype purger(byte me)
{
	bool got, slept, marked;
	byte before;
	wait_token(false);
	be_gc();
	release_token()
}

/* fork's handlers around a fork. */
proctype forker(byte me)
{
	bool got, slept, marked;
	byte before;
	wait_token(true);
	if
	:: got -> be_gc(); release_token()
	:: !got -> skip
	fi
}

/* A thread that misses, or the GC thread. */
proctype trier()
{
	bool got;
	byte before, calls;
	do
#ifndef FROZEN
	:: calls < 2 ->
		calls++;
#else
	:: true ->
#endif
		try_token();
#ifdef MUTATE_spin
		do
		:: got -> break
		:: !got -> try_token()
		od;
#endif
		if
		:: got -> be_gc(); release_token()
		:: !got -> skip
		fi;
progress:	got = false
#ifndef FROZEN
	:: calls == 2 -> break
#endif
	od
}

init
{
	atomic {
#ifdef FROZEN
		run trier();
		run trier();
		run trier()
#else
		run purger(0);
		run purger(1);
#ifdef NO_DEADLINE
		run purger(2);
#else
		run forker(2);
#endif
		run trier();
		run trier()
#endif
	}
}
