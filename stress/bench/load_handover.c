/* Blocks that are made by one thread and freed by another: producers and consumers, a server whose
 * connections move from thread to thread, floods of remote frees. */
#include "load_ring.h"

#include "load.h"

#include <stdlib.h>

enum { HANDED = 20000000, SIDE_THREADS = 4 };
enum { CONNECTIONS = 2000, REQUESTS = 1000000, OBJECTS_MAX = 16 };
enum { FLOOD_BATCH = 256, FLOOD_BATCHES = 60000, FLOOD_AHEAD = 8 };

/* The threads of one side share out `items`; ring i is of producer i, or to consumer i. */
struct line {
	struct load_ring *ring;
	const uint32_t *sizes;
	uint32_t producers, consumers, rings;
	uint64_t items;
};

static void produce(struct load_thread *thread, const struct line *line)
{
	uint64_t items = line->items / line->producers;
	uint32_t first = line->producers > 1 ? thread->index : 0;
	uint32_t rings = line->producers > 1 ? 1 : line->rings;

	for (uint64_t i = 0; i < items; i++) {
		void *block = load_block(line->sizes[i % LOAD_SIZES]);

		load_ring_push_wait(&line->ring[first + i % rings], block);
	}
	for (uint32_t i = 0; i < rings; i++)
		load_ring_push_wait(&line->ring[first + i], NULL);
}

/* Takes from its rings until each has told its end by a NULL. */
static void consume(struct load_thread *thread, const struct line *line)
{
	uint32_t first = line->consumers > 1 ? thread->index - line->producers : 0;
	uint32_t rings = line->consumers > 1 ? 1 : line->rings;
	uint32_t open = rings, tries = 0;

	for (uint32_t i = 0; open > 0; i = (i + 1) % rings) {
		void *block = NULL;
		bool got = false;

		while (load_ring_pop(&line->ring[first + i], &block)) {
			got = true;
			if (block == NULL) {
				open--;
				break;
			}
			load_keep(block);
			free(block);
		}
		if (!got && i == rings - 1)
			load_ring_wait(&tries);
	}
}

static void line_work(struct load_thread *thread)
{
	const struct line *line = thread->shared;

	load_ready(thread);
	if (thread->index < line->producers)
		produce(thread, line);
	else
		consume(thread, line);
}

static void line_run(struct load_run *run, uint32_t producers, uint32_t consumers)
{
	struct line line = { .producers = producers, .consumers = consumers };

	line.rings = producers > consumers ? producers : consumers;
	line.ring = load_own_memory(line.rings * sizeof *line.ring);
	line.sizes = load_sizes(run->seed, LOAD_SMALL_MIN, LOAD_SMALL_MAX, true);
	line.items = load_scaled(run, HANDED, 10000) / producers * producers;
	run->threads = producers + consumers;
	load_on_threads(run, line_work, &line);
	run->operations = line.items;
}

static void one_to_one(struct load_run *run)
{
	line_run(run, 1, 1);
}

static void many_to_one(struct load_run *run)
{
	line_run(run, run->threads > 1 ? run->threads - 1 : 1, 1);
}

static void one_to_many(struct load_run *run)
{
	line_run(run, 1, run->threads > 1 ? run->threads - 1 : 1);
}

/* A request's objects live until the connection's next request is served, by the next thread. */
struct connection {
	uint32_t requests_left, objects;
	void *object[OBJECTS_MAX];
	char *buffer;
};

struct server {
	struct load_ring *inbox; /* of each thread */
	uint64_t requests;       /* that each thread serves */
	uint32_t connections;    /* that each thread opens */
};

static void connection_close(struct connection *connection)
{
	for (uint32_t i = 0; i < connection->objects; i++)
		free(connection->object[i]);
	free(connection->buffer);
	free(connection);
}

static struct connection *connection_open(struct random *random)
{
	struct connection *connection = load_block(sizeof *connection);

	*connection = (struct connection){ .requests_left = 1 + random_below(random, 32) };
	connection->buffer = load_block(1024u << random_below(random, 5));
	return connection;
}

static void connection_serve(struct connection *connection, struct random *random)
{
	for (uint32_t i = 0; i < connection->objects; i++)
		free(connection->object[i]);
	connection->objects = 4 + random_below(random, OBJECTS_MAX - 3);
	for (uint32_t i = 0; i < connection->objects; i++)
		connection->object[i] = load_block(random_power_law(random, 16, 2048));
	connection->requests_left--;
}

