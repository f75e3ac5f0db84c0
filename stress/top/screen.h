/* What tide-top shows: five views in a terminal of any size from 40x10 on; made for 80x24. */
#ifndef TOP_SCREEN_H
#define TOP_SCREEN_H

#include "history.h"
#include "page.h"
#include "table.h"

enum view { VIEW_MEMORY, VIEW_CLASSES, VIEW_QUEUES, VIEW_GC, VIEW_THREADS, VIEW_COUNT };

struct screen {
	enum view view;
	enum column sort;
	bool reverse;
	struct filter filter;
	char filter_text[24];
	bool filter_typing; /* the text is being typed */
	bool filter_wrong;
	unsigned scroll;
	bool paused, help, ascii;
};

struct scene {
	const struct page *page;
	const struct tide_stats_snapshot *snapshot;
	bool known; /* there is a snapshot */
	const struct history *history;
	uint64_t rss_bytes;
	double interval_s;
};

/* Take the terminal, and give it back. False: it can't show anything (after a message). */
bool screen_begin(struct screen *screen, bool colours, bool ascii);
void screen_end(void);
void screen_draw(struct screen *screen, const struct scene *scene);
/* A key. False: the user wants to leave. */
bool screen_key(struct screen *screen, int key);

/* "12.3M", "4.5k", for reuse; right-aligned to `width`. */
const char *show_bytes(double bytes, unsigned width);
const char *show_count(double count, unsigned width);
const char *show_time(double ns, unsigned width);

/* views.c. Each draws into lines [from, to). */
void view_memory(const struct screen *screen, const struct scene *scene, int from, int to);
void view_classes(struct screen *screen, const struct scene *scene, int from, int to);
void view_queues(struct screen *screen, const struct scene *scene, int from, int to);
void view_gc(const struct screen *screen, const struct scene *scene, int from, int to);
void view_threads(struct screen *screen, const struct scene *scene, int from, int to);

/* Print at a place, cut at the edge of the terminal. */
void put_at(int y, int x, const char *format, ...) __attribute__((format(printf, 3, 4)));
void head_at(int y, const char *text);

#endif
