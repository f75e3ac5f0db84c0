/* The GC thread has the credentials of the program's threads, and follows when they change: by the
 * C library, by raw system calls, in a chroot without /proc, after main has ended. Each case is a
 * child process that starts the GC thread, changes something, and goes on allocating until the
 * system says the same of all its threads. What is not followed is asserted as well: a filter of
 * system calls that the GC thread does not have ends it for good. */
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "support.h"

enum { NOBODY = 65534, POLLS = 4000, POLL_MS = 5, TEXT_BYTES = 8192 };

/* Opened before any chroot. */
static int task_folder;

static bool read_status(const char *task, char *text)
{
	char path[64];

	(void)snprintf(path, sizeof path, "%.40s/status", task);
	int file = openat(task_folder, path, O_RDONLY | O_CLOEXEC);
	ssize_t bytes = file >= 0 ? read(file, text, TEXT_BYTES - 1) : -1;
	if (file >= 0)
		(void)close(file);
	text[bytes > 0 ? bytes : 0] = '\0';
	return bytes > 0;
}

/* The line that begins so, up to its end, into `line`. */
static void find_line(const char *text, const char *name, char *line, size_t room)
{
	for (; text != NULL && strncmp(text, name, strlen(name)) != 0; text++) {
		text = strchr(text, '\n');
		if (text == NULL)
			break;
	}
	require(text != NULL, name);
	(void)snprintf(line, room, "%.*s", (int)strcspn(text, "\n"), text);
}

/* The status of the GC thread; how many there are. Read without opendir, which allocates: it would
 * bring the next GC thread. */
static unsigned find_gc(char *text)
{
	char other[TEXT_BYTES];
	_Alignas(struct dirent64) char entries[4096];
	unsigned count = 0;
	int copy = openat(task_folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ssize_t bytes;

	require(copy >= 0, "the folder of tasks");
	while ((bytes = syscall(SYS_getdents64, copy, entries, sizeof entries)) > 0) {
		for (ssize_t at = 0; at < bytes;) {
			const struct dirent64 *entry = (const void *)(entries + at);
			at += entry->d_reclen;
			if (entry->d_name[0] == '.' || !read_status(entry->d_name, other) ||
			    strncmp(other, "Name:\ttide-gc\n", 14) != 0)
				continue;
			memcpy(text, other, sizeof other);
			count++;
		}
	}
	require(bytes == 0, "the folder of tasks, read");
	(void)close(copy);
	return count;
}

/* Whether there is one GC thread, and the system says the same of it and of this thread. */
static bool gc_has_followed(bool same_capabilities)
{
	static const char *const name[] = { "Uid:",    "Gid:",    "Groups:", "NoNewPrivs:",
		                            "CapInh:", "CapPrm:", "CapEff:", "CapBnd:" };
	char own[TEXT_BYTES], gc[TEXT_BYTES], task[32];
	char own_line[1024], gc_line[1024];

	(void)snprintf(task, sizeof task, "%ld", (long)syscall(SYS_gettid));
	require(read_status(task, own), "the status of this thread");
	if (find_gc(gc) != 1)
		return false;
	/* A GC thread of root has no capabilities. */
	for (unsigned i = 0; i < (same_capabilities ? 8 : 4); i++) {
		find_line(own, name[i], own_line, sizeof own_line);
		find_line(gc, name[i], gc_line, sizeof gc_line);
		if (strcmp(own_line, gc_line) != 0)
			return false;
	}
	return true;
}

static void work_until(bool (*done)(bool), bool argument, const char *what)
{
	unsigned polls = 0;

	while (!done(argument)) {
		require(++polls < POLLS, what);
		use_heap(polls, 1000);
		sleep_ms(POLL_MS);
	}
}

static void start_gc(void)
{
	task_folder = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	require(task_folder >= 0, "/proc/self/task");
	require(tide_gc_start() == 0, "start of the GC thread");
	work_until(gc_has_followed, false, "the GC thread is there");
}

static void become_nobody(void)
{
	require(setgroups(0, NULL) == 0, "setgroups");
	require(setresgid(NOBODY, NOBODY, NOBODY) == 0, "setresgid");
	require(setresuid(NOBODY, NOBODY, NOBODY) == 0, "setresuid");
}

/* ---- The cases ---- */

static void all_at_once(void)
{
	start_gc();
	become_nobody();
	work_until(gc_has_followed, true, "the GC thread has followed");
	/* And there is no way back, for any thread. */
	char gc[TEXT_BYTES], line[256];
	require(find_gc(gc) == 1, "one GC thread");
	find_line(gc, "Uid:", line, sizeof line);
	require(strcmp(line, "Uid:\t65534\t65534\t65534\t65534") == 0, line);
	find_line(gc, "Gid:", line, sizeof line);
	require(strcmp(line, "Gid:\t65534\t65534\t65534\t65534") == 0, line);
	find_line(gc, "CapPrm:", line, sizeof line);
	require(strcmp(line, "CapPrm:\t0000000000000000") == 0, line);
	require(tide_gc_stop() == 0 && tide_gc_start() == 0, "it can be stopped and started");
}

static void groups_alone(void)
{
	static const gid_t group[] = { 7, 100, 5000 };

	start_gc();
	require(setgroups(3, group) == 0, "setgroups");
	work_until(gc_has_followed, false, "the GC thread has followed to the groups");
	require(setresgid(8, 9, 10) == 0, "setresgid");
	work_until(gc_has_followed, false, "the GC thread has followed to other group ids");
}

/* As a server does that acts for a user for a while, and then again as itself. */
static void there_and_back(void)
{
	start_gc();
	for (unsigned round = 0; round < 2; round++) {
		require(seteuid(NOBODY) == 0, "seteuid");
		work_until(gc_has_followed, false, "the GC thread has followed there");
		require(seteuid(0) == 0, "seteuid back");
		work_until(gc_has_followed, false, "the GC thread has followed back");
	}
}

/* The C library has no part in it. */
static void by_raw_calls(void)
{
	start_gc();
	require(syscall(SYS_setgroups, 0, NULL) == 0, "setgroups");
	require(syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY) == 0, "setresgid");
	require(syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY) == 0, "setresuid");
	work_until(gc_has_followed, true, "the GC thread has followed");
}

