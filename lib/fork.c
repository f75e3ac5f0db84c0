/* fork, in three phases: before it the parent takes the GC token, so that the child inherits the
 * GC's structures between two steps; the parent gives it back; the child adopts the caches of all
 * threads but its own. The shared middle needs nothing: a thread that vanishes in the middle of an
 * operation leaves it as a frozen thread would, usable; a bin it had in hand is lost to the child.
 * What is kept of large blocks is waited for likewise.
 */
#include "start.h"

#include "gc.h"
#include "large_keep.h"
#include "os.h"

#include <pthread.h>

/* Whether this thread's fork got the token, and the kept blocks. Of the thread, since two may fork
 * at once. */
static TIDE_THREAD_LOCAL bool held, kept;

static TIDE_USUAL void before(void)
{
	held = tide_gc_fork_prepare();
	kept = tide_large_keep_hold();
}

static TIDE_USUAL void after_in_parent(void)
{
	if (kept)
		tide_large_keep_let_go();
	tide_gc_fork_parent(held);
}

static TIDE_USUAL void after_in_child(void)
{
	tide_large_keep_adopt(kept);
	tide_gc_fork_child(held, tide_cache_self, tide_os_thread_id());
}

#if defined(TIDE_PRELOAD) && defined(__GLIBC__)
/* What pthread_atfork is there, as each library has it for itself: a call from this one's last page
 * of code, which nothing else would have in memory. */
extern int __register_atfork(void (*before)(void), void (*in_parent)(void), void (*in_child)(void),
                             void *library);
TIDE_HIDDEN extern void *__dso_handle;

void tide_fork_register(void)
{
	(void)__register_atfork(before, after_in_parent, after_in_child, &__dso_handle);
}
#else
void tide_fork_register(void)
{
	(void)pthread_atfork(before, after_in_parent, after_in_child);
}
#endif
