#include "container.h"

#include "policy.h"

#include "options.h"
#include "os.h"

#include <assert.h>
#include <string.h>

#define PATH_BYTES 1024
#define TEXT_BYTES 4096
#define PATIENCE_MAX 16
#define MOUNT "/sys/fs/cgroup"
static_assert(TIDE_OPTION_CGROUP_BYTES <= PATH_BYTES, "container: room for the option");

static bool starts_with(const char *text, const char *name)
{
	return strncmp(text, name, strlen(name)) == 0;
}

/* Behind `name`, where a line or a field begins with it; NULL: nowhere. */
static const char *find(const char *text, const char *name, bool anywhere)
{
	for (const char *at = text; *at != '\0'; at++) {
		bool begins = at == text || at[-1] == '\n' || (anywhere && at[-1] == ' ');
		if (begins && starts_with(at, name))
			return at + strlen(name);
	}
	return NULL;
}

bool tide_gc_container_parse(const char *text, const char *name, bool anywhere, uint64_t *number)
{
	const char *at = find(text, name, anywhere);
	if (at == NULL)
		return false;
	if (starts_with(at, "max")) {
		*number = UINT64_MAX;
		return true;
	}
	uint64_t value = 0;
	const char *digit = at;
	for (; '0' <= *digit && *digit <= '9'; digit++) {
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (unsigned)(*digit - '0'), &value))
			return false;
	}
	if (digit == at)
		return false;
	*number = value;
	return true;
}

/* The text of a file, at most so much; false: there is none. */
static bool read_text(int file, char *text, size_t bytes)
{
	long got = file >= 0 ? tide_os_file_read(file, text, bytes - 1) : -1;
	text[got > 0 ? got : 0] = '\0';
	return got > 0;
}

/* The number in a file; false: it can't be read, or has none. */
static bool read_number(int file, uint64_t *number)
{
	char text[64];
	return read_text(file, text, sizeof text) &&
	       tide_gc_container_parse(text, "", false, number);
}

/* File `name` of the folder. */
static int file_of(const char *folder, const char *name)
{
	char path[PATH_BYTES];
	size_t bytes = strlen(folder);
	if (bytes + strlen(name) + 2 > sizeof path)
		return -1;
	memcpy(path, folder, bytes);
	path[bytes] = '/';
	memcpy(path + bytes + 1, name, strlen(name) + 1);
	return tide_os_file_open(path);
}

static void close_limit(struct gc_container *container)
{
	tide_os_file_close(container->max);
	tide_os_file_close(container->high);
	container->max = container->high = -1;
}

/* The lower limit; false: neither file can be read. */
static bool read_limit(const struct gc_container *container, uint64_t *limit)
{
	const int file[] = { container->max, container->high };
	bool readable = false;
	*limit = UINT64_MAX;
	for (unsigned i = 0; i < sizeof file / sizeof file[0]; i++) {
		char text[64];
		uint64_t number;
		if (!read_text(file[i], text, sizeof text))
			continue;
		readable = true;
		if (tide_gc_container_parse(text, "", false, &number) && number < *limit)
			*limit = number;
	}
	return readable;
}

static void open_limit(struct gc_container *container, const char *folder)
{
	container->max = file_of(folder, "memory.max");
	container->high = file_of(folder, "memory.high");
}

/* The process's cgroup as a folder; false: it has none that is known. */
static bool own_folder(char *folder)
{
	char text[TEXT_BYTES];
	int file = tide_os_file_open("/proc/self/cgroup");
	bool known = read_text(file, text, sizeof text);
	tide_os_file_close(file);
	const char *path = known ? find(text, "0::/", false) : NULL;
	if (path == NULL)
		return false;
	size_t bytes = strcspn(path, "\n");
	if (sizeof MOUNT + bytes + 1 > PATH_BYTES)
		return false;
	memcpy(folder, MOUNT "/", sizeof MOUNT);
	memcpy(folder + sizeof MOUNT, path, bytes);
	folder[sizeof MOUNT + bytes] = '\0';
	return true;
}

bool tide_gc_container_tightest(char *folder, size_t mount_bytes)
{
	struct gc_container level;
	uint64_t least = UINT64_MAX;
	size_t least_bytes = 0;
	for (size_t bytes = strlen(folder); bytes >= mount_bytes && bytes > 0; bytes--) {
		if (folder[bytes] != '/' && folder[bytes] != '\0')
			continue;
		char kept = folder[bytes];
		folder[bytes] = '\0';
		uint64_t limit;
		open_limit(&level, folder);
		(void)read_limit(&level, &limit);
		close_limit(&level);
		folder[bytes] = kept;
		if (limit < least) {
			least = limit;
			least_bytes = bytes;
		}
	}
	if (least == UINT64_MAX)
		return false;
	folder[least_bytes] = '\0';
	return true;
}

