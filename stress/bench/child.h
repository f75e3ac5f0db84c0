/* Processes that are measured: started under a chosen preload, watched, ended in time.
 *
 * A child leads a process group of its own and dies with this program, so that nothing is left
 * when it hangs or when Ctrl-C ends the run.
 *
 * Touched by  one thread. */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { CHILD_OUTPUT_BYTES = 16384, CHILD_ERROR_BYTES = 2048, CHILD_END_BYTES = 4096 };

struct child {
	pid_t id;
	int output, error, input; /* our ends of the pipes; the child's input stays empty */
	double started_s;
	/* When it has ended. */
	int status; /* exit status; 128 + n when signal n ended it */
	bool is_late, is_interrupted;
	char output_text[CHILD_OUTPUT_BYTES]; /* the beginning */
	char error_text[CHILD_ERROR_BYTES];
	size_t output_used, error_used;
	char output_end[CHILD_END_BYTES], error_end[CHILD_END_BYTES]; /* and the end */
};

/* Set by SIGINT and SIGTERM: what runs is ended, and nothing new is begun. */
void child_handle_signals(void);
bool child_interrupted(void);

double child_clock_s(void);

/* Start `argv` with the environment variable `variable` set to `preload`; unset if that is "".
 * LD_PRELOAD is never inherited. Ends the program when there can be no process. */
void child_start(struct child *child, const char *const argv[], const char *variable,
                 const char *preload);
/* Close the child's standard input: it is told to go on. */
void child_nudge(struct child *child);
/* Gather what it writes within `wait_s`, at most. False: it will write no more. */
bool child_watch(struct child *child, double wait_s);
/* Wait for its end; it is killed `limit_s` after its start. True: it ended by itself, with 0. */
bool child_end(struct child *child, double limit_s);
/* All of it. */
bool child_run(struct child *child, const char *const argv[], const char *variable,
               const char *preload, double limit_s);
/* Why child_end was false, in words. */
void child_fault(const struct child *child, char *text, size_t bytes);

/* In a process of its own, write to `bytes` of memory, or half of what is available if that is
 * less. On a virtual machine, memory that was freed may have gone back to the host, and whoever is
 * first to touch it again waits for the host: that must not be one of the compared. The system has
 * huge pages and small ones from different places, so both are touched. (With small ones alone, who
 * asks for huge pages took 780 ms to fill 512 MiB where it took 280 right after itself: Linux 6.18,
 * two virtual processors, free page reporting.) */
void child_touch_memory(uint64_t bytes);

#endif
