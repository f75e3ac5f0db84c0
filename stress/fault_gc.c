/* The GC thread is frozen, starved, or ended and started: threads must get along without it, and it
 * must find its way back. */
#include "fault_kind.h"

#include "order.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

/* Frozen. */

enum { FREEZE_MS, FREEZE_GAP, FREEZE_AFTER, FREEZE_AT };
enum { AT_ANY = 1 << 0, AT_WORK = 1 << 1, AT_TOKEN = 1 << 2 };
/* So long it may not be stopped before that is a mistake. */
enum { REFUSALS_MAX = 200, ATTEMPTS = 8 };

static const char *const at_name[] = { "any", "work", "token", NULL };

static bool is_frozen, frozen_for_ever;
static uint64_t freeze_due_ms, thaw_due_ms, times_frozen, refusals;

#if STRESS_INTERNALS
#include "token.h"

enum { TOKEN_LOOKS = 4, TOKEN_LOOK_US = 500 };

/* With the GC thread frozen, an app thread has the token for a moment only. */
static bool has_token(void)
{
	for (uint32_t look = 0; look < TOKEN_LOOKS; look++) {
		if (load_relaxed(&tide_token) == TIDE_TOKEN_FREE)
			return false;
		fault_sleep_us(TOKEN_LOOK_US);
	}
	return true;
}
#else
static bool has_token(void)
{
	return false;
}
#endif

static bool freeze_start(struct fault *fault)
{
	if (fault->value[FREEZE_AT] == AT_TOKEN && !STRESS_INTERNALS) {
		fault_say(fault, "at=token needs a debug or audit build (cmake --preset audit)");
		return false;
	}
	freeze_due_ms = fault->value[FREEZE_AFTER];
	return fault_tracer_start(fault);
}

static void freeze(struct fault *fault, uint64_t elapsed_ms)
{
	uint32_t id = fault_gc_thread();
	bool at_work = fault->value[FREEZE_AT] != AT_ANY;

	if (id == 0)
		return;
	/* Not always at the same place of the main thread's round. */
	fault_sleep_us(random_below(&fault->random, 2000));
	switch (fault_tracer_freeze(id, at_work)) {
	case STOP_DONE:
		if (fault->value[FREEZE_AT] == AT_TOKEN && !has_token()) {
			fault_tracer_thaw();
			break;
		}
		is_frozen = true;
		times_frozen++;
		frozen_for_ever = fault->value[FREEZE_MS] == 0;
		thaw_due_ms = elapsed_ms + fault->value[FREEZE_MS];
		break;
	case STOP_FAILED: /* it may just have ended */
		if (++refusals == REFUSALS_MAX)
			fault_say(fault, "the GC thread can't be stopped: may this process trace?");
		break;
	case STOP_ASLEEP:
		break;
	}
}

static void freeze_tick(struct fault *fault, uint64_t elapsed_ms)
{
	if (is_frozen) {
		if (frozen_for_ever || elapsed_ms < thaw_due_ms)
			return;
		fault_tracer_thaw();
		is_frozen = false;
		freeze_due_ms =
		    elapsed_ms +
		    random_below(&fault->random, (uint32_t)(2 * fault->value[FREEZE_GAP] + 1));
	} else if (elapsed_ms >= freeze_due_ms) {
		for (uint32_t i = 0; i < ATTEMPTS && !is_frozen; i++)
			freeze(fault, elapsed_ms);
	}
}

static bool freeze_lift(struct fault *fault)
{
	(void)fault;
	freeze_due_ms = UINT64_MAX;
	if (is_frozen)
		fault_tracer_thaw();
	is_frozen = false;
	fault_tracer_end();
	return true;
}

static uint64_t freeze_struck(const struct fault *fault)
{
	(void)fault;
	return times_frozen;
}

const struct fault_kind fault_gc_freeze = {
	.name = "gc-freeze",
	.meaning = "the GC thread stands still, from a random instruction on (by ptrace)",
	.needs = FAULT_TIDE,
	.key = {
	    { "ms", 0, 86400000, 0, "so long, then goes on; 0: to the end of the load", NULL },
	    { "gap", 0, 86400000, 50, "ms until the next time, on average", NULL },
	    { "after", 0, 86400000, 200, "ms from the start to the first time", NULL },
	    { "at", 0, 0, AT_ANY, "any instant, only while it works, or only while it has the token",
	      at_name },
	},
	.start = freeze_start,
	.tick = freeze_tick,
	.lift = freeze_lift,
	.struck = freeze_struck,
	.unit = "times the GC thread was frozen",
};

/* Starved: it runs only when nothing else wants to, and something always does. */

enum { STARVE_HOGS };
enum { HOGS_MAX = 256 };

static pthread_t hog[HOGS_MAX];
static uint32_t hogs;
/* writers main  readers hogs  order relaxed: late news does no harm  edges none */
static _Atomic bool hogs_stop;
static uint32_t starved_id;
static uint64_t times_starved;

