/* See arguments.h. */
#include "arguments.h"

#include "../cli.h"
#include "../number.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	OPTION_COUNTS = 256,
	OPTION_POLICY,
	OPTION_LIFETIME,
	OPTION_CONNECTIONS,
	OPTION_TUBES,
	OPTION_WATCHES
};
#define JOB_BYTES_MAX (UINT64_C(1) << 30)
#define LIMIT_BYTES_LEAST (UINT64_C(1) << 20)
#define COUNT_MAX UINT64_C(1000000000)
#define LIFETIME_S_MAX UINT64_C(4294967295)

static const struct option known[] = {
	{ "counts", required_argument, NULL, OPTION_COUNTS },
	{ "policy", required_argument, NULL, OPTION_POLICY },
	{ "connections", required_argument, NULL, OPTION_CONNECTIONS },
	{ "tubes", required_argument, NULL, OPTION_TUBES },
	{ "watches", required_argument, NULL, OPTION_WATCHES },
	{ "lifetime", required_argument, NULL, OPTION_LIFETIME },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

void arguments_help(void)
{
	puts("usage: tide-jobd [OPTION]...\n"
	     "A job server that speaks the beanstalkd protocol; jobs are kept in the Tide store.\n"
	     "\n"
	     "  -l ADDRESS          listen on this numeric address (127.0.0.1)\n"
	     "  -p PORT             and this port (11300); 0: any that is free. Both are printed\n"
	     "  -t THREADS          that serve connections, 1 to 64 (one for each processor, at "
	     "most 4)\n"
	     "  -z BYTES            the longest job, up to 1G (65535)\n"
	     "\n"
	     "  -m BYTES            memory limit, from 1M (none)\n"
	     "  --counts WHAT       what it counts: bodies; held: memory held for jobs; charged: "
	     "the\n"
	     "                      same and bodies on their way in (held)\n"
	     "  --policy WHAT       at the limit: refuse new jobs, or drop the oldest (refuse)\n"
	     "  --lifetime SECONDS  then a job is dropped, whatever its state (for ever)\n"
	     "\n"
	     "  --connections N     more at a time are turned away (65536)\n"
	     "  --tubes N           there are at most so many; more can't be used or watched "
	     "(65536)\n"
	     "  --watches N         tubes that one client may watch (1024)\n"
	     "\n"
	     "  -b FOLDER           keep a log there, and find the jobs of the one that is there\n"
	     "  -f MS               fsync it at most every so many ms (50); 0: before each reply\n"
	     "  -F                  never fsync it\n"
	     "  -s BYTES            the length of its files, from 4K (10M)\n"
	     "\n"
	     "BYTES may end in K, M or G. SIGUSR1: no more jobs are taken. SIGTERM: the end.");
}

static bool refuse(const char *option, const char *range)
{
	fprintf(stderr, "tide-jobd: %s %s: not %s\n", option, optarg, range);
	return false;
}

static bool number(const char *option, uint64_t min, uint64_t max, const char *range,
                   uint64_t *value)
{
	return number_parse(optarg, min, max, value) || refuse(option, range);
}

static bool count(const char *option, uint64_t *value)
{
	return number(option, 1, COUNT_MAX, "a number from 1 to 1000000000", value);
}

/* The place of what was written in a list of words. */
static bool word(const char *option, const char *const words[], unsigned count, const char *range,
                 unsigned *place)
{
	for (*place = 0; *place < count; ++*place) {
		if (strcmp(optarg, words[*place]) == 0)
			return true;
	}
	return refuse(option, range);
}

static bool read_number(struct arguments *arguments, int option)
{
	uint64_t value = 0;

	switch (option) {
	case 'p':
		if (!number("-p", 0, 65535, "a port, 0 to 65535", &value))
			return false;
		arguments->server.port = (uint16_t)value;
		return true;
	case 't':
		if (!number("-t", 1, SERVER_WORKERS_MAX, "a number from 1 to 64", &value))
			return false;
		arguments->server.workers = (unsigned)value;
		return true;
	case 'z':
		if (!number("-z", 1, JOB_BYTES_MAX, "a number of bytes from 1 to 1G", &value))
			return false;
		arguments->board.max_job_bytes = (uint32_t)value;
		return true;
	case 'm':
		return number("-m", LIMIT_BYTES_LEAST, UINT64_MAX / 2, "a number of bytes from 1M",
		              &arguments->board.limit_bytes);
	case 'f':
		if (!number("-f", 0, 3600000, "a number of milliseconds, 0 to 3600000", &value))
			return false;
		arguments->log.sync_ms = (int64_t)value;
		return true;
	case 's':
		return number("-s", 4096, UINT64_C(1) << 40, "a number of bytes from 4K to 1024G",
		              &arguments->log.segment_bytes);
	case OPTION_CONNECTIONS:
		if (!count("--connections", &value))
			return false;
		arguments->server.connections_max = (unsigned)value;
		return true;
	case OPTION_TUBES:
		if (!count("--tubes", &value))
			return false;
		arguments->board.tubes_max = (uint32_t)value;
		return true;
	case OPTION_WATCHES:
		if (!count("--watches", &value))
			return false;
		arguments->board.watches_max = (uint32_t)value;
		return true;
	default:
		if (!number("--lifetime", 1, LIFETIME_S_MAX, "a number of seconds, 1 to 4294967295",
		            &value))
			return false;
		arguments->board.lifetime_ns = value * TIDE_STORE_SECOND;
		return true;
	}
}

static bool read_option(void *to, int option)
{
	struct arguments *arguments = to;
	static const char *const counts[] = { "bodies", "held", "charged" };
	static const char *const policies[] = { "refuse", "drop" };
	unsigned place = 0;

	switch (option) {
	case 'h':
		arguments->help = true;
		return true;
	case 'l':
		arguments->server.address = optarg;
		return true;
	case 'b':
		arguments->log.folder = optarg;
		return true;
	case 'F':
		arguments->log.sync_ms = LOG_SYNC_NEVER;
		return true;
	case OPTION_COUNTS:
		if (!word("--counts", counts, 3, "bodies, held or charged", &place))
			return false;
		arguments->board.counts = (enum tide_store_counts)place;
		return true;
	case OPTION_POLICY:
		if (!word("--policy", policies, 2, "refuse or drop", &place))
			return false;
		arguments->board.policy = (enum tide_store_policy)place;
		return true;
	default:
		return read_number(arguments, option);
	}
}

bool arguments_read(struct arguments *arguments, int argc, char *argv[])
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	*arguments = (struct arguments){
		.server = { .address = "127.0.0.1",
		            .port = 11300,
		            .connections_max = ARGUMENTS_CONNECTIONS,
		            .workers = processors < 1   ? 1
		                       : processors > 4 ? 4
		                                        : (unsigned)processors },
		.board = { .max_job_bytes = ARGUMENTS_JOB_BYTES,
		           .tubes_max = ARGUMENTS_TUBES,
		           .watches_max = ARGUMENTS_WATCHES,
		           .counts = TIDE_STORE_HELD },
		.log = { .segment_bytes = ARGUMENTS_SEGMENT_BYTES, .sync_ms = 50 },
	};
	return cli_options("tide-jobd", argc, argv, "+:hl:p:t:z:m:b:f:Fs:", known, read_option,
	                   arguments);
}
