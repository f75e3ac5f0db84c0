/* options.c: what is read from the environment, what is refused, and how that is told. */
#include "options.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

extern char **environ;

static const struct {
	const char *id, *name, *unit;
	int64_t standard, min, max;
} row[] = {
#define ROW(ID, name, unit, def, min, max, meaning) { #ID, name, unit, def, min, max },
	TIDE_OPTIONS(ROW)
};

static void assert_parses(enum tide_option_id id, const char *text, int64_t wanted)
{
	int64_t value = -1;

	cr_assert(tide_options_parse(id, text, &value), "%s=\"%s\" refused", row[id].id, text);
	cr_assert_eq(value, wanted, "%s=\"%s\" gave %" PRId64, row[id].id, text, value);
}

static void assert_refuses(enum tide_option_id id, const char *text)
{
	int64_t value = 12345;

	cr_assert_not(tide_options_parse(id, text, &value), "%s=\"%s\" gave %" PRId64, row[id].id,
	              text, value);
	cr_assert_eq(value, 12345);
}

static void assert_all_standard(void)
{
	for (unsigned id = 0; id < TIDE_OPTION_COUNT; id++)
		cr_assert_eq(tide_option((enum tide_option_id)id), row[id].standard, "%s",
		             row[id].id);
}

Test(options, defaults_stand_before_start)
{
	assert_all_standard();
}

Test(options, names_agree_with_ids)
{
	for (unsigned id = 0; id < TIDE_OPTION_COUNT; id++) {
		cr_assert_eq(strlen(row[id].id), strlen(row[id].name));
		for (size_t i = 0; row[id].id[i] != '\0'; i++)
			cr_assert_eq(tolower((unsigned char)row[id].id[i]), row[id].name[i], "%s",
			             row[id].name);
	}
}

Test(options, ranges_are_closed)
{
	for (unsigned i = 0; i < TIDE_OPTION_COUNT; i++) {
		enum tide_option_id id = (enum tide_option_id)i;
		char text[32];

		snprintf(text, sizeof text, "%" PRId64, row[id].min);
		assert_parses(id, text, row[id].min);
		snprintf(text, sizeof text, "%" PRId64, row[id].max);
		assert_parses(id, text, row[id].max);
		snprintf(text, sizeof text, "%" PRId64, row[id].min - 1);
		assert_refuses(id, text);
		snprintf(text, sizeof text, "%" PRId64, row[id].max + 1);
		assert_refuses(id, text);
	}
}

Test(options, only_byte_options_take_a_suffix)
{
	for (unsigned i = 0; i < TIDE_OPTION_COUNT; i++) {
		enum tide_option_id id = (enum tide_option_id)i;
		int64_t value;

		cr_assert_eq(tide_options_parse(id, "64k", &value),
		             strcmp(row[id].unit, "bytes") == 0, "%s", row[id].id);
	}
}

Test(options, suffixes_are_binary_multiples)
{
	assert_parses(TIDE_OPTION_RETAIN_BYTES, "3k", 3 << 10);
	assert_parses(TIDE_OPTION_RETAIN_BYTES, "3K", 3 << 10);
	assert_parses(TIDE_OPTION_RETAIN_BYTES, "3m", 3 << 20);
	assert_parses(TIDE_OPTION_RETAIN_BYTES, "3M", 3 << 20);
	assert_parses(TIDE_OPTION_RETAIN_BYTES, "3g", INT64_C(3) << 30);
	assert_parses(TIDE_OPTION_RETAIN_BYTES, "1024G", INT64_C(1) << 40);
	assert_parses(TIDE_OPTION_RETAIN_BYTES, "007", 7);
	assert_refuses(TIDE_OPTION_RETAIN_BYTES, "1025G");
}

Test(options, what_is_no_number_is_refused)
{
	static const char *const text[] = {
		"",
		" ",
		"abc",
		" 5",
		"5 ",
		"+5",
		"-5",
		"5.0",
		"0x10",
		"1e",
		"k",
		"1kk",
		"1kb",
		"1 k",
		"5\n",
		"t",
		"1,0",
		"9223372036854775807",
		"1t",
		"9223372036854775808",
		"99999999999999999999",
		"9223372036854775807g",
		"18446744073709551617",
		"18014398509481985k",
	};

	for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
		assert_refuses(TIDE_OPTION_RETAIN_BYTES, text[i]);
}

Test(options, set_is_seen)
{
	tide_options_set(TIDE_OPTION_DECAY_MS, 7);
	cr_assert_eq(tide_option(TIDE_OPTION_DECAY_MS), 7);
}

/* Start with these variables as the whole environment. */
static bool init_with(char *variable[])
{
	char **before = environ;

	environ = variable;
	errno = 77;
	bool done = tide_options_init();
	cr_assert_eq(errno, 77);
	environ = before;
	return done;
}

