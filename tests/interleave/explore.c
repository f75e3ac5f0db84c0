/* The search over schedules, and what a test program prints. */
#include "record.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BOUND_MAX = 8, POINTS_MAX = 256, BOUND = 2, LIMIT = 5000 };

/* A schedule that waits for its turn: its choices up to the last one that is not the default. */
struct prefix {
	unsigned length;
	uint8_t choice[];
};

/* Those with the same number of preemptions. */
struct prefixes {
	struct prefix **at;
	size_t count, room;
};

struct search {
	const struct scenario *scenario;
	struct record *record;
	unsigned bound;
	unsigned long limit; /* 0: none */
	struct prefixes level[BOUND_MAX + 1];
	unsigned long run[BOUND_MAX + 1];
	unsigned long beyond; /* more preemptions than `bound`: not searched */
	unsigned longest;
	uint64_t random;
	const char *point[POINTS_MAX]; /* that were met */
	unsigned points;
};

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}

static unsigned long setting(const char *name, unsigned long standard)
{
	const char *text = getenv(name);

	return text != NULL ? strtoul(text, NULL, 10) : standard;
}

/* The first `length` choices of the schedule just run, then `choice`. */
static void later(struct search *search, unsigned level, unsigned length, unsigned choice)
{
	if (level > search->bound) {
		search->beyond++;
		return;
	}
	struct prefixes *list = &search->level[level];
	struct prefix *prefix = malloc(sizeof *prefix + length + 1);
	if (list->count == list->room) {
		list->room = list->room * 2 + 64;
		list->at = realloc(list->at, list->room * sizeof(struct prefix *));
	}
	if (prefix == NULL || list->at == NULL)
		abort();
	for (unsigned i = 0; i < length; i++)
		prefix->choice[i] = search->record->step[i].choice;
	prefix->choice[length] = (uint8_t)choice;
	prefix->length = length + 1;
	list->at[list->count++] = prefix;
}

/* Any one of the list: when the limit cuts the search off, what was done is a sample. */
static struct prefix *take(struct search *search, struct prefixes *list)
{
	size_t i = random_next(&search->random) % list->count;
	struct prefix *prefix = list->at[i];

	list->at[i] = list->at[--list->count];
	return prefix;
}

/* What else could have been done at step i. */
static void branch(struct search *search, unsigned level, unsigned i, bool may_freeze)
{
	const struct step *step = &search->record->step[i];
	bool could_go_on = step->current != NOBODY && (step->ready >> step->current & 1);

	for (unsigned t = 0; t < THREADS_MAX; t++) {
		bool ready = step->ready >> t & 1;
		bool limited = step->limited >> t & 1;
		if (t == (step->choice & CHOICE_THREAD) || (!ready && !limited))
			continue;
		later(search, level + (could_go_on || limited), i, t);
		if (could_go_on && ready && may_freeze)
			later(search, level, i, t | CHOICE_FREEZES);
	}
}

static void branch_all(struct search *search, unsigned level)
{
	const struct record *record = search->record;
	bool may_freeze = search->scenario->freezes;

	for (unsigned i = 0; i < record->forced; i++)
		may_freeze &= !(record->step[i].choice & CHOICE_FREEZES);
	for (unsigned i = record->forced; i < record->steps; i++)
		branch(search, level, i, may_freeze);
}

static void note_points(struct search *search)
{
	const struct record *record = search->record;

	if (record->steps > search->longest)
		search->longest = record->steps;
	for (unsigned i = 0; i < record->steps; i++) {
		unsigned known = 0;
		while (known < search->points && search->point[known] != record->step[i].point)
			known++;
		if (known == search->points && known < POINTS_MAX)
			search->point[search->points++] = record->step[i].point;
	}
}

