/* Three levels of self-checking. When a level is off its conditions still compile.
 *
 *   TIDE_CHECK         every build: what must never be believed without looking
 *   TIDE_ASSERT        debug builds and above: cheap, local
 *   if (TIDE_AUDITED)  audit builds: walks whole structures, calls the validators
 */
#ifndef TIDE_CHECK_H
#define TIDE_CHECK_H

#include "compiler.h"

/* Print the failed condition and abort. Allocates nothing. */
_Noreturn TIDE_COLD TIDE_HIDDEN void tide_fatal_assert(const char *what, const char *where);

#define TIDE_STRING_(x) #x
#define TIDE_STRING(x) TIDE_STRING_(x)
#define TIDE_CHECK(cond)                                                                           \
	(TIDE_LIKELY(cond) ? (void)0 : tide_fatal_assert(#cond, __FILE__ ":" TIDE_STRING(__LINE__)))
#define TIDE_ASSERT(cond) ((void)(!(TIDE_DEBUG || TIDE_AUDITED) || (TIDE_CHECK(cond), 1)))

#endif
