/* See progress.h. */
#include "progress.h"

#include "format.h"
#include "oracle.h"

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TERMINAL_EVERY_S 0.2
#define PLAIN_EVERY_S 2.0

enum { PANEL_LINES = 8, PANEL_MAX_COLUMNS = 100, DRAWING_BYTES = 8192 };
enum { CURVE_CALLS, CURVE_LIVE, CURVE_RESIDENT, CURVE_BACKLOG };

/* Whose panel is on the terminal. */
static struct progress *shown_panel;

static bool is_set(const char *name)
{
	const char *value = getenv(name);
	return value != NULL && *value != '\0';
}

void progress_start(struct progress *progress, bool quiet, double run_seconds)
{
	const char *terminal = getenv("TERM");

	memset(progress, 0, sizeof *progress);
	progress->quiet = quiet;
	progress->run_seconds = run_seconds;
	progress->terminal =
	    isatty(STDOUT_FILENO) && terminal != NULL && strcmp(terminal, "dumb") != 0;
	progress->pretty =
	    setlocale(LC_CTYPE, "") != NULL && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	progress->colour = !is_set("NO_COLOR");
	shown_panel = progress;
}

static struct winsize terminal_size(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
		return (struct winsize){ .ws_row = 24, .ws_col = 80 };
	return size;
}

/* ---- a drawing: lines that are cut to the width of the terminal, written at once */

struct drawing {
	char text[DRAWING_BYTES];
	size_t used, columns;
	bool colour;
};

static void put_bytes(struct drawing *drawing, const char *from, size_t count)
{
	if (drawing->used + count >= sizeof drawing->text)
		return;
	memcpy(drawing->text + drawing->used, from, count);
	drawing->used += count;
}

/* A line longer than the terminal would scroll instead of being redrawn: what is beyond is dropped,
 * but not the escapes, which end a colour. */
