#include "screen.h"

#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_LEAST = 10, COLUMNS_LEAST = 40 };
enum { PAIR_TITLE = 1, PAIR_ALERT };

static bool coloured;

static const char *scaled(double value, double base, const char *const *suffix, unsigned width)
{
	static char text[8][32];
	static unsigned next;
	char *to = text[next++ % 8];
	bool scaled_down = false;
	while (value >= base && suffix[1] != NULL) {
		value /= base;
		suffix++;
		scaled_down = true;
	}
	char number[24];
	snprintf(number, sizeof number, "%.*f%s", scaled_down && value < 99.95 ? 1 : 0, value,
	         *suffix);
	snprintf(to, sizeof text[0], "%*s", (int)width, number);
	return to;
}

const char *show_bytes(double bytes, unsigned width)
{
	static const char *const suffix[] = { "", "K", "M", "G", "T", NULL };
	return scaled(bytes, 1024, suffix, width);
}

const char *show_count(double count, unsigned width)
{
	static const char *const suffix[] = { "", "k", "m", "g", "t", NULL };
	return scaled(count, 1000, suffix, width);
}

const char *show_time(double ns, unsigned width)
{
	static const char *const suffix[] = { "ns", "us", "ms", "s", NULL };
	return scaled(ns, 1000, suffix, width);
}

void put_at(int y, int x, const char *format, ...)
{
	char text[512];
	va_list args;
	if (y < 0 || y >= LINES || x >= COLS)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	mvaddnstr(y, x, text, COLS - x); /* plain ASCII: a byte is a column */
}

void head_at(int y, const char *text)
{
	attron(A_BOLD);
	put_at(y, 0, "%s", text);
	attroff(A_BOLD);
}

bool screen_begin(struct screen *screen, bool colours, bool ascii)
{
	setlocale(LC_ALL, "");
	if (newterm(NULL, stdout, stdin) == NULL) {
		const char *terminal = getenv("TERM");
		fprintf(stderr, "tide-top: can't show anything on terminal type '%s'; try --once\n",
		        terminal != NULL ? terminal : "");
		return false;
	}
	*screen = (struct screen){ .sort = COLUMN_HELD, .filter = { 0, UINT64_MAX } };
	screen->ascii = ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	set_escdelay(50);
	curs_set(0);
	scrollok(stdscr, FALSE);
	coloured = colours && getenv("NO_COLOR") == NULL && has_colors();
	if (coloured) {
		start_color();
		use_default_colors();
		init_pair(PAIR_TITLE, COLOR_CYAN, -1);
		init_pair(PAIR_ALERT, COLOR_RED, -1);
	}
	return true;
}

void screen_end(void)
{
	endwin();
}

static void title(const struct scene *scene)
{
	const struct page *page = scene->page;
	attron(A_BOLD | (coloured ? COLOR_PAIR(PAIR_TITLE) : 0));
	put_at(0, 0, "tide-top  %s (%d)", page->name, (int)page->pid);
	if (scene->known) {
		const struct tide_stats_snapshot *now = scene->snapshot;
		put_at(0, 34, "Tide %u.%u.%u  threads %llu  heaps %llu",
		       (unsigned)(now->library >> 32), (unsigned)(now->library >> 16 & 0xffff),
		       (unsigned)(now->library & 0xffff), (unsigned long long)now->all.threads,
		       (unsigned long long)now->all.heaps);
	}
	attroff(A_BOLD | (coloured ? COLOR_PAIR(PAIR_TITLE) : 0));
}

/* Line 1: what is the matter, or the totals. */
static void status(const struct screen *screen, const struct scene *scene)
{
	char text[256] = "";
	const struct page *page = scene->page;
	const struct tide_stats *all = &scene->snapshot->all;
	switch (page->state) {
	case PAGE_ENDED:
		snprintf(text, sizeof text,
		         "PROCESS %d HAS ENDED. These are its last figures. q leaves.",
		         (int)page->pid);
		break;
	case PAGE_LEFT:
		snprintf(
		    text, sizeof text,
		    "PROCESS %d HAS NO PAGE ANY MORE (another program, or its GC thread stopped).",
		    (int)page->pid);
		break;
	case PAGE_BUSY:
		snprintf(text, sizeof text, "the page is being written all the time; old figures");
		break;
	default:
		if (scene->known && !scene->snapshot->balanced)
			snprintf(text, sizeof text,
			         "THE BOOKS DO NOT BALANCE: blocks were lost or invented");
	}
	if (text[0] != '\0') {
		attron(A_REVERSE | (coloured ? COLOR_PAIR(PAIR_ALERT) : 0));
		put_at(1, 0, "%s", text);
		attroff(A_REVERSE | (coloured ? COLOR_PAIR(PAIR_ALERT) : 0));
	} else if (scene->known) {
		put_at(1, 0, "holds %s of %s mapped   rss %s   live %s   returned %s%s",
		       show_bytes((double)all->resident_bytes, 0),
		       show_bytes((double)all->mapped_bytes, 0),
		       show_bytes((double)scene->rss_bytes, 0),
		       show_bytes((double)all->live_bytes, 0),
		       show_bytes((double)all->gc_returned_bytes, 0),
		       screen->paused ? "   PAUSED" : "");
	}
}

