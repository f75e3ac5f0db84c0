#include "profile_write.h"

#include <tide/profile.h>

#include "backtrace.h"
#include "gc.h"
#include "options.h"
#include "os.h"
#include "os_file.h"
#include "profile.h"
#include "request.h"
#include "sample.h"
#include "slow.h"
#include "text.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define BUFFER_BYTES (64u << 10)
#define LINE_BYTES 64u /* of one number or address, at the most */

struct out {
	int file;
	int error; /* the first one, negative */
	size_t used;
	char *buffer;
};

/* The process that writes a profile; 0: none. (A child's own is another's than its parent's.)
 * writers  who writes, by CAS   readers  the same   order  acq-rel, release   edges
 * profile.writer: the number below, from one to the next */
static _Atomic uint32_t writer;
static uint32_t signals; /* profiles written at signals */
/* Plain: by the process's first thread. */
static uint32_t first_process;

size_t tide_profile_mean_bytes(void)
{
	return tide_sample_on() ? (size_t)tide_sample_mean_bytes() : 0;
}

/* ---- Text ---- */

static void flush(struct out *out)
{
	int result = out->error == 0 ? tide_os_write(out->file, out->buffer, out->used) : 0;
	if (result != 0)
		out->error = result;
	out->used = 0;
}

static void put(struct out *out, const char *string)
{
	for (; *string != '\0'; string++) {
		if (out->used == BUFFER_BYTES)
			flush(out);
		out->buffer[out->used++] = *string;
	}
}

static void put_number(struct out *out, uint64_t number, unsigned base)
{
	char digit[LINE_BYTES];
	char *at = digit + sizeof digit - 1;
	*at = '\0';
	do
		*--at = "0123456789abcdef"[number % base];
	while ((number /= base) != 0);
	put(out, at);
}

static void put_counts(struct out *out, const struct tide_profile_totals *totals)
{
	put_number(out, totals->live, 10);
	put(out, ": ");
	put_number(out, totals->live_bytes, 10);
	put(out, " [");
	put_number(out, totals->allocs, 10);
	put(out, ": ");
	put_number(out, totals->alloc_bytes, 10);
	put(out, "] @");
}

static void put_site(struct out *out, const struct tide_profile_site *site)
{
	struct tide_profile_totals totals;
	tide_profile_count(site, &totals);
	if (totals.allocs == 0)
		return;
	put_counts(out, &totals);
	for (unsigned i = 0; i < site->frames; i++) {
		put(out, " 0x");
		put_number(out, site->frame[i] - (i == 0), 16);
	}
	put(out, "\n");
}

static void put_maps(struct out *out)
{
	put(out, "\nMAPPED_LIBRARIES:\n");
	flush(out);
	int maps = tide_os_file_open("/proc/self/maps");
	long got = maps < 0 ? maps : 0;
	while (maps >= 0 && (got = tide_os_file_read_on(maps, out->buffer, BUFFER_BYTES)) > 0) {
		out->used = (size_t)got;
		flush(out);
	}
	tide_os_file_close(maps);
	if (got < 0 && out->error == 0)
		out->error = (int)got;
}

static void put_profile(struct out *out)
{
	struct tide_profile_totals totals;
	tide_profile_total(&totals);
	put(out, "heap profile: ");
	put_counts(out, &totals);
	put(out, " heap_v2/");
	put_number(out, tide_sample_mean_bytes(), 10);
	put(out, "\n");
	if (totals.lost_sites + totals.lost_blocks > 0) {
		put(out, "# incomplete: lost ");
		put_number(out, totals.lost_sites, 10);
		put(out, " samples of new stacks, ");
		put_number(out, totals.lost_blocks, 10);
		put(out, " of live blocks\n");
	}
	for (unsigned i = 0; i < TIDE_PROFILE_SITES; i++) {
		const struct tide_profile_site *site = tide_profile_site_at(i);
		if (site != NULL)
			put_site(out, site);
	}
	put_maps(out);
}

/* ---- Files ---- */

static int write_beside(const char *path, const char *beside)
{
	struct out out = { 0 };
	if (tide_os_is_special(path) || tide_os_is_special(beside))
		return -EEXIST; /* a device, say, that the new file would replace */
	out.buffer = tide_os_map(0, BUFFER_BYTES);
	if (out.buffer == NULL)
		return -ENOMEM;
	out.file = tide_os_create(beside, true);
	if (out.file == -EEXIST) { /* left by one that was killed; not to be written into */
		(void)tide_os_unlink(beside);
		out.file = tide_os_create(beside, true);
	}
	if (out.file < 0) {
		out.error = out.file;
	} else {
		put_profile(&out);
		flush(&out);
		tide_os_close(out.file);
		if (out.error == 0)
			out.error = tide_os_rename(beside, path);
		if (out.error != 0)
			(void)tide_os_unlink(beside);
	}
	(void)tide_os_unmap(out.buffer, BUFFER_BYTES);
	return out.error;
}