/* Run what is in the record. False: a fault, and record->fault says which. */
static bool run(struct search *search)
{
	struct record *record = search->record;
	int status;

	record->steps = 0;
	record->ended = false;
	record->fault[0] = '\0';
	pid_t child = _Fork(); /* without handlers: each thread stands where it stands */
	if (child == 0)
		schedule_run(search->scenario, record);
	if (child < 0 || waitpid(child, &status, 0) != child) {
		perror("interleave: no process");
		exit(2);
	}
	if (WIFSIGNALED(status) && record->fault[0] == '\0')
		(void)snprintf(record->fault, sizeof record->fault, "signal %d (%s)",
		               WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (!record->ended && record->fault[0] == '\0')
		(void)snprintf(record->fault, sizeof record->fault, "it ended with status %d",
		               WEXITSTATUS(status));
	note_points(search);
	return record->ended && record->fault[0] == '\0';
}

static void print_fault(const struct search *search, const char *program)
{
	const struct record *record = search->record;
	unsigned before = NOBODY;

	printf("FAIL %s: %s\n  The points at which each thread went on:", search->scenario->name,
	       record->fault);
	for (unsigned i = 0; i < record->steps; i++) {
		const struct step *step = &record->step[i];
		unsigned next = step->choice & CHOICE_THREAD;
		if (step->choice & CHOICE_FREEZES)
			printf(" (frozen)");
		if (next != before)
			printf("\n  thread %u:", next);
		printf(" %s", step->point);
		before = next;
	}
	printf("\n  To run it again:\n  INTERLEAVE_REPLAY='");
	for (unsigned i = 0; i < record->steps; i++) {
		const struct step *step = &record->step[i];
		printf("%s%u%s:%s", i > 0 ? "," : "", step->choice & CHOICE_THREAD,
		       step->choice & CHOICE_FREEZES ? "!" : "", step->point);
	}
	printf("' %s %s\n", program, search->scenario->name);
}

static void print_result(const struct search *search)
{
	unsigned long all = 0;
	unsigned level = 0;

	for (unsigned i = 0; i <= search->bound; i++)
		all += search->run[i];
	while (level <= search->bound && search->level[level].count == 0)
		level++;
	printf("ok   %s: %lu schedules of up to %u points, ", search->scenario->name, all,
	       search->longest);
	if (level > search->bound && search->beyond == 0) {
		printf("all there are\n");
	} else if (level > search->bound) {
		printf("all with at most %u preempted\n", search->bound);
	} else {
		if (level > 0)
			printf("all with at most %u preempted, ", level - 1);
		printf("%lu with %u; stopped at the limit: %zu or more with %u not run\n",
		       search->run[level], level, search->level[level].count, level);
	}
}

static bool met(const struct search *search, const char *point)
{
	for (unsigned i = 0; point != NULL && i < search->points; i++) {
		if (strcmp(search->point[i], point) == 0)
			return true;
	}
	return point == NULL;
}

static bool explore(struct search *search)
{
	unsigned long all = 0;
	struct record *record = search->record;

	record->forced = 0;
	for (unsigned level = 0; level <= search->bound; level++) {
		struct prefixes *list = &search->level[level];
		if (level == 0) { /* the schedule without any choice */
			if (!run(search))
				return false;
			all++;
			search->run[0]++;
			branch_all(search, 0);
		}
		while (list->count > 0) {
			if (search->limit != 0 && all >= search->limit)
				return true;
			struct prefix *prefix = take(search, list);
			record->forced = prefix->length;
			memcpy(record->forced_choice, prefix->choice, prefix->length);
			free(prefix);
			if (!run(search))
				return false;
			all++;
			search->run[level]++;
			branch_all(search, level);
		}
	}
	return true;
}

/* Take over the schedule that `text` gives; false when it is none. */
static bool read_schedule(const char *text, struct record *record)
{
	record->forced = 0;
	while (*text != '\0' && record->forced < STEPS_MAX) {
		if (*text < '0' || *text >= '0' + THREADS_MAX)
			return false;
		unsigned choice = (unsigned)(*text++ - '0');
		if (*text == '!') {
			choice |= CHOICE_FREEZES;
			text++;
		}
		if (*text++ != ':')
			return false;
		record->forced_choice[record->forced++] = (uint8_t)choice;
		text += strcspn(text, ",");
		text += *text == ',';
	}
	return record->forced > 0;
}

/* Whether the points were those that `text` names. */
static bool followed(const char *text, const struct record *record)
{
	for (unsigned i = 0; i < record->steps && *text != '\0'; i++) {
		const char *name = strchr(text, ':') + 1;
		size_t bytes = strcspn(name, ",");
		if (strlen(record->step[i].point) != bytes ||
		    memcmp(name, record->step[i].point, bytes) != 0)
			return false;
		text = name + bytes + (name[bytes] == ',');
	}
	return true;
}

static int replay(struct search *search, const char *text, const char *program)
{
	if (!read_schedule(text, search->record)) {
		fprintf(stderr, "INTERLEAVE_REPLAY is no schedule\n");
		return 2;
	}
	bool good = run(search);
	if (!followed(text, search->record)) {
		fprintf(stderr, "the schedule's points are not met any more\n");
		return 2;
	}
	if (good)
		printf("ok   %s: this schedule\n", search->scenario->name);
	else
		print_fault(search, program);
	return !good;
}

static void add_points(const struct search *search)
{
	const char *name = getenv("INTERLEAVE_POINTS");
	FILE *file = name != NULL ? fopen(name, "a") : NULL;

	if (file == NULL)
		return;
	for (unsigned i = 0; i < search->points; i++)
		fprintf(file, "%s\n", search->point[i]);
	(void)fclose(file);
}

/* One processor for all of it: the baton then passes without waking another one up. */
static void stay_here(void)
{
	cpu_set_t here;
	int processor = sched_getcpu();

	CPU_ZERO(&here);
	if (processor >= 0 && processor < CPU_SETSIZE)
		CPU_SET((unsigned)processor, &here);
	(void)sched_setaffinity(0, sizeof here, &here); /* slower without */
}

/* All of one scenario, in a process of its own. */
static int scenario_main(const struct scenario *scenario, const char *program)
{
	const char *schedule = getenv("INTERLEAVE_REPLAY");
	struct search search = { .scenario = scenario, .random = 88172645463325252u };
	unsigned long bound = setting("INTERLEAVE_BOUND", BOUND);

	search.bound = bound < BOUND_MAX ? (unsigned)bound : BOUND_MAX;
	search.limit = setting("INTERLEAVE_LIMIT", scenario->limit != 0 ? scenario->limit : LIMIT);
	search.record = mmap(NULL, sizeof *search.record, PROT_READ | PROT_WRITE,
	                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (search.record == MAP_FAILED)
		return 2;
	stay_here();
	/* Before the allocator's handlers are: a child is no part of the schedule from the
	 * start. */
	(void)pthread_atfork(NULL, NULL, schedule_leave);
	if (scenario->set_up != NULL)
		scenario->set_up();
	if (schedule != NULL)
		return replay(&search, schedule, program);
	bool good = explore(&search);
	if (good)
		print_result(&search);
	else
		print_fault(&search, program);
	if (good && !met(&search, scenario->must_meet)) {
		printf("FAIL %s: no schedule came to %s\n", scenario->name, scenario->must_meet);
		good = false;
	}
	add_points(&search);
	return !good;
}

int scenarios_main(int argc, char **argv, const struct scenario *scenario, size_t count)
{
	int result = 0;
	bool any = false;

	if (argc > 2 || (argc < 2 && getenv("INTERLEAVE_REPLAY") != NULL)) {
		fprintf(stderr, "usage: %s [SCENARIO], with one for INTERLEAVE_REPLAY\n", argv[0]);
		return 2;
	}
	if (argc == 1 && getenv("INTERLEAVE_POINTS") != NULL)
		(void)!truncate(getenv("INTERLEAVE_POINTS"), 0); /* when there is one */
	for (size_t i = 0; i < count; i++) {
		int status = 0;
		if (argc == 2 && strcmp(argv[1], scenario[i].name) != 0)
			continue;
		any = true;
		(void)fflush(stdout);
		pid_t child = fork();
		if (child == 0)
			exit(scenario_main(&scenario[i], argv[0]));
		if (child < 0 || waitpid(child, &status, 0) != child)
			return 2;
		if (!WIFEXITED(status))
			printf("FAIL %s: the search ended by signal %d\n", scenario[i].name,
			       WTERMSIG(status));
		if (status != 0)
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	}
	if (!any) {
		fprintf(stderr, "no such scenario: %s\n", argv[1]);
		return 2;
	}
	return result;
}
