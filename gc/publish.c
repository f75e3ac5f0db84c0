#include "publish.h"

#include "atomic.h"
#include "doorbell.h"
#include "gc.h"
#include "options.h"
#include "os.h"
#include "os_file.h"
#include "request.h"
#include "serve.h"
#include "stats_collect.h"
#include "text.h"
#include "trace.h"
#include "yield.h"

#include <errno.h>
#include <signal.h>

/* The page is as old as this at the most while the GC thread works, and is made no earlier in its
 * life: what ends before needs none. */
#define PAGE_NS (250ull * 1000000u)
#define SERVE_NS (50ull * 1000000u)
/* A ring of events is written so often. */
#define TRACE_NS (50ull * 1000000u)
/* What exit waits for a publisher that is at it. */
#define EXIT_POLLS 100
#define EXIT_POLL_NS 1000000u

/* Plain: written once, before request_known.
 * request_known  writers  the process's first thread   readers  every thread
 *                order    store-release, load-acquire   edges    publish.request */
static struct tide_request request;
static _Atomic bool request_known;
/* Somebody publishes.
 * writers  publishers, by swap   readers  the same   order  acq-rel   edges  publish.busy: from one
 * publisher to the next, everything below */
static _Atomic bool busy;
static struct tide_stats_snapshot *page; /* NULL: none */
static int page_file;
static bool page_is_gcs; /* made by the GC thread, hence in its file table */
static uint32_t page_process;
/* Whether there is no use in trying to make one: it is there, or can't be had.
 * writers  publishers   readers  the GC thread   order  relaxed: advice   edges  none */
static _Atomic bool page_settled;
static uint64_t page_due_ns, file_due_ns, serve_due_ns, trace_due_ns; /* of the GC thread alone */
/* writers  the GC thread     readers  the same, the exiting thread
 * order    relaxed: advice   edges    none */
static _Atomic bool serving;
static bool files_apart; /* the GC thread has a file table of its own */
/* A file could not be written, and it was told.
 * writers  publishers   readers  the same   order relaxed: travels by publish.busy   edges  none */
static _Atomic bool complained;
/* A signal asked for statistics.  writers  the handler, the GC thread   readers  the GC thread
 * order  swap acq-rel: nothing travels   edges  none */
static _Atomic bool asked;
/* The process is at its exit: what comes after would be too late.
 * writers  the exiting thread  readers  publishers   order  relaxed: advice   edges  none */
static _Atomic bool exiting;

static bool requested(enum tide_request_kind kind)
{
	return tide_load_acquire(&request_known) && request.kind == kind; /* publish.request */
}

static bool enter(void)
{
	return !tide_swap_acq_rel(&busy, true); /* publish.busy */
}

static void leave(void)
{
	tide_store_release(&busy, false); /* publish.busy */
}

/* The page, by whoever is the publisher. */
static void page_write(bool ended)
{
	if (page == NULL || page_process != tide_os_process_id())
		return;
	_Atomic uint64_t *sequence = (_Atomic uint64_t *)(void *)&page->sequence;
	uint64_t before = tide_load_relaxed(sequence);
	tide_store_relaxed(sequence, before + 1);
	atomic_thread_fence(memory_order_release); /* publish.page */
	tide_stats_collect(&page->all, page);
	page->ended = ended;
	page->magic = TIDE_STATS_MAGIC;
	tide_store_release(sequence, before + 2); /* publish.page */
}

/* Once in a thread's life: it closes what is open. */
bool tide_gc_publish_go_apart(void)
{
	if (!files_apart)
		files_apart = tide_os_files_apart();
	return files_apart;
}

/* False: there is none to write. */
static bool page_make(bool by_gc)
{
	int64_t way = tide_option(TIDE_OPTION_STATS_PAGE);
	if (page != NULL)
		return true;
	if (tide_load_relaxed(&page_settled))
		return false; /* memory is short, or the system old: not again and again */
	tide_store_relaxed(&page_settled, true);
	if (way == 0 || (way == 1 && tide_os_is_filtered()))
		return false;
	/* Shared with the program, it would find the file among its own. */
	if (by_gc && !tide_gc_publish_go_apart() && way == 1)
		return false;
	void *start;
	int made = tide_os_memory_file("tide-stats", sizeof *page, &start);
	if (made < 0)
		return false;
	page_file = made;
	page = start;
	page_is_gcs = by_gc;
	page_process = tide_os_process_id();
	return true;
}

