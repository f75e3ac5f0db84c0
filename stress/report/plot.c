/* See plot.h. */
#include "plot.h"

#include "format.h"
#include "plot_svg.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { GNUPLOT_MAX_MS = 30000, GNUPLOT_POLL_MS = 5 };

struct colour {
	char text[16];
};

static struct colour colour(unsigned token)
{
	struct colour colour;

	snprintf(colour.text, sizeof colour.text, "'#0101%02x'", token & 0xff);
	return colour;
}

static unsigned ink_token(const struct plot_series *series)
{
	return PLOT_TOKEN_INK + (series->ink + PLOT_INKS - 1) % PLOT_INKS;
}

/* As gnuplot quotes: some characters are doubled, as a quote. */
static void print_doubled(struct text *script, const char *string, const char *doubled)
{
	text_append(script, "'", 1);
	for (; *string != '\0'; string++) {
		text_append(script, string, 1);
		if (strchr(doubled, *string) != NULL)
			text_append(script, string, 1);
	}
	text_append(script, "'", 1);
}

static void print_quoted(struct text *script, const char *string)
{
	print_doubled(script, string, "'");
}

/* ---- the range and the unit of the ordinate */

struct range {
	double min, max; /* of what is finite, and on a log scale positive */
};

static void range_widen(struct range *range, const struct plot *plot, const double *y)
{
	for (size_t i = 0; y != NULL && i < plot->points; i++) {
		if (!isfinite(y[i]) || (plot->y_log && y[i] <= 0))
			continue;
		range->min = fmin(range->min, y[i]);
		range->max = fmax(range->max, y[i]);
	}
}

static struct range range_of(const struct plot *plot)
{
	struct range range = { INFINITY, -INFINITY };

	for (size_t i = 0; i < plot->series_count; i++) {
		range_widen(&range, plot, plot->series[i].y);
		range_widen(&range, plot, plot->series[i].top);
	}
	if (range.min > range.max)
		range = (struct range){ 1, 1 };
	return range;
}

