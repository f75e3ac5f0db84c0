/* The process may have no more: of address space (RLIMIT_AS), of private writable memory
 * (RLIMIT_DATA, which counts as a system without overcommit does: what is mapped, not what is
 * touched), of processes (a fork that fails). Calls fail with ENOMEM, what was freed serves again,
 * and when the limit is gone all is as before. */
#include "support.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { BLOCKS_MAX = 1 << 18, THREADS = 3 };

static void *block[BLOCKS_MAX];
static struct load load[THREADS] = { { .random = 1 }, { .random = 2 }, { .random = 3 } };

/* What the process has of it, in bytes, from /proc/self/status. */
static size_t status_bytes(const char *name)
{
	char line[256];
	size_t kib = 0, length = strlen(name);
	FILE *file = fopen("/proc/self/status", "r");

	cr_assert_not_null(file);
	while (fgets(line, sizeof line, file) != NULL) {
		if (strncmp(line, name, length) == 0)
			kib = strtoul(line + length, NULL, 10);
	}
	fclose(file);
	cr_assert_gt(kib, 0);
	return kib * KIB;
}

static void limit(int resource, size_t room)
{
	size_t now = status_bytes(resource == RLIMIT_AS ? "VmSize:" : "VmData:");
	struct rlimit more = { now + room, RLIM_INFINITY };

	cr_assert_eq(setrlimit((__rlimit_resource_t)resource, &more), 0);
}

static void lift(int resource)
{
	struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };

	cr_assert_eq(setrlimit((__rlimit_resource_t)resource, &none), 0);
}

static void assert_all_is_well(void)
{
	assert_nothing_wrong(all_can_be_had());
	for (unsigned i = 0; i < THREADS; i++) {
		assert_nothing_wrong(load_run(&load[i], 2000));
		assert_nothing_wrong(load_end(&load[i]));
	}
	(void)tide_purge();
	assert_books();
}

/* Blocks of one size to the end; each holds its number, so none was handed out twice. Then all but
 * a few are freed, and as many bytes can be had again, of this size and of another. */
static void fill_and_free(size_t bytes, bool purge)
{
	size_t count = 0, again = 0;

	errno = 0;
	while (count < BLOCKS_MAX && (block[count] = tide_malloc(bytes)) != NULL) {
		*(size_t *)block[count] = count;
		count++;
	}
	cr_assert_lt(count, BLOCKS_MAX, "no limit was met");
	cr_assert_eq(errno, ENOMEM);
	cr_assert_gt(count, 0);
	for (size_t i = 0; i < count; i++)
		cr_assert_eq(*(size_t *)block[i], i, "a block of %zu bytes was lost", bytes);
	for (size_t i = 0; i < count; i++)
		tide_free(block[i]);
	while (again < count && (block[again] = tide_malloc(bytes)) != NULL)
		again++;
	cr_assert_geq(again, count - count / 16, "%zu blocks of %zu, then %zu", count, bytes,
	              again);
	while (again > 0)
		tide_free(block[--again]);
	if (purge)
		(void)tide_purge();
	void *other = tide_malloc(bytes > MIB ? 10000 : 2 * MIB);
	cr_assert_not_null(other, "all of it stays with blocks of %zu bytes", bytes);
	tide_free(other);
}

static void fill_under(int resource, bool purge)
{
	static const size_t size[] = { 200, 3000, 30000, 128 * KIB, 700 * KIB, 3 * MIB };

	tide_free(tide_malloc(1));
	limit(resource, 40 * MIB);
	for (size_t i = 0; i < COUNT_OF(size); i++)
		fill_and_free(size[i], purge);
	lift(resource);
	assert_all_is_well();
}

Test(memory_limit, address_space_ends_for_each_size, .timeout = 60)
{
	fill_under(RLIMIT_AS, true);
}

Test(memory_limit, data_ends_for_each_size, .timeout = 60)
{
	fill_under(RLIMIT_DATA, true);
}

/* A GC thread that is late, or in the midst of it, is no reason to fail: malloc collects by
 * itself. */
Test(memory_limit, data_ends_while_a_GC_thread_runs, .timeout = 60)
{
	cr_assert_eq(tide_gc_start(), 0);
	fill_under(RLIMIT_DATA, false);
}

