/* Files that the core reads; see os.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "os.h"

#include "os_call.h"

#include <fcntl.h>
#include <sys/syscall.h>

/* Programs count on the lowest numbers, and close the few that they know of. */
#define FILE_NUMBER_MIN 512

int tide_os_file_open(const char *path)
{
	long low = os_call(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
	if (is_error(low))
		return -1;
	long high = os_call(SYS_fcntl, low, F_DUPFD_CLOEXEC, FILE_NUMBER_MIN, 0, 0, 0);
	(void)os_call(SYS_close, low, 0, 0, 0, 0, 0);
	return is_error(high) ? -1 : (int)high;
}

long tide_os_file_read(int file, void *text, size_t bytes)
{
	return os_call(SYS_pread64, file, (long)text, (long)bytes, 0, 0, 0);
}

void tide_os_file_close(int file)
{
	if (file >= 0)
		(void)os_call(SYS_close, file, 0, 0, 0, 0, 0);
}
