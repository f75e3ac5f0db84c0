#include "trace.h"

#include "options.h"
#include "os_file.h"
#include "request.h"
#include "stats_out.h"

#include <errno.h>
#include <string.h>

#define EVENTS 2048u /* a ring; a power of two */
#define LINE_BYTES 256u
#define BATCH_EVENTS 128u

struct event {
	uint64_t begin_ns, took_ns, a, b;
	uint32_t kind, thread_id;
};

struct ring {
	/* writers  the producer   readers  the publisher
	 * order    store-release, load-acquire   edges  trace.ring */
	_Atomic uint64_t head;
	/* writers  the publisher   readers  the producer
	 * order    store-release, load-acquire   edges  trace.ring */
	_Atomic uint64_t tail;
	/* writers  the producer        readers  the publisher
	 * order    relaxed: a counter  edges    none */
	_Atomic uint64_t dropped;
	struct event event[EVENTS];
};

enum { RING_TOKEN, RING_THREAD, RINGS };

static const struct {
	const char *name, *a, *b;
} kind_row[TIDE_TRACE_KINDS] = {
	[TIDE_TRACE_ROUND] = { "round", "work", NULL },
	[TIDE_TRACE_SLEEP] = { "sleep", "kind", "woken" },
	[TIDE_TRACE_INLINE] = { "inline step", "class", "blocks" },
	[TIDE_TRACE_HELP] = { "help", "bins", NULL },
	[TIDE_TRACE_DRAIN] = { "drain", "bins", NULL },
	[TIDE_TRACE_LEVEL] = { "level", "class", "blocks" },
	[TIDE_TRACE_TICK] = { "tick", "number", NULL },
	[TIDE_TRACE_PURGE] = { "purge", "bytes", "done" },
	[TIDE_TRACE_UNMAP] = { "unmap", "bytes", NULL },
};

_Atomic bool tide_trace_enabled;
/* Plain: set before tide_trace_enabled, by the process's first thread. */
static struct ring *rings;
static struct tide_request request;
/* Plain, the publisher's (publish.busy). */
static int file = -1;
static bool made;
static uint64_t dropped_told;

static void put(struct ring *ring, const struct event *event)
{
	uint64_t head = tide_load_relaxed(&ring->head);
	if (head - tide_load_acquire(&ring->tail) >= EVENTS) { /* trace.ring */
		tide_count_owned(&ring->dropped, 1u);
		return;
	}
	ring->event[head % EVENTS] = *event;
	tide_store_release(&ring->head, head + 1); /* trace.ring */
}

static void put_into(unsigned which, enum tide_trace_kind kind, uint64_t begin_ns, uint64_t a,
                     uint64_t b)
{
	uint64_t now_ns = tide_os_clock_fine_ns();
	struct event event = { .a = a, .b = b, .kind = kind, .thread_id = tide_os_thread_id() };
	event.begin_ns = begin_ns != 0 ? begin_ns : now_ns;
	event.took_ns = now_ns - event.begin_ns;
	put(&rings[which], &event);
}

void tide_trace_put(enum tide_trace_kind kind, uint64_t begin_ns, uint64_t a, uint64_t b)
{
	put_into(RING_TOKEN, kind, begin_ns, a, b);
}

void tide_trace_put_own(enum tide_trace_kind kind, uint64_t begin_ns, uint64_t a, uint64_t b)
{
	put_into(RING_THREAD, kind, begin_ns, a, b);
}

void tide_trace_start(void)
{
	const char *path = tide_option_text(TIDE_TEXT_OPTION_TRACE);
	if (*path == '\0')
		return;
	request = (struct tide_request){ .path = path, .path_bytes = strlen(path) };
	rings = tide_os_map(0, RINGS * sizeof *rings);
	if (rings != NULL)
		tide_store_release(&tide_trace_enabled, true);
}

/* In microseconds with three decimals, as the format has it. */
static void out_time(struct tide_out *out, const char *name, uint64_t ns)
{
	tide_out_string(out, name);
	tide_out_number(out, ns / 1000);
	tide_out_char(out, '.');
	tide_out_char(out, (char)('0' + ns / 100 % 10));
	tide_out_char(out, (char)('0' + ns / 10 % 10));
	tide_out_char(out, (char)('0' + ns % 10));
}

static void out_where(struct tide_out *out, uint32_t thread_id)
{
	tide_out_string(out, ", \"pid\": ");
	tide_out_number(out, tide_os_process_id());
	tide_out_string(out, ", \"tid\": ");
	tide_out_number(out, thread_id);
}

