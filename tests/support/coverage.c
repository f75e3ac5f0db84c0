/* In the programs of a coverage build: what ran is also written out where a process ends by the
 * allocator's abort, or by _exit as a test's child does. The linker sends _exit here. */
#include <gcov.h>
#include <signal.h>

_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);

_Noreturn void __wrap__exit(int status)
{
	__gcov_dump();
	__real__exit(status);
}

/* The allocator raises SIGABRT a second time, with the default action, when this returns. */
static void on_abort(int signal_number)
{
	(void)signal_number;
	__gcov_dump();
}

__attribute__((constructor)) static void begin(void)
{
	(void)signal(SIGABRT, on_abort);
}
