/* What the tests of os.c share. */
#ifndef TIDE_TESTS_LIB_OS_SUPPORT_H
#define TIDE_TESTS_LIB_OS_SUPPORT_H

#include "os.h"

#include "atomic.h"

#include "../api/support.h"

#include <criterion/criterion.h>
#include <errno.h>

/* Every test begins with an errno of its own, and must end with it. */
enum { OWN_ERRNO = 4242 };

static inline void set_errno(void)
{
	errno = OWN_ERRNO;
}

#define ASSERT_ERRNO_KEPT() cr_assert_eq(errno, OWN_ERRNO)

#endif
