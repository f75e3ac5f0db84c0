/* The one way of the core into the system; for os*.c.
 *
 * Touched by  every thread; no state
 */
#ifndef TIDE_OS_CALL_H
#define TIDE_OS_CALL_H

#include "compiler.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A raw call: negative errno on failure, errno itself untouched. */
#if defined(__x86_64__)
static inline long os_call(long number, long a, long b, long c, long d, long e, long f)
{
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("syscall"
	                 : "=a"(result)
	                 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return result;
}
#else
static inline long os_call(long number, long a, long b, long c, long d, long e, long f)
{
	int saved = errno;
	long result = syscall(number, a, b, c, d, e, f);
	if (result == -1)
		result = -errno;
	errno = saved;
	return result;
}
#endif

static inline bool is_error(long result)
{
	return result < 0 && result > -4096;
}

#endif
