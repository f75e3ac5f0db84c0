/* Waiting for the token, and a holder that will never give it back: a thread that was ended in the
 * middle of a step by a raw exit system call out of a signal handler, or by a filter of system
 * calls. What it was changing is half changed, so nobody takes its place: the process has no GC
 * from then on, and nobody waits for one.
 *
 * The system is asked whether the holder exists, once in a while and only by who can't have the
 * token. That it is the holder still is looked at after the answer, since it may have let go before
 * it ended; by its count and not by its id alone, which a new thread may have by then.
 *
 * Tried, not kept: asking with kcmp whether the process's first thread, which the system keeps
 * until the others end, still has its memory. It takes two calls more (whether there is a filter,
 * and kcmp), and the GC thread makes them whenever the first thread has the token as it looks: a
 * filter that allows what tide.h says ended the process for it.
 */
#include "step.h"

#include "os.h"
#include "token.h"
#include "yield.h"

_Atomic bool tide_gc_lost;

#define LOOK_NS (100ull * 1000000u)

static bool holder_is_gone(void)
{
	uint64_t holder = tide_load_relaxed(&tide_token_holder);
	uint32_t id = tide_token_thread_id(holder);
	/* A process that was made without its fork handlers has its parent's ids. */
	if (id == 0 || tide_os_process_id() != tide_gc_process_id())
		return false;
	TIDE_YIELD("lost.ask");
	if (tide_os_thread_exists(id))
		return false;
	TIDE_YIELD("lost.answer");
	return tide_load_relaxed(&tide_token_holder) == holder; /* behind the answer's fence */
}

bool tide_gc_look_for_holder(void)
{
	if (!tide_load_relaxed(&tide_gc_lost) && holder_is_gone())
		tide_store_relaxed(&tide_gc_lost, true);
	return !tide_load_relaxed(&tide_gc_lost);
}

bool tide_gc_wait(uint64_t timeout_ns)
{
	uint64_t start_ns = tide_os_clock_ns();
	while (!tide_load_relaxed(&tide_gc_lost)) {
		bool short_wait = timeout_ns != 0 && timeout_ns < LOOK_NS;
		if (tide_token_wait(short_wait ? timeout_ns : LOOK_NS))
			return true;
		if (!tide_gc_look_for_holder() ||
		    (timeout_ns != 0 && tide_os_clock_ns() - start_ns >= timeout_ns))
			return false;
	}
	return false;
}