/* The folder to watch: that with the tightest limit; where none has one, the process's own, which
 * may be given one. False: there is none. */
static bool find_folder(char *folder)
{
	tide_options_cgroup(folder);
	if (folder[0] != '\0')
		return true;
	if (!own_folder(folder))
		return false;
	(void)tide_gc_container_tightest(folder, sizeof MOUNT - 1);
	return true;
}

static void look_for(struct gc_container *container)
{
	char folder[PATH_BYTES];
	container->state = GC_CONTAINER_NONE;
	if (!find_folder(folder))
		return;
	open_limit(container, folder);
	bool limitable = container->max >= 0 || container->high >= 0;
	container->current = limitable ? file_of(folder, "memory.current") : -1;
	if (container->current < 0) {
		close_limit(container);
		return;
	}
	container->stat = file_of(folder, "memory.stat");
	container->pressure = file_of(folder, "memory.pressure");
	container->state = GC_CONTAINER_WATCHED;
}

/* With a limit. */
static bool look(struct gc_container *container, uint64_t now_ns, struct gc_container_look *seen)
{
	char text[TEXT_BYTES];
	uint64_t cache_bytes = 0;
	if (!read_number(container->current, &seen->used_bytes))
		return false;
	if (read_text(container->stat, text, sizeof text))
		(void)tide_gc_container_parse(text, "inactive_file ", false, &cache_bytes);
	seen->used_bytes -= cache_bytes < seen->used_bytes ? cache_bytes : seen->used_bytes;

	uint64_t stall_us = 0;
	if (read_text(container->pressure, text, sizeof text) && starts_with(text, "some "))
		(void)tide_gc_container_parse(text, "total=", true, &stall_us);
	bool first = container->stall_ns == 0;
	seen->stall_us =
	    !first && stall_us > container->stall_us ? stall_us - container->stall_us : 0;
	seen->elapsed_us = (now_ns - container->stall_ns) / 1000;
	container->stall_us = stall_us;
	container->stall_ns = now_ns;
	return true;
}

static uint64_t interval_ns(const struct gc_container *container)
{
	bool limited = container->state != GC_CONTAINER_WATCHED || container->limited;
	return (uint64_t)tide_option(TIDE_OPTION_CONTAINER_MS) * 1000000u *
	       (limited ? container->patience + 1u : PATIENCE_MAX);
}

bool tide_gc_container_is_short(struct gc_container *container, uint64_t now_ns)
{
	struct gc_container_look seen;
	if (container->state == GC_CONTAINER_NONE || now_ns < container->next_ns)
		return false;
	if (container->state == GC_CONTAINER_NEW) {
		if (tide_option(TIDE_OPTION_CONTAINER_MS) == 0)
			container->state = GC_CONTAINER_NONE;
		else
			look_for(container);
		if (container->state == GC_CONTAINER_NONE)
			return false;
	}
	bool readable = read_limit(container, &seen.limit_bytes);
	container->limited = seen.limit_bytes != UINT64_MAX;
	container->next_ns = now_ns + interval_ns(container);
	if (!readable || (container->limited && !look(container, now_ns, &seen))) {
		/* The files are gone, perhaps closed by a program that closes all it does not know:
		 * their numbers may be another's by now. */
		container->state = GC_CONTAINER_NONE;
		return false;
	}
	if (!container->limited) {
		container->stall_ns = 0; /* to be counted from the first look with a limit */
		return false;
	}
	return tide_gc_policy_is_short(&seen, (uint32_t)tide_option(TIDE_OPTION_CONTAINER_PERCENT),
	                               (uint32_t)tide_option(TIDE_OPTION_PRESSURE_PERCENT));
}

void tide_gc_container_purged(struct gc_container *container, size_t bytes)
{
	if (bytes > 0)
		container->patience = 0;
	else if (container->patience < PATIENCE_MAX - 1)
		container->patience = 2 * container->patience + 1;
	container->next_ns = container->stall_ns + interval_ns(container);
}

uint64_t tide_gc_container_sleep_ns(const struct gc_container *container)
{
	if (container->state == GC_CONTAINER_NONE)
		return UINT64_MAX;
	return interval_ns(container);
}
