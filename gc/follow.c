#include "follow.h"

#include "cache.h"
#include "heap.h"
#include "os.h"
#include "os_file.h"
#include "text.h"
#include "yield.h"

#include <string.h>

/* Ten looks a second are 20 to 50 us of work. */
#define FOLLOW_NS (100ull * 1000000u)
#define FOLLOW_MAX_NS (12800ull * 1000000u)
/* A wake in so long is no load for a machine at rest. */
#define ASLEEP_NS (5000ull * 1000000u)
/* One that leaves so soon after another leaves the memory to the next. */
#define PURGE_NS (5000ull * 1000000u)
/* Of a status file; with some 1,300 groups what follows them is not seen. */
#define STATUS_BYTES 8192
/* Threads tried when the process's first one has ended. */
#define OTHERS_MAX 64

static TIDE_APART char own_status[STATUS_BYTES], other_status[STATUS_BYTES];
/* Negative: can't be had, or not yet. */
static int own_file = -1, first_file = -1, other_file = -1, folder = -1;
static bool apart; /* they are in a table of their own */
static bool looks;
static bool exposed;
static bool first_has_ended;
static uint64_t due_ns;
static uint64_t interval_ns = FOLLOW_NS; /* of this GC thread and those after it */
static uint64_t left_ns;                 /* when the last one left, or was to; 0: none did */

/* Behind `name`, where a line begins with it; NULL: nowhere. */
static const char *line_of(const char *status, const char *name)
{
	size_t bytes = strlen(name);
	const char *line = status;
	while (strncmp(line, name, bytes) != 0) {
		line = strchr(line, '\n');
		if (line == NULL)
			return NULL;
		line++;
	}
	return line + bytes;
}

/* What one of the two does not say is no difference. */
static bool same_line(const char *own, const char *other, const char *name)
{
	own = line_of(own, name);
	other = line_of(other, name);
	if (own == NULL || other == NULL)
		return true;
	size_t bytes = strcspn(own, "\n");
	return bytes == strcspn(other, "\n") && memcmp(own, other, bytes) == 0;
}

static uint64_t hex_of(const char *status, const char *name, uint64_t otherwise)
{
	const char *at = line_of(status, name);
	if (at == NULL)
		return otherwise;
	uint64_t value = 0;
	for (at += strspn(at, " \t"); *at != '\n' && *at != '\0'; at++)
		value = value << 4 | (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
	return value;
}

static bool is_filtered(const char *status)
{
	return hex_of(status, "Seccomp:", 0) != 0;
}

/* A thread that has ended, but is not gone: its rights change no more. */
static bool has_ended(const char *status)
{
	const char *state = line_of(status, "State:\t");
	return state != NULL && (*state == 'Z' || *state == 'X');
}

enum tide_gc_follow tide_gc_follow_compare(const char *own, const char *other)
{
	static const char *const same[] = { "Uid:", "Gid:", "Groups:", "NoNewPrivs:" };
	static const char *const within[] = { "CapInh:", "CapPrm:", "CapEff:", "CapBnd:",
		                              "CapAmb:" };
	if (is_filtered(other) && !is_filtered(own))
		return GC_FOLLOW_FILTERED;
	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
		if (!same_line(own, other, same[i]))
			return GC_FOLLOW_CHANGED;
	}
	for (size_t i = 0; i < sizeof within / sizeof within[0]; i++) {
		if ((hex_of(own, within[i], 0) & ~hex_of(other, within[i], UINT64_MAX)) != 0)
			return GC_FOLLOW_CHANGED;
	}
	return GC_FOLLOW_SAME;
}

/* Real, effective, saved and that for files: all one. */
static bool one_id(const char *status, const char *name)
{
	const char *id = line_of(status, name);
	if (id == NULL)
		return true;
	id += strspn(id, "\t");
	size_t bytes = strcspn(id, "\t\n");
	for (const char *next = id; *next != '\n' && *next != '\0';) {
		if (strcspn(next, "\t\n") != bytes || memcmp(next, id, bytes) != 0)
			return false;
		next += bytes;
		next += strspn(next, "\t");
	}
	return true;
}

bool tide_gc_follow_is_exposed(const char *status)
{
	return hex_of(status, "CapPrm:", 0) != 0 || hex_of(status, "NoNewPrivs:", 1) == 0 ||
	       !one_id(status, "Uid:") || !one_id(status, "Gid:");
}

/* (A number that the program has closed may be another file's by now.) */
static bool status_read(int file, char *status)
{
	long got = file >= 0 ? tide_os_file_read(file, status, STATUS_BYTES - 1) : -1;
	status[got > 0 ? got : 0] = '\0';
	return line_of(status, "Uid:") != NULL;
}