Test(options, no_environment_yet)
{
	cr_redirect_stderr();
	cr_assert_not(init_with(NULL));
	assert_all_standard();
	/* The call that comes too early must not count as the one that reports. */
	cr_assert(init_with((char *[]){ "TIDE_FATAL=2", NULL }));
	cr_assert_stderr_eq_str("tide: TIDE_FATAL=2: not 0 or 1; using 1\n");
}

Test(options, values_are_read)
{
	cr_assert(init_with((char *[]){ "HOME=/", "TIDE_DECAY_MS=0", "TIDE_HUGE_BYTES=2G",
	                                "XTIDE_GC=0", "TIDE_CHECK=1", NULL }));
	for (unsigned id = 0; id < TIDE_OPTION_COUNT; id++) {
		int64_t wanted = id == TIDE_OPTION_DECAY_MS     ? 0
		                 : id == TIDE_OPTION_HUGE_BYTES ? INT64_C(2) << 30
		                 : id == TIDE_OPTION_CHECK      ? 1
		                                                : row[id].standard;
		cr_assert_eq(tide_option((enum tide_option_id)id), wanted, "%s", row[id].id);
	}
}

Test(options, good_and_foreign_variables_are_not_mentioned)
{
	cr_redirect_stderr();
	cr_assert(init_with((char *[]){ "TIDE_GC=1", "TIDE_PRELOAD=x", "TIDE_BUILD=y",
	                                "TIDE_BIN=/bin", "TIDE_BENCH_PRELOAD=", "TIDE",
	                                "TIDE_NOTHING_SET", "TIDEX=1", "tide_gc=9", NULL }));
	cr_assert_stderr_eq_str("");
	assert_all_standard();
}

Test(options, bad_values_are_told_once_and_the_default_stands)
{
	char *variable[] = { "TIDE_DECAY_MS=abc", "TIDE_BIN_MAX_BYTES=1",
		             "TIDE_CHECK=yes",    "TIDE_QUEUE_RECLAIM_PERCENT=0",
		             "TIDE_GC=0",         NULL };

	cr_redirect_stderr();
	cr_assert(init_with(variable));
	cr_assert(init_with(variable));
	cr_assert_eq(tide_option(TIDE_OPTION_GC), 0);
	tide_options_set(TIDE_OPTION_GC, 1);
	assert_all_standard();
	cr_assert_stderr_eq_str(
	    "tide: TIDE_DECAY_MS=abc: not a number of ms from 0 to 3600000; using 500\n"
	    "tide: TIDE_BIN_MAX_BYTES=1: not a number of bytes from 1024 to 1048576; using 32768\n"
	    "tide: TIDE_CHECK=yes: not a number of levels from 0 to 2; using 0\n"
	    "tide: TIDE_QUEUE_RECLAIM_PERCENT=0: not a number of percent from 1 to 100; using "
	    "25\n");
}

Test(options, unknown_names_are_told)
{
	cr_redirect_stderr();
	cr_assert(init_with((char *[]){ "TIDE_FOO=1", "TIDE_=1", "TIDE_GCX=1", "TIDE_G=1",
	                                "TIDE_PRELOADS=1", NULL }));
	cr_assert_stderr_eq_str("tide: TIDE_FOO: no such option\n"
	                        "tide: TIDE_: no such option\n"
	                        "tide: TIDE_GCX: no such option\n"
	                        "tide: TIDE_G: no such option\n"
	                        "tide: TIDE_PRELOADS: no such option\n");
	assert_all_standard();
}

Test(options, what_is_shown_is_clipped_and_printable)
{
	cr_redirect_stderr();
	cr_assert(
	    init_with((char *[]){ "TIDE_FATAL=\033[2J\n0123456789012345678901234567890123456789"
	                          "01234567890123456789",
	                          NULL }));
	cr_assert_stderr_eq_str(
	    "tide: TIDE_FATAL=?[2J?0123456789012345678901234567890123456789012..."
	    ": not 0 or 1; using 1\n");
}

Test(options, a_folder_is_a_path_from_the_root)
{
	char folder[TIDE_OPTION_CGROUP_BYTES];
	char variable[TIDE_OPTION_CGROUP_BYTES + 20] = "TIDE_CGROUP=";

	cr_redirect_stderr();
	tide_options_cgroup(folder);
	cr_assert_str_empty(folder);
	cr_assert(init_with((char *[]){ "TIDE_CGROUP=here", NULL }));
	tide_options_cgroup(folder);
	cr_assert_str_empty(folder);

	size_t bytes = strlen(variable);
	memset(variable + bytes, '/', TIDE_OPTION_CGROUP_BYTES - 1);
	cr_assert(init_with((char *[]){ variable, NULL }));
	tide_options_cgroup(folder);
	cr_assert_str_eq(folder, variable + bytes);
	cr_assert(init_with((char *[]){ "TIDE_CGROUP=/a/b", NULL }));
	variable[bytes + TIDE_OPTION_CGROUP_BYTES - 1] = '/';
	cr_assert(init_with((char *[]){ variable, NULL })); /* too long, but told once is enough */
	tide_options_cgroup(folder);
	cr_assert_str_eq(folder, "/a/b");
	cr_assert_stderr_eq_str("tide: TIDE_CGROUP=here: not a path from / of at most 511 bytes; "
	                        "using the process's own\n");
}

