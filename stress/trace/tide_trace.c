/* tide-trace: looks at traces, and turns one form into the other. */
#include "sizes.h"
#include "summary.h"
#include "text.h"
#include "writer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { EXIT_WRONG = 1, EXIT_USAGE = 2 };

static int help(void)
{
	printf("Usage: tide-trace VERB TRACE [FILE]\n"
	       "\n"
	       "Look at a trace of tide-record's, in either form. Into FILE, or on the screen.\n"
	       "\n"
	       "  summary       its calls, blocks and bytes, a line for each number\n"
	       "  text          the trace as text, a line for each call\n"
	       "  binary        the trace in its binary form\n"
	       "  distribution  its blocks by size, and how long they lived: for a scenario of\n"
	       "                tide-stress, with 'sizes recorded FILE' and 'lifetime recorded'\n"
	       "\n"
	       "Exit status: 0 right; 1 the trace or the file can't be used; 2 the arguments.\n");
	return 0;
}

static bool to_summary(struct trace *trace, FILE *out)
{
	static struct summary summary;

	if (!summary_make(&summary, trace))
		return false;
	summary_print(out, &summary, trace);
	return true;
}

static bool to_text(struct trace *trace, FILE *out)
{
	struct trace_event event;

	text_head_write(out, &trace->head);
	while (trace_next(trace, &event))
		text_write(out, &event);
	return trace->fault[0] == '\0';
}

static bool to_binary(struct trace *trace, FILE *out)
{
	struct trace_writer writer;
	struct trace_event event;
	bool good = trace_writer_begin(&writer, out, &trace->head);

	while (good && trace_next(trace, &event))
		good = trace_writer_add(&writer, &event);
	if (!trace_writer_end(&writer) && trace->fault[0] == '\0')
		trace_fail(trace, trace->is_text ? "line" : "after call at ns",
		           trace->is_text ? trace->line : event.time_ns, "%s", writer.fault);
	return trace->fault[0] == '\0';
}

static const struct {
	const char *name;
	bool (*make)(struct trace *trace, FILE *out);
} verb[] = { { "summary", to_summary },
	     { "text", to_text },
	     { "binary", to_binary },
	     { "distribution", sizes_make } };
enum { VERBS = sizeof verb / sizeof verb[0] };

/* To write into what is read would be the end of it. */
static bool is_the_same(const struct trace *trace, const char *into)
{
	struct stat read, written;

	return fstat(fileno(trace->file), &read) == 0 && stat(into, &written) == 0 &&
	       read.st_dev == written.st_dev && read.st_ino == written.st_ino;
}

/* Not what was there before: a device is no file of ours. */
static bool is_file(FILE *out)
{
	struct stat status;

	return out != stdout && fstat(fileno(out), &status) == 0 && S_ISREG(status.st_mode);
}

/* A file that was not written to its end does not stay. */
static int run(bool (*make)(struct trace *, FILE *), const char *path, const char *into)
{
	static struct trace trace;
	FILE *out = stdout;
	bool good = trace_open(&trace, path);

	if (good && into != NULL && is_the_same(&trace, into)) {
		fprintf(stderr, "tide-trace: %s: is the trace itself\n", into);
		trace_close(&trace);
		return EXIT_WRONG;
	}
	if (good && into != NULL && (out = fopen(into, "we")) == NULL) {
		fprintf(stderr, "tide-trace: %s: %s\n", into, strerror(errno));
		trace_close(&trace);
		return EXIT_WRONG;
	}
	bool is_ours = is_file(out);
	good = good && make(&trace, out);
	if (!good)
		fprintf(stderr, "tide-trace: %s\n", trace.fault);
	trace_close(&trace);
	errno = 0;
	if ((out == stdout ? fflush(out) : fclose(out)) != 0) {
		fprintf(stderr, "tide-trace: %s: %s\n", into != NULL ? into : "output",
		        strerror(errno));
		good = false;
	}
	if (!good && is_ours)
		remove(into);
	return good ? 0 : EXIT_WRONG;
}

int main(int argc, char *argv[])
{
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return help();
	for (int i = 0; i < VERBS && (argc == 3 || argc == 4); i++) {
		if (strcmp(argv[1], verb[i].name) == 0)
			return run(verb[i].make, argv[2], argv[3]);
	}
	fprintf(stderr, "tide-trace: a verb and a trace are wanted; see --help\n");
	return EXIT_USAGE;
}
