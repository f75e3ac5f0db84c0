/* tide-top: what a process that runs with Tide holds and does, live in a terminal. */
#include "options_text.h"
#include "page.h"
#include "screen.h"

#include <ctype.h>
#include <curses.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, PROCESSES_MAX = 256 };

struct arguments {
	const char *target; /* a number or a name; NULL: whoever there is */
	double interval_s;
	bool once, list, plain, ascii;
	enum tide_stats_format format;
};

static void usage(FILE *out)
{
	fputs(
	    "usage: tide-top [OPTION]... [PID|NAME]\n"
	    "Watch a process that runs with Tide. Without PID or NAME: the only one there is.\n"
	    "\n"
	    "  -d, --delay SECONDS   between two looks, 0.1 to 60 (default 1)\n"
	    "  -1, --once FORMAT     print the figures of now and leave: text, json, openmetrics\n"
	    "  -l, --list            list the processes that can be watched\n"
	    "  -n, --no-colour       no colours, as when NO_COLOR is set\n"
	    "  -a, --ascii           plain characters only\n"
	    "  -h, --help            this; --help options: what can be set in TIDE_... variables\n",
	    out);
}

static int wrong(const char *what, const char *value, const char *valid)
{
	fprintf(stderr, "tide-top: %s '%s': %s\n", what, value, valid);
	return EXIT_USAGE;
}

static int help(const char *topic)
{
	if (topic == NULL)
		usage(stdout);
	else if (strcmp(topic, "options") == 0)
		options_print(stdout, OPTIONS_TEXT);
	else
		return wrong("help", topic, "there is --help, and --help options");
	return 0;
}

static bool parse_format(const char *text, enum tide_stats_format *format)
{
	static const char *const name[] = { "text", "json", "openmetrics" };
	for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
		if (strcmp(text, name[i]) == 0) {
			*format = (enum tide_stats_format)i;
			return true;
		}
	}
	return false;
}

static bool is(const char *argument, const char *letter, const char *word)
{
	return strcmp(argument, letter) == 0 || strcmp(argument, word) == 0;
}

/* -1: go on; else the status to leave with. */
static int parse(int count, char **argument, struct arguments *into)
{
	*into = (struct arguments){ .interval_s = 1 };
	for (int i = 1; i < count; i++) {
		const char *given = argument[i];
		const char *next = i + 1 < count ? argument[i + 1] : NULL;
		char *end;
		if (is(given, "-h", "--help"))
			return help(next);
		if (is(given, "-l", "--list")) {
			into->list = true;
		} else if (is(given, "-n", "--no-colour") || strcmp(given, "--no-color") == 0) {
			into->plain = true;
		} else if (is(given, "-a", "--ascii")) {
			into->ascii = true;
		} else if (is(given, "-d", "--delay")) {
			into->interval_s = next != NULL ? strtod(next, &end) : 0;
			if (next == NULL || end == next || *end != '\0' ||
			    !(into->interval_s >= 0.1 && into->interval_s <= 60))
				return wrong(given, next != NULL ? next : "",
				             "wants seconds from 0.1 to 60");
			i++;
		} else if (is(given, "-1", "--once")) {
			if (next == NULL || !parse_format(next, &into->format))
				return wrong(given, next != NULL ? next : "",
				             "wants text, json or openmetrics");
			into->once = true;
			i++;
		} else if (given[0] == '-') {
			return wrong("option", given, "there is no such one; see --help");
		} else if (into->target != NULL) {
			return wrong("process", given, "one at a time");
		} else {
			into->target = given;
		}
	}
	return -1;
}

static int list(void)
{
	static pid_t found[PROCESSES_MAX];
	static struct tide_stats_snapshot snapshot;
	size_t count = page_processes(found, PROCESSES_MAX);
	if (count == 0) {
		fprintf(stderr, "tide-top: no process with Tide's page that you may look into\n");
		return 1;
	}
	printf("    pid  threads      held      live  program\n");
	for (size_t i = 0; i < count; i++) {
		struct page page;
		if (page_open(&page, found[i]) == PAGE_LIVE &&
		    page_read(&page, &snapshot) == PAGE_LIVE)
			printf("%7d %8llu  %s  %s  %s\n", (int)found[i],
			       (unsigned long long)snapshot.all.threads,
			       show_bytes((double)snapshot.all.resident_bytes, 8),
			       show_bytes((double)snapshot.all.live_bytes, 8), page.name);
		else
			printf("%7d  (another version of Tide, or ending)  %s\n", (int)found[i],
			       page.name);
		page_close(&page);
	}
	return 0;
}