/* Each thread serves the same number of requests, so each inbox keeps as many connections at the
 * end as a thread opened. All inboxes can't be full at a time: that would take twice as many. */
static void server_work(struct load_thread *thread)
{
	struct server *server = thread->shared;
	struct load_ring *inbox = &server->inbox[thread->index];
	struct load_ring *next = &server->inbox[(thread->index + 1) % thread->run->threads];

	load_ready(thread);
	for (uint32_t i = 0; i < server->connections; i++)
		load_ring_push_wait(next, connection_open(&thread->random));
	for (uint64_t i = 0; i < server->requests; i++) {
		struct connection *connection = load_ring_pop_wait(inbox);

		connection_serve(connection, &thread->random);
		if (connection->requests_left == 0) {
			connection_close(connection);
			connection = connection_open(&thread->random);
		}
		load_ring_push_wait(next, connection);
	}
}

static void server(struct load_run *run)
{
	struct server server = { .inbox = load_own_memory(run->threads * sizeof *server.inbox) };
	uint64_t connections = load_scaled(run, CONNECTIONS, 10) / run->threads + 1;

	server.connections =
	    connections < LOAD_RING_SLOTS / 2 ? (uint32_t)connections : LOAD_RING_SLOTS / 2;
	server.requests = load_scaled(run, REQUESTS, 1000) / run->threads;
	load_on_threads(run, server_work, &server);
	for (uint32_t i = 0; i < run->threads; i++) {
		void *connection = NULL;

		while (load_ring_pop(&server.inbox[i], &connection))
			connection_close(connection);
	}
	run->operations = server.requests * run->threads;
}

struct flood {
	struct load_ring *inbox;
	const uint32_t *sizes;
	uint64_t batches;
};

struct batch {
	void *block[FLOOD_BATCH];
};

static void batch_fill(struct batch *batch, const uint32_t *sizes, uint64_t round)
{
	for (uint64_t i = 0; i < FLOOD_BATCH; i++)
		batch->block[i] = load_block(sizes[(round * FLOOD_BATCH + i) % LOAD_SIZES]);
}

/* Every block is freed by the next thread, which is a few batches behind. */
static void flood_work(struct load_thread *thread)
{
	struct flood *flood = thread->shared;
	struct load_ring *inbox = &flood->inbox[thread->index];
	struct load_ring *next = &flood->inbox[(thread->index + 1) % thread->run->threads];
	struct batch *ahead = load_own_memory(FLOOD_AHEAD * sizeof *ahead);

	load_ready(thread);
	for (uint64_t i = 0; i < flood->batches + FLOOD_AHEAD; i++) {
		struct batch *batch = i < FLOOD_AHEAD ? &ahead[i] : load_ring_pop_wait(inbox);

		for (uint64_t j = 0; i >= FLOOD_AHEAD && j < FLOOD_BATCH; j++)
			free(batch->block[j]);
		if (i < flood->batches) {
			batch_fill(batch, flood->sizes, i);
			load_ring_push_wait(next, batch);
		}
	}
}

static void flood(struct load_run *run)
{
	struct flood flood = { .inbox = load_own_memory(run->threads * sizeof *flood.inbox) };

	flood.sizes = load_sizes(run->seed, LOAD_SMALL_MIN, LOAD_SMALL_MAX, true);
	flood.batches = load_scaled(run, FLOOD_BATCHES, 100) / run->threads + FLOOD_AHEAD;
	load_on_threads(run, flood_work, &flood);
	run->operations = flood.batches * run->threads * FLOOD_BATCH;
}

const struct load_scenario load_handovers[] = {
	{ "hand-1-1", "one producer, one consumer", 2, one_to_one },
	{ "hand-4-1", "4 producers, one consumer", SIDE_THREADS + 1, many_to_one },
	{ "hand-1-4", "one producer, 4 consumers", SIDE_THREADS + 1, one_to_many },
	{ "server", "connections' objects go from thread to thread", 4, server },
	{ "flood-t2", "all blocks freed by the other of 2 threads", 2, flood },
	{ "flood-t8", "all blocks freed by the next of 8 threads", 8, flood },
	{ NULL, NULL, 0, NULL },
};
