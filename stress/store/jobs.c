#include "jobs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next_random(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static uint64_t load(_Atomic uint64_t *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

static void add(_Atomic uint64_t *count, uint64_t more)
{
	(void)atomic_fetch_add_explicit(count, more, memory_order_relaxed);
}

static void complain(struct jobs *jobs, const char *fault)
{
	atomic_store_explicit(&jobs->fault, fault, memory_order_relaxed);
}

static bool is_faulty(struct jobs *jobs)
{
	return atomic_load_explicit(&jobs->fault, memory_order_relaxed) != NULL;
}

static uint64_t word_at(uint64_t seed, size_t offset)
{
	return (seed + offset) * UINT64_C(0x9e3779b97f4a7c15);
}

static void body_fill(char *body, size_t bytes, uint64_t seed)
{
	uint64_t word;
	size_t at = 0;
	for (; at + sizeof word <= bytes; at += sizeof word) {
		word = word_at(seed, at);
		memcpy(body + at, &word, sizeof word);
	}
	word = word_at(seed, at);
	memcpy(body + at, &word, bytes - at);
}

static bool body_holds(const char *body, size_t bytes, uint64_t seed)
{
	uint64_t word;
	size_t at = 0;
	for (; at + sizeof word <= bytes; at += sizeof word) {
		word = word_at(seed, at);
		if (memcmp(body + at, &word, sizeof word) != 0)
			return false;
	}
	word = word_at(seed, at);
	return memcmp(body + at, &word, bytes - at) == 0;
}

/* In a read section. */
static void check(struct jobs *jobs, const struct tide_store_entry *entry)
{
	const struct job *job = tide_store_user(entry);
	if (job->check != ~job->seed)
		complain(jobs, "a job's own words are another's");
	else if (!body_holds(tide_store_body(entry), tide_store_bytes(entry), job->seed))
		complain(jobs, "a body does not have its bytes");
	else
		add(&jobs->read, 1);
}

static void *read_jobs(void *arg)
{
	struct jobs *jobs = arg;
	uint64_t seed = (uintptr_t)&seed;
	while (!atomic_load_explicit(&jobs->end, memory_order_relaxed) && !is_faulty(jobs)) {
		uint64_t newest = load(&jobs->newest), kept = load(&jobs->kept), id = 1;
		uint64_t choice = next_random(&seed);
		if (choice % 2 == 0 && kept > 0)
			id = load(&jobs->kept_ids[choice / 2 % kept]);
		else if (newest > 0)
			id = newest - choice / 2 % (newest < jobs->live ? newest : jobs->live);
		tide_store_read_begin(jobs->store);
		const struct tide_store_entry *entry = tide_store_get(jobs->store, id);
		if (entry != NULL)
			check(jobs, entry);
		tide_store_read_end(jobs->store);
	}
	return NULL;
}

/* Log-uniform: as many between 2^k and 2^(k+1) for each k. */
static size_t some_size(const struct jobs *jobs, uint64_t *seed)
{
	uint64_t low = jobs->min_bytes;
	while (low < jobs->max_bytes / 2 && next_random(seed) % 4 != 0)
		low = low > 0 ? 2 * low : 1;
	uint64_t high = low > 0 ? 2 * low : 1;
	if (high > jobs->max_bytes)
		high = jobs->max_bytes;
	return (size_t)(low + next_random(seed) % (high - low + 1));
}

struct writer {
	struct jobs *jobs;
	uint64_t seed;
	char *body;
	uint64_t *ring; /* ids of its jobs, in the order of their ends */
	uint64_t ring_size, at;
};

static uint64_t put_one(struct writer *writer)
{
	struct jobs *jobs = writer->jobs;
	struct job job = { .seed = next_random(&writer->seed) };
	struct tide_store_put options = { .user = &job };
	size_t bytes = some_size(jobs, &writer->seed);
	job.check = ~job.seed;
	body_fill(writer->body, bytes, job.seed);
	uint64_t id = tide_store_put(jobs->store, writer->body, bytes, &options);
	if (id != 0)
		atomic_store_explicit(&jobs->newest, id, memory_order_relaxed);
	else if (errno == ENOSPC)
		add(&jobs->refused, 1);
	else
		complain(jobs, strerror(errno));
	return id;
}

static void end_one(struct writer *writer)
{
	uint64_t *id = &writer->ring[writer->at++ % writer->ring_size];
	if (*id != 0)
		(void)tide_store_remove(writer->jobs->store,
		                        *id); /* the store may have dropped it */
	*id = 0;
}

static void write_jobs_of(struct writer *writer)
{
	struct jobs *jobs = writer->jobs;
	for (;;) {
		uint64_t number = atomic_fetch_add_explicit(&jobs->next, 1, memory_order_relaxed);
		if (number >= jobs->count || is_faulty(jobs))
			break;
		uint64_t id = put_one(writer);
		if (id != 0 && number % jobs->kept_one_in == 0) {
			uint64_t at = number / jobs->kept_one_in;
			atomic_store_explicit(&jobs->kept_ids[at], id, memory_order_relaxed);
			add(&jobs->kept, 1);
			continue;
		}
		end_one(writer);
		writer->ring[(writer->at - 1) % writer->ring_size] = id;
	}
	for (uint64_t i = 0; i < writer->ring_size; i++)
		end_one(writer);
}

static void *write_jobs(void *arg)
{
	struct jobs *jobs = arg;
	struct writer writer = { .jobs = jobs, .ring_size = jobs->live / jobs->writers + 1 };
	writer.seed = (uintptr_t)&writer;
	writer.body = malloc(jobs->max_bytes + 1);
	writer.ring = calloc(writer.ring_size, sizeof *writer.ring);
	if (writer.body != NULL && writer.ring != NULL)
		write_jobs_of(&writer);
	else
		complain(jobs, "no memory for a writer");
	free(writer.body);
	free(writer.ring);
	return NULL;
}

static int start(struct jobs *jobs, unsigned first, unsigned count, void *(*run)(void *))
{
	for (unsigned i = 0; i < count; i++) {
		int error = pthread_create(&jobs->thread[first + i], NULL, run, jobs);
		if (error != 0)
			return error;
	}
	return 0;
}

static void join(struct jobs *jobs, unsigned first, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		(void)pthread_join(jobs->thread[first + i], NULL);
}

int jobs_start_readers(struct jobs *jobs)
{
	jobs->kept_ids = calloc(jobs->count / jobs->kept_one_in + 1, sizeof *jobs->kept_ids);
	if (jobs->kept_ids == NULL)
		return ENOMEM;
	return start(jobs, 0, jobs->readers, read_jobs);
}

void jobs_end_readers(struct jobs *jobs)
{
	atomic_store_explicit(&jobs->end, true, memory_order_relaxed);
	join(jobs, 0, jobs->readers);
	free(jobs->kept_ids);
}

int jobs_run_writers(struct jobs *jobs)
{
	int error = start(jobs, jobs->readers, jobs->writers, write_jobs);
	if (error == 0)
		join(jobs, jobs->readers, jobs->writers);
	return error;
}

struct tally {
	struct jobs *jobs;
	uint64_t entries;
};

static int check_and_count(struct tide_store_entry *entry, void *context)
{
	struct tally *tally = context;
	tally->entries++;
	check(tally->jobs, entry);
	return is_faulty(tally->jobs);
}

uint64_t jobs_check_all(struct jobs *jobs)
{
	struct tally tally = { jobs, 0 };
	(void)tide_store_walk(jobs->store, check_and_count, &tally);
	return tally.entries;
}