static void complain_of(const char *option, const char *path, int error)
{
	struct tide_text text;
	if (tide_load_relaxed(&complained))
		return;
	tide_store_relaxed(&complained, true);
	tide_text_start(&text);
	tide_text_string(&text, "tide: ");
	tide_text_string(&text, option);
	tide_text_string(&text, ": cannot write ");
	tide_text_string(&text, path);
	if (error == -EEXIST) {
		tide_text_string(&text, ": not a regular file");
	} else {
		tide_text_string(&text, ": error ");
		tide_text_decimal(&text, -error);
	}
	tide_text_flush_stderr(&text);
}

static void complain(const char *path, int error)
{
	complain_of("TIDE_STATS", path, error);
}

static void trace_write(bool last)
{
	int result = tide_trace_flush(last);
	if (result != 0)
		complain_of("TIDE_TRACE", tide_option_text(TIDE_TEXT_OPTION_TRACE), result);
}

/* Beside the file, then in its place, so that a reader sees a whole one. */
static int file_write(void)
{
	char path[TIDE_REQUEST_PATH_BYTES];
	char beside[TIDE_REQUEST_PATH_BYTES + 8];
	tide_request_path(&request, path, "");
	tide_request_path(&request, beside, ".new");
	if (tide_os_is_special(path))
		return -EEXIST; /* a device, say, that the new file would replace */
	int file = tide_os_create(beside, true);
	if (file == -EEXIST && !tide_os_is_special(beside)) { /* left by one that was killed */
		(void)tide_os_unlink(beside);
		file = tide_os_create(beside, true);
	}
	if (file < 0)
		return file;
	int result = -tide_stats_print(file, request.format);
	tide_os_close(file);
	if (result == 0)
		result = tide_os_rename(beside, path);
	if (result != 0)
		(void)tide_os_unlink(beside);
	return result;
}

static int file_publish(void)
{
	if (!requested(TIDE_REQUEST_FILE))
		return 0;
	int result = file_write();
	if (result != 0) {
		char path[TIDE_REQUEST_PATH_BYTES];
		tide_request_path(&request, path, "");
		complain(path, result);
	}
	return result;
}

/* May interrupt the allocator at any place: the GC thread does it, if there is one. */
static void on_signal(int number)
{
	(void)number;
	int saved = errno;
	if (tide_gc_thread_runs()) {
		tide_store_release(&asked, true);
		tide_doorbell_ring(true);
	} else {
		(void)tide_stats_print(2, TIDE_STATS_TEXT);
	}
	errno = saved;
}

void tide_gc_publish_start(void)
{
	tide_trace_start();
	if (!tide_request_parse(&request, tide_option_text(TIDE_TEXT_OPTION_STATS)))
		tide_options_report_text(TIDE_TEXT_OPTION_STATS);
	if (request.kind == TIDE_REQUEST_NONE)
		return;
	tide_store_release(&request_known, true); /* publish.request */
	if (request.kind != TIDE_REQUEST_SIGNAL)
		return;
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct sigaction before;
	/* The program's own use of the signal goes first. */
	if (sigaction((int)request.number, NULL, &before) == 0 && before.sa_handler == SIG_DFL)
		(void)sigaction((int)request.number, &action, NULL);
}

bool tide_gc_publish_needs_thread(void)
{
	return requested(TIDE_REQUEST_UNIX) || (requested(TIDE_REQUEST_FILE) && request.number > 0);
}

void tide_gc_publish_begin(void)
{
	files_apart = false;
	uint64_t now_ns = tide_os_clock_ns();
	page_due_ns = now_ns + PAGE_NS;
	serve_due_ns = now_ns;
	trace_due_ns = now_ns;
	tide_store_relaxed(&serving, false);
	if (requested(TIDE_REQUEST_FILE))
		file_due_ns = now_ns + request.number * 1000000000u;
	if (!requested(TIDE_REQUEST_UNIX))
		return;
	char path[TIDE_REQUEST_PATH_BYTES];
	tide_request_path(&request, path, "");
	(void)tide_gc_publish_go_apart();
	int result = tide_gc_serve_begin(path);
	tide_store_relaxed(&serving, result == 0);
	if (result < 0)
		complain(path, result);
}

static void socket_unlink(void)
{
	char path[TIDE_REQUEST_PATH_BYTES];
	if (!tide_load_relaxed(&serving))
		return;
	tide_request_path(&request, path, "");
	(void)tide_os_unlink(path);
}

