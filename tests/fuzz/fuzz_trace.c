/* Traces of either form: what the reader takes, it takes again, call for call, when it is written
 * as text; of what it does not take it says where in the file and why. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "input.h"

#include "trace/summary.h"
#include "trace/text.h"

#include <sys/mman.h>
#include <unistd.h>

enum { EVENTS_MAX = 4096, BINARY_BYTES = TRACE_HEAD_BYTES + 8 * TRACE_GRAIN_BYTES };

static char name[2][64];
static int file[2];

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count;
	(void)arguments;
	for (unsigned i = 0; i < 2; i++) {
		file[i] = memfd_create("trace", MFD_CLOEXEC);
		HOLDS(file[i] >= 0);
		(void)snprintf(name[i], sizeof name[i], "/proc/self/fd/%d", file[i]);
	}
	return 0;
}

static void put(unsigned which, const void *data, size_t bytes)
{
	HOLDS(ftruncate(file[which], 0) == 0);
	HOLDS(pwrite(file[which], data, bytes, 0) == (ssize_t)bytes);
}

static bool is_same(const struct trace_event *a, const struct trace_event *b)
{
	return a->time_ns == b->time_ns && a->took_ns == b->took_ns && a->old == b->old &&
	       a->result == b->result && a->align == b->align && a->count == b->count &&
	       a->size == b->size && a->thread == b->thread && a->function == b->function;
}

/* Reads what is there; returns the number of calls, or -1: there was a fault. */
static int read_all(unsigned which, struct trace_event *event, struct trace_head *head)
{
	struct trace trace;
	int events = 0;
	bool whole = trace_open(&trace, name[which]);

	*head = trace.head;
	while (whole && events < EVENTS_MAX && trace_next(&trace, &event[events]))
		events++;
	if (!whole || trace.fault[0] != '\0')
		HOLDS(strncmp(trace.fault, name[which], strlen(name[which])) == 0 &&
		      strlen(trace.fault) > strlen(name[which]) + 2);
	whole &= trace.fault[0] == '\0';
	if (whole) {
		struct summary summary;
		struct trace_event again;
		HOLDS(trace_rewind(&trace));
		HOLDS(trace_next(&trace, &again) == (events > 0));
		HOLDS(events == 0 || is_same(&again, &event[0]));
		HOLDS(trace_rewind(&trace));
		HOLDS(summary_make(&summary, &trace) || trace.fault[0] != '\0');
	}
	trace_close(&trace);
	return whole ? events : -1;
}

static void write_text(const struct trace_event *event, int events, const struct trace_head *head)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);

	HOLDS(out != NULL);
	text_head_write(out, head);
	for (int i = 0; i < events; i++)
		text_write(out, &event[i]);
	HOLDS(fclose(out) == 0);
	put(1, text, bytes);
	free(text);
}

/* The binary form out of few bytes: heads that are right but for what the input has in them, and
 * room up to where the next chunk may begin. */
static size_t make_binary(uint8_t *binary, struct input *input)
{
	struct trace_head head = { .magic = TRACE_MAGIC,
		                   .version = TRACE_VERSION,
		                   .head_bytes = TRACE_HEAD_BYTES,
		                   .program = "fuzzed" };
	uint8_t *at = binary + TRACE_HEAD_BYTES;

	memset(binary, 0, BINARY_BYTES);
	memcpy(binary, &head, sizeof head);
	for (unsigned flips = input_byte(input) % 4; flips > 0; flips--)
		binary[input_byte(input) % sizeof head] ^= (uint8_t)input_byte(input);
	while (input->left > 0 && at < binary + BINARY_BYTES) {
		struct trace_chunk chunk = { .magic = TRACE_CHUNK_MAGIC,
			                     .bytes = TRACE_GRAIN_BYTES,
			                     .time_ns = input_byte(input),
			                     .address = 16u * input_byte(input) };
		unsigned used = input_byte(input);
		unsigned flips = input_byte(input) % 4;
		chunk.used = (uint32_t)sizeof chunk + used;
		memcpy(at, &chunk, sizeof chunk);
		for (; flips > 0; flips--)
			at[input_byte(input) % sizeof chunk] ^= (uint8_t)input_byte(input);
		for (unsigned i = 0; i < used; i++)
			at[sizeof chunk + i] = (uint8_t)input_byte(input);
		at += TRACE_GRAIN_BYTES;
	}
	return (size_t)(at - binary);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct trace_event event[EVENTS_MAX], again[EVENTS_MAX];
	struct trace_head head, head_again;

	static uint8_t binary[BINARY_BYTES];
	struct input input = { data, bytes };

	/* Text begins with a letter. */
	if (bytes > 0 && data[0] < ' ')
		put(0, binary, make_binary(binary, &input));
	else
		put(0, data, bytes);
	int events = read_all(0, event, &head);
	if (events < 0)
		return 0;
	write_text(event, events, &head);
	HOLDS(read_all(1, again, &head_again) == events);
	for (int i = 0; i < events; i++)
		HOLDS(is_same(&event[i], &again[i]));
	HOLDS(head.process == head_again.process &&
	      head.started_unix_ns == head_again.started_unix_ns);
	return 0;
}
