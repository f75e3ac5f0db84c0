#include "profile_write.h"

#include <tide/profile.h>

#include "backtrace.h"
#include "gc.h"
#include "options.h"
#include "os.h"
#include "os_file.h"
#include "profile.h"
#include "profile_maps.h"
#include "profile_text.h"
#include "request.h"
#include "sample.h"
#include "slow.h"
#include "text.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* Process << 32 | thread that writes a profile; 0: none. (A child's own is another's than its
 * parent's, whose threads are not in it.)
 * writers  who writes, by CAS   readers  the same
 * order    acq-rel, release     edges    profile.writer: the number below, to the next one */
static _Atomic uint64_t writer;
/* The process is at its end, and nobody begins another one.
 * writers  who ends it   readers  who would write   order  relaxed: a hint   edges  none */
static _Atomic bool ending;
static uint32_t signals; /* profiles written at signals */
/* Plain: by the process's first thread. */
static uint32_t first_process;

size_t tide_profile_mean_bytes(void)
{
	return tide_sample_on() ? (size_t)tide_sample_mean_bytes() : 0;
}

/* ---- Text ---- */

static void put_counts(struct tide_profile_text *text, const struct tide_profile_totals *totals)
{
	tide_profile_put_number(text, totals->live, 10);
	tide_profile_put(text, ": ");
	tide_profile_put_number(text, totals->live_bytes, 10);
	tide_profile_put(text, " [");
	tide_profile_put_number(text, totals->allocs, 10);
	tide_profile_put(text, ": ");
	tide_profile_put_number(text, totals->alloc_bytes, 10);
	tide_profile_put(text, "] @");
}

static void put_site(struct tide_profile_text *text, const struct tide_profile_site *site)
{
	struct tide_profile_totals totals;
	tide_profile_count(site, &totals);
	if (totals.allocs == 0)
		return;
	put_counts(text, &totals);
	for (unsigned i = 0; i < site->frames; i++) {
		tide_profile_put(text, " 0x");
		tide_profile_put_number(text, site->frame[i] - (i == 0), 16);
	}
	tide_profile_put(text, "\n");
}

static void put_profile(struct tide_profile_text *text)
{
	struct tide_profile_totals totals;
	tide_profile_total(&totals);
	tide_profile_put(text, "heap profile: ");
	put_counts(text, &totals);
	tide_profile_put(text, " heap_v2/");
	tide_profile_put_number(text, tide_sample_mean_bytes(), 10);
	tide_profile_put(text, "\n");
	if (totals.lost_sites + totals.lost_blocks > 0) {
		tide_profile_put(text, "# incomplete: lost ");
		tide_profile_put_number(text, totals.lost_sites, 10);
		tide_profile_put(text, " samples of new stacks, ");
		tide_profile_put_number(text, totals.lost_blocks, 10);
		tide_profile_put(text, " of live blocks\n");
	}
	for (unsigned i = 0; i < TIDE_PROFILE_SITES; i++) {
		const struct tide_profile_site *site = tide_profile_site_at(i);
		if (site != NULL)
			put_site(text, site);
	}
	tide_profile_put_maps(text);
}

/* ---- Files ---- */

static int write_beside(const char *path, const char *beside)
{
	struct tide_profile_text text = { 0 };
	if (tide_os_is_special(path) || tide_os_is_special(beside))
		return -EEXIST; /* a device, say, that the new file would replace */
	text.buffer = tide_os_map(0, TIDE_PROFILE_TEXT_BYTES);
	if (text.buffer == NULL)
		return -ENOMEM;
	text.file = tide_os_create(beside, true);
	if (text.file == -EEXIST) { /* left by one that was killed; not to be written into */
		(void)tide_os_unlink(beside);
		text.file = tide_os_create(beside, true);
	}
	if (text.file < 0) {
		text.error = text.file;
	} else {
		put_profile(&text);
		tide_profile_flush(&text);
		tide_os_close(text.file);
		if (text.error == 0)
			text.error = tide_os_rename(beside, path);
		if (text.error != 0)
			(void)tide_os_unlink(beside);
	}
	(void)tide_os_unmap(text.buffer, TIDE_PROFILE_TEXT_BYTES);
	return text.error;
}

static bool enter_as(bool at_end)
{
	uint64_t own = (uint64_t)tide_os_process_id() << 32 | tide_os_thread_id();
	uint64_t seen = 0;
	if (!at_end && tide_load_relaxed(&ending))
		return false;
	if (tide_cas_acq_rel(&writer, &seen, own)) /* profile.writer */
		return true;
	return seen >> 32 != own >> 32 &&
	       tide_cas_acq_rel(&writer, &seen, own); /* profile.writer */
}

static bool enter(void)
{
	return enter_as(false);
}

static void leave(void)
{
	tide_store_release(&writer, (uint64_t)0); /* profile.writer */
}

/* The same at the end of the process, for which what another thread writes under another name is no
 * substitute: its end is waited for, unless this thread interrupted itself. It may have been
 * stopped for ever, so not for ever. */
#define ENTER_NAP_NS (10 * 1000 * 1000ull)
#define ENTER_NAPS 500u
static bool enter_at_end(void)
{
	_Atomic uint32_t nobody_wakes = 0;
	tide_store_relaxed(&ending, true);
	for (unsigned naps = 0; !enter_as(true); naps++) {
		uint32_t thread_id = (uint32_t)tide_load_relaxed(&writer);
		if (naps == ENTER_NAPS || thread_id == tide_os_thread_id())
			return false;
		tide_os_futex_wait(&nobody_wakes, 0, ENTER_NAP_NS);
	}
	return true;
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
	struct tide_profile_text text = { .buffer = end };
	tide_profile_put(&text, ".");
	tide_profile_put_number(&text, number, 10);
	end[text.used] = '\0';
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

/* The first reason is the right one. */
static void refuse(const char *why)
{
	/* writers  threads that start the process, by swap   readers  the same
	 * order    acq-rel: one says it                      edges    none */
	static _Atomic bool refused;
	if (!tide_swap_acq_rel(&refused, true))
		say(why);
}

void tide_profile_write_late(void)
{
	if (!tide_sample_on())
		refuse("memory was allocated before the environment was there; no profile");
}

void tide_profile_write_start(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK };
	struct sigaction before;
	int number = (int)tide_option(TIDE_OPTION_PROFILE_SIGNAL);
	first_process = tide_os_process_id();
	if (!tide_sample_on()) {
		refuse(tide_option(TIDE_OPTION_CHECK) != 0 ? "not in checked mode; no profile"
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
static TIDE_USUAL void at_begin(void)
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
	if (!tide_sample_on() || tide_os_process_id() != tide_gc_process_id() ||
	    *tide_option_text(TIDE_TEXT_OPTION_PROFILE_FILE) == '\0')
		return;
	if (!enter_at_end()) {
		say("another one is being written; none at exit");
		return;
	}
	write_to_option(0);
	leave();
}
