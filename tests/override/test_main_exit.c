/* Main may end before its threads do: the process then ends by itself, well, with the last thread
 * of its own. The GC's thread must not keep it alive, nor end it early. */
#include <pthread.h>

#include "support.h"

static pthread_t main_thread;
static int report_pipe[2];

static void *outlive_main(void *unused)
{
	struct tide_stats stats;

	(void)unused;
	use_heap(1, 50000);
	require(pthread_join(main_thread, NULL) == 0, "main has left");
	use_heap(2, 200000);
	tide_stats_read(&stats, sizeof stats);
	/* That the work was done, and whether there was a GC thread to survive. */
	char report = stats.gc_thread_runs == 1 ? 'y' : 'n';
	require(write(report_pipe[1], &report, 1) == 1, "write");
	return NULL;
}

static void leave_main(bool start_gc)
{
	pthread_t thread;

	main_thread = pthread_self();
	if (start_gc)
		require(tide_gc_start() == 0, "start of the GC thread");
	require(pthread_create(&thread, NULL, outlive_main, NULL) == 0, "a thread");
	use_heap(3, 50000);
	pthread_exit(NULL);
}

/* The same, when the thread has ended before main leaves. */
static void *end_first(void *unused)
{
	char report = 'y';

	(void)unused;
	use_heap(4, 50000);
	require(write(report_pipe[1], &report, 1) == 1, "write");
	return NULL;
}

static void leave_main_last(bool start_gc)
{
	pthread_t thread;

	if (start_gc)
		require(tide_gc_start() == 0, "start of the GC thread");
	require(pthread_create(&thread, NULL, end_first, NULL) == 0, "a thread");
	require(pthread_join(thread, NULL) == 0, "join");
	pthread_exit(NULL);
}

static void try_in_child(void (*life)(bool), bool start_gc)
{
	char report = 0;

	require(pipe(report_pipe) == 0, "pipe");
	pid_t child = fork();
	if (child == 0)
		life(start_gc);
	require(child > 0 && ended_well(wait_for(child)), "a process whose main has left");
	require(read(report_pipe[0], &report, 1) == 1, "the thread's report");
	require(!start_gc || report == 'y', "the GC thread was there");
	(void)close(report_pipe[0]);
	(void)close(report_pipe[1]);
}

int main(void)
{
	for (int start_gc = 0; start_gc < 2; start_gc++) {
		try_in_child(leave_main, start_gc);
		try_in_child(leave_main_last, start_gc);
	}
	return 0;
}
