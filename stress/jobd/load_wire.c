/* See load_wire.h. */
#include "load_wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

_Noreturn void load_give_up(const char *format, ...)
{
	va_list arguments;

	fputs("tide-jobd-load: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

void load_connect(struct load_wire *wire, uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		                       .sin_port = htons(port),
		                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1;

	wire->at = wire->bytes = 0;
	wire->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (wire->fd < 0 || connect(wire->fd, (struct sockaddr *)&address, sizeof address) != 0)
		load_give_up("port %u: %s", port, strerror(errno));
	setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

void load_send_all(struct load_wire *wire, const char *data, size_t bytes)
{
	while (bytes > 0) {
		ssize_t sent = send(wire->fd, data, bytes, MSG_NOSIGNAL);

		if (sent <= 0)
			load_give_up("send: %s", strerror(errno));
		data += sent;
		bytes -= (size_t)sent;
	}
}

static void receive_more(struct load_wire *wire)
{
	if (wire->at > 0) {
		memmove(wire->input, wire->input + wire->at, wire->bytes - wire->at);
		wire->bytes -= wire->at;
		wire->at = 0;
	}
	ssize_t received =
	    recv(wire->fd, wire->input + wire->bytes, sizeof wire->input - wire->bytes, 0);

	if (received <= 0)
		load_give_up("the server ended the connection");
	wire->bytes += (size_t)received;
}

char *load_receive_line(struct load_wire *wire)
{
	size_t seen = 0;
	char *end;

	while ((end = memchr(wire->input + wire->at + seen, '\n', wire->bytes - wire->at - seen)) ==
	       NULL) {
		seen = wire->bytes - wire->at;
		receive_more(wire);
	}
	char *line = wire->input + wire->at;

	if (end == line || end[-1] != '\r')
		load_give_up("an answer without an end");
	end[-1] = '\0';
	wire->at = (size_t)(end + 1 - wire->input);
	return line;
}

const char *load_receive_body(struct load_wire *wire, size_t bytes)
{
	while (wire->bytes - wire->at < bytes + 2)
		receive_more(wire);
	const char *body = wire->input + wire->at;

	wire->at += bytes + 2;
	return body;
}

uint64_t load_expect(const char *line, const char *word)
{
	size_t bytes = strlen(word);

	if (strncmp(line, word, bytes) != 0)
		load_give_up("an answer is \"%s\", and not \"%s\"", line, word);
	return strtoull(line + bytes, NULL, 10);
}
