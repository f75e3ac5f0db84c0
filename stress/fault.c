/* See fault.h. */
#include "fault_kind.h"

#include "order.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* A thread that did not come round in so long is stuck, even in a build that checks everything on a
 * machine that has other things to do. */
enum { STUCK_MS = 30000, POLL_US = 2000 };
/* What a look counts at most: a process that was stopped, and with it all threads, is not stuck. */
enum { LOOK_MAX_MS = 200 };

/* One worker's beats.
 * writers  the worker                           readers  the main thread
 * order    relaxed                              edges    none: a count carries no data */
struct pulse {
	_Alignas(64) _Atomic uint64_t beats;
	uint64_t seen, seen_ms; /* plain: the main thread's */
};

static struct pulse *pulse; /* [pulses] */
static uint32_t pulses;
/* Times that a consumer asked how long to wait.
 * writers  consumers  readers main  order relaxed: a count  edges none */
static _Atomic uint64_t delays;

void fault_say(const struct fault *fault, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fprintf(stderr, "tide-stress: fault %s: ", fault->kind->name);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
}

uint64_t fault_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void fault_sleep_us(uint64_t us)
{
	nanosleep(&(struct timespec){ .tv_sec = (time_t)(us / 1000000),
	                              .tv_nsec = (long)(us % 1000000) * 1000 },
	          NULL);
}

bool fault_thread_start(struct fault *fault, pthread_t *thread, void *(*entry)(void *), void *arg)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(thread, NULL, entry, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0)
		fault_say(fault, "no thread: %s", strerror(error));
	return error == 0;
}

void fault_beat(uint32_t worker)
{
	if (worker < pulses)
		count_owned(&pulse[worker].beats, 1);
}

/* The main thread may be what is stuck, and all it could say with it. */

enum { MAIN_STUCK_MS = 45000, WATCH_US = 500000 };

/* When the main thread last came by; 0: it need not.
 * writers  main  readers the watch  order relaxed: late news does no harm  edges none */
static _Atomic uint64_t main_seen_ms;

static void *watch_main(void *unused)
{
	static const char text[] = "tide-stress: the main thread is stuck in an allocator call\n";

	for (;;) {
		uint64_t seen_ms = load_relaxed(&main_seen_ms);

		if (seen_ms == 0)
			return unused;
		if (fault_clock_ms() > seen_ms + MAIN_STUCK_MS) {
			(void)!write(STDERR_FILENO, text, sizeof text - 1);
			_exit(1);
		}
		fault_sleep_us(WATCH_US);
	}
}

static bool watch_start(struct fault *fault)
{
	pthread_t watch;

	store_relaxed(&main_seen_ms, fault_clock_ms());
	if (!fault_thread_start(fault, &watch, watch_main, NULL))
		return false;
	pthread_detach(watch);
	return true;
}

static bool pulses_start(struct run *run)
{
	size_t bytes = run->threads * sizeof *pulse;
	void *mapped =
	    mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mapped == MAP_FAILED)
		return false;
	pulse = mapped;
	pulses = run->threads;
	return true;
}

bool fault_start(struct faults *faults, struct run *run)
{
	faults->run = run;
	if (!pulses_start(run)) {
		fprintf(stderr, "tide-stress: no memory for the pulses of %" PRIu32 " threads\n",
		        run->threads);
		return false;
	}
	if (faults->count == 0)
		return true;
	fault_books_open();
	faults->started = true;
	for (uint32_t i = 0; i < faults->count; i++) {
		struct fault *fault = &faults->fault[i];

		fault->run = run;
		random_seed(&fault->random, run->seed, 1000000 + i);
		if (fault->kind->start != NULL && !fault->kind->start(fault))
			return false;
	}
	return watch_start(&faults->fault[0]);
}

/* A worker of which beats can be asked: not frozen, nor at its end, nor to be replaced. */
static bool should_beat(const struct faults *faults, uint32_t worker)
{
	const struct worker *of = &faults->run->worker[worker];

	return of->running && !load_acquire(&of->resting) && !load_acquire(&of->finished) &&
	       !fault_is_frozen(faults, worker);
}

/* Note who came round since the last look. The number of a worker that did not for too long, or the
 * number of workers. */
static uint32_t take_pulses(const struct faults *faults)
{
	static uint64_t clock_ms, now_ms = 1; /* of the last look; spent looking */
	uint64_t before_ms = clock_ms;
	uint32_t stuck = pulses;

	clock_ms = fault_clock_ms();
	now_ms += clock_ms - before_ms < LOOK_MAX_MS ? clock_ms - before_ms : LOOK_MAX_MS;

	for (uint32_t i = 0; i < pulses; i++) {
		uint64_t beats = load_relaxed(&pulse[i].beats);

		if (beats != pulse[i].seen || pulse[i].seen_ms == 0 || !should_beat(faults, i)) {
			pulse[i].seen = beats;
			pulse[i].seen_ms = now_ms;
		} else if (now_ms - pulse[i].seen_ms > STUCK_MS) {
			stuck = i;
		}
	}
	return stuck;
}

