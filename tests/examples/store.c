/* The store in a server of sessions: each has an id that the client keeps, a body, a lifetime, and
 * a count of visits that the server may change (its user bytes). Sessions must stay within 1 MiB:
 * for a new one the oldest go.
 *
 * Link: libtide-store.a -lurcu-cds -lurcu-mb
 * Expects:
 *   the session says: user 7, theme dark
 *   visits: 3
 *   signed out: yes
 *   the lifetime is over: yes
 *   within the limit: yes
 *   the oldest went, the newest is there: yes
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <tide/store.h>
#include <time.h>

enum { LIMIT = 1024 * 1024, SESSION_BYTES = 2000, MANY = 1000 };

struct session {
	pthread_mutex_t lock; /* several workers may serve one client */
	unsigned visits;
};

static struct tide_store *store;

static uint64_t sign_in(const char *text, uint64_t ttl_ns)
{
	struct tide_store_put put;
	struct session session;
	char body[SESSION_BYTES];

	memset(&put, 0, sizeof put);
	memset(&session, 0, sizeof session);
	pthread_mutex_init(&session.lock, NULL);
	(void)snprintf(body, sizeof body, "%s", text);
	put.ttl_ns = ttl_ns;
	put.user = &session;
	return tide_store_put(store, body, sizeof body, &put); /* 0: refused */
}

/* Copies the session's text. False when there is no such session, or none any more. */
static int visit(uint64_t id, char *text, size_t room, unsigned *visits)
{
	int is_there = 0;

	tide_store_read_begin(store);
	struct tide_store_entry *entry = tide_store_get(store, id);
	if (entry != NULL) { /* it stays readable until read_end, whoever removes it */
		struct session *session = (struct session *)tide_store_user(entry);
		(void)snprintf(text, room, "%s", (const char *)tide_store_body(entry));
		pthread_mutex_lock(&session->lock);
		*visits = ++session->visits;
		pthread_mutex_unlock(&session->lock);
		is_there = 1;
	}
	tide_store_read_end(store);
	return is_there;
}

int main(void)
{
	struct tide_store_options options;
	struct tide_store_stats stats;
	struct timespec moment = { 0, 1000000 };
	char text[SESSION_BYTES];
	unsigned visits = 0;

	memset(&options, 0, sizeof options);
	options.limit_bytes = LIMIT;
	options.counts = TIDE_STORE_BODIES;
	options.policy = TIDE_STORE_DROP_OLDEST;
	options.user_bytes = sizeof(struct session);
	store = tide_store_create(&options);
	if (store == NULL) {
		perror("tide_store_create");
		return 1;
	}

	uint64_t id = sign_in("user 7, theme dark", TIDE_STORE_FOREVER);
	for (int i = 0; i < 3; i++) {
		if (!visit(id, text, sizeof text, &visits))
			return 1;
	}
	printf("the session says: %s\nvisits: %u\n", text, visits);
	int is_gone = tide_store_remove(store, id) == 0 && !visit(id, text, sizeof text, &visits);
	printf("signed out: %s\n", is_gone ? "yes" : "no");

	id = sign_in("for a moment", TIDE_STORE_MILLISECOND);
	while (visit(id, text, sizeof text, &visits))
		nanosleep(&moment, NULL);
	printf("the lifetime is over: yes\n");

	uint64_t first = sign_in("the first", 0), last = first;
	for (int i = 1; i < MANY; i++) {
		last = sign_in("one of many", 0);
		if (last == 0)
			return 1;
	}
	tide_store_stats(store, &stats, sizeof stats);
	printf("within the limit: %s\n", stats.counted_bytes <= LIMIT ? "yes" : "no");
	int is_right =
	    !visit(first, text, sizeof text, &visits) && visit(last, text, sizeof text, &visits);
	printf("the oldest went, the newest is there: %s\n", is_right ? "yes" : "no");
	tide_store_destroy(store);
	return 0;
}
