#include "page.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE_LINK "/memfd:tide-stats"
enum { READ_TRIES = 20, RETRY_US = 500 };

/* What every layout starts with. */
#define HEAD_BYTES offsetof(struct tide_stats_snapshot, process_id)

static bool read_line(const char *path, char *line, size_t bytes)
{
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return false;
	bool read = fgets(line, (int)bytes, file) != NULL;
	fclose(file);
	if (read)
		line[strcspn(line, "\n")] = '\0';
	return read;
}

void page_process_name(pid_t pid, char *name, size_t bytes)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
	if (!read_line(path, name, bytes))
		snprintf(name, bytes, "?");
	for (char *c = name; *c != '\0'; c++) {
		if (!isprint((unsigned char)*c))
			*c = '?';
	}
}

/* The page among the files in /proc/PID/.../fd; false: it is not there. */
static bool find_among(const char *files, char *path, size_t bytes)
{
	DIR *open = opendir(files);
	bool found = false;
	if (open == NULL)
		return false;
	for (struct dirent *entry; !found && (entry = readdir(open)) != NULL;) {
		char link[64];
		if (!isdigit((unsigned char)entry->d_name[0]) || strlen(entry->d_name) > 10)
			continue;
		snprintf(path, bytes, "%.60s/%.10s", files, entry->d_name);
		ssize_t length = readlink(path, link, sizeof link - 1);
		found = length >= (ssize_t)strlen(PAGE_LINK) &&
		        strncmp(link, PAGE_LINK, strlen(PAGE_LINK)) == 0;
	}
	closedir(open);
	return found;
}

/* The thread "tide-gc"; 0: there is none. */
static long gc_thread_of(pid_t pid)
{
	char path[96], name[32];
	long thread = 0;
	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	DIR *open = opendir(path);
	if (open == NULL)
		return 0;
	for (struct dirent *entry; thread == 0 && (entry = readdir(open)) != NULL;) {
		long number = strtol(entry->d_name, NULL, 10);
		snprintf(path, sizeof path, "/proc/%d/task/%ld/comm", (int)pid, number);
		if (number > 0 && read_line(path, name, sizeof name) &&
		    strcmp(name, "tide-gc") == 0)
			thread = number;
	}
	closedir(open);
	return thread;
}

static bool find_page(pid_t pid, char *path, size_t bytes)
{
	char files[64];
	long thread = gc_thread_of(pid);
	snprintf(files, sizeof files, "/proc/%d/task/%ld/fd", (int)pid, thread);
	if (thread != 0 && find_among(files, path, bytes))
		return true;
	snprintf(files, sizeof files, "/proc/%d/fd", (int)pid);
	return find_among(files, path, bytes);
}

static int by_number(const void *a, const void *b)
{
	pid_t left = *(const pid_t *)a, right = *(const pid_t *)b;
	return (left > right) - (left < right);
}

size_t page_processes(pid_t *list, size_t room)
{
	char path[96];
	size_t count = 0;
	DIR *open = opendir("/proc");
	if (open == NULL)
		return 0;
	for (struct dirent *entry; count < room && (entry = readdir(open)) != NULL;) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (pid > 0 && find_page(pid, path, sizeof path))
			list[count++] = pid;
	}
	closedir(open);
	qsort(list, count, sizeof list[0], by_number);
	return count;
}

static bool maps_tide(pid_t pid)
{
	char path[64], line[512];
	bool found = false;
	snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
	FILE *maps = fopen(path, "re");
	if (maps == NULL)
		return false;
	while (!found && fgets(line, sizeof line, maps) != NULL)
		found = strstr(line, "/libtide") != NULL;
	fclose(maps);
	return found;
}

static enum page_state none(struct page *page)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/fd", (int)page->pid);
	page->state = PAGE_NONE;
	if (access("/proc/self", F_OK) != 0)
		snprintf(page->why, sizeof page->why, "/proc is not mounted here");
	else if (access(path, F_OK) != 0 && errno == ENOENT)
		snprintf(page->why, sizeof page->why, "there is no process %d", (int)page->pid);
	else if (access(path, R_OK | X_OK) != 0)
		snprintf(page->why, sizeof page->why,
		         "process %d belongs to another user, or may not be looked into",
		         (int)page->pid);
	else if (gc_thread_of(page->pid) != 0)
		snprintf(page->why, sizeof page->why,
		         "process %d has a GC thread but no page (yet): TIDE_STATS_PAGE is 0, or "
		         "system calls are filtered",
		         (int)page->pid);
	else if (maps_tide(page->pid))
		snprintf(page->why, sizeof page->why,
		         "process %d runs Tide without a GC thread (one thread?): start it with "
		         "TIDE_GC=2",
		         (int)page->pid);
	else
		snprintf(page->why, sizeof page->why,
		         "process %d has no page: it does not run Tide, or has no GC thread",
		         (int)page->pid);
	return page->state;
}

