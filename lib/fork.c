/* fork, in three phases: before it the parent takes the GC token, so that the child inherits the GC's
 * structures between two steps; the parent gives it back; the child adopts the caches of all threads
 * but its own. The shared middle needs nothing: a thread that vanishes in the middle of an operation
 * leaves it as a frozen thread would, usable; a bin it had in hand is lost to the child.
 */
#include "start.h"

#include "gc.h"
#include "os.h"

#include <pthread.h>

/* writers the forking thread  readers the same, in parent or child  order relaxed: fork itself orders
 * edges none. Two threads that fork at once each wait for the token in turn. */
static _Atomic bool held;

static void before(void)
{
	bool got = tide_gc_fork_prepare();
	tide_store_relaxed(&held, got);
}

static void after_in_parent(void)
{
	bool had = tide_load_relaxed(&held);
	tide_store_relaxed(&held, false);
	tide_gc_fork_parent(had);
}

static void after_in_child(void)
{
	bool had = tide_load_relaxed(&held);
	tide_store_relaxed(&held, false);
	tide_gc_fork_child(had, tide_cache_self, tide_os_thread_id());
}

void tide_fork_register(void)
{
	(void)pthread_atfork(before, after_in_parent, after_in_child);
}
