/* thread.c: the GC thread starts, sleeps, is woken and stops; what the system sees of it. */
#include "support.h"

#include "doorbell.h"
#include "os.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(thread, .timeout = 90);

/* The value of a line of a task's status file, as text; false: no such line. */
static bool task_status(const char *task, const char *key, char *value, size_t room)
{
	char path[300];
	char line[256];
	bool found = false;

	(void)snprintf(path, sizeof path, "/proc/self/task/%s/status", task);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return false;
	size_t key_bytes = strlen(key);
	while (!found && fgets(line, sizeof line, file) != NULL) {
		if (strncmp(line, key, key_bytes) != 0 || line[key_bytes] != ':')
			continue;
		char *start = line + key_bytes + 1;
		start += strspn(start, " \t");
		start[strcspn(start, "\n")] = '\0';
		(void)snprintf(value, room, "%s", start);
		found = true;
	}
	(void)fclose(file);
	return found;
}

static unsigned long long task_number(const char *task, const char *key, int base)
{
	char value[128];

	cr_assert(task_status(task, key, value, sizeof value), "%s", key);
	return strtoull(value, NULL, base);
}

/* How many threads of that name there are, and the number of one. */
static unsigned tasks_named(const char *name, char *task, size_t room)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	unsigned count = 0;

	cr_assert_not_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		char own[128];
		if (entry->d_name[0] == '.' ||
		    !task_status(entry->d_name, "Name", own, sizeof own) || strcmp(own, name) != 0)
			continue;
		(void)snprintf(task, room, "%s", entry->d_name);
		count++;
	}
	(void)closedir(dir);
	return count;
}

/* It names itself once it runs. */
static void wait_for_task(char *task, size_t room)
{
	while (tasks_named("tide-gc", task, room) == 0)
		sleep_ms(1);
}

static bool gc_sleeps(void)
{
	return tide_load_seq_cst(&tide_doorbell.state) == TIDE_GC_ASLEEP;
}

/* Until nothing is left to age. */
static void wait_until_settled(void)
{
	unsigned rounds = 0;

	for (unsigned in_a_row = 0; in_a_row < 5;) {
		cr_assert_lt(++rounds, 6000u, "the GC does not come to rest");
		in_a_row = gc_sleeps() ? in_a_row + 1 : 0;
		sleep_ms(10);
	}
}

Test(thread, it_starts_and_stops_as_often_as_one_likes)
{
	char task[256];

	process_begins();
	size_t address_space = 0;
	for (unsigned i = 0; i < 200; i++) {
		cr_assert_eq(tide_gc_thread_start(), 0);
		cr_assert(tide_gc_thread_runs());
		cr_assert_eq(tide_gc_thread_start(), EALREADY);
		cr_assert_eq(tide_gc_thread_stop(), 0);
		cr_assert_not(tide_gc_thread_runs());
		cr_assert_eq(tide_gc_thread_stop(), ESRCH);
		if (i == 20)
			address_space = address_space_bytes();
	}
	if (!SANITIZED)
		cr_assert_eq(address_space_bytes(), address_space, "stacks stay behind");
	/* The system takes a moment to forget the last one. */
	while (tasks_named("tide-gc", task, sizeof task) > 0)
		sleep_ms(1);
	assert_audit();
}

Test(thread, there_is_one_and_it_takes_no_signals)
{
	char task[256];

	process_begins();
	cr_assert_eq(tide_gc_thread_start(), 0);
	wait_for_task(task, sizeof task);
	cr_assert_eq(tasks_named("tide-gc", task, sizeof task), 1);
	unsigned long long blocked = task_number(task, "SigBlk", 16);
	for (int signal_number = 1; signal_number <= SIGRTMAX; signal_number++) {
		if (signal_number == SIGKILL || signal_number == SIGSTOP)
			continue;
		/* Under a sanitizer it is a thread of the C library, which keeps two for itself. */
		if (SANITIZED && (signal_number == 32 || signal_number == 33))
			continue;
		cr_assert(blocked >> (signal_number - 1) & 1, "signal %d is not blocked",
		          signal_number);
	}
	cr_assert_eq(tide_gc_thread_stop(), 0);
}

Test(thread, it_is_not_started_against_the_option_or_the_program_s_will)
{
	process_begins();
	tide_options_set(TIDE_OPTION_GC, 0);
	tide_gc_thread_want();
	cr_assert_not(tide_gc_thread_runs());
	tide_options_set(TIDE_OPTION_GC, 1);
	tide_gc_thread_want();
	cr_assert(tide_gc_thread_runs());
	cr_assert_eq(tide_gc_thread_stop(), 0);
	tide_gc_thread_want();
	cr_assert_not(tide_gc_thread_runs(), "the program has stopped it");
	cr_assert_eq(tide_gc_thread_start(), 0);
	cr_assert(tide_gc_thread_runs());
}

