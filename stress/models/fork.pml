/* fork: the parent stands at a step boundary of the GC, and what the child starts with.
 *
 * Stands for
 *   lib/fork.c:  before, after_in_parent, after_in_child
 *   gc/thread.c: tide_gc_fork_prepare, tide_gc_fork_parent, tide_gc_fork_child, start,
 *                tide_gc_thread_want
 *   gc/loop.c:   tide_gc_step_once, tide_gc_refill_inline, tide_gc_purge_all
 *
 * Abstracted
 *   The parent and each child have a memory of their own, of which this has the token, whether the
 *   GC's structures are half changed, tide_gc_lost, and the state of the GC thread. Waiting for the
 *   token is what token.pml shows it to be: it ends when the token is free; with a deadline it ends
 *   at any time, which covers a holder that is slow and one that is frozen. The adoption of the
 *   other threads' caches, in the child's handler, is in adopt.pml.
 *   fork copies all memory in one step: the kernel protects page after page, but a thread that
 *   stores to a page protected already waits till the end, so the child has of each thread its
 *   stores up to some point, and of no thread what it stored after seeing what the child has not.
 *
 * Memory   sequentially consistent: the token and the thread's state change by locked instructions;
 *          what a thread's store buffer has not let go of at the copy, it stored after the copy.
 * Bounds   2 threads that fork, at once or one after the other; the GC thread with 2 steps, frozen
 *          at any of them or not; the start of that thread; in each child a miss, a purge, the
 *          start of a GC thread, and the preparation of a fork of its own
 *
 * Properties
 *   Nobody in a child is the GC on structures that were half changed when they were copied
 *   (assert). The child whose fork had the token can collect: the token is free (asserts, invalid
 *   end state). No call in a child waits for ever, with the token or without (invalid end state); a
 *   GC thread can be started (assert). In the parent all goes on, the token is given back (assert),
 *   and a fork ends whoever is frozen (invalid end state).
 *
 * Checks, for check.sh: name, what is searched for, what must come of it, definitions.
 * @check fork         safety  holds
 * @check no_pause     safety  breaks(assertion violated !(half)  -DMUTATE_no_pause
 * @check free_it      safety  breaks(assertion violated !(half)  -DMUTATE_free_it
 * @check keep_it      safety  breaks(invalid end state)          -DMUTATE_keep_it
 * @check no_lost      safety  breaks(invalid end state)          -DMUTATE_no_lost
 * @check shared_held  safety  breaks(assertion violated)         -DMUTATE_shared_held
 * @check keep_state   safety  breaks(assertion violated (state[) -DMUTATE_keep_state
 * @check no_deadline  safety  breaks(invalid end state)          -DMUTATE_no_deadline
 */
#define PARENT    0
#define PROCESSES 3 /* the children are 1 and 2, as who forks is */

#define FREE false
#define HELD true

#define OFF      0
#define STARTING 1
#define RUNS     2

/* Each process's memory. */
bool token[PROCESSES];
bool half[PROCESSES]; /* the GC is in the middle of a step */
bool lost[PROCESSES];
byte state[PROCESSES];
#ifdef MUTATE_shared_held
bool held;
#endif

/* What the checks need. */
bool frozen; /* the parent's GC thread stopped for ever */
byte busy = 4;

inline try_token(s, got)
{
	if
	:: atomic { token[s] == FREE -> token[s] = HELD; got = true }
	:: token[s] != FREE -> got = false
	fi
}

inline release_token(s)
{
	assert(token[s] == HELD);
	token[s] = FREE
}

inline gc_step(s)
{
	assert(!half[s]);
	half[s] = true;
	half[s] = false
}

inline finish()
{
	atomic {
		busy--;
		assert(busy > 0 || frozen || token[PARENT] == FREE)
	}
}

/* The parent's GC thread. */
proctype gc_thread()
{
	bool got;
	byte steps;
	do
	:: steps < 2 ->
		steps++;
		try_token(PARENT, got);
		if
		:: got ->
			assert(!half[PARENT]);
			half[PARENT] = true;
			if
			:: true -> skip
			:: true -> frozen = true; goto over
			fi;
			half[PARENT] = false;
			release_token(PARENT)
		:: !got -> skip
		fi
	:: steps == 2 -> break
	od;
over:	finish()
}

/* start, by a thread of the parent that wants one. */
proctype starter()
{
	atomic { state[PARENT] == OFF -> state[PARENT] = STARTING };
	run gc_thread();
	state[PARENT] = RUNS;
	finish()
}

inline prepare(s, got)
{
#ifdef MUTATE_no_pause
	got = false
#else
	if
	:: atomic { token[s] == FREE -> token[s] = HELD; got = true }
#ifndef MUTATE_no_deadline
	:: token[s] != FREE -> try_token(s, got)
#endif
	fi
#endif
}

/* The child of `me`, from its handler on, with its copy of `held`. One step, as it is alone with
 * its memory. */
proctype child(byte me; bool had)
{
	bool got;
	atomic {
#ifdef MUTATE_keep_state
		if
		:: state[me] == RUNS -> state[me] = OFF
		:: else -> skip
		fi;
#else
		state[me] = OFF;
#endif
#ifndef MUTATE_no_lost
		lost[me] = !had;
#endif
#if defined(MUTATE_free_it) || defined(MUTATE_no_pause)
		token[me] = FREE;
#elif !defined(MUTATE_keep_it)
		if
		:: had -> release_token(me)
		:: !had -> skip
		fi;
#endif
		/* A miss. */
		try_token(me, got);
		if
		:: got -> gc_step(me); release_token(me)
		:: !got -> skip
		fi;
		/* tide_gc_thread_want. */
		assert(state[me] == OFF);
		/* tide_purge. */
		if
		:: lost[me] -> skip
		:: !lost[me] ->
			token[me] == FREE -> token[me] = HELD;
			gc_step(me);
			release_token(me)
		fi;
		/* It forks in turn. */
		prepare(me, got);
		assert(got || lost[me])
	}
}

proctype forker(byte me)
{
#ifndef MUTATE_shared_held
	bool held;
#endif
	prepare(PARENT, held);
	atomic {
		token[me] = token[PARENT];
		half[me] = half[PARENT];
		lost[me] = lost[PARENT];
		state[me] = state[PARENT];
		run child(me, held)
	};
	if
	:: held -> release_token(PARENT)
	:: !held -> skip
	fi;
	finish()
}

init
{
	atomic {
		run starter();
		run forker(1);
		run forker(2)
	}
}