static bool enter(void)
{
	uint32_t own = tide_os_process_id();
	uint32_t seen = 0;
	if (tide_cas_acq_rel(&writer, &seen, own)) /* profile.writer */
		return true;
	/* Of the parent, whose thread is not here. */
	return seen != own && tide_cas_acq_rel(&writer, &seen, own); /* profile.writer */
}

static void leave(void)
{
	tide_store_release(&writer, 0u); /* profile.writer */
}

/* As the writer. */
static int write_profile(const char *path)
{
	char beside[TIDE_REQUEST_PATH_BYTES + 32];
	size_t bytes = strlen(path);
	if (bytes + sizeof ".new" > sizeof beside)
		return -ENAMETOOLONG;
	memcpy(beside, path, bytes);
	memcpy(beside + bytes, ".new", sizeof ".new");
	return write_beside(path, beside);
}

int tide_profile_write(const char *path)
{
	if (!tide_sample_on())
		return EINVAL;
	if (!enter())
		return EBUSY;
	int result = write_profile(path);
	leave();
	return -result;
}

static void append_number(char *end, uint64_t number)
{
	struct out out = { .buffer = end };
	put(&out, ".");
	put_number(&out, number, 10);
	end[out.used] = '\0';
}

/* To the option's path; `number` comes after it, unless it is 0. As the writer. */
static void write_to_option(uint32_t number)
{
	char path[TIDE_REQUEST_PATH_BYTES + 24];
	char end[24] = "";
	const char *text = tide_option_text(TIDE_TEXT_OPTION_PROFILE_FILE);
	struct tide_request request = { .path = text, .path_bytes = strlen(text) };
	if (request.path_bytes == 0)
		return;
	if (number != 0)
		append_number(end, number);
	/* A child must not write over what its parent will. */
	if (tide_os_process_id() != first_process && strstr(text, "%p") == NULL)
		append_number(end + strlen(end), tide_os_process_id());
	tide_request_path(&request, path, end);
	int result = write_profile(path);
	if (result == 0)
		return;
	struct tide_text message;
	tide_text_start(&message);
	tide_text_string(&message, "tide: TIDE_PROFILE_FILE: cannot write ");
	tide_text_string(&message, path);
	tide_text_string(&message, ": error ");
	tide_text_decimal(&message, -result);
	tide_text_flush_stderr(&message);
}

static void on_signal(int number)
{
	int saved = errno;
	(void)number;
	if (enter()) {
		write_to_option(++signals);
		leave();
	}
	errno = saved;
}

static void say(const char *what)
{
	struct tide_text message;
	tide_text_start(&message);
	tide_text_string(&message, "tide: TIDE_PROFILE: ");
	tide_text_string(&message, what);
	tide_text_flush_stderr(&message);
}

void tide_profile_write_start(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct sigaction before;
	int number = (int)tide_option(TIDE_OPTION_PROFILE_SIGNAL);
	first_process = tide_os_process_id();
	if (!tide_sample_on()) {
		say(tide_option(TIDE_OPTION_CHECK) != 0 ? "not in checked mode; no profile"
		                                        : "no memory; no profile");
		return;
	}
	/* The program's own use of the signal goes first. */
	if (number != 0 && sigaction(number, NULL, &before) == 0 && before.sa_handler == SIG_DFL)
		(void)sigaction(number, &action, NULL);
}

/* ---- The process's begin and end ---- */

/* Not from inside malloc: the unwinder has to be fetched by the loader. */
static void at_begin(void) __attribute__((constructor));
static void at_begin(void)
{
	bool wanted = false;
	for (char **at = environ; at != NULL && *at != NULL; at++)
		wanted |= strncmp(*at, "TIDE_PROFILE=", strlen("TIDE_PROFILE=")) == 0;
	if (wanted && tide_slow_self() != NULL && tide_sample_on() &&
	    tide_option(TIDE_OPTION_PROFILE_UNWIND) != 0)
		tide_backtrace_start();
}

static void at_exit(void) __attribute__((destructor));
static void at_exit(void)
{
	/* Not a child that was made behind our back. */
	if (!tide_sample_on() || tide_os_process_id() != tide_gc_process_id() || !enter())
		return;
	write_to_option(0);
	leave();
}