static void out_event(struct tide_out *out, const struct event *event)
{
	bool span = event->took_ns > 0;
	tide_out_string(out, ",\n{\"name\": \"");
	tide_out_string(out, kind_row[event->kind].name);
	tide_out_string(out, span ? "\", \"cat\": \"tide\", \"ph\": \"X\""
	                          : "\", \"cat\": \"tide\", \"ph\": \"i\", \"s\": \"t\"");
	out_time(out, ", \"ts\": ", event->begin_ns);
	if (span)
		out_time(out, ", \"dur\": ", event->took_ns);
	out_where(out, event->thread_id);
	tide_out_string(out, ", \"args\": {\"");
	tide_out_string(out, kind_row[event->kind].a);
	tide_out_string(out, "\": ");
	tide_out_number(out, event->a);
	if (kind_row[event->kind].b != NULL) {
		tide_out_string(out, ", \"");
		tide_out_string(out, kind_row[event->kind].b);
		tide_out_string(out, "\": ");
		tide_out_number(out, event->b);
	}
	tide_out_string(out, "}}");
}

static int write_out(struct tide_out *out)
{
	int result = tide_os_write(file, out->buffer, out->used);
	out->used = 0;
	return result;
}

static int flush_ring(struct ring *ring, struct tide_out *out)
{
	uint64_t tail = tide_load_relaxed(&ring->tail);
	uint64_t head = tide_load_acquire(&ring->head); /* trace.ring */
	int result = 0;
	for (; tail != head && result == 0; tail++) {
		out_event(out, &ring->event[tail % EVENTS]);
		if (out->used + LINE_BYTES > out->room)
			result = write_out(out);
	}
	tide_store_release(&ring->tail, tail); /* trace.ring */
	return result;
}

static void out_name(struct tide_out *out, const char *what, uint32_t thread_id, const char *name)
{
	tide_out_string(out, made ? ",\n" : "[\n");
	tide_out_string(out, "{\"name\": \"");
	tide_out_string(out, what);
	tide_out_string(out, "\", \"ph\": \"M\"");
	out_where(out, thread_id);
	tide_out_string(out, ", \"args\": {\"name\": \"");
	tide_out_string(out, name);
	tide_out_string(out, "\"}}");
	made = true;
}

static int open_file(struct tide_out *out, bool by_gc)
{
	char path[TIDE_REQUEST_PATH_BYTES];
	tide_request_path(&request, path, "");
	if (tide_os_is_special(path))
		return -EEXIST;
	file = made ? tide_os_append(path) : tide_os_create(path, false);
	if (file < 0)
		return file;
	if (!made)
		out_name(out, "process_name", tide_os_process_id(), "Tide");
	if (by_gc)
		out_name(out, "thread_name", tide_os_thread_id(), "tide-gc");
	return 0;
}

static void out_dropped(struct tide_out *out)
{
	uint64_t dropped = 0;
	for (unsigned i = 0; i < RINGS; i++)
		dropped += tide_load_relaxed(&rings[i].dropped);
	if (dropped == dropped_told)
		return;
	dropped_told = dropped;
	tide_out_string(out, ",\n{\"name\": \"events dropped\", \"ph\": \"i\", \"s\": \"p\"");
	out_time(out, ", \"ts\": ", tide_os_clock_fine_ns());
	out_where(out, tide_os_process_id());
	tide_out_string(out, ", \"args\": {\"so far\": ");
	tide_out_number(out, dropped);
	tide_out_string(out, "}}");
}

int tide_trace_flush(bool last)
{
	char text[BATCH_EVENTS * 64];
	struct tide_out out = { text, sizeof text, 0 };
	if (!tide_load_relaxed(&tide_trace_enabled))
		return 0;
	if (last)
		file = -1; /* it was opened in the GC thread's table */
	int result = file < 0 ? open_file(&out, !last) : 0;
	for (unsigned i = 0; i < RINGS && result == 0; i++)
		result = flush_ring(&rings[i], &out);
	if (result == 0) {
		out_dropped(&out);
		if (last)
			tide_out_string(&out, "\n]\n");
		result = write_out(&out);
	}
	if (result != 0 || last)
		tide_store_release(&tide_trace_enabled, false);
	return result;
}

void tide_trace_close(void)
{
	if (file >= 0)
		tide_os_close(file);
	file = -1;
}

/* A child writes a file of its own, if the path tells them apart. */
void tide_trace_forget(void)
{
	bool apart = strstr(tide_option_text(TIDE_TEXT_OPTION_TRACE), "%p") != NULL;
	if (rings == NULL)
		return;
	tide_store_release(&tide_trace_enabled, apart);
	for (unsigned i = 0; i < RINGS; i++) {
		tide_store_relaxed(&rings[i].head, 0);
		tide_store_relaxed(&rings[i].tail, 0);
		tide_store_relaxed(&rings[i].dropped, 0);
	}
	file = -1;
	made = false;
	dropped_told = 0;
}