static void set_capabilities(uint64_t kept)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct set[2];

	for (unsigned i = 0; i < 2; i++) {
		set[i].effective = set[i].permitted = (uint32_t)(kept >> (32 * i));
		set[i].inheritable = 0;
	}
	require(syscall(SYS_capset, &head, set) == 0, "capset");
}

/* A service that keeps a few, and gives up one more later. */
static void capabilities(void)
{
	start_gc();
	require(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0, "keepcaps");
	become_nobody();
	set_capabilities(1u << CAP_CHOWN | 1u << CAP_KILL);
	work_until(gc_has_followed, true, "the GC thread has followed to two capabilities");
	set_capabilities(1u << CAP_KILL);
	work_until(gc_has_followed, true, "the GC thread has followed to one capability");
	require(prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0) == -1 && errno == EPERM, "no way");
}

static void no_new_privileges(void)
{
	start_gc();
	become_nobody();
	require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
	work_until(gc_has_followed, true, "the GC thread has followed");
}

/* A change of ids makes the kernel forget this; following must not. */
static void may_be_dumped(void)
{
	start_gc();
	become_nobody();
	require(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0, "dumpable");
	work_until(gc_has_followed, true, "the GC thread has followed");
	require(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1, "the process may still be dumped");
}

static char empty_folder[] = "/tmp/tide-empty-XXXXXX";

static void enter_empty_folder(void)
{
	require(chroot(empty_folder) == 0 && chdir("/") == 0, "chroot");
	require(access("/proc", F_OK) == -1, "no /proc");
}

static void chroot_then_change(void)
{
	start_gc();
	enter_empty_folder();
	become_nobody();
	work_until(gc_has_followed, true, "the GC thread has followed in a chroot");
}

static void change_without_proc(void)
{
	task_folder = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enter_empty_folder();
	require(tide_gc_start() == 0, "start of the GC thread");
	work_until(gc_has_followed, false, "the GC thread is there");
	become_nobody();
	work_until(gc_has_followed, true, "the GC thread has followed without /proc");
}

/* As services have it when they give up their rights: fewer files than the number that Tide would
 * like its own to have. Those are open by then. */
static void few_files_later(void)
{
	const struct rlimit few = { 100, 100 };

	start_gc();
	require(setrlimit(RLIMIT_NOFILE, &few) == 0, "a limit");
	become_nobody();
	work_until(gc_has_followed, true, "the GC thread has followed");
}

static void few_files_from_the_start(void)
{
	const struct rlimit few = { 100, 100 };

	require(setrlimit(RLIMIT_NOFILE, &few) == 0, "a limit");
	start_gc();
	require(setgroups(0, NULL) == 0, "setgroups");
	work_until(gc_has_followed, false, "the GC thread has followed to no groups");
	become_nobody();
	work_until(gc_has_followed, true, "the GC thread has followed");
}

static pthread_t main_thread;

static void *change_alone(void *unused)
{
	(void)unused;
	require(pthread_join(main_thread, NULL) == 0, "main has ended");
	use_heap(1, 1000); /* this thread has a cache, by which the GC thread finds it */
	become_nobody();
	work_until(gc_has_followed, true, "the GC thread has followed without main");
	_exit(0);
}

static void after_main_has_ended(void)
{
	pthread_t thread;

	start_gc();
	main_thread = pthread_self();
	require(pthread_create(&thread, NULL, change_alone, NULL) == 0, "a thread");
	pthread_exit(NULL);
}

static void after_main_with_few_files(void)
{
	const struct rlimit few = { 100, 100 };

	require(setrlimit(RLIMIT_NOFILE, &few) == 0, "a limit");
	after_main_has_ended();
}

