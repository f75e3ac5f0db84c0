/* cache_load PORT REQUESTS CONNECTIONS: a load for memcached, which is to be the one that has to
 * work.
 *
 * One thread serves all connections. Each sends a batch of requests at once, reads all answers and
 * sends the next batch; after some batches it is closed and opened anew. A key belongs to one
 * connection, so it is known what a get must give: a value is a slice of random bytes, and its
 * place and length follow from the key and from how often that was set. All of it fits into
 * memcached's memory, so a value that is not there is wrong too.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BATCH = 24,           /* requests */
	BATCHES_TO_LIVE = 40, /* of a connection */
	KEYS = 600,           /* of a connection */
	VALUE_MAX_BYTES = 20000,
	POOL_BYTES = 1 << 20,
	REQUEST_MAX_BYTES = VALUE_MAX_BYTES + 128,
	CONNECTIONS_MAX = 200,
	STALL_MS = 20000,
};

enum kind { KIND_SET, KIND_GET, KIND_DELETE };

struct request {
	enum kind kind;
	uint32_t key;
	uint32_t version; /* of the value that a get must find; 0: none */
};

struct connection {
	int fd;
	uint32_t id;
	uint32_t batches;
	uint32_t version[KEYS]; /* how often the key was set; the last one is what is there */
	bool is_deleted[KEYS];
	struct request request[BATCH];
	uint32_t answered;
	size_t out_bytes, sent_bytes, in_bytes;
	char out[BATCH * REQUEST_MAX_BYTES];
	char in[BATCH * REQUEST_MAX_BYTES];
};

static char pool[POOL_BYTES];
static uint64_t random_state = 20240229;
static uint64_t requests_left, requests_done, wrong;
static uint16_t port;

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static uint64_t random_below(uint64_t n)
{
	random_state += 0x9e3779b97f4a7c15u;
	return mix(random_state) % n;
}

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "cache_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Most values are small, some are large. */
static size_t value_bytes(uint64_t hash)
{
	static const size_t limit[] = { 40, 100, 100, 300, 300, 1000, 3000, VALUE_MAX_BYTES };

	return 1 + (hash >> 8) % limit[hash % 8];
}

static const char *value_of(uint32_t id, uint32_t key, uint32_t version, size_t *bytes)
{
	uint64_t hash = mix(((uint64_t)id << 48) ^ ((uint64_t)key << 32) ^ version);

	*bytes = value_bytes(hash);
	return pool + (hash >> 24) % (POOL_BYTES - VALUE_MAX_BYTES);
}

static void put_request(struct connection *on, struct request *request)
{
	char *to = on->out + on->out_bytes;
	uint64_t dice = random_below(20);
	uint32_t key = (uint32_t)random_below(KEYS);
	size_t bytes;
	int length;

	request->key = key;
	if (dice < 11) {
		request->kind = KIND_GET;
		request->version = on->is_deleted[key] ? 0 : on->version[key];
		length = sprintf(to, "get %u/%u\r\n", on->id, key);
	} else if (dice < 19) {
		const char *value = value_of(on->id, key, ++on->version[key], &bytes);

		request->kind = KIND_SET;
		on->is_deleted[key] = false;
		length =
		    sprintf(to, "set %u/%u %u 0 %zu\r\n", on->id, key, on->version[key], bytes);
		memcpy(to + length, value, bytes);
		memcpy(to + length + bytes, "\r\n", 2);
		length += (int)bytes + 2;
	} else {
		request->kind = KIND_DELETE;
		on->is_deleted[key] = true;
		length = sprintf(to, "delete %u/%u\r\n", on->id, key);
	}
	on->out_bytes += (size_t)length;
}

/* Sends what there is to send and the other side takes. */
static void send_some(struct connection *on)
{
	while (on->sent_bytes < on->out_bytes) {
		ssize_t sent = send(on->fd, on->out + on->sent_bytes,
		                    on->out_bytes - on->sent_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN)
			return;
		if (sent <= 0)
			give_up("send");
		on->sent_bytes += (size_t)sent;
	}
}

static void open_connection(struct connection *on)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		                       .sin_port = htons(port),
		                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int one = 1;

	on->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (on->fd < 0 || connect(on->fd, (struct sockaddr *)&address, sizeof address) != 0)
		give_up("connect");
	setsockopt(on->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	on->batches = 0;
}

/* The next batch; closes for good when no requests are left. */
static void begin_batch(struct connection *on)
{
	if (on->fd >= 0 && (requests_left == 0 || on->batches == BATCHES_TO_LIVE)) {
		close(on->fd);
		on->fd = -1;
	}
	on->out_bytes = on->sent_bytes = on->in_bytes = 0;
	on->answered = 0;
	if (requests_left == 0)
		return;
	if (on->fd < 0)
		open_connection(on);
	on->batches++;
	for (uint32_t i = 0; i < BATCH; i++) {
		/* What is too much for the last batch is asked all the same, and not counted. */
		put_request(on, &on->request[i]);
		requests_left -= requests_left > 0;
	}
	send_some(on);
}