static void put_line(struct drawing *drawing, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void put_line(struct drawing *drawing, const char *format, ...)
{
	char line[1024];
	size_t column = 0;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	for (const char *at = line; *at != '\0';) {
		size_t length = 1;

		if (*at == '\033') {
			length = strcspn(at, "m") + 1;
			if (drawing->colour)
				put_bytes(drawing, at, length);
		} else {
			while (((unsigned char)at[length] & 0xc0) == 0x80)
				length++; /* the rest of a character */
			if (column++ < drawing->columns)
				put_bytes(drawing, at, length);
		}
		at += length;
	}
	put_bytes(drawing, "\033[K\n", 4);
}

static void write_all(const char *text, size_t count)
{
	fwrite(text, 1, count, stdout);
	fflush(stdout);
}

#define DIM "\033[2m"
#define BOLD "\033[1m"
#define GREEN "\033[32m"
#define RED "\033[31m"
#define PLAIN "\033[0m"

struct strip {
	char text[PANEL_MAX_COLUMNS * 3 + 1]; /* characters of up to 3 bytes */
};

static void strip_add(struct strip *strip, const char *character)
{
	size_t used = strlen(strip->text);
	snprintf(strip->text + used, sizeof strip->text - used, "%s", character);
}

static struct strip bar(const struct progress *progress, double part, size_t columns)
{
	struct strip strip = { "" };
	double full = part * (double)columns;

	for (size_t i = 0; i < columns; i++) {
		bool done = (double)i + 0.5 <= full;

		if (progress->pretty)
			strip_add(&strip, done ? "\xe2\x96\x88" : "\xe2\x96\x91");
		else
			strip_add(&strip, done ? "#" : ".");
	}
	return strip;
}

/* The last values, the highest as a full block. Nothing where only ASCII is shown. */
static struct strip curve(const struct progress *progress, unsigned which)
{
	static const char *const level[] = { " ",
		                             "\xe2\x96\x81",
		                             "\xe2\x96\x82",
		                             "\xe2\x96\x83",
		                             "\xe2\x96\x84",
		                             "\xe2\x96\x85",
		                             "\xe2\x96\x86",
		                             "\xe2\x96\x87",
		                             "\xe2\x96\x88" };
	const double *value = progress->curve[which];
	struct strip strip = { "" };
	double max = 0;

	for (size_t i = 0; i < PROGRESS_CURVE_POINTS; i++)
		max = value[i] > max ? value[i] : max;
	for (size_t i = 0; i < PROGRESS_CURVE_POINTS && progress->pretty; i++) {
		double at = value[(progress->points + i) % PROGRESS_CURVE_POINTS];

		strip_add(&strip, level[max > 0 ? (unsigned)(at / max * 8 + 0.5) : 0]);
	}
	return strip;
}

/* ---- what is shown */

static double rate(uint64_t now, uint64_t before, double seconds)
{
	return seconds > 0 && now > before ? (double)(now - before) / seconds : 0;
}

static void remember(struct progress *progress, const struct sample *now, double calls_rate)
{
	size_t at = progress->points++ % PROGRESS_CURVE_POINTS;

	progress->curve[CURVE_CALLS][at] = calls_rate;
	progress->curve[CURVE_LIVE][at] = now->live_bytes;
	progress->curve[CURVE_RESIDENT][at] = now->resident_bytes;
	progress->curve[CURVE_BACKLOG][at] = (double)now->allocator.backlog_bytes;
}

static void put_run(struct drawing *drawing, const struct progress *progress,
                    const struct sampler *sampler, const char *phase_name)
{
	const struct sample *now = &sampler->now;
	double part = progress->run_seconds > 0 ? now->seconds / progress->run_seconds : 1;
	double left =
	    progress->run_seconds > now->seconds ? progress->run_seconds - now->seconds : 0;
	size_t columns =
	    drawing->columns < PANEL_MAX_COLUMNS ? drawing->columns : PANEL_MAX_COLUMNS;

	put_line(drawing,
	         BOLD "%s" PLAIN ", phase " BOLD "%-6s" PLAIN DIM "  seed %" PRIu64 ", %" PRIu32
	              " threads" PLAIN,
	         sampler->run->scenario->name, phase_name, sampler->run->seed,
	         sampler->run->threads);
	part = part > 1 ? 1 : part;
	put_line(drawing, GREEN "%s" PLAIN " %3.0f %%  %s, ETA %s",
	         bar(progress, part, columns > 50 ? columns - 34 : 16).text, part * 100,
	         format_seconds(now->seconds).text, format_seconds(left).text);
}

static void put_load(struct drawing *drawing, const struct progress *progress,
                     const struct sampler *sampler, double calls_rate)
{
	const struct sample *now = &sampler->now;

	put_line(drawing, DIM "operations " PLAIN BOLD "%9s/s" PLAIN "  %-28s %s",
	         format_count(calls_rate).text, format_count((double)now->calls).text,
	         curve(progress, CURVE_CALLS).text);
	put_line(drawing, DIM "live       " PLAIN BOLD "%11s" PLAIN "  peak %-23s %s",
	         format_bytes(now->live_bytes).text, format_bytes(sampler->peak.live_bytes).text,
	         curve(progress, CURVE_LIVE).text);
	char note[96];
	snprintf(note, sizeof note, "peak %s, %s x live",
	         format_bytes(sampler->peak.resident_bytes).text,
	         format_ratio(now->resident_bytes, now->live_bytes).text);
	put_line(drawing, DIM "resident   " PLAIN BOLD "%11s" PLAIN "  %-28s %s",
	         format_bytes(now->resident_bytes).text, note,
	         curve(progress, CURVE_RESIDENT).text);
}

static void put_gc(struct drawing *drawing, const struct progress *progress,
                   const struct sample *now)
{
	const struct allocator_now *gc = &now->allocator;
	double span = now->seconds - progress->shown.seconds;
	char note[96];

	if (!gc->known) {
		put_line(drawing, DIM "this allocator tells nothing of itself" PLAIN);
		put_line(drawing, "%s", "");
		return;
	}
	snprintf(note, sizeof note, "%s cycles, %s/s%s", format_count((double)gc->gc_cycles).text,
	         format_count(rate(gc->gc_cycles, progress->shown.allocator.gc_cycles, span)).text,
	         gc->gc_runs ? "" : ", no thread");
	put_line(drawing, DIM "GC backlog " PLAIN BOLD "%11s" PLAIN "  %-28s %s",
	         format_bytes((double)gc->backlog_bytes).text, note,
	         curve(progress, CURVE_BACKLOG).text);
	put_line(drawing, DIM "ready bins " PLAIN BOLD "%11s" PLAIN "  level %s, %s misses, %s/s",
	         format_bytes((double)gc->queued_bytes).text,
	         format_bytes((double)gc->queue_level_bytes).text,
	         format_count((double)gc->misses).text,
	         format_count(rate(gc->misses, progress->shown.allocator.misses, span)).text);
}

static void show_panel(struct progress *progress, const struct sampler *sampler,
                       const char *phase_name, double calls_rate)
{
	static struct drawing drawing; /* too large for a stack that may be small */
	const struct sample *now = &sampler->now;

	drawing =
	    (struct drawing){ .columns = terminal_size().ws_col - 1u, .colour = progress->colour };
	if (progress->lines > 0) {
		char up[16];
		int length = snprintf(up, sizeof up, "\r\033[%uA", progress->lines);
		put_bytes(&drawing, up, (size_t)length);
	}
	put_run(&drawing, progress, sampler, phase_name);
	put_load(&drawing, progress, sampler, calls_rate);
	put_gc(&drawing, progress, now);
	char note[96];
	snprintf(note, sizeof note, "%s handed over, %s threads",
	         format_count((double)now->handed).text, format_count((double)now->threads).text);
	put_line(&drawing,
	         DIM "oracle     " PLAIN "%s" PLAIN "  %-28s " DIM "Ctrl-C: end and report" PLAIN,
	         oracle_failures() == 0 ? GREEN "  all right" : RED "     FAILED", note);
	progress->lines = PANEL_LINES;
	write_all(drawing.text, drawing.used);
}

static void show_line(const struct progress *progress, const struct sampler *sampler,
                      const char *phase_name, double calls_rate)
{
	const struct sample *now = &sampler->now;
	char line[320];
	size_t used = (size_t)snprintf(
	    line, sizeof line, "%6.1f s  %-6s  %8s ops/s  live %9s  resident %9s", now->seconds,
	    phase_name, format_count(calls_rate).text, format_bytes(now->live_bytes).text,
	    format_bytes(now->resident_bytes).text);

	if (now->allocator.known)
		used +=
		    (size_t)snprintf(line + used, sizeof line - used,
		                     "  GC %s cycles  backlog %s  queues %s of %s  misses %s",
		                     format_count((double)now->allocator.gc_cycles).text,
		                     format_bytes((double)now->allocator.backlog_bytes).text,
		                     format_bytes((double)now->allocator.queued_bytes).text,
		                     format_bytes((double)now->allocator.queue_level_bytes).text,
		                     format_count((double)now->allocator.misses).text);
	if (!progress->terminal) {
		printf("%s\n", line);
	} else {
		size_t columns = terminal_size().ws_col - 1u;

		printf("\r%.*s\033[K", (int)(used < columns ? used : columns), line);
	}
	fflush(stdout);
}

void progress_show(struct progress *progress, const struct sampler *sampler, const char *phase_name)
{
	const struct sample *now = &sampler->now;
	double every_s = progress->terminal ? TERMINAL_EVERY_S : PLAIN_EVERY_S;

	/* After a failure its story is below the panel, and must stay readable. */
	if (progress->quiet || now->seconds < progress->shown.seconds + every_s ||
	    oracle_failures() != 0)
		return;
	double calls_rate =
	    rate(now->calls, progress->shown.calls, now->seconds - progress->shown.seconds);
	remember(progress, now, calls_rate);
	if (progress->terminal && terminal_size().ws_row > PANEL_LINES + 1)
		show_panel(progress, sampler, phase_name, calls_rate);
	else
		show_line(progress, sampler, phase_name, calls_rate);
	progress->shown = *now;
}

void progress_say(const char *line)
{
	struct progress *progress = shown_panel;

	if (progress != NULL && progress->terminal && !progress->quiet) {
		if (progress->lines > 0)
			printf("\r\033[%uA", progress->lines);
		printf("\r\033[J");
		progress->lines = 0;
	}
	printf("%s\n", line);
	fflush(stdout);
}

void progress_end(struct progress *progress)
{
	if (!progress->quiet && progress->terminal && progress->lines == 0)
		printf("\r\033[K");
	progress->lines = 0;
	shown_panel = NULL;
}
