/* The stats page of another process (<tide/stats.h>): where it is, what it says now, and whether it
 * is still written.
 *
 * The page is read, not mapped, and its numbers are not believed: the process may be anybody's.
 */
#ifndef TOP_PAGE_H
#define TOP_PAGE_H

#include <stdbool.h>
#include <sys/types.h>
#include <tide/stats.h>

enum page_state {
	PAGE_LIVE,
	PAGE_NONE,          /* the process has no page; `why` says more */
	PAGE_OTHER_VERSION, /* it has one that is laid out in another way */
	PAGE_ENDED,         /* the process is gone; the last figures stay */
	PAGE_LEFT, /* the process goes on without Tide's page: another program, no GC thread */
	PAGE_BUSY  /* it was being written each time we looked */
};

struct page {
	pid_t pid;
	int file;   /* -1: none */
	int handle; /* of the process */
	char path[96];
	char name[32];
	enum page_state state;
	uint64_t layout, library; /* of the page that was found */
	char why[160];            /* PAGE_NONE: for people */
};

/* Look for the page of a process. Returns page->state: LIVE, NONE or OTHER_VERSION. */
enum page_state page_open(struct page *page, pid_t pid);
/* Its figures of now into *snapshot, which is left alone when there are none. */
enum page_state page_read(struct page *page, struct tide_stats_snapshot *snapshot);
void page_close(struct page *page);

/* Resident memory of the process as the system counts it, 0 when unknown. */
uint64_t page_resident_bytes(const struct page *page);

/* The processes that have a page, in the order of their numbers; returns how many, `room` at
 * most. */
size_t page_processes(pid_t *list, size_t room);
/* The name of a process's program; "?" when unknown. */
void page_process_name(pid_t pid, char *name, size_t bytes);

#endif
