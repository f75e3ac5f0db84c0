/* See text.h. */
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 512 };

static const char *const name_of[TRACE_FUNCTIONS] = {
	[TRACE_MALLOC] = "malloc",
	[TRACE_CALLOC] = "calloc",
	[TRACE_REALLOC] = "realloc",
	[TRACE_REALLOCARRAY] = "reallocarray",
	[TRACE_ALIGNED_ALLOC] = "aligned_alloc",
	[TRACE_POSIX_MEMALIGN] = "posix_memalign",
	[TRACE_MEMALIGN] = "memalign",
	[TRACE_VALLOC] = "valloc",
	[TRACE_PVALLOC] = "pvalloc",
	[TRACE_FREE] = "free",
	[TRACE_FREE_SIZED] = "free_sized",
	[TRACE_FREE_ALIGNED_SIZED] = "free_aligned_sized",
	[TRACE_NEW] = "new",
	[TRACE_NEW_ARRAY] = "new_array",
	[TRACE_NEW_NOTHROW] = "new_nothrow",
	[TRACE_NEW_ARRAY_NOTHROW] = "new_array_nothrow",
	[TRACE_NEW_ALIGNED] = "new_aligned",
	[TRACE_NEW_ARRAY_ALIGNED] = "new_array_aligned",
	[TRACE_NEW_ALIGNED_NOTHROW] = "new_aligned_nothrow",
	[TRACE_NEW_ARRAY_ALIGNED_NOTHROW] = "new_array_aligned_nothrow",
	[TRACE_DELETE] = "delete",
	[TRACE_DELETE_ARRAY] = "delete_array",
	[TRACE_DELETE_NOTHROW] = "delete_nothrow",
	[TRACE_DELETE_ARRAY_NOTHROW] = "delete_array_nothrow",
	[TRACE_DELETE_SIZED] = "delete_sized",
	[TRACE_DELETE_ARRAY_SIZED] = "delete_array_sized",
	[TRACE_DELETE_ALIGNED] = "delete_aligned",
	[TRACE_DELETE_ARRAY_ALIGNED] = "delete_array_aligned",
	[TRACE_DELETE_SIZED_ALIGNED] = "delete_sized_aligned",
	[TRACE_DELETE_ARRAY_SIZED_ALIGNED] = "delete_array_sized_aligned",
	[TRACE_DELETE_ALIGNED_NOTHROW] = "delete_aligned_nothrow",
	[TRACE_DELETE_ARRAY_ALIGNED_NOTHROW] = "delete_array_aligned_nothrow",
	[TRACE_THREAD_END] = "thread_end", /* a thread's mark is in each line */
};

const char *trace_function_name(unsigned function)
{
	return function < TRACE_FUNCTIONS ? name_of[function] : NULL;
}

/* ---- reading */

/* Fails at the line that was read last. */
static bool fail(struct trace *trace, const char *what)
{
	return trace_fail(trace, "line", trace->line, "%s", what);
}

/* The next line without its end. False: there is none; or a fault. */
static bool line_read(struct trace *trace, char line[LINE_BYTES])
{
	while (fgets(line, LINE_BYTES, trace->file) != NULL) {
		size_t length = strlen(line);

		trace->line++;
		if (length == 0 || line[length - 1] != '\n')
			return fail(trace, length + 1 < LINE_BYTES
			                       ? "the file is cut off: this line has no end"
			                       : "longer than 510 bytes, or it holds a zero");
		line[length - 1] = '\0';
		if (line[0] != '#' && line[0] != '\0')
			return true;
	}
	return false;
}

static bool get_number(char **at, uint64_t *number)
{
	char *end;

	while (**at == ' ')
		++*at;
	if (!isdigit((unsigned char)**at))
		return false;
	errno = 0;
	*number = strtoull(*at, &end, (*at)[0] == '0' && (*at)[1] == 'x' ? 16 : 10);
	if (errno != 0 || (*end != ' ' && *end != '\0'))
		return false;
	*at = end;
	return true;
}

/* A line "WORD NUMBER [NUMBER]". */
static bool head_line(struct trace *trace, const char *word, uint64_t *one, uint64_t *other)
{
	char line[LINE_BYTES], *at = line + strlen(word);

	if (line_read(trace, line) && strncmp(line, word, strlen(word)) == 0 &&
	    get_number(&at, one) && (other == NULL || get_number(&at, other)) && *at == '\0')
		return true;
	return trace->fault[0] == '\0' &&
	       trace_fail(trace, "line", trace->line, "the head has no line '%s NUMBER%s' here",
	                  word, other != NULL ? " NUMBER" : "");
}

bool text_head_read(struct trace *trace)
{
	char line[LINE_BYTES], *at = line + strlen(TRACE_TEXT_MAGIC);
	struct trace_head *head = &trace->head;
	uint64_t version = 0;

	rewind(trace->file);
	trace->line = trace->last_time_ns = 0;
	*head = (struct trace_head){ .head_bytes = TRACE_HEAD_BYTES };
	memcpy(head->magic, TRACE_MAGIC, sizeof head->magic);
	if (!line_read(trace, line) || !get_number(&at, &version) || *at != '\0')
		return trace->fault[0] == '\0' && fail(trace, "not 'tide-trace VERSION'");
	if (version != TRACE_VERSION)
		return trace_fail(trace, "line", trace->line,
		                  "version %" PRIu64 "; this program reads %d", version,
		                  TRACE_VERSION);
	head->version = TRACE_VERSION;
	if (!line_read(trace, line) || strncmp(line, "program ", 8) != 0 ||
	    strlen(line + 8) >= sizeof head->program)
		return trace->fault[0] == '\0' &&
		       fail(trace, "the head has no line 'program NAME' with a name of less than "
		                   "64 bytes here");
	memcpy(head->program, line + 8, strlen(line + 8) + 1);
	return head_line(trace, "process", &head->process, NULL) &&
	       head_line(trace, "parent", &head->parent, NULL) &&
	       head_line(trace, "started", &head->started_unix_ns, &head->started_clock_ns) &&
	       head_line(trace, "forked", &head->is_forked, NULL) &&
	       head_line(trace, "ended", &head->ended, NULL) &&
	       head_line(trace, "lost", &head->lost, NULL);
}

