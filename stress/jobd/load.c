/* A load on a server that speaks the beanstalkd protocol: tide-jobd or beanstalkd. It knows the
 * protocol only, and measures from outside.
 *
 *   cycle   connections that each put, reserve and delete, one request at a time: requests a
 *           second, and how long each took
 *   memory  many jobs are put, then all but a few are deleted, at random: what the server's process
 *           holds at each stage, read from /proc
 *
 * Each line of output is a name and a number. Bodies are checked when they come back.
 */
#include "../bench/histogram.h"
#include "../number.h"
#include "load_wire.h"

#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 256, LINE_BYTES = 256, WINDOW = 64 };
enum request { PUT, RESERVE, DELETE, REQUESTS };
static const char *const request_names[REQUESTS] = { "put", "reserve", "delete" };

static struct {
	uint16_t port;
	uint64_t connections;
	uint64_t cycles; /* of each connection */
	uint64_t jobs;
	uint64_t kept_one_in;
	uint64_t body_bytes; /* at most; they are of 1 to that, most of them short */
	uint64_t settle_s;
	uint64_t pid;
} settings = { .connections = 8,
	       .cycles = 20000,
	       .jobs = 200000,
	       .kept_one_in = 100,
	       .body_bytes = 2000,
	       .settle_s = 5 };

