/* Faults: what is done to the allocator, to its GC thread and to the threads that use it while they
 * work. Each is one of the kinds that `--fault help` lists, with keys that say how often and when.
 *
 * Touched by  the main thread, but for fault_beat, the shelter and fault_consumer_delay_us.
 * Promise     after fault_lift the system obliges again, and no fault strikes any more; threads
 *             that are frozen for ever stay so.
 */
#ifndef STRESS_FAULT_H
#define STRESS_FAULT_H

#include "run.h"

#include <signal.h>
#include <stdio.h>

enum { FAULTS_MAX = 8, FAULT_KEYS_MAX = 8 };

struct fault_kind;

struct fault {
	const struct fault_kind *kind;
	uint64_t value[FAULT_KEYS_MAX]; /* in the order of the kind's keys */
	struct run *run;
	struct random random;
};

/* Zeroed: no fault. */
struct faults {
	struct fault fault[FAULTS_MAX];
	uint32_t count;
	struct run *run;
	bool started, lifted, stuck, wrong;
};

/* Add what `text`, NAME[:KEY=VALUE,...], says. False, after a message that tells what would be
 * right: it can't be used, or not in this build. */
bool fault_parse(struct faults *faults, const char *text);
/* All kinds and their keys. */
void fault_help(FILE *out);

/* After run_start, before any thread, with faults or without: threads that are stuck are always
 * found. False, after a message: a fault can't be had here. */
bool fault_start(struct faults *faults, struct run *run);
/* About every 10 ms. */
void fault_tick(struct faults *faults, uint64_t elapsed_ms);
/* Before the threads are told to stop (run.stop): requires that each one still goes on. What does
 * not is told by fault_verdict. */
void fault_lift(struct faults *faults);
/* A thread does not come round any more: the run should end. */
bool fault_is_stuck(const struct faults *faults);
/* When all threads were joined that are not frozen, and all blocks freed that are not theirs: what
 * struck, how often, and whether all is in order. False, after a message. */
bool fault_verdict(struct faults *faults);

/* Such a worker never ends: it must not be joined, replaced or freed after. Ask after fault_lift,
 * and each time before a join. It stopped at any instruction: up to FAULT_IN_HANDS blocks that it
 * was about to make, free or hand over are in no tally, or in two. */
enum { FAULT_IN_HANDS = 2 };
bool fault_is_frozen(const struct faults *faults, uint32_t worker);
/* NULL with ENOMEM is right, and so is a thread that can't be started now. */
bool fault_may_refuse(const struct faults *faults);
/* Consumers wait so long before each burst. Any thread. */
uint32_t fault_consumer_delay_us(const struct faults *faults);

/* A worker says that it goes on, each time round its loop, also while it waits for others. A worker
 * that does not beat for long is stuck: in the allocator, since nothing else can hold it up. */
void fault_beat(uint32_t worker);
/* Round each call of the allocator, so that threads can be frozen there above all. */
extern _Thread_local volatile sig_atomic_t fault_calling;
static inline void fault_call_begin(void)
{
	fault_calling = 1;
}
static inline void fault_call_end(void)
{
	fault_calling = 0;
}
/* The calling thread is not frozen in between: for calls that lock what all threads need, as those
 * that start or join threads, fork, or print. Such pairs nest. */
void fault_shelter_begin(void);
void fault_shelter_end(void);

#endif
