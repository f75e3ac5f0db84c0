/* malloc and its family in a server: one thread for each connection, lines that grow as they come
 * in, answers that another thread frees. Nothing here names Tide: to be linked with libtide.a, or
 * run under libtide-preload.so, is all.
 *
 * Each client sends words; the server answers with the line reversed.
 *
 * Expects:
 *   8 connections, 400 lines answered
 */
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 8, LINES = 50 };

static void give_up(const char *what)
{
	perror(what);
	exit(1);
}

/* The next line, without its end, in a block of its own; NULL at the end of the connection. */
static char *read_line(int fd)
{
	size_t room = 16, length = 0;
	char *line = (char *)malloc(room);

	while (line != NULL && read(fd, line + length, 1) == 1) {
		if (line[length] == '\n') {
			line[length] = '\0';
			return line;
		}
		if (++length == room) {
			char *longer = (char *)realloc(line, room *= 2);
			if (longer == NULL)
				break;
			line = longer;
		}
	}
	free(line);
	return NULL;
}

static void write_line(int fd, const char *text)
{
	size_t length = strlen(text);
	char *line = (char *)malloc(length + 1);

	if (line == NULL)
		give_up("malloc");
	memcpy(line, text, length);
	line[length] = '\n';
	if (write(fd, line, length + 1) != (ssize_t)(length + 1))
		give_up("write");
	free(line);
}

static void *serve(void *argument)
{
	int fd = *(int *)argument;
	char *line;

	free(argument); /* the accepting thread's block */
	while ((line = read_line(fd)) != NULL) {
		size_t length = strlen(line);
		for (size_t i = 0; i < length / 2; i++) {
			char kept = line[i];
			line[i] = line[length - 1 - i];
			line[length - 1 - i] = kept;
		}
		write_line(fd, line);
		free(line);
	}
	close(fd);
	return NULL;
}

static void *accept_all(void *argument)
{
	pthread_t thread[CONNECTIONS];

	for (int i = 0; i < CONNECTIONS; i++) {
		int *fd = (int *)malloc(sizeof *fd);
		if (fd == NULL || (*fd = accept(*(int *)argument, NULL, NULL)) < 0)
			give_up("accept");
		if (pthread_create(&thread[i], NULL, serve, fd) != 0)
			give_up("pthread_create");
	}
	for (int i = 0; i < CONNECTIONS; i++)
		pthread_join(thread[i], NULL);
	return NULL;
}

int main(void)
{
	struct sockaddr_in address;
	socklen_t bytes = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM, 0), answered = 0, client[CONNECTIONS];
	pthread_t thread;

	memset(&address, 0, sizeof address);
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK); /* any free port of it */
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, bytes) != 0 ||
	    listen(listener, CONNECTIONS) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &bytes) != 0)
		give_up("listen");
	if (pthread_create(&thread, NULL, accept_all, &listener) != 0)
		give_up("pthread_create");

	for (int i = 0; i < CONNECTIONS; i++) {
		client[i] = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(client[i], (struct sockaddr *)&address, bytes) != 0)
			give_up("connect");
	}
	for (int line = 0; line < LINES; line++) {
		for (int i = 0; i < CONNECTIONS; i++)
			write_line(client[i], "a line that is longer than sixteen");
		for (int i = 0; i < CONNECTIONS; i++) {
			char *answer = read_line(client[i]);
			answered += answer != NULL &&
			            strcmp(answer, "neetxis naht regnol si taht enil a") == 0;
			free(answer);
		}
	}
	for (int i = 0; i < CONNECTIONS; i++)
		close(client[i]);
	pthread_join(thread, NULL);
	close(listener);
	printf("%d connections, %d lines answered\n", CONNECTIONS, answered);
	return 0;
}
