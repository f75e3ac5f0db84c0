/* A command as if it had been started without us: its standard files, its signals, its end.
 *
 * Signals that somebody sends to us are passed on; what the terminal sends reaches the command by
 * itself, and we wait for what it makes of it.
 *
 * Touched by  one thread, and there may be no other: signals are taken by waiting for them. */
#ifndef RUN_LAUNCH_H
#define RUN_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct launched {
	pid_t id;
	int status; /* as waitpid has it */
	int error;  /* errno of the exec that failed; 0: it was started */
	double wall_s, user_s, system_s;
	uint64_t peak_bytes; /* resident, of the largest among it and those it waited for */
};

/* Run it; `look` is called now and then while it does, and when it has ended;
 * NULL: nobody looks. False: there can be no process. */
bool launch_run(struct launched *launched, char *const command[],
                void (*look)(void *context, pid_t id), void *context);
/* End as the command did: with its exit status, or by its signal. */
_Noreturn void launch_end_alike(const struct launched *launched);

#endif