static void *hog_main(void *unused)
{
	(void)unused;
	while (!load_relaxed(&hogs_stop))
		continue;
	return NULL;
}

static bool starve_start(struct fault *fault)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t want = fault->value[STARVE_HOGS];

	if (want == 0)
		want = processors > 0 ? (uint64_t)processors : 1;
	for (hogs = 0; hogs < want && hogs < HOGS_MAX; hogs++) {
		if (!fault_thread_start(fault, &hog[hogs], hog_main, NULL))
			return false;
	}
	return true;
}

static void set_policy(uint32_t id, int policy)
{
	(void)sched_setscheduler((pid_t)id, policy, &(struct sched_param){ 0 });
}

static void starve_tick(struct fault *fault, uint64_t elapsed_ms)
{
	uint32_t id = fault_gc_thread();

	(void)fault, (void)elapsed_ms;
	if (id == 0 || id == starved_id)
		return;
	set_policy(id, SCHED_IDLE);
	times_starved += sched_getscheduler((pid_t)id) == SCHED_IDLE;
	starved_id = id;
}

static bool starve_lift(struct fault *fault)
{
	(void)fault;
	store_relaxed(&hogs_stop, true);
	for (uint32_t i = 0; i < hogs; i++)
		pthread_join(hog[i], NULL);
	hogs = 0;
	if (starved_id != 0)
		set_policy(starved_id, SCHED_OTHER);
	return true;
}

static uint64_t starve_struck(const struct fault *fault)
{
	(void)fault;
	return times_starved;
}

const struct fault_kind fault_gc_starve = {
	.name = "gc-starve",
	.meaning =
	    "the GC thread runs only on processors with nothing else to do, and there are hogs",
	.needs = FAULT_TIDE,
	.key = { { "hogs", 0, HOGS_MAX, 0, "threads that always run; 0: one a processor", NULL } },
	.start = starve_start,
	.tick = starve_tick,
	.lift = starve_lift,
	.struck = starve_struck,
	.unit = "GC threads starved",
};

/* Ended and started. */

enum { SWITCH_GAP, SWITCH_THREADS };
enum { SWITCHERS_MAX = 16 };

static struct switcher {
	pthread_t thread;
	struct random random;
	uint32_t gap_us;
} switcher[SWITCHERS_MAX];
static uint32_t switchers;
/* writers main  readers switchers  order relaxed: late news does no harm  edges none */
static _Atomic bool switch_stop;
/* writers switchers  readers main  order relaxed: a count  edges none */
static _Atomic uint64_t times_ended;

#if STRESS_EXTERNAL
static int gc_stop(void)
{
	return ESRCH;
}

static int gc_start(void)
{
	return EAGAIN;
}
#else
#include <tide/tide.h>

static int gc_stop(void)
{
	return tide_gc_stop();
}

static int gc_start(void)
{
	return tide_gc_start();
}
#endif

static void *switcher_main(void *of)
{
	struct switcher *self = of;

	while (!load_relaxed(&switch_stop)) {
		fault_sleep_us(random_below(&self->random, 2 * self->gap_us + 1));
		if (gc_stop() == 0)
			add_relaxed(&times_ended, 1);
		fault_sleep_us(random_below(&self->random, 2 * self->gap_us + 1));
		(void)gc_start(); /* refused, when clone fails: then next time */
	}
	return NULL;
}

static bool switch_start(struct fault *fault)
{
	for (switchers = 0; switchers < fault->value[SWITCH_THREADS]; switchers++) {
		struct switcher *next = &switcher[switchers];

		random_seed(&next->random, fault->run->seed, 2000000 + switchers);
		next->gap_us = (uint32_t)fault->value[SWITCH_GAP];
		if (!fault_thread_start(fault, &next->thread, switcher_main, next))
			return false;
	}
	return true;
}

static bool switch_lift(struct fault *fault)
{
	store_relaxed(&switch_stop, true);
	for (uint32_t i = 0; i < switchers; i++)
		pthread_join(switcher[i].thread, NULL);
	switchers = 0;
	int error = gc_start();
	if (error == 0 || error == EALREADY)
		return true;
	fault_say(fault, "the GC thread does not start any more: %s", strerror(error));
	return false;
}

static uint64_t switch_struck(const struct fault *fault)
{
	(void)fault;
	return load_relaxed(&times_ended);
}

const struct fault_kind fault_gc_switch = {
	.name = "gc-switch",
	.meaning = "the GC thread is ended (tide_gc_stop) and started again, at random",
	.needs = FAULT_TIDE,
	.key = {
	    { "gap", 0, 10000000, 10000, "us between the two, on average", NULL },
	    { "threads", 1, SWITCHERS_MAX, 1, "that do so, each for itself", NULL },
	},
	.start = switch_start,
	.lift = switch_lift,
	.struck = switch_struck,
	.unit = "times the GC thread was ended",
};