static void keys(const struct screen *screen)
{
	static const char *const name[VIEW_COUNT] = { "memory", "classes", "queues", "GC",
		                                      "threads" };
	int x = 0;
	if (screen->filter_typing) {
		put_at(LINES - 1, 0, "lengths, as 64, 1K-4K, 8K- or -128, Enter: %s_",
		       screen->filter_text);
		return;
	}
	for (int i = 0; i < VIEW_COUNT; i++) {
		char text[24];
		snprintf(text, sizeof text, "%d %s", i + 1, name[i]);
		if (screen->view == (enum view)i)
			attron(A_REVERSE);
		put_at(LINES - 1, x, "%s", text);
		attroff(A_REVERSE);
		x += (int)strlen(text) + 2;
	}
	put_at(LINES - 1, x, "%s",
	       screen->filter_wrong ? "filter? 64, 1K-4K, 8K-, -128"
	                            : "s sort  / filter  p pause  ? q");
}

static void help(int from)
{
	static const char *const line[] = {
		"1-5, Tab     the views: memory, classes, queues, GC, threads",
		"s, S         sort by the next, the previous column;  r  turns the order round",
		"/            show only some lengths: 64, 1K-4K, 8K-, -128; empty: all",
		"up, down     scroll, also k, j, PgUp, PgDn, Home",
		"p, space     pause: the figures stay; the process goes on",
		"q            leave",
		"",
		"Bytes are in K, M, G of 1024, counts in k, m, g of 1000. Blocks in the bins",
		"of threads are as of their last misses, so live is right up to one bin for",
		"each class and thread. The process writes its page four times a second while",
		"its GC thread is awake; while it sleeps nothing waits for it.",
	};
	for (size_t i = 0; i < sizeof line / sizeof line[0]; i++)
		put_at(from + (int)i, 2, "%s", line[i]);
}

void screen_draw(struct screen *screen, const struct scene *scene)
{
	erase();
	if (LINES < LINES_LEAST || COLS < COLUMNS_LEAST) {
		put_at(0, 0, "tide-top needs %dx%d", COLUMNS_LEAST, LINES_LEAST);
		refresh();
		return;
	}
	title(scene);
	status(screen, scene);
	int from = 3, to = LINES - 1;
	if (screen->help) {
		help(from);
	} else if (!scene->known) {
		put_at(from, 2, "no figures yet");
	} else {
		switch (screen->view) {
		case VIEW_MEMORY:
			view_memory(screen, scene, from, to);
			break;
		case VIEW_CLASSES:
			view_classes(screen, scene, from, to);
			break;
		case VIEW_QUEUES:
			view_queues(screen, scene, from, to);
			break;
		case VIEW_GC:
			view_gc(screen, scene, from, to);
			break;
		default:
			view_threads(screen, scene, from, to);
		}
	}
	keys(screen);
	refresh();
}

static void type(struct screen *screen, int key)
{
	size_t length = strlen(screen->filter_text);
	if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		screen->filter_typing = false;
		screen->filter_wrong = !filter_parse(&screen->filter, screen->filter_text);
		screen->scroll = 0;
	} else if (key == 27) {
		screen->filter_typing = false;
	} else if (key == KEY_BACKSPACE || key == 127 || key == 8) {
		if (length > 0)
			screen->filter_text[length - 1] = '\0';
	} else if (key >= ' ' && key < 127 && length + 1 < sizeof screen->filter_text) {
		screen->filter_text[length] = (char)key;
		screen->filter_text[length + 1] = '\0';
	}
}

static void turn_to(struct screen *screen, enum view view)
{
	screen->view = view;
	screen->scroll = 0;
	screen->help = false;
}

static void scroll_by(struct screen *screen, int lines)
{
	long to = (long)screen->scroll + lines;
	screen->scroll = to > 0 ? (unsigned)to : 0;
}

bool screen_key(struct screen *screen, int key)
{
	if (screen->filter_typing) {
		type(screen, key);
		return true;
	}
	screen->filter_wrong = false;
	if ('1' <= key && key < '1' + VIEW_COUNT)
		turn_to(screen, (enum view)(key - '1'));
	switch (key) {
	case 'q':
	case 'Q':
		return false;
	case '\t':
		turn_to(screen, (screen->view + 1) % VIEW_COUNT);
		break;
	case 's':
	case KEY_RIGHT:
		screen->sort = (screen->sort + 1) % COLUMN_COUNT;
		break;
	case 'S':
	case KEY_LEFT:
		screen->sort = (screen->sort + COLUMN_COUNT - 1) % COLUMN_COUNT;
		break;
	case 'r':
		screen->reverse = !screen->reverse;
		break;
	case '/':
		screen->filter_typing = true;
		screen->filter_text[0] = '\0';
		break;
	case 'p':
	case ' ':
		screen->paused = !screen->paused;
		break;
	case '?':
	case 'h':
		screen->help = !screen->help;
		break;
	case KEY_DOWN:
	case 'j':
		scroll_by(screen, 1);
		break;
	case KEY_UP:
	case 'k':
		scroll_by(screen, -1);
		break;
	case KEY_NPAGE:
		scroll_by(screen, 10);
		break;
	case KEY_PPAGE:
		scroll_by(screen, -10);
		break;
	case KEY_HOME:
		screen->scroll = 0;
		break;
	default:
		break;
	}
	return true;
}