static bool value_is_right(const struct connection *on, const struct request *request,
                           const char *value, unsigned version, size_t bytes)
{
	size_t right_bytes;
	const char *right = value_of(on->id, request->key, version, &right_bytes);

	return version == request->version && bytes == right_bytes &&
	       memcmp(value, right, bytes) == 0 && memcmp(value + bytes, "\r\nEND\r\n", 7) == 0;
}

/* Judges the answer to a get. Returns its length, 0 when it is not all there. */
static size_t judge_get(const struct connection *on, const struct request *request,
                        const char *answer, size_t bytes, size_t line_bytes)
{
	unsigned id, key, version;
	size_t value_length;

	if (line_bytes == 5 && memcmp(answer, "END\r\n", 5) == 0) {
		wrong += request->version != 0;
		return line_bytes;
	}
	if (sscanf(answer, "VALUE %u/%u %u %zu\r\n", &id, &key, &version, &value_length) != 4 ||
	    id != on->id || key != request->key || value_length > VALUE_MAX_BYTES) {
		wrong++;
		return line_bytes;
	}
	if (bytes < line_bytes + value_length + 7)
		return 0;
	wrong += !value_is_right(on, request, answer + line_bytes, version, value_length);
	return line_bytes + value_length + 7;
}

/* Judges one answer. Returns its length, 0 when it is not all there. */
static size_t judge(const struct connection *on, const struct request *request, const char *answer,
                    size_t bytes)
{
	static const char *const right[] = {
		[KIND_SET] = "STORED\r\n", [KIND_DELETE] = "DELETED\r\n"
	};
	const char *end = memchr(answer, '\n', bytes);
	size_t line_bytes;

	if (end == NULL)
		return 0;
	line_bytes = (size_t)(end - answer) + 1;
	if (request->kind == KIND_GET)
		return judge_get(on, request, answer, bytes, line_bytes);
	if (strncmp(answer, right[request->kind], line_bytes) != 0 &&
	    !(request->kind == KIND_DELETE && strncmp(answer, "NOT_FOUND\r\n", line_bytes) == 0))
		wrong++;
	return line_bytes;
}

static void receive_some(struct connection *on)
{
	size_t at = 0;
	ssize_t got =
	    recv(on->fd, on->in + on->in_bytes, sizeof on->in - 1 - on->in_bytes, MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0)
		give_up("the server hangs up");
	on->in_bytes += (size_t)got;
	on->in[on->in_bytes] = '\0'; /* where sscanf must stop */
	while (on->answered < BATCH) {
		size_t bytes =
		    judge(on, &on->request[on->answered], on->in + at, on->in_bytes - at);

		if (bytes == 0)
			break;
		at += bytes;
		on->answered++;
		requests_done++;
	}
	memmove(on->in, on->in + at, on->in_bytes - at);
	on->in_bytes -= at;
	if (on->answered == BATCH) {
		if (on->in_bytes != 0)
			wrong++;
		begin_batch(on);
	}
}

static void serve(struct connection *all, struct pollfd *ready, nfds_t count)
{
	bool is_open = true;

	while (is_open) {
		is_open = false;
		for (nfds_t i = 0; i < count; i++) {
			bool is_sent = all[i].sent_bytes == all[i].out_bytes;

			ready[i].fd = all[i].fd; /* poll skips negative ones */
			ready[i].events = is_sent ? POLLIN : POLLIN | POLLOUT;
			is_open |= all[i].fd >= 0;
		}
		if (is_open && poll(ready, count, STALL_MS) <= 0)
			give_up("nothing moves");
		for (nfds_t i = 0; is_open && i < count; i++) {
			if (all[i].fd < 0)
				continue;
			if (ready[i].revents & POLLOUT)
				send_some(&all[i]);
			if (ready[i].revents & (POLLIN | POLLHUP | POLLERR))
				receive_some(&all[i]);
		}
	}
}

static unsigned long long number_of(const char *text, unsigned long long most)
{
	char *end;
	unsigned long long number = strtoull(text, &end, 10);

	if (end == text || *end != '\0' || number == 0 || number > most) {
		fprintf(stderr, "cache_load: %s is not a number from 1 to %llu\n", text, most);
		exit(2);
	}
	return number;
}

int main(int argc, char **argv)
{
	static struct pollfd ready[CONNECTIONS_MAX];
	struct connection *all;
	unsigned long long requests;
	nfds_t connections;

	if (argc != 4) {
		fprintf(stderr, "usage: cache_load PORT REQUESTS CONNECTIONS\n");
		return 2;
	}
	port = (uint16_t)number_of(argv[1], 65535);
	requests = number_of(argv[2], 1ull << 40);
	connections = (nfds_t)number_of(argv[3], CONNECTIONS_MAX);
	all = calloc(connections, sizeof *all);
	if (all == NULL)
		give_up("no memory");
	for (size_t i = 0; i < POOL_BYTES; i++)
		pool[i] = (char)random_below(256);
	requests_left = requests;
	for (nfds_t i = 0; i < connections; i++) {
		all[i].id = (uint32_t)i;
		all[i].fd = -1;
		begin_batch(&all[i]);
	}
	serve(all, ready, connections);
	free(all);
	printf("%llu requests, %llu wrong\n",
	       requests_done < requests ? (unsigned long long)requests_done : requests,
	       (unsigned long long)wrong);
	return wrong != 0;
}