/* The kernel's vector lies behind the environment that the process was started with. Changing it
 * there is what running set-user-id looks like to the C library. */
extern void *__libc_stack_end;

static ElfW(auxv_t) * secure_entry(void)
{
	uintptr_t *word = __libc_stack_end;

	word += 1 + *word + 1; /* argc, argv, NULL */
	while (*word++ != 0)   /* envp */
		;
	ElfW(auxv_t) *entry = (ElfW(auxv_t) *)(void *)word;
	while (entry->a_type != AT_SECURE && entry->a_type != AT_NULL)
		entry++;
	cr_assert_eq(entry->a_type, AT_SECURE);
	return entry;
}

Test(options, a_privileged_process_ignores_the_environment)
{
	cr_redirect_stderr();
	secure_entry()->a_un.a_val = 1;
	cr_assert_eq(getauxval(AT_SECURE), 1);
	cr_assert(init_with((char *[]){ "TIDE_GC=0", "TIDE_FOO=1", "TIDE_DECAY_MS=abc", NULL }));
	assert_all_standard();
	cr_assert_stderr_eq_str("");
}

enum { RACERS = 4 };

static void *race(void *barrier)
{
	pthread_barrier_wait(barrier);
	return tide_options_init() ? barrier : NULL;
}

Test(options, threads_may_race)
{
	char *variable[] = { "TIDE_DECAY_MS=9", "TIDE_FOO=1", "TIDE_CHECK=3", NULL };
	pthread_barrier_t barrier;
	pthread_t racer[RACERS];
	char **before = environ;

	cr_redirect_stderr();
	pthread_barrier_init(&barrier, NULL, RACERS);
	environ = variable;
	for (int i = 0; i < RACERS; i++)
		cr_assert_eq(pthread_create(&racer[i], NULL, race, &barrier), 0);
	for (int i = 0; i < RACERS; i++) {
		void *done;

		cr_assert_eq(pthread_join(racer[i], &done), 0);
		cr_assert_not_null(done);
	}
	environ = before;
	pthread_barrier_destroy(&barrier);
	cr_assert_eq(tide_option(TIDE_OPTION_DECAY_MS), 9);
	cr_assert_stderr_eq_str(
	    "tide: TIDE_FOO: no such option\n"
	    "tide: TIDE_CHECK=3: not a number of levels from 0 to 2; using 0\n");
}

/* A text is kept in a copy, since programs write over their environment; the first reading
 * counts. */
Test(options, texts_are_copied)
{
	char variable[] = "TIDE_STATS=file:/x:5";

	cr_assert_str_eq(tide_option_text(TIDE_TEXT_OPTION_STATS), "");
	cr_assert(init_with((char *[]){ variable, "TIDE_TRACE=", NULL }));
	memset(variable, '!', sizeof variable - 1);
	cr_assert_str_eq(tide_option_text(TIDE_TEXT_OPTION_STATS), "file:/x:5");
	cr_assert_str_eq(tide_option_text(TIDE_TEXT_OPTION_TRACE), "");
	cr_assert(init_with((char *[]){ "TIDE_STATS=exit", NULL }));
	cr_assert_str_eq(tide_option_text(TIDE_TEXT_OPTION_STATS), "file:/x:5");
}

Test(options, texts_that_are_too_long)
{
	char variable[TIDE_OPTION_TEXT_BYTES + 16] = "TIDE_TRACE=";
	size_t name = strlen(variable);

	cr_redirect_stderr();
	memset(variable + name, 'x', TIDE_OPTION_TEXT_BYTES);
	cr_assert(init_with((char *[]){ variable, NULL }));
	cr_assert_stderr_eq_str("tide: TIDE_TRACE: longer than 255 characters; ignored\n");
	cr_assert_str_eq(tide_option_text(TIDE_TEXT_OPTION_TRACE), "");
}

Test(options, texts_of_full_length)
{
	char variable[TIDE_OPTION_TEXT_BYTES + 16] = "TIDE_TRACE=";
	size_t name = strlen(variable);

	memset(variable + name, 'x', TIDE_OPTION_TEXT_BYTES - 1);
	cr_assert(init_with((char *[]){ variable, NULL }));
	cr_assert_eq(strlen(tide_option_text(TIDE_TEXT_OPTION_TRACE)), TIDE_OPTION_TEXT_BYTES - 1);
}

Test(options, texts_not_of_their_form_are_told)
{
	cr_redirect_stderr();
	tide_options_set_text(TIDE_TEXT_OPTION_STATS, "on\033");
	tide_options_report_text(TIDE_TEXT_OPTION_STATS);
	cr_assert_stderr_eq_str("tide: TIDE_STATS=on?: not of the form "
	                        "exit|signal[:NUMBER]|file:PATH[:SECONDS]|unix:PATH\n");
}