bool fault_is_stuck(const struct faults *faults)
{
	return faults->stuck;
}

static void say_stuck(struct faults *faults, uint32_t worker)
{
	if (!faults->stuck)
		fprintf(stderr,
		        "tide-stress: thread %" PRIu32 " is stuck: not once round in %d s\n",
		        worker, STUCK_MS / 1000);
	faults->stuck = true;
}

void fault_tick(struct faults *faults, uint64_t elapsed_ms)
{
	for (uint32_t i = 0; i < faults->count; i++) {
		struct fault *fault = &faults->fault[i];

		if (fault->kind->tick != NULL)
			fault->kind->tick(fault, elapsed_ms);
	}
	if (faults->started)
		store_relaxed(&main_seen_ms, fault_clock_ms());
	uint32_t stuck = take_pulses(faults);
	if (stuck < pulses)
		say_stuck(faults, stuck);
}

/* Under all that struck: each thread comes round twice more, the second time wholly after now. */
static void await_pulses(struct faults *faults)
{
	uint64_t from_ms = fault_clock_ms();

	for (uint32_t i = 0; i < pulses && !faults->stuck; i++) {
		uint64_t want = load_relaxed(&pulse[i].beats) + 2;

		while (should_beat(faults, i) && load_relaxed(&pulse[i].beats) < want &&
		       !load_relaxed(&faults->run->stop)) {
			if (fault_clock_ms() - from_ms > STUCK_MS) {
				say_stuck(faults, i);
				break;
			}
			fault_sleep_us(POLL_US);
		}
	}
}

void fault_lift(struct faults *faults)
{
	if (!faults->started || faults->lifted)
		return;
	store_relaxed(&main_seen_ms, fault_clock_ms());
	await_pulses(faults);
	store_relaxed(&main_seen_ms, 0u);
	for (uint32_t i = 0; i < faults->count; i++) {
		struct fault *fault = &faults->fault[i];

		if (fault->kind->lift != NULL && !fault->kind->lift(fault))
			faults->wrong = true;
	}
	faults->lifted = true;
}

bool fault_is_frozen(const struct faults *faults, uint32_t worker)
{
	return faults->started && fault_freeze_has(worker);
}

bool fault_may_refuse(const struct faults *faults)
{
	for (uint32_t i = 0; i < faults->count; i++) {
		const struct fault *fault = &faults->fault[i];

		if (fault->kind->may_refuse != NULL && fault->kind->may_refuse(fault))
			return true;
	}
	return false;
}

static bool all_beat(void)
{
	uint64_t beats = 0;

	for (uint32_t i = 0; i < pulses; i++)
		beats += load_relaxed(&pulse[i].beats);
	if (beats == 0)
		fprintf(stderr, "tide-stress: no thread ever came round: nothing was tested\n");
	return beats != 0;
}

bool fault_verdict(struct faults *faults)
{
	if (!faults->started)
		return true;
	bool right = all_beat() && !faults->stuck && !faults->wrong;

	for (uint32_t i = 0; i < faults->count; i++) {
		struct fault *fault = &faults->fault[i];
		uint64_t struck = fault->kind->struck(fault);

		printf("fault %s: %" PRIu64 " %s\n", fault->kind->name, struck, fault->kind->unit);
		if (struck == 0) {
			fault_say(fault, "it never struck: nothing was tested");
			right = false;
		}
	}
	fflush(stdout);
	return fault_books_balance(faults) && right;
}

/* Slow consumers: all there is to do is to answer. */

enum { DELAY_US };

uint32_t fault_consumer_delay_us(const struct faults *faults)
{
	for (uint32_t i = 0; i < faults->count; i++) {
		if (faults->fault[i].kind != &fault_slow_consumers)
			continue;
		add_relaxed(&delays, 1);
		return (uint32_t)faults->fault[i].value[DELAY_US];
	}
	return 0;
}

static uint64_t delays_counted(const struct fault *fault)
{
	(void)fault;
	return load_relaxed(&delays);
}

const struct fault_kind fault_slow_consumers = {
	.name = "slow-consumers",
	.meaning = "consumers wait before each burst",
	.key = { { "delay_us", 1, 10000000, 5000, "so long", NULL } },
	.struck = delays_counted,
	.unit = "delays",
};