/* The page goes with the thread's file table. */
void tide_gc_publish_end(void)
{
	socket_unlink();
	if (tide_load_relaxed(&serving))
		tide_gc_serve_end();
	tide_store_relaxed(&serving, false);
	if (!enter())
		return;
	if (page != NULL && page_is_gcs) {
		page_write(true);
		(void)tide_os_unmap(page, sizeof *page);
		tide_os_close(page_file); /* which may be in the program's table after all */
		page = NULL;
	}
	if (page == NULL)
		tide_store_relaxed(&page_settled, false);
	if (!tide_load_relaxed(&exiting)) {
		trace_write(false);
		tide_trace_close();
	}
	leave();
}

static void page_round(uint64_t now_ns)
{
	uint64_t begin_ns = tide_os_clock_fine_ns();
	(void)page_make(true);
	tide_store_relaxed(&tide_gc_thread_counts.cpu_ns, tide_os_cpu_ns());
	page_write(false);
	/* With thousands of threads it takes a while, in which the token is ours: a hundredth of
	 * the time at the most. */
	uint64_t rest_ns = 100 * (tide_os_clock_fine_ns() - begin_ns);
	page_due_ns = now_ns + (rest_ns > PAGE_NS ? rest_ns : PAGE_NS);
}

void tide_gc_publish_round(bool before_sleep)
{
	/* (Not where tests turn over every order of the rest.) */
	if (TIDE_INTERLEAVE)
		return;
	uint64_t now_ns = tide_os_clock_ns();
	if (tide_load_relaxed(&serving) && now_ns >= serve_due_ns) {
		serve_due_ns = now_ns + SERVE_NS;
		tide_gc_serve_round(now_ns);
	}
	if (TIDE_UNLIKELY(tide_load_relaxed(&asked)) && tide_swap_acq_rel(&asked, false))
		(void)tide_stats_print(2, TIDE_STATS_TEXT);
	bool page_is_due =
	    now_ns >= page_due_ns || (before_sleep && tide_load_relaxed(&page_settled));
	bool file_is_due =
	    requested(TIDE_REQUEST_FILE) && request.number > 0 && now_ns >= file_due_ns;
	bool trace_is_due =
	    tide_load_relaxed(&tide_trace_enabled) && (before_sleep || now_ns >= trace_due_ns);
	if ((!page_is_due && !file_is_due && !trace_is_due) || tide_load_relaxed(&exiting) ||
	    !enter())
		return;
	if (page_is_due)
		page_round(now_ns);
	if (trace_is_due) {
		(void)tide_gc_publish_go_apart();
		trace_due_ns = now_ns + TRACE_NS;
		trace_write(false);
	}
	if (file_is_due) {
		file_due_ns = now_ns + request.number * 1000000000u;
		(void)file_publish();
	}
	leave();
}

uint64_t tide_gc_publish_patience_ns(void)
{
	uint64_t now_ns = tide_os_clock_ns();
	if (TIDE_INTERLEAVE)
		return 0;
	if (tide_load_relaxed(&serving))
		return SERVE_NS;
	if (!tide_load_relaxed(&page_settled))
		return page_due_ns > now_ns ? page_due_ns - now_ns : 1;
	if (!requested(TIDE_REQUEST_FILE) || request.number == 0)
		return 0;
	return file_due_ns > now_ns ? file_due_ns - now_ns : 1;
}

void tide_gc_publish_forget(void)
{
	page = NULL;
	tide_trace_forget();
	tide_store_relaxed(&page_settled, false);
	tide_store_relaxed(&serving, false);
	tide_store_relaxed(&busy, false);
	tide_store_relaxed(&asked, false);
	tide_store_relaxed(&complained, false);
}

int tide_stats_publish(void)
{
	if (!enter())
		return EBUSY;
	if (page_make(false))
		page_write(false);
	int result = file_publish();
	leave();
	return -result;
}

/* Wait, but not for long: the publisher may be a thread that does not go on. */
static bool enter_at_exit(void)
{
	uint32_t never = 0;
	for (int polls = 0; polls < EXIT_POLLS; polls++) {
		if (enter())
			return true;
		tide_os_futex_wait(&never, 0, EXIT_POLL_NS);
	}
	return false;
}

static void at_exit(void) __attribute__((destructor));
static void at_exit(void)
{
	/* Nothing was asked for, or this is a child that was made behind our back. */
	if ((!tide_load_acquire(&request_known) && !tide_load_relaxed(&page_settled) &&
	     !tide_load_relaxed(&tide_trace_enabled)) ||
	    tide_os_process_id() != tide_gc_process_id())
		return;
	tide_store_relaxed(&exiting, true);
	if (!enter_at_exit())
		return;
	if (requested(TIDE_REQUEST_EXIT))
		(void)tide_stats_print(2, TIDE_STATS_TEXT);
	(void)file_publish();
	trace_write(true);
	page_write(true);
	socket_unlink();
	leave();
}
