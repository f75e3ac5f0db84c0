/* Profile mode where memory is short: at the limit, and where the system gives none; and where the
 * profile can't be had. */
#include "sample.h"

#include "gc.h"
#include "options.h"
#include "os.h"
#include "profile.h"

#include "../api/support.h"
#include "sample_support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <tide/profile.h>

static void within_a_limit(void)
{
	each_one();
	(void)setenv("TIDE_LIMIT", "8m", 1);
}

/* However it is counted, and in turns with what is not sampled. */
static void assert_limit_holds(void)
{
	void **last = NULL, **next;
	size_t bytes = 0, blocks = 0;

	while (bytes <= 9 * MIB && (next = tide_malloc(64 + blocks % 2000)) != NULL) {
		*next = last;
		last = next;
		blocks++;
		bytes += tide_malloc_usable_size(next);
	}
	cr_assert_leq(bytes, 8 * MIB);
	cr_assert_gt(bytes, 6 * MIB);
	cr_assert_eq(errno, ENOMEM);
	for (; last != NULL; last = next) {
		next = *last;
		tide_free(last);
	}
	assert_sound();
}

Test(sample_short, a_limit_holds_for_sampled_blocks, .init = within_a_limit)
{
	assert_limit_holds();
	assert_limit_holds();
}

static void within_a_limit_of_memory(void)
{
	within_a_limit();
	(void)setenv("TIDE_LIMIT_COUNTS", "1", 1);
}

Test(sample_short, a_limit_of_memory_holds_for_sampled_blocks, .init = within_a_limit_of_memory)
{
	assert_limit_holds();
	assert_limit_holds();
}

static void two_in_three(void)
{
	profile_every("16384");
}

/* What is taken from a heap of its own is served by the default heap where that gets no memory. */
Test(sample_short, without_memory_for_samples_blocks_are_there, .init = two_in_three)
{
	enum { BLOCKS = 340, FIRST = 40, BYTES = 20480 };
	static void *block[BLOCKS];
	struct tide_profile_totals totals;

	for (unsigned i = 0; i < BLOCKS; i++) {
		if (i == FIRST) /* both heaps have a region each */
			tide_os_fault_plan(TIDE_OS_MMAP, 0, UINT32_MAX);
		errno = 77;
		block[i] = tide_memalign(4096, BYTES);
		cr_assert_not_null(block[i], "at %u", i);
		cr_assert_eq(errno, 77);
	}
	tide_os_fault_plan(0, 0, 0);
	tide_profile_total(&totals);
	cr_assert_gt(totals.lost_blocks, 0u);
	cr_assert_gt(totals.live, BLOCKS / 2u);
	for (unsigned i = 0; i < BLOCKS; i++)
		tide_free(block[i]);
	tide_profile_total(&totals);
	cr_assert_eq(totals.live, 0u);
	assert_sound();
}

static void hardly_any(void)
{
	profile_every("1073741824");
}

/* A few that came back are fewer than a refill would bring, but there is none. */
Test(sample_short, what_came_back_serves_where_nothing_else_can, .init = hardly_any)
{
	enum { BYTES = 64, BLOCKS = 200000, BACK = 3 };
	static void *block[BLOCKS];
	unsigned cls = tide_class_of(BYTES), blocks = 0;

	tide_free(tide_malloc(BYTES));
	tide_os_fault_plan(TIDE_OS_MMAP, 0, UINT32_MAX);
	while (blocks < BLOCKS && (block[blocks] = tide_malloc(BYTES)) != NULL)
		blocks++;
	cr_assert_lt(blocks, (unsigned)BLOCKS);
	struct tide_cache *cache = tide_cache_self;
	uint64_t collected = tide_load_relaxed(&cache->counts[cls].to_garbage);
	cr_assert_lt(2 * BACK, tide_cache_capacity(cache, cls));
	for (unsigned i = 0; i < BACK; i++)
		tide_free(block[--blocks]);
	for (unsigned i = 0; i < BACK; i++)
		cr_assert_not_null(block[blocks++] = tide_malloc(BYTES));
	cr_assert_eq(tide_load_relaxed(&cache->counts[cls].to_garbage), collected,
	             "by way of the GC");
	tide_os_fault_plan(0, 0, 0);
	while (blocks > 0)
		tide_free(block[--blocks]);
	assert_sound();
}

/* Options can't be read without an environment, and the blocks of then are not known. */
static void *allocate_in_a_thread(void *arg)
{
	return tide_malloc(1) != NULL ? arg : NULL;
}

Test(sample_short, a_late_environment_is_told, .init = each_one)
{
	char **real = environ, said[256] = "";
	int saved = dup(2), ends[2];
	pthread_t thread;
	void *result;

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(dup2(ends[1], 2), 2);
	environ = NULL;
	void *early = tide_malloc(1);
	environ = real;
	cr_assert_eq(pthread_create(&thread, NULL, allocate_in_a_thread, said), 0);
	cr_assert_eq(pthread_join(thread, &result), 0);
	(void)dup2(saved, 2);
	(void)close(ends[1]);
	(void)!read(ends[0], said, sizeof said - 1);
	cr_assert(early != NULL && result == said && !tide_sample_on());
	cr_assert_str_eq(said, "tide: TIDE_PROFILE: memory was allocated before the environment "
	                       "was there; no profile\n");
}

/* With one descriptor, for the file itself. */
Test(sample_short, files_are_those_of_the_loader_where_proc_cannot_be_read, .init = each_one)
{
	static char text[1 << 20];
	char path[] = "/tmp/tide-test-profile.XXXXXX";
	struct rlimit limit, few;
	int file = mkstemp(path);

	cr_assert_geq(file, 3);
	cr_assert_not_null(tide_malloc(1000));
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few = limit;
	few.rlim_cur = (rlim_t)file + 1;
	(void)close(file);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	int result = tide_profile_write(path);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	cr_assert_eq(result, 0, "error %d", result);
	file = open(path, O_RDONLY);
	cr_assert_gt(read(file, text, sizeof text - 1), 0);
	cr_assert_not_null(strstr(text, "\n# /proc/self/maps: error 24; "));
	char *maps = strstr(text, "\nMAPPED_LIBRARIES:\n");
	cr_assert(maps != NULL && strstr(maps, "/test_sample_short\n") != NULL, "%s", text);
	(void)close(file);
	(void)unlink(path);
}
