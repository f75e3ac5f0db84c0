/* os_file.c: files and sockets by raw calls, which touch no errno and follow no link. */
#include "os.h"
#include "os_file.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char folder[] = "/tmp/tide-os-file-XXXXXX";
static char path_a[64], path_b[64];

static void set_up(void)
{
	cr_assert_not_null(mkdtemp(folder));
	snprintf(path_a, sizeof path_a, "%s/a", folder);
	snprintf(path_b, sizeof path_b, "%s/b", folder);
	errno = 77;
}

static void tear_down(void)
{
	cr_assert_eq(errno, 77, "errno is the program's");
	(void)unlink(path_a);
	(void)unlink(path_b);
	(void)rmdir(folder);
}

TestSuite(os_file, .init = set_up, .fini = tear_down);

Test(os_file, create_write_append_rename)
{
	char text[16] = "";
	struct stat status;
	int file = tide_os_create(path_a, true);

	cr_assert_geq(file, 3);
	cr_assert_eq(tide_os_write(file, "one", 3), 0);
	tide_os_close(file);
	cr_assert_eq(tide_os_write(file, "one", 3), -EBADF);
	cr_assert_eq(tide_os_create(path_a, true), -EEXIST);
	file = tide_os_append(path_a);
	cr_assert_eq(tide_os_write(file, "two", 3), 0);
	tide_os_close(file);
	cr_assert_eq(tide_os_rename(path_a, path_b), 0);
	cr_assert_eq(tide_os_append(path_a), -ENOENT);
	cr_assert_eq(stat(path_b, &status), 0);
	cr_assert_eq(status.st_mode & 0777, 0600);
	file = open(path_b, O_RDONLY | O_CLOEXEC);
	cr_assert_eq(read(file, text, sizeof text), 6);
	close(file);
	cr_assert_str_eq(text, "onetwo");
	file = tide_os_create(path_b, false);
	cr_assert_eq(fstat(file, &status), 0);
	cr_assert_eq(status.st_size, 0, "begun anew");
	tide_os_close(file);
	cr_assert_eq(tide_os_unlink(path_b), 0);
	cr_assert_eq(tide_os_unlink(path_b), -ENOENT);
}

Test(os_file, links_and_devices_are_not_files)
{
	cr_assert_eq(symlink(path_b, path_a), 0);
	cr_assert(tide_os_is_special(path_a));
	cr_assert_eq(tide_os_create(path_a, false), -ELOOP);
	cr_assert_eq(tide_os_append(path_a), -ELOOP);
	cr_assert_not(tide_os_is_special(path_b), "nothing is there");
	cr_assert(tide_os_is_special("/dev/null"));
	cr_assert(tide_os_is_special(folder));
}

/* Numbers 0 to 2 mean something to others, also while they are free. */
Test(os_file, low_numbers_stay_free)
{
	int saved = dup(0);

	close(0);
	int file = tide_os_create(path_a, true);
	int fresh = open("/dev/null", O_RDONLY | O_CLOEXEC);
	cr_assert_geq(file, 3);
	cr_assert_eq(fresh, 0);
	tide_os_close(file);
	cr_assert_eq(dup2(saved, 0), 0);
}

Test(os_file, memory_file_keeps_its_size)
{
	struct stat status;
	void *start;
	int file = tide_os_memory_file("tide-test", 10000, &start);

	cr_assert_geq(file, 3);
	memset(start, 7, 10000);
	cr_assert_eq(fstat(file, &status), 0);
	cr_assert_eq(status.st_size, 10000);
	cr_assert_eq(status.st_mode & 0777, 0600);
	cr_assert_neq(ftruncate(file, 5), 0);
	cr_assert_neq(ftruncate(file, 20000), 0);
	errno = 77;
	tide_os_close(file);
}

Test(os_file, sockets)
{
	struct stat status;
	char text[8] = "";
	int first = tide_os_listen(path_a);

	cr_assert_geq(first, 3);
	cr_assert_eq(stat(path_a, &status), 0);
	cr_assert_eq(status.st_mode & 0777, 0600);
	cr_assert_eq(tide_os_accept(first), -EAGAIN);

	struct sockaddr_un address = { .sun_family = AF_UNIX };
	strcpy(address.sun_path, path_a);
	int peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(connect(peer, (struct sockaddr *)&address, sizeof address), 0);
	int accepted = tide_os_accept(first);
	cr_assert_geq(accepted, 3);
	cr_assert_eq(tide_os_receive(accepted, text, sizeof text), -EAGAIN);
	cr_assert_eq(write(peer, "abc", 3), 3);
	cr_assert_eq(tide_os_receive(accepted, text, sizeof text), 3);
	close(peer);
	cr_assert_eq(tide_os_receive(accepted, text, sizeof text), 0);
	cr_assert_eq(tide_os_send(accepted, "x", 1), -EPIPE, "and no signal");
	tide_os_close(accepted);
	tide_os_close(first);

	int other = tide_os_listen(path_b);
	cr_assert_geq(other, 3);
	cr_assert_eq(tide_os_listen(path_b), -EADDRINUSE, "somebody listens there");
	tide_os_close(other);
	int second = tide_os_listen(path_a);
	cr_assert_geq(second, 3, "in place of one that nobody listens at");
	tide_os_close(second);
	cr_assert_eq(tide_os_unlink(path_a), 0);
	int file = tide_os_create(path_a, true);
	tide_os_close(file);
	cr_assert_eq(tide_os_listen(path_a), -EADDRINUSE, "a file stays");
	char long_path[200];
	memset(long_path, 'x', sizeof long_path - 1);
	long_path[sizeof long_path - 1] = '\0';
	cr_assert_eq(tide_os_listen(long_path), -ENAMETOOLONG);
}

Test(os_file, of_the_process)
{
	char text[4] = "";
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	int again = tide_os_file_of_process(ends[1]);
	if (again == -ENOSYS || again == -EPERM)
		cr_skip_test("the system has no such call, or a filter");
	cr_assert_geq(again, 3);
	cr_assert_eq(tide_os_write(again, "x", 1), 0);
	cr_assert_eq(read(ends[0], text, 1), 1);
	tide_os_close(again);
	cr_assert_eq(tide_os_file_of_process(9999), -EBADF);
}

Test(os_file, ids_of_the_process)
{
	cr_assert(tide_os_has_ids_of(tide_os_process_id()), "this thread is the process");
}
