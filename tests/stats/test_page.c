/* gc/publish.c: the page from which others watch a process. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../api/support.h"

/* Open the page among the files of a thread of ours; -1: it is not there. */
static int page_among(const char *files)
{
	char path[512], link[64];
	DIR *open_files = opendir(files);
	int found = -1;

	for (struct dirent *entry; open_files != NULL && (entry = readdir(open_files)) != NULL;) {
		snprintf(path, sizeof path, "%s/%s", files, entry->d_name);
		ssize_t length = readlink(path, link, sizeof link - 1);
		link[length > 0 ? length : 0] = '\0';
		if (strncmp(link, "/memfd:tide-stats", 17) == 0)
			found = open(path, O_RDWR | O_CLOEXEC);
	}
	if (open_files != NULL)
		closedir(open_files);
	return found;
}

static unsigned files_of_process(void)
{
	DIR *files = opendir("/proc/self/fd");
	unsigned count = 0;

	while (readdir(files) != NULL)
		count++;
	closedir(files);
	return count;
}

static struct tide_stats_snapshot read_page(int page)
{
	static struct tide_stats_snapshot snapshot;

	cr_assert_eq(pread(page, &snapshot, sizeof snapshot, 0), (ssize_t)sizeof snapshot);
	return snapshot;
}

static void assert_is_page(int page)
{
	struct stat status;

	cr_assert_geq(page, 0, "there is a page");
	cr_assert_eq(fstat(page, &status), 0);
	cr_assert_eq(status.st_mode & 07777, 0600);
	cr_assert_eq(status.st_size, (off_t)sizeof(struct tide_stats_snapshot));
	cr_assert_neq(ftruncate(page, 0), 0, "its size is sealed");
	struct tide_stats_snapshot now = read_page(page);
	cr_assert_eq(now.magic, TIDE_STATS_MAGIC);
	cr_assert_eq(now.layout, TIDE_STATS_LAYOUT);
	cr_assert_eq(now.sequence % 2, 0);
	cr_assert_eq(now.process_id, (uint64_t)getpid());
}

Test(page, on_demand_without_gc_thread)
{
	int page = page_among("/proc/self/fd");

	cr_assert_eq(page, -1, "none is made unasked");
	cr_assert_eq(tide_stats_publish(), 0);
	page = page_among("/proc/self/fd");
	assert_is_page(page);
	uint64_t sequence = read_page(page).sequence;
	void *block = tide_malloc(3 * MIB);
	cr_assert_eq(tide_stats_publish(), 0);
	cr_assert_eq(read_page(page).sequence, sequence + 2);
	cr_assert_geq(read_page(page).all.large_bytes, 3 * MIB);
	tide_free(block);
}

/* A child has none, and does not write its parent's. */
Test(page, is_not_the_childs)
{
	cr_assert_eq(tide_stats_publish(), 0);
	int page = page_among("/proc/self/fd");
	uint64_t sequence = read_page(page).sequence;
	pid_t child = fork();

	if (child == 0) {
		void *block = tide_malloc(100);
		int result = tide_stats_publish();
		tide_free(block);
		_exit(result);
	}
	int status = -1;
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
	cr_assert_eq(read_page(page).sequence, sequence);
	cr_assert_eq(tide_stats_publish(), 0);
	cr_assert_eq(read_page(page).process_id, (uint64_t)getpid());
}

static long gc_thread(void)
{
	char path[512], name[32];
	long found = 0;
	DIR *tasks = opendir("/proc/self/task");

	for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
		snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
		FILE *file = fopen(path, "re");
		if (file == NULL)
			continue;
		if (fgets(name, sizeof name, file) != NULL && strcmp(name, "tide-gc\n") == 0)
			found = strtol(entry->d_name, NULL, 10);
		fclose(file);
	}
	closedir(tasks);
	return found;
}

/* Wait for the GC thread to have a page. */
static int gc_page(void)
{
	char files[64];
	int page = -1;
	struct timespec moment = { 0, 10000000 };

	for (int polls = 0; polls < 2000 && page < 0; polls++) {
		snprintf(files, sizeof files, "/proc/self/task/%ld/fd", gc_thread());
		page = page_among(files);
		nanosleep(&moment, NULL);
		/* Work, so that it does not sleep. */
		for (int i = 0; i < 2000; i++)
			tide_free(tide_malloc(5000));
	}
	return page;
}

/* It is in the GC thread's own file table: the program sees no file that it did not open. */
Test(page, of_the_gc_thread)
{
	unsigned files = files_of_process();

	cr_assert_eq(tide_gc_start(), 0);
	int page = gc_page();
	while (read_page(page).sequence == 0)
		continue;
	assert_is_page(page);
	close(page);
	if (!SANITIZED)
		cr_assert_eq(files_of_process(), files);
	cr_assert_eq(tide_gc_stop(), 0);
	cr_assert_eq(files_of_process(), files);
	cr_assert_eq(tide_gc_start(), 0, "and once more");
	page = gc_page();
	assert_is_page(page);
	cr_assert_eq(tide_gc_stop(), 0);
}
