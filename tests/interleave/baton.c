/* One schedule: threads that pass a baton, and what lib/yield.h asks of a scheduler. */
#include "record.h"

#include "atomic.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum thread_state { READY, WAITS, FROZEN, ENDED };

/* Everything here is written by who has the baton; the semaphores carry it on. */
struct thread {
	sem_t baton;
	enum thread_state state;
	const char *point;
	/* While it waits: on what, until when (UINT64_MAX: no limit), and before whom. */
	void *word;
	uint64_t limit_ns;
	unsigned place;
	/* Of a thread that the library started: it need not end. */
	bool serves;
	void (*entry)(void *);
	void *arg;
	_Atomic uint32_t *alive;
};

enum { HANG_S = 20, STACK_BYTES = 256 * 1024 };

static struct thread thread[THREADS_MAX];
static unsigned threads, waits, idle_waits;
static int frozen = -1;
static const struct scenario *scenario;
static struct record *record;
static sem_t all_done;
static pthread_key_t end_key;
static bool looking; /* `always` runs: what it calls is no step */
static uint64_t clock_ns = 1000 * 1000000000ull;
static _Thread_local int self = -1;

_Noreturn void schedule_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (record != NULL) {
		(void)vsnprintf(record->fault, sizeof record->fault, format, args);
		_exit(1);
	}
	(void)fputs("no schedule runs yet, and: ", stderr);
	(void)vfprintf(stderr, format, args);
	(void)fputc('\n', stderr);
	va_end(args);
	exit(1);
}

int schedule_self(void)
{
	return self;
}

int schedule_frozen(void)
{
	return frozen;
}

bool schedule_has_ended(int index)
{
	return thread[index].state == ENDED;
}

const char *schedule_point(int index)
{
	return index == self && !looking ? "" : thread[index].point;
}

unsigned schedule_idle_waits(void)
{
	return idle_waits;
}

void schedule_pass_ns(uint64_t ns)
{
	clock_ns += ns;
}

void schedule_leave(void)
{
	self = -1;
}

static uint8_t threads_that(enum thread_state state, bool limited)
{
	uint8_t found = 0;

	for (unsigned i = 0; i < threads; i++) {
		if (thread[i].state == state && (!limited || thread[i].limit_ns != UINT64_MAX))
			found |= (uint8_t)(1u << i);
	}
	return found;
}

/* The thread whose limit passes first. */
static unsigned first_limited(uint8_t limited)
{
	unsigned first = NOBODY;

	for (unsigned i = 0; i < threads; i++) {
		if ((limited >> i & 1) &&
		    (first == NOBODY || thread[i].limit_ns < thread[first].limit_ns))
			first = i;
	}
	return first;
}

static bool all_have_ended(void)
{
	for (unsigned i = 0; i < threads; i++) {
		if (!thread[i].serves && thread[i].state != ENDED && thread[i].state != FROZEN)
			return false;
	}
	return true;
}

static void note_wait_for_ever(void)
{
	char text[256] = "";

	for (unsigned i = 0; i < threads; i++) {
		size_t used = strlen(text);
		if (thread[i].state == WAITS || thread[i].state == FROZEN)
			(void)snprintf(text + used, sizeof text - used, "; thread %u %s after %s",
			               i, thread[i].state == FROZEN ? "is frozen" : "waits",
			               thread[i].point);
	}
	schedule_fail("nobody can go on%s", text);
}

/* Whom to give the baton when nothing is forced: no preemption. NOBODY: all is done. */
static unsigned default_choice(const struct step *step)
{
	if (step->current != NOBODY && (step->ready >> step->current & 1))
		return step->current;
	if (step->ready != 0)
		return (unsigned)__builtin_ctz(step->ready);
	if (all_have_ended())
		return NOBODY;
	if (step->limited == 0)
		note_wait_for_ever();
	return first_limited(step->limited);
}

static void obey(const struct step *step, unsigned choice)
{
	unsigned next = choice & CHOICE_THREAD;

	if (choice & CHOICE_FREEZES) {
		if (step->current == NOBODY || frozen >= 0)
			schedule_fail("the schedule does not fit: nobody to freeze");
		frozen = step->current;
		thread[frozen].state = FROZEN;
	}
	if (next >= threads || !((step->ready | step->limited) >> next & 1))
		schedule_fail("the schedule does not fit: thread %u can't go on", next);
	if (thread[next].state == WAITS) {
		idle_waits += step->ready == 0;
		if (clock_ns < thread[next].limit_ns)
			clock_ns = thread[next].limit_ns;
		thread[next].state = READY;
	}
}

/* The next thread; NOBODY at the end. */
static unsigned choose(void)
{
	struct step *step = &record->step[record->steps];

	if (scenario->always != NULL) {
		looking = true;
		const char *wrong = scenario->always();
		if (wrong != NULL)
			schedule_fail("%s", wrong);
		looking = false;
	}
	if (record->steps == STEPS_MAX)
		schedule_fail("no end after %d points", STEPS_MAX);
	step->current = self < 0 ? NOBODY : (uint8_t)self;
	step->ready = threads_that(READY, false);
	step->limited = threads_that(WAITS, true);
	unsigned choice = record->steps < record->forced ? record->forced_choice[record->steps]
	                                                 : default_choice(step);
	if (choice == NOBODY)
		return NOBODY;
	obey(step, choice);
	step->choice = (uint8_t)choice;
	step->point = thread[choice & CHOICE_THREAD].point;
	record->steps++;
	return choice & CHOICE_THREAD;
}