Test(thread, a_thread_that_can_not_be_had_is_no_harm)
{
	process_begins();
	tide_os_fault_plan(TIDE_OS_CLONE, 0, 1);
	tide_gc_thread_want();
	cr_assert_not(tide_gc_thread_runs());
	tide_gc_thread_want();
	cr_assert_not(tide_gc_thread_runs(), "tried again and again");
	cr_assert_eq(tide_gc_thread_start(), 0, "when asked, it is");
	cr_assert_eq(tide_gc_thread_stop(), 0);
	tide_os_fault_plan(TIDE_OS_CLONE, 0, 1);
	cr_assert_eq(tide_gc_thread_start(), EAGAIN);
	cr_assert_eq(tide_gc_thread_start(), 0);
}

/* ---- While threads run ---- */

enum { WORKERS = 3, SLOTS = 256 };
static _Atomic(struct parcel *) slot[SLOTS];
static atomic_bool workers_end;

static void *work(void *seed)
{
	uint64_t random = *(uint64_t *)seed;
	const char *wrong = NULL;

	while (!atomic_load(&workers_end) && wrong == NULL) {
		struct parcel *parcel = parcel_make(random_mixed_size(&random), random);
		if (parcel == NULL)
			return (void *)(uintptr_t) "out of memory";
		parcel = atomic_exchange(&slot[random_next(&random) % SLOTS], parcel);
		if (parcel != NULL)
			wrong = parcel_end(parcel);
	}
	return (void *)(uintptr_t)wrong;
}

static void *start_and_stop(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < SCALED(320u); i++) {
		(void)tide_gc_thread_start();
		if (i % 4 == 0)
			(void)tide_purge();
		(void)tide_gc_thread_stop();
	}
	return NULL;
}

Test(thread, it_stops_and_starts_while_others_work)
{
	uint64_t seed[WORKERS] = { 1, 2, 3 };
	pthread_t worker[WORKERS];
	pthread_t switcher[2];

	for (unsigned i = 0; i < WORKERS; i++)
		cr_assert_eq(pthread_create(&worker[i], NULL, work, &seed[i]), 0);
	for (unsigned i = 0; i < 2; i++)
		cr_assert_eq(pthread_create(&switcher[i], NULL, start_and_stop, NULL), 0);
	for (unsigned i = 0; i < 2; i++)
		cr_assert_eq(pthread_join(switcher[i], NULL), 0);
	atomic_store(&workers_end, true);
	for (unsigned i = 0; i < WORKERS; i++) {
		void *wrong;
		cr_assert_eq(pthread_join(worker[i], &wrong), 0);
		cr_assert_null(wrong, "%s", (const char *)wrong);
	}
	for (unsigned i = 0; i < SLOTS; i++) {
		struct parcel *parcel = atomic_exchange(&slot[i], NULL);
		if (parcel != NULL)
			cr_assert_null(parcel_end(parcel));
	}
	assert_audit();
}

/* ---- Sleep ---- */

/* Short ticks: less to wait for. */
static void begin_sleep(void)
{
	process_begins();
	tide_options_set(TIDE_OPTION_DECAY_MS, 100);
}

static void *free_all(void *at)
{
	void **block = at;

	for (; *block != NULL; block++)
		tide_free(*block);
	return NULL;
}

/* The most blocks of a test below, and NULL. */
static void *block[200001];

static void make_blocks(unsigned count, size_t size)
{
	for (unsigned i = 0; i < count; i++) {
		block[i] = tide_malloc(size);
		cr_assert_not_null(block[i]);
		memset(block[i], 1, size);
	}
	block[count] = NULL;
}

