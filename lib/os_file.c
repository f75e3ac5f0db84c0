#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "os_file.h"

#include "os.h"
#include "os_call.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* Programs count on the lowest numbers, and close the few that they know of. Where RLIMIT_NOFILE
 * does not reach so far it is half as much, and so on, but never among the lowest. */
#define FILE_NUMBER_MIN 512
#define FILE_NUMBER_LEAST 32

int tide_os_file_open_in(int folder, const char *path)
{
	long low = os_call(SYS_openat, folder, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
	if (is_error(low))
		return -1;
	long high = -EINVAL;
	for (long from = FILE_NUMBER_MIN; is_error(high) && from >= FILE_NUMBER_LEAST; from /= 2)
		high = os_call(SYS_fcntl, low, F_DUPFD_CLOEXEC, from, 0, 0, 0);
	(void)os_call(SYS_close, low, 0, 0, 0, 0, 0);
	return is_error(high) ? -1 : (int)high;
}

int tide_os_file_open(const char *path)
{
	return tide_os_file_open_in(AT_FDCWD, path);
}

long tide_os_file_read(int file, void *text, size_t bytes)
{
	return os_call(SYS_pread64, file, (long)text, (long)bytes, 0, 0, 0);
}

long tide_os_file_read_on(int file, void *text, size_t bytes)
{
	long got;
	do
		got = os_call(SYS_read, file, (long)text, (long)bytes, 0, 0, 0);
	while (got == -EINTR);
	return got;
}

void tide_os_file_close(int file)
{
	if (file >= 0)
		(void)os_call(SYS_close, file, 0, 0, 0, 0, 0);
}

enum { FIRST_FILE = 3, OWN_MODE = 0600 };

static int to_int(long result)
{
	return (int)result;
}

bool tide_os_files_apart(void)
{
	/* A sanitizer's run time has files open, and writes its reports on this thread. */
	if (TIDE_TSAN || TIDE_ASAN)
		return true;
	return !is_error(
	    os_call(SYS_close_range, 0, (long)UINT32_MAX, CLOSE_RANGE_UNSHARE, 0, 0, 0));
}

int tide_os_file_of_process(int file)
{
	long process = os_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
	long handle = os_call(SYS_pidfd_open, process, 0, 0, 0, 0, 0);
	if (is_error(handle))
		return to_int(handle);
	long result = os_call(SYS_pidfd_getfd, handle, file, 0, 0, 0, 0);
	tide_os_close(to_int(handle));
	return to_int(result);
}

bool tide_os_is_filtered(void)
{
	return os_call(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0, 0) != 0;
}

bool tide_os_has_ids_of(uint32_t thread_id)
{
	struct rlimit ignored;
	return os_call(SYS_prlimit64, (long)thread_id, RLIMIT_CORE, 0, (long)&ignored, 0, 0) !=
	       -EPERM;
}

/* Numbers below FIRST_FILE mean something to others. */
static int raised(long file)
{
	if (is_error(file) || file >= FIRST_FILE)
		return to_int(file);
	long higher = os_call(SYS_fcntl, file, F_DUPFD_CLOEXEC, FIRST_FILE, 0, 0, 0);
	tide_os_close(to_int(file));
	return to_int(higher);
}

int tide_os_file_open_apart(int folder, const char *path)
{
	return raised(os_call(SYS_openat, folder, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0));
}

bool tide_os_read_link(const char *path, char *text, size_t room)
{
	long got = os_call(SYS_readlinkat, AT_FDCWD, (long)path, (long)text, (long)room, 0, 0);
	if (is_error(got) || (size_t)got >= room)
		return false;
	text[got] = '\0';
	return true;
}

int tide_os_create(const char *path, bool fresh)
{
	long flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	return raised(os_call(SYS_openat, AT_FDCWD, (long)path, flags | (fresh ? O_EXCL : O_TRUNC),
	                      OWN_MODE, 0, 0));
}

int tide_os_append(const char *path)
{
	long flags = O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	return raised(os_call(SYS_openat, AT_FDCWD, (long)path, flags, 0, 0, 0));
}

void tide_os_close(int file)
{
	(void)os_call(SYS_close, file, 0, 0, 0, 0, 0);
}

int tide_os_write(int file, const char *text, size_t bytes)
{
	while (bytes > 0) {
		long written = os_call(SYS_write, file, (long)text, (long)bytes, 0, 0, 0);
		if (written == -EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? to_int(written) : -ENOSPC;
		text += written;
		bytes -= (size_t)written;
	}
	return 0;
}

int tide_os_rename(const char *from, const char *to)
{
	return to_int(os_call(SYS_renameat, AT_FDCWD, (long)from, AT_FDCWD, (long)to, 0, 0));
}

int tide_os_unlink(const char *path)
{
	return to_int(os_call(SYS_unlinkat, AT_FDCWD, (long)path, 0, 0, 0, 0));
}

static long type_of(const char *path)
{
	struct stat status = { 0 };
	long result =
	    os_call(SYS_newfstatat, AT_FDCWD, (long)path, (long)&status, AT_SYMLINK_NOFOLLOW, 0, 0);
	return is_error(result) ? 0 : (long)(status.st_mode & S_IFMT);
}

bool tide_os_is_special(const char *path)
{
	long type = type_of(path);
	return type != 0 && type != S_IFREG;
}

static long map_shared(int file, size_t bytes)
{
	if (TIDE_TSAN) {
		int saved = errno;
		void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
		errno = saved;
		return start == MAP_FAILED ? -ENOMEM : (long)start;
	}
	return os_call(SYS_mmap, 0, (long)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
}

int tide_os_memory_file(const char *name, size_t bytes, void **start)
{
	int file = raised(
	    os_call(SYS_memfd_create, (long)name, MFD_CLOEXEC | MFD_ALLOW_SEALING, 0, 0, 0, 0));
	if (file < 0)
		return file;
	long result = os_call(SYS_fchmod, file, OWN_MODE, 0, 0, 0, 0);
	if (!is_error(result))
		result = os_call(SYS_ftruncate, file, (long)bytes, 0, 0, 0, 0);
	if (!is_error(result))
		result = os_call(SYS_fcntl, file, F_ADD_SEALS,
		                 F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, 0, 0, 0);
	if (!is_error(result))
		result = map_shared(file, bytes);
	if (is_error(result)) {
		tide_os_close(file);
		return to_int(result);
	}
	*start = (void *)result;
	(void)os_call(SYS_madvise, result, (long)bytes, MADV_DONTFORK, 0, 0, 0);
	return file;
}

static int bind_at(int socket, const struct sockaddr_un *address)
{
	return to_int(os_call(SYS_bind, socket, (long)address, sizeof *address, 0, 0, 0));
}

/* Whether the socket there is one that nobody listens at. */
static bool is_left_over(const struct sockaddr_un *address)
{
	if (type_of(address->sun_path) != S_IFSOCK)
		return false;
	long probe =
	    os_call(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, 0, 0, 0);
	if (is_error(probe))
		return false;
	long result = os_call(SYS_connect, probe, (long)address, sizeof *address, 0, 0, 0);
	tide_os_close(to_int(probe));
	return result == -ECONNREFUSED;
}

int tide_os_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof address.sun_path)
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	int file = raised(
	    os_call(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, 0, 0, 0));
	if (file < 0)
		return file;
	(void)os_call(SYS_fchmod, file, OWN_MODE, 0, 0, 0, 0); /* of the name that bind makes */
	int result = bind_at(file, &address);
	if (result == -EADDRINUSE && is_left_over(&address)) {
		(void)tide_os_unlink(path);
		result = bind_at(file, &address);
	}
	if (result == 0)
		result = to_int(os_call(SYS_listen, file, 8, 0, 0, 0, 0));
	if (result == 0)
		return file;
	tide_os_close(file);
	return result;
}

int tide_os_accept(int listener)
{
	return raised(os_call(SYS_accept4, listener, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK, 0, 0));
}

long tide_os_receive(int socket, char *text, size_t room)
{
	return os_call(SYS_recvfrom, socket, (long)text, (long)room, MSG_DONTWAIT, 0, 0);
}

long tide_os_send(int socket, const char *text, size_t bytes)
{
	return os_call(SYS_sendto, socket, (long)text, (long)bytes, MSG_DONTWAIT | MSG_NOSIGNAL, 0,
	               0);
}
