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

static uint64_t number_or(int file, uint64_t otherwise)
{
	char text[64];
	uint64_t number;
	if (!read_text(file, text, sizeof text) ||
	    !tide_gc_container_parse(text, "", false, &number))
		return otherwise;
	return number;
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

static uint64_t limit_of(const struct gc_container *container)
{
	uint64_t max = number_or(container->max, UINT64_MAX);
	uint64_t high = number_or(container->high, UINT64_MAX);
	return max < high ? max : high;
}

static uint64_t limit_of_folder(struct gc_container *container, const char *folder)
{
	container->max = file_of(folder, "memory.max");
	container->high = file_of(folder, "memory.high");
	return limit_of(container);
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
		uint64_t limit = limit_of_folder(&level, folder);
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
	(void)limit_of_folder(container, folder);
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

static bool look(struct gc_container *container, uint64_t now_ns, struct gc_container_look *seen)
{
	char text[TEXT_BYTES];
	uint64_t cache_bytes = 0;
	seen->used_bytes = number_or(container->current, UINT64_MAX);
	if (seen->used_bytes == UINT64_MAX)
		return false;
	seen->limit_bytes = limit_of(container);
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
	return (uint64_t)tide_option(TIDE_OPTION_CONTAINER_MS) * 1000000u *
	       (container->patience + 1u);
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
	container->next_ns = now_ns + interval_ns(container);
	if (!look(container, now_ns, &seen)) {
		/* The files are gone, perhaps closed by a program that closes all it does not know:
		 * their numbers may be another's by now. */
		container->state = GC_CONTAINER_NONE;
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