/* The GC thread leaves while nobody misses: the end of a thread brings the next. */
static atomic_bool quiet;
static void *wait_to_end(void *go_on)
{
	use_heap(1, 1000);
	atomic_store(&quiet, true);
	while (!atomic_load((atomic_bool *)go_on))
		sleep_ms(1);
	return NULL;
}

static bool gc_is_gone(bool unused);

static void ended_by_a_threads_end(void)
{
	static atomic_bool go_on;
	pthread_t thread;

	start_gc();
	require(pthread_create(&thread, NULL, wait_to_end, &go_on) == 0, "a thread");
	use_heap(1, 1000);
	while (!atomic_load(&quiet)) /* else it would bring the next one at once */
		sleep_ms(1);
	become_nobody();
	for (unsigned polls = 0; !gc_is_gone(false); sleep_ms(POLL_MS))
		require(++polls < POLLS, "the GC thread leaves");
	atomic_store(&go_on, true);
	require(pthread_join(thread, NULL) == 0, "join");
	for (unsigned polls = 0; !gc_has_followed(true); sleep_ms(POLL_MS))
		require(++polls < POLLS, "there is one again");
}

static void set_filter(unsigned flags)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = { 1, &allow };

	require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
	require(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) == 0, "seccomp");
}

static bool gc_is_gone(bool unused)
{
	char gc[TEXT_BYTES];

	(void)unused;
	return find_gc(gc) == 0;
}

static void filter_of_one_thread(void)
{
	start_gc();
	set_filter(0);
	work_until(gc_is_gone, false, "the GC thread without the filter ends");
	for (unsigned i = 0; i < 200; i++) {
		use_heap(i, 1000);
		sleep_ms(1);
	}
	require(gc_is_gone(false), "and is not started again unasked");
	require(tide_gc_start() == 0, "but when asked");
	work_until(gc_has_followed, false, "it has what the thread has that started it");
}

static void filter_of_all_threads(void)
{
	char gc[TEXT_BYTES], before[64], after[64];

	start_gc();
	require(find_gc(gc) == 1, "one GC thread");
	find_line(gc, "Pid:", before, sizeof before);
	set_filter(SECCOMP_FILTER_FLAG_TSYNC);
	for (unsigned i = 0; i < 400; i++) {
		use_heap(i, 1000);
		sleep_ms(1);
	}
	require(find_gc(gc) == 1, "still one GC thread");
	find_line(gc, "Pid:", after, sizeof after);
	require(strcmp(before, after) == 0, "and the same");
}

/* What the header of tide.h tells programs to do that can't wait. */
static void stopped_before(void)
{
	start_gc();
	require(tide_gc_stop() == 0, "stop");
	become_nobody();
	require(tide_gc_start() == 0, "start");
	work_until(gc_has_followed, true, "the GC thread is nobody from its start");
}

/* Threads that differ for good: the GC thread is of one of them, and all goes on. */
static void *differ(void *unused)
{
	(void)unused;
	require(syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY) == 0, "setresuid of one thread");
	use_heap(1, 200000);
	return NULL;
}

static void threads_that_differ(void)
{
	pthread_t thread[4];

	start_gc();
	for (unsigned i = 0; i < 4; i++)
		require(pthread_create(&thread[i], NULL, differ, NULL) == 0, "a thread");
	for (unsigned i = 0; i < 4; i++)
		require(pthread_join(thread[i], NULL) == 0, "join");
	work_until(gc_has_followed, false, "with main alone the GC thread is main's");
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} test[] = {
#define CASE(name) { #name, name }
		CASE(all_at_once),
		CASE(groups_alone),
		CASE(there_and_back),
		CASE(by_raw_calls),
		CASE(capabilities),
		CASE(no_new_privileges),
		CASE(may_be_dumped),
		CASE(chroot_then_change),
		CASE(change_without_proc),
		CASE(after_main_has_ended),
		CASE(filter_of_one_thread),
		CASE(filter_of_all_threads),
		CASE(stopped_before),
		CASE(threads_that_differ),
		CASE(few_files_later),
		CASE(few_files_from_the_start),
		CASE(after_main_with_few_files),
		CASE(ended_by_a_threads_end),
	};
	int failed = 0;

	require_tide();
	if (geteuid() != 0)
		skip("not root: no credentials to change");
	require(mkdtemp(empty_folder) != NULL && chmod(empty_folder, 0755) == 0, "a folder");
	for (size_t i = 0; i < sizeof test / sizeof test[0]; i++) {
		pid_t child = fork();
		if (child == 0) {
			test[i].run();
			_exit(0);
		}
		require(child > 0, "fork");
		if (!ended_well(wait_for(child))) {
			(void)fprintf(stderr, "in %s\n", test[i].name);
			failed = 1;
		}
	}
	(void)rmdir(empty_folder);
	return failed;
}
