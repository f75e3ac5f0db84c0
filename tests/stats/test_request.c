/* gc/request.c: what TIDE_STATS may say. */
#include "request.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct tide_request request;

static void assert_refused(const char *text)
{
	cr_assert_not(tide_request_parse(&request, text), "%s", text);
	cr_assert_eq(request.kind, TIDE_REQUEST_NONE);
}

static const char *path_of(const char *text)
{
	static char path[TIDE_REQUEST_PATH_BYTES];

	cr_assert(tide_request_parse(&request, text), "%s", text);
	tide_request_path(&request, path, "");
	return path;
}

Test(request, words)
{
	cr_assert(tide_request_parse(&request, ""));
	cr_assert_eq(request.kind, TIDE_REQUEST_NONE);
	cr_assert(tide_request_parse(&request, "exit"));
	cr_assert_eq(request.kind, TIDE_REQUEST_EXIT);
	cr_assert(tide_request_parse(&request, "signal"));
	cr_assert_eq(request.kind, TIDE_REQUEST_SIGNAL);
	cr_assert_eq(request.number, SIGUSR2);
	cr_assert(tide_request_parse(&request, "signal:10"));
	cr_assert_eq(request.number, 10);
}

Test(request, refused)
{
	static const char *const text[] = { "exi",          "exit ",
		                            "signal:",      "signal:0",
		                            "signal:65",    "signals",
		                            "file:",        "file:x:0",
		                            "file:x:86401", "file::5",
		                            "file:x:",      "unix:",
		                            "on",           "file:x:99999999999999999999" };

	for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
		assert_refused(text[i]);
}

Test(request, files)
{
	cr_assert_str_eq(path_of("file:/a/b"), "/a/b");
	cr_assert_eq(request.number, 0);
	cr_assert_eq(request.format, TIDE_STATS_TEXT);
	cr_assert_str_eq(path_of("file:/a/b.json:10"), "/a/b.json");
	cr_assert_eq(request.number, 10);
	cr_assert_eq(request.format, TIDE_STATS_JSON);
	cr_assert_str_eq(path_of("file:x:y.prom:86400"), "x:y.prom");
	cr_assert_eq(request.number, 86400);
	cr_assert_eq(request.format, TIDE_STATS_OPENMETRICS);
	cr_assert_str_eq(path_of("file:c:d"), "c:d");
	cr_assert_str_eq(path_of("unix:/run/x:5"), "/run/x:5");
	cr_assert_eq(request.kind, TIDE_REQUEST_UNIX);
}

Test(request, process_in_a_path)
{
	char wanted[64];

	snprintf(wanted, sizeof wanted, "/a/%d-%d%%q%%", (int)getpid(), (int)getpid());
	cr_assert_str_eq(path_of("file:/a/%p-%p%q%"), wanted);
}

/* Whatever the process's number, a path stays within its bounds. */
Test(request, long_paths_are_cut)
{
	char text[256] = "file:", path[TIDE_REQUEST_PATH_BYTES + 4];

	while (strlen(text) + 2 < sizeof text)
		strcat(text, "%p");
	cr_assert(tide_request_parse(&request, text));
	memset(path, '!', sizeof path);
	tide_request_path(&request, path, "end");
	cr_assert_lt(strlen(path), sizeof path);
	cr_assert_str_eq(path + strlen(path) - 3, "end");
}
