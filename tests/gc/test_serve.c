/* gc/serve.c when the GC thread ends: who is being served, or waits to be, is told so. The rest is
 * tests/stats/process.sh. */
#include "serve.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char folder[] = "/tmp/tide-serve-XXXXXX";
static struct sockaddr_un address = { .sun_family = AF_UNIX };

static void set_up(void)
{
	cr_assert_not_null(mkdtemp(folder));
	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", folder);
}

static void tear_down(void)
{
	(void)unlink(address.sun_path);
	(void)rmdir(folder);
}

TestSuite(serve, .init = set_up, .fini = tear_down, .timeout = 20);

static int connect_to_it(int *result)
{
	int peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_geq(peer, 0);
	*result = connect(peer, (struct sockaddr *)&address, sizeof address);
	return peer;
}

Test(serve, its_end_is_the_end_for_all_peers)
{
	char byte;
	int result;
	cr_assert_eq(tide_gc_serve_begin(address.sun_path), 0);
	int accepted = connect_to_it(&result);
	cr_assert_eq(result, 0);
	tide_gc_serve_round(0); /* it may still say what it wants */
	cr_assert_eq(recv(accepted, &byte, 1, MSG_DONTWAIT), -1);
	cr_assert_eq(errno, EAGAIN);
	int waiting = connect_to_it(&result);
	cr_assert_eq(result, 0);

	tide_gc_serve_end();
	cr_assert_eq(read(accepted, &byte, 1), 0);
	cr_assert_eq(read(waiting, &byte, 1), -1);
	cr_assert_eq(errno, ECONNRESET);
	int late = connect_to_it(&result);
	cr_assert_eq(result, -1);
	cr_assert_eq(errno, ECONNREFUSED);

	tide_gc_serve_end(); /* nor does it matter that there is nothing to end */
	tide_gc_serve_round(1);
	cr_assert_eq(tide_gc_serve_begin(address.sun_path), 0, "in the place of the old one");
	tide_gc_serve_end();
	close(accepted);
	close(waiting);
	close(late);
}
