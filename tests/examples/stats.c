/* Statistics in a server: what the allocator holds and did, served in the OpenMetrics format for a
 * monitoring system to fetch, as any other page. (A program that has no server of its own sets
 * TIDE_STATS=unix:PATH instead.)
 *
 * Expects:
 *   200 OK, and it ends as OpenMetrics does: yes
 *   figures for live memory: yes
 *   100 blocks of 1000 bytes show: yes
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <tide/stats.h>
#include <unistd.h>

enum { BLOCKS = 100, BLOCK_BYTES = 1000, PAGE_ROOM = 1024 * 1024 };

static void write_all(int fd, const char *text, size_t bytes)
{
	while (bytes > 0) {
		ssize_t written = write(fd, text, bytes);
		if (written <= 0)
			return; /* the client went away */
		text += written;
		bytes -= (size_t)written;
	}
}

/* GET anything: the statistics of now. */
static void *serve_one(void *argument)
{
	static struct tide_stats_snapshot snapshot; /* 50 KiB: not on the stack */
	char request[1024];
	int fd = accept(*(int *)argument, NULL, NULL);

	if (fd < 0 || read(fd, request, sizeof request) <= 0)
		return NULL;
	tide_stats_take_snapshot(&snapshot);
	size_t bytes = tide_stats_format(&snapshot, TIDE_STATS_OPENMETRICS, NULL, 0);
	char *page = (char *)malloc(bytes);
	if (page != NULL) {
		static const char head[] = "HTTP/1.0 200 OK\r\n"
					   "Content-Type: application/openmetrics-text; "
					   "version=1.0.0; charset=utf-8\r\n\r\n";
		(void)tide_stats_format(&snapshot, TIDE_STATS_OPENMETRICS, page, bytes);
		write_all(fd, head, sizeof head - 1);
		write_all(fd, page, bytes);
	}
	free(page);
	close(fd);
	return NULL;
}

int main(void)
{
	static char page[PAGE_ROOM];
	struct sockaddr_in address;
	socklen_t bytes = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	struct tide_stats before, after;
	char *block[BLOCKS];
	pthread_t thread;
	size_t length = 0;
	ssize_t got;

	memset(&address, 0, sizeof address);
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK); /* any free port of it */
	if (bind(listener, (struct sockaddr *)&address, bytes) != 0 || listen(listener, 1) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &bytes) != 0 ||
	    pthread_create(&thread, NULL, serve_one, &listener) != 0 ||
	    connect(client, (struct sockaddr *)&address, bytes) != 0) {
		perror("socket");
		return 1;
	}
	write_all(client, "GET /metrics HTTP/1.0\r\n\r\n", 25);
	while ((got = read(client, page + length, sizeof page - 1 - length)) > 0)
		length += (size_t)got;
	page[length] = '\0';
	pthread_join(thread, NULL);
	close(client);
	close(listener);
	int is_whole = strncmp(page, "HTTP/1.0 200 OK\r\n", 17) == 0 && length > 6 &&
	               strcmp(page + length - 6, "# EOF\n") == 0;
	printf("200 OK, and it ends as OpenMetrics does: %s\n", is_whole ? "yes" : "no");
	printf("figures for live memory: %s\n", strstr(page, "live_bytes") != NULL ? "yes" : "no");

	/* The same figures for the program itself. */
	tide_stats_read(&before, sizeof before);
	for (int i = 0; i < BLOCKS; i++)
		block[i] = (char *)malloc(BLOCK_BYTES);
	tide_stats_read(&after, sizeof after);
	int they_show = after.live_bytes >= before.live_bytes + (uint64_t)BLOCKS * BLOCK_BYTES;
	printf("100 blocks of 1000 bytes show: %s\n", they_show ? "yes" : "no");
	for (int i = 0; i < BLOCKS; i++)
		free(block[i]);
	return 0;
}
