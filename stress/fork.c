/* Forks while other threads are in the midst of allocating. The child has one thread, and the heap
 * as it was at that instant: what the thread held must be right and can be freed, and everything
 * can be allocated, also by new threads and in a child of the child. See worker.h. */
#include "worker.h"

#include "fault.h"
#include "order.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	CHILD_MAX_S = 30, /* it hangs then */
	CHILD_LOOKS = 512,
	CHILD_BLOCKS = 256,
	CHILD_THREAD_ONE_IN = 4,
	CHILD_FORK_ONE_IN = 8,
	CHILD_TRIM_ONE_IN = 4,
	CHILD_CROWD_ONE_IN = 4,
	CROWD_THREADS = 6,
	CROWD_BLOCKS = 300,
	WAIT_NS = 200000,
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The thread's own blocks, of which no other thread had hold. */
static void look_at_inherited(struct worker *worker)
{
	struct actor *actor = worker->actor;

	for (uint32_t i = 0; i < CHILD_LOOKS; i++) {
		struct held *held = &worker->held[random_below(&actor->random, worker->slots)];

		if (held->block == NULL)
			continue;
		if (i % 2 == 0)
			actor_look(actor, held);
		else
			actor_free(actor, held);
	}
}

static void allocate_some(struct worker *worker)
{
	struct actor *actor = worker->actor;
	struct held mine[CHILD_BLOCKS];
	uint32_t life = 0;

	for (uint32_t i = 0; i < CHILD_BLOCKS; i++) {
		if (actor_make(actor, worker->team->crew, worker->phase, &mine[i], &life) &&
		    i % 8 == 0)
			actor_resize_chain(actor, worker->team->crew, &mine[i], 2);
	}
	for (uint32_t i = 0; i < CHILD_BLOCKS; i++) {
		if (mine[i].block != NULL)
			actor_free(actor, &mine[i]);
	}
}

/* Several threads at once: what the parent's threads left is shared out among them. */
static void *crowd_main(void *of)
{
	unsigned char *block[CROWD_BLOCKS];
	unsigned char mark = *(const unsigned char *)of;

	for (uint32_t i = 0; i < CROWD_BLOCKS; i++) {
		block[i] = malloc(16 + i % 8 * 16);
		if (block[i] != NULL)
			memset(block[i], mark, 16);
	}
	/* The others come meanwhile. */
	nanosleep(&(struct timespec){ .tv_nsec = WAIT_NS }, NULL);
	for (uint32_t i = 0; i < CROWD_BLOCKS; i++) {
		if (block[i] != NULL && (block[i][0] != mark || block[i][15] != mark))
			oracle_fail("two threads of a forked process have the same block");
		free(block[i]);
	}
	return NULL;
}

static void crowd_run(void)
{
	static unsigned char mark[CROWD_THREADS] = { 1, 2, 3, 4, 5, 6 };
	pthread_t thread[CROWD_THREADS];
	uint32_t threads = 0;

	while (threads < CROWD_THREADS &&
	       pthread_create(&thread[threads], NULL, crowd_main, &mark[threads]) == 0)
		threads++;
	while (threads > 0)
		pthread_join(thread[--threads], NULL);
}

static int child_main(struct worker *worker, bool may_fork);

/* In place of a child that could not tell what was wrong. */
static void judge(pid_t child, int status)
{
	char what[96];

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	if (WIFEXITED(status))
		snprintf(what, sizeof what, "forked process %d found something wrong", (int)child);
	else
		snprintf(what, sizeof what, "forked process %d was ended by signal %d", (int)child,
		         WTERMSIG(status));
	oracle_fail(what);
}

static void wait_for(const struct worker *worker, pid_t child)
{
	uint64_t until_ms = now_ms() + CHILD_MAX_S * 1000;
	int status = 0;

	for (;;) {
		fault_beat(worker->actor->number);
		pid_t ended = waitpid(child, &status, WNOHANG);

		if (ended == child)
			break;
		if (ended < 0 && errno != EINTR) {
			oracle_fail("a forked process is not there");
			return;
		}
		if (now_ms() > until_ms) {
			oracle_fail("a forked process hangs");
			kill(child, SIGKILL);
			while (waitpid(child, &status, 0) < 0 && errno == EINTR)
				continue;
			return;
		}
		nanosleep(&(struct timespec){ .tv_nsec = WAIT_NS }, NULL);
	}
	judge(child, status);
}

static void fork_once(struct worker *worker, bool may_fork)
{
	pid_t child = fork();

	if (child == 0)
		_exit(child_main(worker, may_fork));
	if (child < 0)
		return; /* the system has no room for a process */
	count_owned(&worker->actor->tally.forks, 1);
	wait_for(worker, child);
}

static int child_main(struct worker *worker, bool may_fork)
{
	uint64_t failures = oracle_failures();
	struct random *random = &worker->actor->random;

	actor_read_clock(worker->actor);
	look_at_inherited(worker);
	allocate_some(worker);
	if (random_once_in(random, CHILD_THREAD_ONE_IN))
		mayfly_run(worker);
	if (random_once_in(random, CHILD_CROWD_ONE_IN))
		crowd_run();
	if (random_once_in(random, CHILD_TRIM_ONE_IN))
		malloc_trim(0); /* what the other threads left is collected here too */
	if (may_fork && random_once_in(random, CHILD_FORK_ONE_IN))
		fork_once(worker, false);
	return oracle_failures() != failures;
}

void fork_run(struct worker *worker)
{
	fault_shelter_begin();
	fork_once(worker, true);
	fault_shelter_end();
}