static unsigned find_function(const char *name, size_t length)
{
	for (unsigned i = 1; i < TRACE_FUNCTIONS; i++) {
		if (name_of[i] != NULL && strlen(name_of[i]) == length &&
		    memcmp(name_of[i], name, length) == 0)
			return i;
	}
	return TRACE_NONE;
}

static bool get_marked(char **at, const char *mark, uint64_t *number)
{
	if (strncmp(*at, mark, strlen(mark)) != 0)
		return false;
	*at += strlen(mark);
	return get_number(at, number);
}

static bool get_parts(char **at, struct trace_event *event)
{
	unsigned parts = trace_parts(event->function);

	return ((parts & TRACE_OLD) == 0 || get_number(at, &event->old)) &&
	       ((parts & TRACE_ALIGN) == 0 || get_number(at, &event->align)) &&
	       ((parts & TRACE_COUNT) == 0 || get_number(at, &event->count)) &&
	       ((parts & TRACE_SIZE) == 0 || get_number(at, &event->size)) &&
	       ((parts & TRACE_RESULT) == 0 || get_marked(at, " = ", &event->result)) &&
	       ((parts & TRACE_TOOK) == 0 || get_marked(at, " +", &event->took_ns)) && **at == '\0';
}

bool text_next(struct trace *trace, struct trace_event *event)
{
	char line[LINE_BYTES], *at = line;
	uint64_t thread = 0;

	*event = (struct trace_event){ .function = TRACE_NONE };
	if (!line_read(trace, line))
		return false;
	if (!get_number(&at, &event->time_ns) || !get_number(&at, &thread) || *at != ' ')
		return fail(trace, "not 'TIME THREAD FUNCTION ...'");
	if (thread == 0 || thread > TRACE_THREADS_MAX)
		return fail(trace, "a thread's number that is not from 1 to 2^20");
	event->thread = (uint32_t)thread;
	size_t length = strcspn(++at, " ");
	event->function = (uint8_t)find_function(at, length);
	if (event->function == TRACE_NONE)
		return trace_fail(trace, "line", trace->line, "no such function: %.*s", (int)length,
		                  at);
	at += length;
	if (!get_parts(&at, event))
		return trace_fail(trace, "line", trace->line,
		                  "what %s has are, as far as they apply: "
		                  "OLD ALIGN COUNT SIZE = RESULT +TOOK",
		                  name_of[event->function]);
	const char *fault = trace_event_fault(event);
	if (fault == NULL && event->time_ns < trace->last_time_ns)
		fault = "earlier than the line before: calls are in the order of their times";
	trace->last_time_ns = event->time_ns;
	return fault == NULL || fail(trace, fault);
}

/* ---- writing */

void text_head_write(FILE *out, const struct trace_head *head)
{
	char program[TRACE_PROGRAM_BYTES];

	snprintf(program, sizeof program, "%s", head->program);
	for (char *c = program; *c != '\0'; c++) {
		if (!isprint((unsigned char)*c))
			*c = '_';
	}
	fprintf(out,
	        "%s%d\nprogram %s\nprocess %" PRIu64 "\nparent %" PRIu64 "\nstarted %" PRIu64
	        " %" PRIu64 "\nforked %" PRIu64 "\nended %" PRIu64 "\nlost %" PRIu64
	        "\n# TIME THREAD FUNCTION; of OLD ALIGN COUNT SIZE = RESULT +TOOK what it has\n",
	        TRACE_TEXT_MAGIC, TRACE_VERSION, program, head->process, head->parent,
	        head->started_unix_ns, head->started_clock_ns, head->is_forked, head->ended,
	        head->lost);
}

static void put_address(FILE *out, const char *before, uint64_t address)
{
	fprintf(out, address == 0 ? "%s0" : "%s0x%" PRIx64, before, address);
}

void text_write(FILE *out, const struct trace_event *event)
{
	unsigned parts = trace_parts(event->function);

	fprintf(out, "%" PRIu64 " %u %s", event->time_ns, event->thread, name_of[event->function]);
	if ((parts & TRACE_OLD) != 0)
		put_address(out, " ", event->old);
	if ((parts & TRACE_ALIGN) != 0)
		fprintf(out, " %" PRIu64, event->align);
	if ((parts & TRACE_COUNT) != 0)
		fprintf(out, " %" PRIu64, event->count);
	if ((parts & TRACE_SIZE) != 0)
		fprintf(out, " %" PRIu64, event->size);
	if ((parts & TRACE_RESULT) != 0)
		put_address(out, " = ", event->result);
	if ((parts & TRACE_TOOK) != 0)
		fprintf(out, " +%" PRIu64, event->took_ns);
	putc('\n', out);
}