/* Which process is meant; 0 after a message. */
static pid_t choose(const char *target)
{
	static pid_t found[PROCESSES_MAX];
	char name[32];
	pid_t chosen = 0;
	size_t matches = 0;
	if (target != NULL && isdigit((unsigned char)target[0])) {
		char *end;
		long pid = strtol(target, &end, 10);
		if (*end == '\0' && 0 < pid && pid <= 1 << 22)
			return (pid_t)pid;
		(void)wrong("process", target, "its number is from 1 to 4194304");
		return 0;
	}
	size_t count = page_processes(found, PROCESSES_MAX);
	for (size_t i = 0; i < count; i++) {
		page_process_name(found[i], name, sizeof name);
		if (target == NULL || strcmp(name, target) == 0) {
			chosen = chosen == 0 ? found[i] : chosen;
			matches++;
		}
	}
	if (matches == 1)
		return chosen;
	if (matches == 0 && target != NULL)
		fprintf(stderr,
		        "tide-top: no process '%s' with Tide's page that you may look into\n",
		        target);
	else if (matches == 0)
		fprintf(stderr, "tide-top: no process with Tide's page that you may look into\n");
	else
		fprintf(stderr, "tide-top: %zu processes; say which (tide-top --list)\n", matches);
	return 0;
}

static int refuse(const struct page *page)
{
	if (page->state == PAGE_OTHER_VERSION)
		fprintf(stderr,
		        "tide-top: process %d runs Tide %u.%u.%u, whose page has layout %llu; this "
		        "tide-top reads layout %d\n",
		        (int)page->pid, (unsigned)(page->library >> 32),
		        (unsigned)(page->library >> 16 & 0xffff),
		        (unsigned)(page->library & 0xffff), (unsigned long long)page->layout,
		        TIDE_STATS_LAYOUT);
	else
		fprintf(stderr, "tide-top: %s\n", page->why);
	return 1;
}

static int print_once(struct page *page, enum tide_stats_format format)
{
	static struct tide_stats_snapshot snapshot;
	enum page_state state = page_read(page, &snapshot);
	if (state != PAGE_LIVE && state != PAGE_ENDED) {
		fprintf(stderr, "tide-top: the page of process %d could not be read\n",
		        (int)page->pid);
		return 1;
	}
	size_t bytes = tide_stats_format(&snapshot, format, NULL, 0);
	char *text = malloc(bytes);
	if (text == NULL)
		return 1;
	(void)tide_stats_format(&snapshot, format, text, bytes);
	bool written = fwrite(text, 1, bytes, stdout) == bytes && fflush(stdout) == 0;
	free(text);
	return written ? 0 : 1;
}

static int watch(struct page *page, const struct arguments *arguments)
{
	static struct tide_stats_snapshot snapshot;
	static struct history history;
	struct screen screen;
	struct scene scene = { .page = page, .snapshot = &snapshot, .history = &history };
	scene.interval_s = arguments->interval_s;
	if (!screen_begin(&screen, !arguments->plain, arguments->ascii))
		return 1;
	bool stay = true;
	timeout((int)(arguments->interval_s * 1000));
	bool look = true;
	while (stay) {
		if (look && !screen.paused && page->state != PAGE_ENDED) {
			enum page_state state = page_read(page, &snapshot);
			if (snapshot.magic == TIDE_STATS_MAGIC) {
				uint64_t rss_bytes = page_resident_bytes(page);
				scene.known = true;
				if (rss_bytes != 0)
					scene.rss_bytes = rss_bytes;
				if (state == PAGE_LIVE)
					history_add(&history, &snapshot, scene.rss_bytes);
			}
		}
		screen_draw(&screen, &scene);
		int key = getch();
		look = key == ERR;
		if (key != ERR)
			stay = screen_key(&screen, key);
	}
	screen_end();
	return 0;
}

int main(int count, char **argument)
{
	struct arguments arguments;
	struct page page;
	int status = parse(count, argument, &arguments);
	if (status >= 0)
		return status;
	if (arguments.list)
		return list();
	pid_t pid = choose(arguments.target);
	if (pid == 0)
		return 1;
	if (page_open(&page, pid) != PAGE_LIVE)
		status = refuse(&page);
	else if (arguments.once)
		status = print_once(&page, arguments.format);
	else
		status = watch(&page, &arguments);
	page_close(&page);
	return status;
}