static void *run_load(void *arg)
{
	return (void *)(uintptr_t)load_run(arg, 10000);
}

/* With so much room to so little; threads come and go in it. */
static void live_under(int resource)
{
	unsigned refused = 0;

	(void)tide_gc_start();
	for (size_t room = 64 * MIB; room >= MIB; room /= 4) {
		limit(resource, room);
		pthread_t thread[THREADS];
		bool started[THREADS];
		for (unsigned i = 0; i < THREADS; i++)
			started[i] = pthread_create(&thread[i], NULL, run_load, &load[i]) == 0;
		for (unsigned i = 0; i < THREADS; i++) {
			void *wrong = NULL;
			if (started[i])
				cr_assert_eq(pthread_join(thread[i], &wrong), 0);
			else
				wrong = run_load(&load[i]);
			assert_nothing_wrong(wrong);
		}
		(void)tide_purge();
		lift(resource);
	}
	for (unsigned i = 0; i < THREADS; i++)
		refused += load[i].refused;
	cr_assert_gt(refused, 0, "no limit was met");
	assert_all_is_well();
}

Test(memory_limit, threads_without_address_space, .timeout = 60)
{
	live_under(RLIMIT_AS);
}

Test(memory_limit, threads_without_data, .timeout = 60)
{
	live_under(RLIMIT_DATA);
}

/* From the first call on: whatever there is room for, until all of it works. */
Test(memory_limit, a_life_that_begins_with_nothing, .timeout = 60)
{
	unsigned in_vain = 0;

	for (unsigned pages = 0; pages < 2048; pages += 41) {
		int status = 0;
		pid_t child = fork();
		cr_assert_geq(child, 0);
		if (child == 0) {
			const char *wrong = NULL;
			size_t now = status_bytes("VmData:");
			struct rlimit least = { now + pages * 4096ul, RLIM_INFINITY };
			(void)setrlimit(RLIMIT_DATA, &least);
			errno = 0;
			void *at = tide_malloc(64);
			if (at == NULL && errno != ENOMEM)
				wrong = "no memory, and errno is not ENOMEM";
			bool had = at != NULL;
			tide_free(at);
			least.rlim_cur = RLIM_INFINITY;
			(void)setrlimit(RLIMIT_DATA, &least);
			if (wrong == NULL)
				wrong = all_can_be_had();
			if (wrong == NULL)
				wrong = tide_gc_audit();
			if (wrong != NULL)
				(void)fprintf(stderr, "%u pages: %s\n", pages, wrong);
			_exit(wrong != NULL ? 1 : had ? 0 : 2);
		}
		cr_assert_eq(waitpid(child, &status, 0), child);
		cr_assert(WIFEXITED(status) && WEXITSTATUS(status) != 1, "%u pages: %x", pages,
		          (unsigned)status);
		in_vain += WEXITSTATUS(status) == 2;
	}
	cr_assert_gt(in_vain, 0, "there was always room");
}

/* ---- Forks that fail ---- */

/* From now on clone says so; the C library's fork and pthread_create go by it, or by clone3, which
 * is said not to be there. */
static bool refuse_clones(int error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 2, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};
	struct sock_fprog program = { COUNT_OF(filter), filter };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void refused_forks(int error)
{
	pthread_t thread;

	(void)tide_gc_start();
	for (unsigned i = 0; i < THREADS; i++)
		assert_nothing_wrong(load_run(&load[i], 2000));
	if (!refuse_clones(error))
		cr_skip_test("no filter of system calls can be had");
	for (unsigned i = 0; i < 50; i++) {
		errno = 0;
		cr_assert_eq(fork(), -1);
		cr_assert_eq(errno, error);
		cr_assert_neq(pthread_create(&thread, NULL, run_load, &load[0]), 0);
		assert_nothing_wrong(load_run(&load[i % THREADS], 1000));
		(void)tide_purge(); /* which waits for the token, were it still the fork's */
	}
	(void)tide_gc_stop();
	cr_assert_eq(tide_gc_start(), EAGAIN);
	assert_all_is_well();
}

Test(memory_limit, forks_are_refused_for_want_of_memory, .timeout = 60)
{
	refused_forks(ENOMEM);
}

Test(memory_limit, forks_are_refused_for_want_of_processes, .timeout = 60)
{
	refused_forks(EAGAIN);
}
