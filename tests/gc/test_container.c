/* container.c: what is read from a cgroup's folder, made up here, and when memory counts
 * as short. */
#include "support.h"

#include "container.h"
#include "gc.h"
#include "policy.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { SECOND_NS = 1000000000 };
#define RARELY_NS (16ul * SECOND_NS)

static char folder[64];

static void write_file(const char *name, const char *text)
{
	char path[128];

	(void)snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *file = fopen(path, "we"); /* in place: it may be open */
	cr_assert_not_null(file);
	(void)fputs(text, file);
	cr_assert_eq(fclose(file), 0);
}

static void write_number(const char *name, uint64_t number)
{
	char text[32];

	(void)snprintf(text, sizeof text, "%lu\n", (unsigned long)number);
	write_file(name, text);
}

static void make_folder(void)
{
	(void)strcpy(folder, "/tmp/tide-container-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	cr_assert_eq(setenv("TIDE_CGROUP", folder, 1), 0);
	cr_assert(tide_options_init());
	tide_options_set(TIDE_OPTION_CONTAINER_MS, 1000);
}

static void remove_folder(void)
{
	char command[128];

	(void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
	cr_assert_eq(system(command), 0);
}

static unsigned open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	cr_assert_not_null(dir);
	while (readdir(dir) != NULL)
		count++;
	(void)closedir(dir);
	return count;
}

Test(container, numbers_are_found)
{
	static const char stat[] = "anon 5\ninactive_file_x 3\ninactive_file 123\nfile 7\n";
	static const char pressure[] = "some avg10=1.50 avg60=0.00 avg300=0.00 total=98765\n"
				       "full avg10=0.00 avg60=0.00 avg300=0.00 total=4\n";
	uint64_t number = 0;

	cr_assert(tide_gc_container_parse(stat, "inactive_file ", false, &number));
	cr_assert_eq(number, 123);
	cr_assert(tide_gc_container_parse(pressure, "total=", true, &number));
	cr_assert_eq(number, 98765);
	cr_assert(tide_gc_container_parse("max\n", "", false, &number));
	cr_assert_eq(number, UINT64_MAX);
	cr_assert(tide_gc_container_parse("0\n", "", false, &number));
	cr_assert_eq(number, 0);
	cr_assert(tide_gc_container_parse("18446744073709551615", "", false, &number));
	cr_assert_eq(number, UINT64_MAX);
	number = 7;
	cr_assert_not(tide_gc_container_parse("18446744073709551616", "", false, &number));
	cr_assert_not(tide_gc_container_parse("", "", false, &number));
	cr_assert_not(tide_gc_container_parse("-1\n", "", false, &number));
	cr_assert_not(tide_gc_container_parse(stat, "active_file ", false, &number));
	cr_assert_not(tide_gc_container_parse(pressure, "total=", false, &number));
	cr_assert_eq(number, 7);
}

Test(container, short_is_a_part_of_the_limit_or_of_the_time)
{
	struct gc_container_look look = { 899, 1000, 0, 1000 };

	cr_assert_not(tide_gc_policy_is_short(&look, 90, 10));
	look.used_bytes = 900;
	cr_assert(tide_gc_policy_is_short(&look, 90, 10));
	look.limit_bytes = UINT64_MAX;
	cr_assert_not(tide_gc_policy_is_short(&look, 1, 10));
	look.stall_us = 99;
	cr_assert_not(tide_gc_policy_is_short(&look, 90, 10));
	look.stall_us = 100;
	cr_assert(tide_gc_policy_is_short(&look, 90, 10));
	cr_assert_not(tide_gc_policy_is_short(&look, 90, 0));
	look.elapsed_us = 0;
	look.stall_us = 0;
	cr_assert_not(tide_gc_policy_is_short(&look, 90, 10));
}

Test(container, the_lower_limit_counts, .init = make_folder, .fini = remove_folder)
{
	struct gc_container container = { 0 };
	uint64_t now_ns = SECOND_NS;

	write_file("memory.max", "max\n");
	write_number("memory.high", 1000000);
	write_number("memory.current", 890000);
	cr_assert_not(tide_gc_container_is_short(&container, now_ns));
	cr_assert_eq(container.state, GC_CONTAINER_WATCHED);
	cr_assert_eq(tide_gc_container_sleep_ns(&container), SECOND_NS);

	/* Not before it is time. */
	write_number("memory.current", 900000);
	cr_assert_not(tide_gc_container_is_short(&container, now_ns + SECOND_NS - 1));
	cr_assert(tide_gc_container_is_short(&container, now_ns += SECOND_NS));
	write_number("memory.max", 2000000);
	cr_assert(tide_gc_container_is_short(&container, now_ns += SECOND_NS));
	write_number("memory.high", 1100000);
	cr_assert_not(tide_gc_container_is_short(&container, now_ns += SECOND_NS));
	write_number("memory.max", 950000);
	cr_assert(tide_gc_container_is_short(&container, now_ns += SECOND_NS));
	/* Lifted again. */
	write_file("memory.max", "max\n");
	write_number("memory.high", 1000000);
	cr_assert(tide_gc_container_is_short(&container, now_ns += SECOND_NS));
}

Test(container, file_cache_is_not_in_use, .init = make_folder, .fini = remove_folder)
{
	struct gc_container container = { 0 };

	write_number("memory.max", 1000000);
	write_number("memory.current", 999999);
	write_file("memory.stat", "anon 100000\nfile 500000\ninactive_file 400000\n");
	cr_assert_not(tide_gc_container_is_short(&container, SECOND_NS));
	write_file("memory.stat", "anon 900000\nfile 90000\ninactive_file 80000\n");
	cr_assert(tide_gc_container_is_short(&container, 2ul * SECOND_NS));
	write_file("memory.stat", "inactive_file 2000000\n"); /* more than there is */
	cr_assert_not(tide_gc_container_is_short(&container, 3ul * SECOND_NS));
}

static void write_pressure(unsigned some_us)
{
	char text[200];

	(void)snprintf(text, sizeof text,
	               "some avg10=0.00 avg60=0.00 avg300=0.00 total=%u\n"
	               "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
	               some_us);
	write_file("memory.pressure", text);
}

Test(container, tasks_that_stand_still_count, .init = make_folder, .fini = remove_folder)
{
	struct gc_container container = { 0 };
	uint64_t now_ns = SECOND_NS;

	write_number("memory.max", 1000000);
	write_number("memory.current", 10);
	write_pressure(5000000); /* long ago */
	cr_assert_not(tide_gc_container_is_short(&container, now_ns));
	write_pressure(5099999);
	cr_assert_not(tide_gc_container_is_short(&container, now_ns += SECOND_NS));
	write_pressure(5199999);
	cr_assert(tide_gc_container_is_short(&container, now_ns += SECOND_NS));
	cr_assert_not(tide_gc_container_is_short(&container, now_ns += SECOND_NS));
}

Test(container, purging_in_vain_gets_rarer, .init = make_folder, .fini = remove_folder)
{
	struct gc_container container = { 0 };
	uint64_t now_ns = SECOND_NS;
	static const unsigned factor[] = { 2, 4, 8, 16, 16 };

	write_number("memory.max", 1000000);
	write_number("memory.current", 1000000);
	cr_assert(tide_gc_container_is_short(&container, now_ns));
	for (unsigned i = 0; i < COUNT_OF(factor); i++) {
		tide_gc_container_purged(&container, 0);
		uint64_t apart_ns = (uint64_t)factor[i] * SECOND_NS;
		cr_assert_not(tide_gc_container_is_short(&container, now_ns + apart_ns - 1));
		cr_assert(tide_gc_container_is_short(&container, now_ns += apart_ns));
	}
	tide_gc_container_purged(&container, 4096);
	cr_assert(tide_gc_container_is_short(&container, now_ns + SECOND_NS));
}

/* No file is kept, and the GC sleeps as if there were no such thing. */
static void assert_nothing_is_watched(void)
{
	struct gc_container container = { 0 };
	unsigned before = open_files();

	cr_assert_not(tide_gc_container_is_short(&container, SECOND_NS));
	cr_assert_eq(container.state, GC_CONTAINER_NONE);
	cr_assert_eq(tide_gc_container_sleep_ns(&container), UINT64_MAX);
	cr_assert_eq(open_files(), before);
}

Test(container, what_can_have_no_limit_is_not_watched, .init = make_folder, .fini = remove_folder)
{
	assert_nothing_is_watched(); /* an empty folder */
	write_number("memory.current", 1000000);
	write_pressure(5);
	assert_nothing_is_watched();
	write_number("memory.max", 1000);
	tide_options_set(TIDE_OPTION_CONTAINER_MS, 0);
	assert_nothing_is_watched();
}

Test(container, a_limit_that_comes_later_is_seen, .init = make_folder, .fini = remove_folder)
{
	static const char *const none[] = { "max\n", "much\n" };

	for (unsigned i = 0; i < COUNT_OF(none); i++) {
		struct gc_container container = { 0 };
		uint64_t now_ns = SECOND_NS;

		write_number("memory.current", 1000000);
		write_file("memory.max", none[i]);
		write_file("memory.high", none[i]);
		cr_assert_not(tide_gc_container_is_short(&container, now_ns));
		cr_assert_eq(container.state, GC_CONTAINER_WATCHED);
		cr_assert_eq(tide_gc_container_sleep_ns(&container), RARELY_NS);
		write_number("memory.high", 1000000);
		cr_assert_not(tide_gc_container_is_short(&container, now_ns + RARELY_NS - 1));
		cr_assert(tide_gc_container_is_short(&container, now_ns += RARELY_NS));
		cr_assert_eq(tide_gc_container_sleep_ns(&container), SECOND_NS);
		write_file("memory.high", none[i]);
		cr_assert_not(tide_gc_container_is_short(&container, now_ns += SECOND_NS));
		write_number("memory.max", 1000000);
		cr_assert(tide_gc_container_is_short(&container, now_ns += RARELY_NS));
	}
}

Test(container, without_a_limit_none_waits_for_it, .init = make_folder, .fini = remove_folder)
{
	struct gc_container container = { 0 };
	uint64_t now_ns = SECOND_NS;

	write_file("memory.max", "max\n");
	write_number("memory.current", 10);
	write_pressure(0);
	for (unsigned i = 0; i < 3; i++) {
		cr_assert_not(tide_gc_container_is_short(&container, now_ns));
		write_pressure((i + 1) * 16000000); /* all the time */
		now_ns += RARELY_NS;
	}
	/* What was before the limit does not count. */
	write_number("memory.max", 1000000);
	cr_assert_not(tide_gc_container_is_short(&container, now_ns));
	write_pressure(48000000 + 100000);
	cr_assert(tide_gc_container_is_short(&container, now_ns += SECOND_NS));
	/* Closed by the program. */
	write_file("memory.max", "max\n");
	cr_assert_not(tide_gc_container_is_short(&container, now_ns += SECOND_NS));
	cr_assert_eq(close(container.max), 0);
	cr_assert_not(tide_gc_container_is_short(&container, now_ns += RARELY_NS));
	cr_assert_eq(container.state, GC_CONTAINER_NONE);
}

Test(container, few_files_may_be_open, .init = make_folder, .fini = remove_folder)
{
	static const rlim_t most[] = { 512, 100, 40 };
	struct rlimit limit;

	write_number("memory.max", 1000000);
	write_number("memory.current", 1000000);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (unsigned i = 0; i < COUNT_OF(most); i++) {
		struct gc_container container = { 0 };

		limit.rlim_cur = most[i];
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		cr_assert(tide_gc_container_is_short(&container, SECOND_NS));
		cr_assert_geq(container.current, (int)most[i] / 4, "as high as may be");
		cr_assert_geq(container.max, 32, "the lowest are the program's");
	}
}

Test(container, the_lowest_files_are_the_programs, .init = make_folder, .fini = remove_folder)
{
	static const rlim_t most[] = { 16, 32, 33 };
	struct rlimit limit;

	write_number("memory.max", 1000000);
	write_number("memory.current", 1000000);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (unsigned i = 0; i < COUNT_OF(most); i++) {
		limit.rlim_cur = most[i];
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		assert_nothing_is_watched();
	}
}

Test(container, a_program_may_close_the_files, .init = make_folder, .fini = remove_folder)
{
	struct gc_container container = { 0 };
	unsigned before = open_files();

	write_number("memory.max", 1000000);
	write_number("memory.current", 1000000);
	write_file("memory.stat", "inactive_file 0\n");
	write_pressure(0);
	cr_assert(tide_gc_container_is_short(&container, SECOND_NS));
	cr_assert_eq(open_files(), before + 4);
	cr_assert_geq(container.current, 512);
	cr_assert(fcntl(container.current, F_GETFD) & FD_CLOEXEC);
	for (int file = 512; file < 600; file++)
		(void)close(file);
	cr_assert_not(tide_gc_container_is_short(&container, 2ul * SECOND_NS));
	cr_assert_eq(container.state, GC_CONTAINER_NONE);
}

Test(container, the_tightest_limit_of_all_levels_counts, .init = make_folder, .fini = remove_folder)
{
	char path[200];
	char wanted[200];
	char inner[128];

	(void)snprintf(inner, sizeof inner, "%s/a", folder);
	cr_assert_eq(mkdir(inner, 0700), 0);
	(void)snprintf(inner, sizeof inner, "%s/a/b", folder);
	cr_assert_eq(mkdir(inner, 0700), 0);
	(void)strcpy(path, inner);
	cr_assert_not(tide_gc_container_tightest(path, strlen(folder)));
	cr_assert_str_eq(path, inner);

	write_number("a/b/memory.max", 3000);
	(void)strcpy(path, inner);
	cr_assert(tide_gc_container_tightest(path, strlen(folder)));
	cr_assert_str_eq(path, inner);
	write_number("memory.max", 3500);
	write_number("a/memory.high", 2000);
	(void)strcpy(path, inner);
	cr_assert(tide_gc_container_tightest(path, strlen(folder)));
	(void)snprintf(wanted, sizeof wanted, "%s/a", folder);
	cr_assert_str_eq(path, wanted);
	write_number("memory.max", 1000);
	(void)strcpy(path, inner);
	cr_assert(tide_gc_container_tightest(path, strlen(folder)));
	cr_assert_str_eq(path, folder);
	/* What is above the mount is none of it. */
	(void)strcpy(path, inner);
	cr_assert(tide_gc_container_tightest(path, strlen(wanted)));
	cr_assert_str_eq(path, wanted);
}

/* The whole of it: memory would stay for an hour, and the GC thread gives it back when the made-up
 * container runs short. */

enum { BLOCKS = 4000, BLOCK_BYTES = 8000 };

static void allocate_and_free(void)
{
	static void *block[BLOCKS];

	for (unsigned i = 0; i < BLOCKS; i++) {
		block[i] = tide_malloc(BLOCK_BYTES);
		memset(block[i], 1, BLOCK_BYTES);
	}
	for (unsigned i = 0; i < BLOCKS; i++)
		tide_free(block[i]);
}

static bool returned_comes_to(uint64_t bytes)
{
	for (unsigned ms = 0; ms < 20000; ms++) {
		if (stats_now().gc_returned_bytes >= bytes)
			return true;
		sleep_ms(1);
	}
	return false;
}

static void watch(void)
{
	make_folder();
	tide_options_set(TIDE_OPTION_DECAY_MS, 3600000);
	tide_options_set(TIDE_OPTION_CONTAINER_MS, 20);
	write_number("memory.max", 1000000000);
	write_number("memory.current", 1000);
	write_pressure(0);
}

Test(container, memory_goes_back_when_it_is_short, .init = watch, .fini = remove_folder,
     .timeout = 60)
{
	cr_assert_eq(tide_gc_start(), 0);
	allocate_and_free();
	sleep_ms(300);
	cr_assert_lt(stats_now().gc_returned_bytes, MIB);
	cr_assert_eq(stats_now().gc_container_purges, 0);
	write_number("memory.current", 900000000);
	cr_assert(returned_comes_to(BLOCKS * BLOCK_BYTES * 3ul / 4));
	cr_assert_gt(stats_now().gc_container_purges, 0);
	cr_assert_eq(tide_gc_stop(), 0);
	assert_audit();
}

Test(container, memory_goes_back_when_tasks_wait, .init = watch, .fini = remove_folder,
     .timeout = 60)
{
	cr_assert_eq(tide_gc_start(), 0);
	allocate_and_free();
	sleep_ms(300);
	cr_assert_lt(stats_now().gc_returned_bytes, MIB);
	write_pressure(100000000);
	cr_assert(returned_comes_to(BLOCKS * BLOCK_BYTES * 3ul / 4));
	cr_assert_eq(tide_gc_stop(), 0);
	assert_audit();
}

/* A GC thread's files go with it; the next one opens them anew. */
Test(container, it_is_watched_again_after_a_stop, .init = make_folder, .fini = remove_folder)
{
	write_number("memory.max", 1000000);
	write_number("memory.current", 1000000);
	for (unsigned round = 0; round < 3; round++) {
		uint64_t before = tide_gc_container_purges_racy();
		cr_assert_eq(tide_gc_start(), 0);
		while (tide_gc_container_purges_racy() == before)
			sleep_ms(1);
		cr_assert_eq(tide_gc_stop(), 0);
	}
}