Test(thread, it_rests_when_all_is_idle, .init = begin_sleep)
{
	char task[256];
	pthread_t thread;

	make_blocks(20000, 300);
	cr_assert_eq(tide_gc_thread_start(), 0);
	cr_assert_eq(pthread_create(&thread, NULL, free_all, block), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	wait_for_task(task, sizeof task);
	wait_until_settled();
	unsigned long long before = task_number(task, "voluntary_ctxt_switches", 10);
	sleep_ms(3000);
	unsigned long long after = task_number(task, "voluntary_ctxt_switches", 10);
	/* It may look once whether the program gave up rights (follow.h); with anything left to age
	 * it would wake twelve times. */
	cr_assert_leq(after - before, 3, "%llu in three seconds", after - before);
	cr_assert_eq(tide_gc_thread_stop(), 0);
	assert_audit();
}

Test(thread, a_published_bin_ends_its_sleep, .init = begin_sleep)
{
	pthread_t thread;

	make_blocks(1000, 300);
	cr_assert_eq(tide_gc_thread_start(), 0);
	wait_until_settled();
	uint64_t wakes = stats_now().gc_wakes;
	/* Much less than what ends a doze. */
	cr_assert_eq(pthread_create(&thread, NULL, free_all, block), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	wait_until_settled();
	cr_assert_gt(stats_now().gc_wakes, wakes);
	cr_assert_eq(stats_now().backlog_bytes, 0);
	cr_assert_eq(tide_gc_thread_stop(), 0);
	assert_audit();
}

/* However often much is published: after each wake it is awake, or naps, for some milliseconds. */
Test(thread, while_much_is_published_it_is_seldom_woken)
{
	enum { REST_NS = 3000000, LONG_NS = 100 * 1000000 };
	uint64_t rings = 0;

	cr_assert_eq(tide_gc_thread_start(), 0);
	uint64_t wakes = stats_now().gc_wakes;
	uint64_t begin_ns = tide_os_clock_fine_ns(), now_ns;
	do {
		tide_doorbell_ring(true);
		rings++;
		now_ns = tide_os_clock_fine_ns();
	} while (now_ns - begin_ns < LONG_NS || rings < 1000);
	wakes = stats_now().gc_wakes - wakes;
	cr_assert_leq(wakes, (now_ns - begin_ns) / REST_NS + 1, "%lu of %lu", (unsigned long)wakes,
	              (unsigned long)rings);
	cr_assert_eq(tide_gc_thread_stop(), 0);
}

/* Nobody calls: the GC goes to sleep only when what was freed has gone back. */
static void freed_memory_goes_back_before_it_sleeps(size_t size, unsigned keep_every)
{
	unsigned count = (unsigned)(SCALED(48 * MIB) / size);
	pthread_t thread;

	memset(block, 1, sizeof block);
	cr_assert_eq(tide_gc_thread_start(), 0);
	size_t base = resident_bytes();
	make_blocks(count, size);
	wait_until_settled(); /* no queue is left that would keep it awake */
	unsigned kept = 0;
	unsigned freed = 0;
	for (unsigned i = 0; i < count; i++) {
		if (i % keep_every == 0)
			kept++;
		else
			block[freed++] = block[i];
	}
	block[freed] = NULL;
	cr_assert_eq(pthread_create(&thread, NULL, free_all, block), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	wait_until_settled();
	size_t due = kept * (size > TIDE_PAGE_BYTES ? size : TIDE_PAGE_BYTES) + 8 * MIB;
	if (!SANITIZED)
		cr_assert_leq(resident_above(base), due, "%zu KiB are left, %zu KiB are due",
		              resident_above(base) / KIB, due / KIB);
	cr_assert_eq(tide_gc_thread_stop(), 0);
	assert_audit();
}

Test(thread, freed_chunks_go_back_before_it_sleeps, .init = begin_sleep)
{
	freed_memory_goes_back_before_it_sleeps(20 * KIB, 16);
}

Test(thread, freed_pages_inside_slabs_go_back_before_it_sleeps, .init = begin_sleep)
{
	/* Each slab keeps some: none becomes a chunk. */
	freed_memory_goes_back_before_it_sleeps(256, 100);
}

/* No tick comes by: pages inside slabs that were freed since the last one are left to age, so the
 * GC may doze, but not sleep. */
Test(thread, it_does_not_sleep_on_pages_inside_slabs, .init = begin_sleep)
{
	enum { COUNT = SCALED(160000) };
	pthread_t thread;

	cr_assert_eq(tide_gc_thread_start(), 0);
	make_blocks(COUNT, 256);
	wait_until_settled();
	tide_options_set(TIDE_OPTION_DECAY_MS, 3600000);
	unsigned freed = 0;
	for (unsigned i = 0; i < COUNT; i++) {
		if (i % 100 != 0)
			block[freed++] = block[i];
	}
	block[freed] = NULL;
	cr_assert_eq(pthread_create(&thread, NULL, free_all, block), 0);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	/* The first bin has woken it; what little is left in the garbage may wait for a tick. */
	while (tide_load_seq_cst(&tide_doorbell.state) == TIDE_GC_AWAKE)
		sleep_ms(1);
	cr_assert_not(gc_sleeps(), "nobody would give the memory back for long");
	cr_assert_eq(tide_gc_thread_stop(), 0);
	assert_audit();
}