/* `path` begins at the process's folder, or with a slash. */
static int file_open(const char *path)
{
	if (apart)
		return tide_os_file_open_apart(folder, path);
	return tide_os_file_open_in(folder, path);
}

static int status_open(uint32_t thread_id)
{
	struct tide_text path;
	tide_text_start(&path);
	tide_text_string(&path, "task/");
	tide_text_decimal(&path, (int64_t)thread_id);
	tide_text_string(&path, "/status");
	path.line[path.used_bytes] = '\0';
	return file_open(path.line);
}

static enum tide_gc_follow compare_with_other(void)
{
	exposed = tide_gc_follow_is_exposed(other_status);
	return tide_gc_follow_compare(own_status, other_status);
}

/* Without status files. */
static enum tide_gc_follow compare_ids(uint32_t thread_id)
{
	return tide_os_has_ids_of(thread_id) ? GC_FOLLOW_SAME : GC_FOLLOW_CHANGED;
}

/* The process's first thread has ended: one that has a cache. */
static enum tide_gc_follow look_at_others(void)
{
	if (status_read(other_file, other_status) && !has_ended(other_status))
		return compare_with_other();
	unsigned tries = 0;
	struct tide_cache *cache = tide_cache_all(&tide_heap_default);
	for (; cache != NULL && tries < OTHERS_MAX; cache = cache->all_next) {
		uint32_t thread_id = tide_cache_thread_id(tide_load_relaxed(&cache->owner));
		if (thread_id == 0)
			continue;
		tries++;
		tide_os_file_close(other_file);
		other_file = status_open(thread_id);
		if (!status_read(other_file, other_status)) {
			if (compare_ids(thread_id) != GC_FOLLOW_SAME)
				return GC_FOLLOW_CHANGED;
		} else if (!has_ended(other_status)) {
			return compare_with_other();
		}
	}
	return GC_FOLLOW_SAME; /* there is nobody to follow */
}

void tide_gc_follow_begin(uint64_t now_ns, bool files_apart)
{
	/* (Under a sanitizer the C library knows this thread, and changes it too.) */
	looks = !(TIDE_TSAN || TIDE_ASAN || TIDE_INTERLEAVE) && !tide_os_is_filtered();
	due_ns = now_ns + interval_ns;
	exposed = true; /* until a look says otherwise */
	first_has_ended = false;
	apart = files_apart;
	if (!looks)
		return;
	own_file = file_open("/proc/thread-self/status");
	first_file = file_open("/proc/self/status");
	folder = file_open("/proc/self");
}

void tide_gc_follow_end(void)
{
	tide_os_file_close(own_file);
	tide_os_file_close(first_file);
	tide_os_file_close(other_file);
	tide_os_file_close(folder);
	own_file = first_file = other_file = folder = -1;
	looks = false;
}

static enum tide_gc_follow look(void)
{
	bool known = status_read(own_file, own_status);
	if (known ? is_filtered(own_status) : tide_os_is_filtered()) {
		looks = exposed = false;
		return GC_FOLLOW_SAME;
	}
	if (!known) /* no /proc, or the program has closed our file */
		return compare_ids(tide_os_process_id());
	if (!first_has_ended) {
		if (!status_read(first_file, other_status))
			return compare_ids(tide_os_process_id());
		first_has_ended = has_ended(other_status);
	}
	return first_has_ended ? look_at_others() : compare_with_other();
}

uint64_t tide_gc_follow_interval_ns(uint64_t before_ns, enum tide_gc_follow seen)
{
	if (seen == GC_FOLLOW_SAME)
		return before_ns / 2 > FOLLOW_NS ? before_ns / 2 : FOLLOW_NS;
	return before_ns < FOLLOW_MAX_NS ? 2 * before_ns : before_ns;
}

enum tide_gc_follow tide_gc_follow_round(uint64_t now_ns)
{
	if (!looks || now_ns < due_ns)
		return GC_FOLLOW_SAME;
	enum tide_gc_follow seen = look();
	interval_ns = tide_gc_follow_interval_ns(interval_ns, seen);
	due_ns = now_ns + interval_ns;
	return seen;
}

bool tide_gc_follow_purges(uint64_t now_ns)
{
	bool purges = left_ns == 0 || now_ns - left_ns >= PURGE_NS;
	left_ns = now_ns;
	return purges;
}

uint64_t tide_gc_follow_patience_ns(void)
{
	if (!looks || !exposed)
		return 0;
	return interval_ns < ASLEEP_NS ? ASLEEP_NS : interval_ns;
}