static void hand_over(void)
{
	unsigned next = choose();

	if ((int)next == self)
		return;
	(void)sem_post(next == NOBODY ? &all_done : &thread[next].baton);
	if (self >= 0 && thread[self].state != ENDED)
		(void)sem_wait(&thread[self].baton);
}

static bool is_watched(const char *point)
{
	const char *at = scenario->points;

	while (at != NULL) {
		size_t bytes = strcspn(at, " ");
		if (strncmp(at, point, bytes) == 0)
			return true;
		at += bytes;
		at += strspn(at, " ");
		if (*at == '\0')
			return false;
	}
	return true;
}

void tide_yield(const char *point)
{
	if (self < 0 || looking || !is_watched(point))
		return;
	thread[self].point = point;
	hand_over();
}

bool tide_yield_futex_wait(void *word, uint32_t seen, uint64_t timeout_ns)
{
	if (record != NULL && (self < 0 || looking))
		schedule_fail("a check would wait for ever");
	if (self < 0)
		return false;
	thread[self].point = "futex.wait";
	hand_over();
	if (tide_load_seq_cst((_Atomic uint32_t *)word) != seen)
		return true;
	thread[self].state = WAITS;
	thread[self].word = word;
	thread[self].limit_ns = timeout_ns != 0 ? clock_ns + timeout_ns : UINT64_MAX;
	thread[self].place = waits++;
	thread[self].point = "futex.waits";
	hand_over();
	return true;
}

bool tide_yield_futex_wake(void *word, uint32_t waiters)
{
	if (self < 0 || looking)
		return false;
	for (; waiters > 0; waiters--) {
		struct thread *first = NULL;
		for (unsigned i = 0; i < threads; i++) {
			if (thread[i].state == WAITS && thread[i].word == word &&
			    (first == NULL || thread[i].place < first->place))
				first = &thread[i];
		}
		if (first == NULL)
			break;
		first->state = READY;
	}
	return true;
}

bool tide_yield_clock_ns(uint64_t *now_ns)
{
	*now_ns = clock_ns;
	return true;
}

static _Noreturn void end(void)
{
	struct thread *own = &thread[self];

	if (own->alive != NULL) { /* as the kernel does */
		tide_store_seq_cst(own->alive, 0u);
		(void)tide_yield_futex_wake(own->alive, UINT32_MAX);
	}
	own->state = ENDED;
	own->point = "its end";
	hand_over();
	for (;;)
		(void)pause();
}

/* Destructors are called in rounds as long as there are values: those of the allocator come in the
 * first. */
static void end_in_second_round(void *round)
{
	static int second;

	if (round == &second)
		end();
	(void)pthread_setspecific(end_key, &second);
}

static void *thread_main(void *arg)
{
	static int first;

	self = (int)((struct thread *)arg - thread);
	(void)sem_wait(&thread[self].baton);
	if (thread[self].serves)
		thread[self].entry(thread[self].arg);
	else
		scenario->thread[self]();
	if (!scenario->exits || thread[self].serves)
		end();
	(void)pthread_setspecific(end_key, &first);
	return NULL;
}

static struct thread *thread_make(void)
{
	pthread_t id;
	pthread_attr_t attributes;
	struct thread *made = &thread[threads];

	if (threads == THREADS_MAX)
		schedule_fail("too many threads");
	(void)sem_init(&made->baton, 0, 0);
	made->state = READY;
	made->point = "its start";
	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
	if (pthread_create(&id, &attributes, thread_main, made) != 0)
		schedule_fail("no thread to be had");
	threads++;
	return made;
}

bool tide_yield_thread_start(void (*entry)(void *), void *arg, _Atomic uint32_t *alive)
{
	if (self < 0)
		return false;
	tide_store_seq_cst(alive, 1u);
	struct thread *made = thread_make();
	made->serves = true;
	made->entry = entry;
	made->arg = arg;
	made->alive = alive;
	return true;
}

_Noreturn void schedule_run(const struct scenario *to_run, struct record *into)
{
	(void)alarm(HANG_S);
	scenario = to_run;
	record = into;
	(void)sem_init(&all_done, 0, 0);
	if (scenario->exits && pthread_key_create(&end_key, end_in_second_round) != 0)
		schedule_fail("no key to be had");
	for (unsigned i = 0; i < SCENARIO_THREADS && scenario->thread[i] != NULL; i++)
		(void)thread_make();
	hand_over();
	(void)sem_wait(&all_done);
	const char *wrong = scenario->check != NULL ? scenario->check() : NULL;
	if (wrong != NULL)
		schedule_fail("at the end: %s", wrong);
	record->ended = true;
	_exit(0);
}