struct client {
	struct load_wire wire;
	pthread_t thread;
	uint64_t seed;
	char body[LOAD_BODY_BYTES_MAX + LINE_BYTES];
	struct histogram histograms[REQUESTS];
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t draw(uint64_t *seed)
{
	*seed ^= *seed << 13; /* xorshift */
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* A put: two thirds of the bodies are at most a tenth of the longest. They follow from their first
 * eight bytes. Returns its bytes. */
static size_t make_put(struct client *client)
{
	uint64_t word = draw(&client->seed);
	uint64_t most = word % 3 == 0 ? settings.body_bytes : 1 + settings.body_bytes / 10;
	size_t bytes = 8 + (size_t)(word / 3 % most);
	size_t line =
	    (size_t)sprintf(client->body, "put %u 0 600 %zu\r\n", (unsigned)(word >> 54), bytes);
	char *body = client->body + line;

	memcpy(body, &word, sizeof word);
	memset(body + sizeof word, (int)(word & 0xff), bytes - sizeof word);
	memcpy(body + bytes, "\r\n", 2);
	return line + bytes + 2;
}

static void check_body(const char *body, size_t bytes)
{
	uint64_t word;

	if (bytes < sizeof word)
		load_give_up("a body of %zu bytes was never put", bytes);
	memcpy(&word, body, sizeof word);
	for (size_t i = sizeof word; i < bytes; i++) {
		if ((unsigned char)body[i] != (word & 0xff))
			load_give_up("a body is not what was put");
	}
}

static uint64_t ask_put(struct client *client)
{
	load_send_all(&client->wire, client->body, make_put(client));
	return load_expect(load_receive_line(&client->wire), "INSERTED ");
}

static uint64_t ask_reserve(struct client *client)
{
	char *end;

	load_send_all(&client->wire, "reserve\r\n", 9);
	const char *line = load_receive_line(&client->wire);

	load_expect(line, "RESERVED ");
	uint64_t id = strtoull(line + 9, &end, 10);
	size_t bytes = strtoull(end, NULL, 10);

	check_body(load_receive_body(&client->wire, bytes), bytes);
	return id;
}

static void send_delete(struct client *client, uint64_t id)
{
	char line[LINE_BYTES];

	load_send_all(&client->wire, line,
	              (size_t)sprintf(line, "delete %llu\r\n", (unsigned long long)id));
}

static void *cycle_main(void *context)
{
	struct client *client = context;

	for (uint64_t i = 0; i < settings.cycles; i++) {
		uint64_t began = now_ns();

		ask_put(client);
		uint64_t put = now_ns();
		uint64_t id = ask_reserve(client);
		uint64_t reserved = now_ns();

		send_delete(client, id);
		load_expect(load_receive_line(&client->wire), "DELETED");
		histogram_add(&client->histograms[PUT], put - began);
		histogram_add(&client->histograms[RESERVE], reserved - put);
		histogram_add(&client->histograms[DELETE], now_ns() - reserved);
	}
	return NULL;
}

static void print_request(const char *name, const struct histogram *histogram)
{
	static const struct {
		const char *name;
		double quantile;
	} points[] = { { "p50", 0.5 }, { "p99", 0.99 }, { "p999", 0.999 } };

	for (size_t i = 0; i < sizeof points / sizeof *points; i++)
		printf("%s-%s-ns %llu\n", name, points[i].name,
		       (unsigned long long)histogram_quantile(histogram, points[i].quantile));
	printf("%s-max-ns %llu\n", name, (unsigned long long)histogram->max);
}

static void cycle(struct client *clients)
{
	static struct histogram sums[REQUESTS], all;
	uint64_t began = now_ns();

	for (uint64_t i = 0; i < settings.connections; i++) {
		if (pthread_create(&clients[i].thread, NULL, cycle_main, &clients[i]) != 0)
			load_give_up("can't start thread %llu", (unsigned long long)i);
	}
	for (uint64_t i = 0; i < settings.connections; i++)
		pthread_join(clients[i].thread, NULL);
	double seconds = (double)(now_ns() - began) / 1e9;

	for (int request = 0; request < REQUESTS; request++) {
		for (uint64_t i = 0; i < settings.connections; i++)
			histogram_merge(&sums[request], &clients[i].histograms[request]);
		histogram_merge(&all, &sums[request]);
		print_request(request_names[request], &sums[request]);
	}
	print_request("all", &all);
	printf("requests-per-s %.0f\n", (double)all.count / seconds);
}

/* What the server's process holds in memory, or 0 if no process was named. */
static uint64_t held_bytes(void)
{
	char path[64];
	unsigned long long total, resident = 0;

	if (settings.pid == 0)
		return 0;
	snprintf(path, sizeof path, "/proc/%llu/statm", (unsigned long long)settings.pid);
	FILE *file = fopen(path, "r");

	if (file == NULL || fscanf(file, "%llu %llu", &total, &resident) != 2)
		load_give_up("%s: can't be read", path);
	fclose(file);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t put_many(struct client *client, uint64_t *ids)
{
	uint64_t body_bytes = 0;

	for (uint64_t done = 0; done < settings.jobs;) {
		uint64_t left = settings.jobs - done;
		uint64_t count = left < WINDOW ? left : WINDOW;

		for (uint64_t i = 0; i < count; i++) {
			size_t bytes = make_put(client);

			body_bytes +=
			    bytes - (size_t)(strchr(client->body, '\n') + 1 - client->body) - 2;
			load_send_all(&client->wire, client->body, bytes);
		}
		for (uint64_t i = 0; i < count; i++)
			ids[done + i] = load_expect(load_receive_line(&client->wire), "INSERTED ");
		done += count;
	}
	return body_bytes;
}

/* At random, all but one in so many. Returns how many are left. */
static uint64_t delete_most(struct client *client, uint64_t *ids)
{
	uint64_t kept = settings.jobs / settings.kept_one_in;
	uint64_t pending = 0;

	for (uint64_t left = settings.jobs; left > kept; left--) {
		uint64_t place = draw(&client->seed) % left;

		send_delete(client, ids[place]);
		ids[place] = ids[left - 1];
		if (++pending == WINDOW || left == kept + 1) {
			while (pending > 0) {
				load_expect(load_receive_line(&client->wire), "DELETED");
				pending--;
			}
		}
	}
	return kept;
}

static void print_stage(const char *stage, uint64_t held)
{
	printf("held-%s-bytes %llu\n", stage, (unsigned long long)held);
}

static void memory(struct client *client)
{
	uint64_t *ids = malloc(settings.jobs * sizeof *ids);
	struct timespec settle = { .tv_sec = (time_t)settings.settle_s };

	if (ids == NULL)
		load_give_up("no memory");
	uint64_t before = held_bytes();
	uint64_t body_bytes = put_many(client, ids);
	uint64_t full = held_bytes();

	print_stage("empty", before);
	print_stage("full", full);
	printf("body-bytes %llu\n", (unsigned long long)body_bytes);
	printf("held-per-job-bytes %.1f\n",
	       ((double)full - (double)before) / (double)settings.jobs);
	printf("overhead-per-job-bytes %.1f\n",
	       ((double)full - (double)before - (double)body_bytes) / (double)settings.jobs);
	uint64_t kept = delete_most(client, ids);

	print_stage("deleted", held_bytes());
	nanosleep(&settle, NULL);
	print_stage("settled", held_bytes());
	printf("jobs-left %llu\n", (unsigned long long)kept);
	for (uint64_t i = 0; i < kept; i++) {
		send_delete(client, ids[i]);
		load_expect(load_receive_line(&client->wire), "DELETED");
	}
	nanosleep(&settle, NULL);
	print_stage("end", held_bytes());
	free(ids);
}

static const struct option known[] = {
	{ "port", required_argument, NULL, 'p' },
	{ "pid", required_argument, NULL, 'i' },
	{ "connections", required_argument, NULL, 'c' },
	{ "cycles", required_argument, NULL, 'n' },
	{ "jobs", required_argument, NULL, 'j' },
	{ "keep-one-in", required_argument, NULL, 'k' },
	{ "body", required_argument, NULL, 'b' },
	{ "settle", required_argument, NULL, 's' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void usage(FILE *out)
{
	fprintf(out,
	        "usage: tide-jobd-load [OPTION]... cycle|memory\n"
	        "Put a load on a server of this machine that speaks the beanstalkd protocol.\n"
	        "cycle: connections put, reserve and delete; the rate, and how long each took.\n"
	        "memory: jobs are put, then all but a few deleted; what the server holds then.\n"
	        "\n"
	        "  --port PORT        where it listens; must be given\n"
	        "  --pid PID          the server, whose memory is read; must be given for memory\n"
	        "  --connections N    for cycle, up to %u (%" PRIu64 ")\n"
	        "  --cycles N         of each connection (%" PRIu64 ")\n"
	        "  --jobs N           for memory (%" PRIu64 ")\n"
	        "  --keep-one-in N    jobs that stay, for memory (%" PRIu64 ")\n"
	        "  --body BYTES       the longest job (%" PRIu64 ")\n"
	        "  --settle SECONDS   before it is looked at again, for memory (%" PRIu64 ")\n"
	        "  --help             print this\n",
	        (unsigned)CONNECTIONS_MAX, settings.connections, settings.cycles, settings.jobs,
	        settings.kept_one_in, settings.body_bytes, settings.settle_s);
}

static bool read_option(int option)
{
	uint64_t port;

	switch (option) {
	case 'p':
		if (!number_parse(optarg, 1, 65535, &port))
			return false;
		settings.port = (uint16_t)port;
		return true;
	case 'i':
		return number_parse(optarg, 1, INT32_MAX, &settings.pid);
	case 'c':
		return number_parse(optarg, 1, CONNECTIONS_MAX, &settings.connections);
	case 'n':
		return number_parse(optarg, 1, UINT32_MAX, &settings.cycles);
	case 'j':
		return number_parse(optarg, 1, UINT32_MAX, &settings.jobs);
	case 'k':
		return number_parse(optarg, 1, UINT32_MAX, &settings.kept_one_in);
	case 'b':
		return number_parse(optarg, 1, LOAD_BODY_BYTES_MAX - 8, &settings.body_bytes);
	case 's':
		return number_parse(optarg, 0, 3600, &settings.settle_s);
	default:
		return false;
	}
}

int main(int argc, char *argv[])
{
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "+", known, NULL)) != -1) {
		if (option == 'h') {
			usage(stdout);
			return 0;
		}
		if (!read_option(option)) {
			fprintf(stderr,
			        "tide-jobd-load: %s: no such option, or not a value for it\n",
			        argv[optind - 1]);
			return 2;
		}
	}
	bool cycles = optind + 1 == argc && strcmp(argv[optind], "cycle") == 0;

	if (!cycles && !(optind + 1 == argc && strcmp(argv[optind], "memory") == 0)) {
		usage(stderr);
		return 2;
	}
	uint64_t count = cycles ? settings.connections : 1;
	struct client *clients = calloc(count, sizeof *clients);

	if (clients == NULL)
		load_give_up("no memory");
	for (uint64_t i = 0; i < count; i++) {
		clients[i].seed = (i + 1) * 2654435761u + 1;
		load_connect(&clients[i].wire, settings.port);
	}
	if (cycles)
		cycle(clients);
	else
		memory(clients);
	for (uint64_t i = 0; i < count; i++)
		close(clients[i].wire.fd);
	free(clients);
	return 0;
}