/* What the ordinate is divided by, and the name of that unit. */
static double unit_of(enum plot_unit unit, double max, const char **name)
{
	static const char *const bytes[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	static const char *const count[] = { "", "k", "M", "G", "T" };
	double step = unit == PLOT_BYTES ? 1024 : 1000;
	double divisor = 1;
	int i = 0;

	*name = "";
	if (unit != PLOT_BYTES && unit != PLOT_COUNT)
		return 1;
	while (i < 4 && max >= 2 * divisor * step) {
		divisor *= step;
		i++;
	}
	*name = unit == PLOT_BYTES ? bytes[i] : count[i];
	return divisor;
}

/* ---- the script */

static void print_look(struct text *script, const struct plot *plot, int out)
{
	text_print(script,
	           "set terminal svg size %u,%u dynamic noenhanced name '%s' font 'sans-serif,12'\n"
	           "set output '/proc/self/fd/%d'\n"
	           "set key off\nset datafile missing 'NaN'\n"
	           "set border 1 lc rgb %s lw 1\n"
	           "set tics nomirror scale 0 textcolor rgb %s\n"
	           "set grid ytics noxtics lc rgb %s lw 1 dt solid\n"
	           "set lmargin 7\nset rmargin 2\nset tmargin 1.7\nset bmargin %s\n",
	           plot_width(plot), plot_height(plot), plot->name, out,
	           colour(PLOT_TOKEN_AXIS).text, colour(PLOT_TOKEN_TEXT).text,
	           colour(PLOT_TOKEN_GRID).text, plot->x_label != NULL ? "3" : "2");
}

static void print_x_axis(struct text *script, const struct plot *plot)
{
	if (plot->x_label != NULL) {
		text_print(script, "set xlabel ");
		print_quoted(script, plot->x_label);
		text_print(script, " textcolor rgb %s offset 0,0.6\n",
		           colour(PLOT_TOKEN_TEXT).text);
	}
	if (plot->x_unit != PLOT_NAMES) {
		if (plot->points > 1)
			text_print(script, "set xrange [%.10g:%.10g]\n", plot->x[0],
			           plot->x[plot->points - 1]);
		return;
	}
	text_print(script, "set xrange [-0.6:%.10g]\nset xtics (", (double)plot->points - 0.4);
	for (size_t i = 0; i < plot->points; i++) {
		text_print(script, i > 0 ? ", " : "");
		print_doubled(script, plot->x_name[i], "'%"); /* names of tics are formats */
		text_print(script, " %zu", i);
	}
	text_print(script, ")\n");
}

static void print_log_axis(struct text *script, const struct plot *plot, struct range range)
{
	double low = pow(10, floor(log10(range.min)));
	double high = pow(10, ceil(log10(range.max * 1.01)));
	const char *before = "";

	/* A little more, or the lowest tic is lost to rounding. */
	text_print(script, "set logscale y\nset yrange [%.10g:%.10g]\nset ytics (", low * 0.98,
	           high);
	for (double at = low; at <= high * 1.01; at *= 10) {
		struct figure name = plot->y_unit == PLOT_NS ? format_ns(at) : format_count(at);

		/* "10.0 us": powers of ten are whole. */
		char *zero = strstr(name.text, ".0");
		if (zero != NULL)
			memmove(zero, zero + 2, strlen(zero + 2) + 1);
		text_print(script, "%s'%s' %.10g", before, name.text, at);
		before = ", ";
	}
	text_print(script, ")\n");
}

/* Returns what the data are divided by. */
static double print_y_axis(struct text *script, const struct plot *plot)
{
	struct range range = range_of(plot);
	const char *unit;
	double divisor = unit_of(plot->y_unit, range.max, &unit);
	double top = range.max > 0 ? range.max / divisor * 1.06 : 1;

	if (plot->y_log)
		print_log_axis(script, plot, range);
	else
		text_print(script, "set yrange [%.10g:%.10g]\nset ytics autofreq\n",
		           fmin(range.min / divisor, 0), top);
	/* Above the axis: a turned label is hard to read. */
	text_print(script, "set label 1 ");
	char label[96];
	snprintf(label, sizeof label, "%s%s%s", unit,
	         *unit != '\0' && plot->y_label != NULL ? " " : "",
	         plot->y_label != NULL ? plot->y_label : "");
	print_quoted(script, label);
	text_print(script, " at graph 0, graph 1 left offset character -4.5,0.9 textcolor rgb %s\n",
	           colour(PLOT_TOKEN_TEXT).text);
	return divisor;
}

static void print_spans(struct text *script, const struct plot *plot)
{
	for (size_t i = 0; i < plot->span_count; i++)
		text_print(
		    script,
		    "set object %zu rectangle from first %.10g, graph 0 to first %.10g, graph 1 "
		    "fc rgb %s fs solid 1 noborder behind\n",
		    i + 1, plot->span[i].from, plot->span[i].to, colour(PLOT_TOKEN_SPAN).text);
}

/* A row is x, then y and top of each series. */
static void print_data(struct text *script, const struct plot *plot, double divisor)
{
	text_print(script, "$data << END\n");
	for (size_t i = 0; i < plot->points; i++) {
		text_print(script, "%.10g", plot->x_unit == PLOT_NAMES ? (double)i : plot->x[i]);
		for (size_t j = 0; j < plot->series_count; j++) {
			const struct plot_series *series = &plot->series[j];
			const double *column[] = { series->y,
				                   series->top ? series->top : series->y };

			for (size_t k = 0; k < 2; k++) {
				double value = column[k][i] / divisor;

				if (isfinite(value) && !(plot->y_log && value <= 0))
					text_print(script, " %.7g", value);
				else
					text_print(script, " NaN");
			}
		}
		text_print(script, "\n");
	}
	text_print(script, "END\n");
}

static void print_series(struct text *script, const struct plot *plot, size_t number)
{
	const struct plot_series *series = &plot->series[number];
	size_t y = 2 + 2 * number;
	struct colour ink = colour(ink_token(series));

	if (series->kind == PLOT_BARS) {
		double width = 0.8 / (double)plot->series_count;
		double offset = ((double)number - (double)(plot->series_count - 1) / 2) * width;

		text_print(
		    script,
		    "$data using ($1%+.6g):%zu:(%.6g) with boxes fc rgb %s fs solid 1 noborder",
		    offset, y, width * 0.9, ink.text);
		return;
	}
	if (series->top != NULL)
		text_print(script,
		           "$data using 1:%zu:%zu with filledcurves fc rgb %s "
		           "fs transparent solid 0.18 noborder, ",
		           y, y + 1, ink.text);
	if (series->area)
		text_print(
		    script,
		    "$data using 1:%zu with %s fc rgb %s fs transparent solid 0.14 noborder, ", y,
		    series->kind == PLOT_STEP ? "fillsteps" : "filledcurves y1=0", ink.text);
	text_print(script, "$data using 1:%zu with %s lw 1.8 lc rgb %s", y,
	           series->kind == PLOT_STEP ? "steps" : "lines", ink.text);
}

static void print_script(struct text *script, const struct plot *plot, int out)
{
	print_look(script, plot, out);
	print_x_axis(script, plot);
	double divisor = print_y_axis(script, plot);
	print_spans(script, plot);
	print_data(script, plot, divisor);
	text_print(script, "plot ");
	for (size_t i = 0; i < plot->series_count; i++) {
		text_print(script, i > 0 ? ", " : "");
		print_series(script, plot, i);
	}
	text_print(script, "\nunset output\n");
}

/* ---- the child */

/* The environment without what is preloaded: that is for the program that reports. */
static char **child_environment(char *into[], size_t slots)
{
	size_t used = 0;

	for (char **entry = environ; *entry != NULL && used + 1 < slots; entry++) {
		if (strncmp(*entry, "LD_PRELOAD=", sizeof "LD_PRELOAD=" - 1) != 0)
			into[used++] = *entry;
	}
	into[used] = NULL;
	return into;
}

/* Its status as of waitpid; one that takes too long is ended. */
static int await(pid_t child)
{
	struct timespec nap = { .tv_nsec = GNUPLOT_POLL_MS * 1000000 };
	int status = -1;

	for (int waited_ms = 0; waited_ms < GNUPLOT_MAX_MS; waited_ms += GNUPLOT_POLL_MS) {
		pid_t ended = waitpid(child, &status, WNOHANG);

		if (ended == child)
			return status;
		if (ended < 0 && errno != EINTR)
			return -1;
		nanosleep(&nap, NULL);
	}
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return -1;
}

static enum plot_result run_gnuplot(int script)
{
	char path[32], command[] = "gnuplot";
	char *arguments[] = { command, path, NULL };
	char *environment[512];
	pid_t child;

	snprintf(path, sizeof path, "/proc/self/fd/%d", script);
	int error = posix_spawnp(
	    &child, command, NULL, NULL, arguments,
	    child_environment(environment, sizeof environment / sizeof environment[0]));
	if (error == ENOENT)
		return PLOT_NO_GNUPLOT;
	if (error != 0) {
		fprintf(stderr, "gnuplot could not be started: %s\n", strerror(error));
		return PLOT_FAILED;
	}
	int status = await(child);
	/* 127: found, and yet not started. */
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return PLOT_NO_GNUPLOT;
	return status == 0 ? PLOT_DRAWN : PLOT_FAILED;
}

/* ---- together */

static enum plot_result draw(const struct plot *plot, struct text *svg, int script_file, int out)
{
	struct text text = { 0 };

	print_script(&text, plot, out);
	bool ready =
	    !text.failed && write(script_file, text.bytes, text.used) == (ssize_t)text.used;
	text_end(&text);
	enum plot_result result = ready ? run_gnuplot(script_file) : PLOT_FAILED;
	if (result != PLOT_DRAWN)
		return result;
	if (!text_read(&text, out) || text.bytes == NULL || !plot_svg_copy(svg, plot, text.bytes))
		result = PLOT_FAILED;
	text_end(&text);
	return result;
}

enum plot_result plot_draw(const struct plot *plot, struct text *svg)
{
	/* Not closed on exec: the child reads and writes them by their number. */
	int script = memfd_create("plot-script", 0);
	int out = memfd_create("plot-drawing", 0);
	enum plot_result result = PLOT_FAILED;
	struct text drawn = { 0 };

	if (script >= 0 && out >= 0 && plot->points > 0)
		result = draw(plot, &drawn, script, out);
	if (result == PLOT_DRAWN)
		text_append(svg, drawn.bytes, drawn.used);
	text_end(&drawn);
	if (script >= 0)
		close(script);
	if (out >= 0)
		close(out);
	return result;
}