enum page_state page_open(struct page *page, pid_t pid)
{
	static struct tide_stats_snapshot head; /* the first HEAD_BYTES of it */
	*page = (struct page){ .pid = pid, .file = -1, .handle = -1 };
	page_process_name(pid, page->name, sizeof page->name);
	if (!find_page(pid, page->path, sizeof page->path))
		return none(page);
	page->file = open(page->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (page->file < 0)
		return none(page);
	if (pread(page->file, &head, HEAD_BYTES, 0) != (ssize_t)HEAD_BYTES ||
	    head.magic != TIDE_STATS_MAGIC) {
		snprintf(page->why, sizeof page->why, "the page of process %d is empty or broken",
		         (int)pid);
		return page->state = PAGE_NONE;
	}
	page->layout = head.layout;
	page->library = head.library;
	page->handle = (int)syscall(SYS_pidfd_open, pid, 0);
	bool ours =
	    head.layout == TIDE_STATS_LAYOUT && head.bytes == sizeof(struct tide_stats_snapshot);
	return page->state = ours ? PAGE_LIVE : PAGE_OTHER_VERSION;
}

void page_close(struct page *page)
{
	if (page->file >= 0)
		close(page->file);
	if (page->handle >= 0)
		close(page->handle);
	page->file = page->handle = -1;
}

static bool has_ended(const struct page *page)
{
	struct pollfd end = { .fd = page->handle, .events = POLLIN };
	if (page->handle >= 0)
		return poll(&end, 1, 0) == 1;
	char path[64];
	snprintf(path, sizeof path, "/proc/%d", (int)page->pid);
	return access(path, F_OK) != 0;
}

/* Whether the process still has the page open where we found it. */
static bool is_left(const struct page *page)
{
	char link[64];
	ssize_t length = readlink(page->path, link, sizeof link);
	return length < (ssize_t)strlen(PAGE_LINK) ||
	       strncmp(link, PAGE_LINK, strlen(PAGE_LINK)) != 0;
}

static bool read_sequence(int file, uint64_t *sequence)
{
	return pread(file, sequence, sizeof *sequence,
	             offsetof(struct tide_stats_snapshot, sequence)) == (ssize_t)sizeof *sequence;
}

/* One try; false: it was being written. */
static bool read_once(int file, struct tide_stats_snapshot *into)
{
	uint64_t before, after;
	if (!read_sequence(file, &before) || before % 2 != 0)
		return false;
	if (pread(file, into, sizeof *into, 0) != (ssize_t)sizeof *into)
		return false;
	return read_sequence(file, &after) && after == before;
}

/* Counts of entries that can be what they say. */
static void restrain(struct tide_stats_snapshot *snapshot)
{
	if (snapshot->heap_count > TIDE_STATS_HEAPS)
		snapshot->heap_count = TIDE_STATS_HEAPS;
	if (snapshot->thread_count > TIDE_STATS_THREADS)
		snapshot->thread_count = TIDE_STATS_THREADS;
	if (snapshot->class_count > TIDE_STATS_CLASSES)
		snapshot->class_count = TIDE_STATS_CLASSES;
}

enum page_state page_read(struct page *page, struct tide_stats_snapshot *snapshot)
{
	static struct tide_stats_snapshot fresh;
	if (page->file < 0 || page->state == PAGE_NONE || page->state == PAGE_OTHER_VERSION)
		return page->state;
	bool ended = has_ended(page);
	bool read = false;
	for (int tries = 0; tries < READ_TRIES && !read; tries++) {
		read = read_once(page->file, &fresh);
		if (!read && tries + 1 < READ_TRIES)
			usleep(RETRY_US);
	}
	if (read) {
		restrain(&fresh);
		*snapshot = fresh;
	}
	if (ended)
		page->state = PAGE_ENDED;
	else if (is_left(page))
		page->state = PAGE_LEFT;
	else
		page->state = read ? PAGE_LIVE : PAGE_BUSY;
	return page->state;
}

uint64_t page_resident_bytes(const struct page *page)
{
	char path[64], line[128];
	unsigned long long size, resident;
	snprintf(path, sizeof path, "/proc/%d/statm", (int)page->pid);
	if (!read_line(path, line, sizeof line) || sscanf(line, "%llu %llu", &size, &resident) != 2)
		return 0;
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}
