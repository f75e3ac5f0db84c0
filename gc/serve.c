#include "serve.h"

#include "os.h"
#include "os_file.h"
#include "stats_collect.h"

#include <errno.h>
#include <string.h>

enum { PEERS_MAX = 8, REQUEST_BYTES = 512 };
#define ASK_NS (300ull * 1000000u)   /* for a peer to say what it wants */
#define DROP_NS (5ull * 1000000000u) /* for it to read the answer */
#define SNAPSHOT_BYTES sizeof(struct tide_stats_snapshot)

struct peer {
	int socket; /* 0: none, since 0 to 2 are never used */
	uint64_t since_ns;
	size_t asked_bytes;
	char *answer; /* mapped; NULL before there is one */
	size_t answer_bytes, mapped_bytes, sent_bytes;
	char asked[REQUEST_BYTES];
};

/* Plain: the GC thread's. */
static int listener = -1;
static TIDE_APART struct peer peers[PEERS_MAX];

int tide_gc_serve_begin(const char *path)
{
	int result = tide_os_listen(path);
	if (result < 0)
		return result;
	listener = result;
	memset(peers, 0, sizeof peers);
	return 0;
}

static void drop(struct peer *peer)
{
	tide_os_close(peer->socket);
	if (peer->answer != NULL)
		(void)tide_os_unmap(peer->answer, peer->mapped_bytes);
	*peer = (struct peer){ 0 };
}

static bool asks_for(const struct peer *peer, const char *what)
{
	size_t bytes = strlen(what);
	return peer->asked_bytes >= bytes && memcmp(peer->asked, what, bytes) == 0;
}

/* Answers to HTTP end with the connection, as those of version 1.0 do. */
static const char *http_head(enum tide_stats_format format)
{
	if (format == TIDE_STATS_JSON)
		return "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n";
	return "HTTP/1.0 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0; "
	       "charset=utf-8\r\n\r\n";
}

/* Snapshot and answer in one mapping; the snapshot stays below the answer. */
static bool answer(struct peer *peer)
{
	bool http = asks_for(peer, "GET ");
	enum tide_stats_format format = TIDE_STATS_TEXT;
	if (asks_for(peer, "json") || asks_for(peer, "GET /json"))
		format = TIDE_STATS_JSON;
	else if (http || asks_for(peer, "openmetrics"))
		format = TIDE_STATS_OPENMETRICS;

	struct tide_stats_snapshot *snapshot = tide_os_map(0, SNAPSHOT_BYTES);
	if (snapshot == NULL)
		return false;
	tide_stats_take(snapshot);
	const char *head = http ? http_head(format) : "";
	size_t head_bytes = strlen(head);
	size_t bytes = tide_stats_format(snapshot, format, NULL, 0);
	char *text = tide_os_map(0, head_bytes + bytes);
	if (text != NULL) {
		memcpy(text, head, head_bytes);
		(void)tide_stats_format(snapshot, format, text + head_bytes, bytes);
		peer->answer = text;
		peer->answer_bytes = peer->mapped_bytes = head_bytes + bytes;
	}
	(void)tide_os_unmap(snapshot, SNAPSHOT_BYTES);
	return text != NULL;
}

/* Whether enough was said; *gone: the peer is not there any more. */
static bool listen_to(struct peer *peer, uint64_t now_ns, bool *gone)
{
	long got = tide_os_receive(peer->socket, peer->asked + peer->asked_bytes,
	                           sizeof peer->asked - peer->asked_bytes);
	*gone = got < 0 && got != -EAGAIN && got != -EINTR;
	if (got > 0)
		peer->asked_bytes += (size_t)got;
	bool line = memchr(peer->asked, '\n', peer->asked_bytes) != NULL;
	/* 0: the end of what it says, or no more room. */
	return line || got == 0 || now_ns - peer->since_ns > ASK_NS;
}

static void attend(struct peer *peer, uint64_t now_ns)
{
	bool gone = false;
	if (peer->answer == NULL) {
		bool asked = listen_to(peer, now_ns, &gone);
		if (gone || (asked && !answer(peer)))
			drop(peer);
		if (gone || !asked || peer->answer == NULL)
			return;
	}
	long sent = tide_os_send(peer->socket, peer->answer + peer->sent_bytes,
	                         peer->answer_bytes - peer->sent_bytes);
	if (sent > 0)
		peer->sent_bytes += (size_t)sent;
	bool failed = sent < 0 && sent != -EAGAIN && sent != -EINTR;
	if (failed || peer->sent_bytes == peer->answer_bytes || now_ns - peer->since_ns > DROP_NS)
		drop(peer);
}

void tide_gc_serve_round(uint64_t now_ns)
{
	if (listener < 0)
		return;
	bool more = true;
	for (unsigned i = 0; i < PEERS_MAX; i++) {
		struct peer *peer = &peers[i];
		if (peer->socket == 0 && more) {
			int socket = tide_os_accept(listener);
			more = socket >= 0;
			if (more) {
				peer->socket = socket;
				peer->since_ns = now_ns;
			}
		}
		if (peer->socket != 0)
			attend(peer, now_ns);
	}
}

void tide_gc_serve_end(void)
{
	if (listener < 0)
		return;
	for (unsigned i = 0; i < PEERS_MAX; i++) {
		if (peers[i].socket != 0)
			drop(&peers[i]);
	}
	tide_os_close(listener);
	listener = -1;
}
