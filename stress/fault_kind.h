/* What the kinds of faults have in common; for the fault*.c alone. */
#ifndef STRESS_FAULT_KIND_H
#define STRESS_FAULT_KIND_H

#include "fault.h"

#ifndef STRESS_EXTERNAL
#define STRESS_EXTERNAL 0
#endif
/* Whether the allocator's hidden functions can be used: Tide is linked in, and checks itself. */
#ifndef STRESS_INTERNALS
#define STRESS_INTERNALS 0
#endif

enum fault_needs {
	FAULT_ANY_ALLOCATOR,
	FAULT_TIDE,      /* not tide-stress-external */
	FAULT_INTERNALS, /* a debug or audit build */
};

/* A key with words takes some of them, joined by "+"; its value has a bit for each. */
struct fault_key {
	const char *name;
	uint64_t min, max, usual;
	const char *meaning;
	const char *const *words; /* NULL: a number */
};

struct fault_kind {
	const char *name, *meaning;
	enum fault_needs needs;
	struct fault_key key[FAULT_KEYS_MAX]; /* up to the first without a name */
	bool (*start)(struct fault *fault);   /* these may be NULL */
	void (*tick)(struct fault *fault, uint64_t elapsed_ms);
	bool (*lift)(struct fault *fault); /* false, after a message: it can't be */
	bool (*may_refuse)(const struct fault *fault);
	/* How often it struck, in `unit`. 0 fails the run: nothing was tested. */
	uint64_t (*struck)(const struct fault *fault);
	const char *unit;
};

extern const struct fault_kind fault_syscall;        /* fault_syscall.c */
extern const struct fault_kind fault_address_limit;  /* fault_space.c */
extern const struct fault_kind fault_map_limit;      /* fault_space.c */
extern const struct fault_kind fault_gc_freeze;      /* fault_gc.c */
extern const struct fault_kind fault_gc_starve;      /* fault_gc.c */
extern const struct fault_kind fault_gc_switch;      /* fault_gc.c */
extern const struct fault_kind fault_app_freeze;     /* fault_freeze.c */
extern const struct fault_kind fault_stall;          /* fault_stall.c */
extern const struct fault_kind fault_signals;        /* fault_signals.c */
extern const struct fault_kind fault_slow_consumers; /* fault.c */

/* Print "tide-stress: fault NAME: ..." to stderr. */
__attribute__((format(printf, 2, 3))) void fault_say(const struct fault *fault, const char *format,
                                                     ...);
uint64_t fault_clock_ms(void);
void fault_sleep_us(uint64_t us);
/* For threads of the faults themselves: with all signals blocked but `open` (0: none). */
bool fault_thread_start(struct fault *fault, pthread_t *thread, void *(*entry)(void *), void *arg);

/* fault_freeze.c */
bool fault_is_sheltered(void); /* the calling thread, or the one whose handler this is */
bool fault_freeze_has(uint32_t worker);
uint32_t fault_freeze_for_ever(void); /* so many threads are */

/* fault_tasks.c: the threads of this process, without the allocator's help. Returns how many there
 * are in `id`. */
uint32_t fault_tasks(uint32_t *id, uint32_t max);
/* The GC thread; 0: there is none. */
uint32_t fault_gc_thread(void);

/* fault_tracer.c: a process that stops one thread of this one, at any instruction. */
enum fault_stop { STOP_DONE, STOP_ASLEEP, STOP_FAILED };
bool fault_tracer_start(struct fault *fault);
/* Freeze thread `id`; `at_work`: unless it sleeps. */
enum fault_stop fault_tracer_freeze(uint32_t id, bool at_work);
void fault_tracer_thaw(void);
void fault_tracer_end(void);

/* fault_books.c: whether all can be had again, and is accounted for. False, after a message. */
void fault_books_open(void); /* before the load */
bool fault_books_balance(const struct faults *faults);

#endif
