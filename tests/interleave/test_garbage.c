/* garbage.h: each bin comes out once and in order, whoever is stopped where; a producer that
 * vanished in the middle leaves a queue that its heir can go on with. */
#include "support.h"

#include "garbage.h"

enum { CLS = 4, BINS = 3, OF_HEIR = 9, NUMBERS = 16 };

#define POINTS "garbage. stack. test."

static struct tide_garbage garbage;
static struct tide_bin *first_bin;
static unsigned times_out[NUMBERS];
static unsigned out;   /* bins that came out */
static int last_out;   /* the number of the last one */
static char *number_0; /* the block that stands for it */

static void start_empty(void)
{
	struct tide_bin *bin = bin_number(CLS, 0);

	number_0 = tide_bin_take(bin);
	first_bin = bin;
	tide_garbage_init(&garbage, bin);
	last_out = -1;
}

/* The bins are made here, so that those that the consumer lets go are used again. */
static void publish_all(void)
{
	for (unsigned i = 0; i < BINS; i++)
		tide_garbage_publish(&garbage, bin_number(CLS, i));
}

static bool consume_one(void)
{
	struct tide_bin *spent;
	struct tide_bin *bin = tide_garbage_consume(&garbage, &spent);

	if (bin == NULL)
		return false;
	schedule_must(bin->count == 1);
	int number = (int)(((char *)tide_bin_take(bin) - number_0) / 16);
	schedule_must(number > last_out && number < NUMBERS);
	last_out = number;
	times_out[number]++;
	out++;
	tide_bin_recycle(spent);
	return true;
}

static void consume_some(void)
{
	for (unsigned tries = 0; tries < BINS + 1; tries++)
		(void)consume_one();
}

static const char *backlog_is_no_more_than_there_was(void)
{
	size_t most = BINS * tide_class_bytes(CLS);

	return tide_garbage_backlog_racy(&garbage) > most ? "the backlog is too high" : NULL;
}

/* What is left comes out now. */
static const char *all_came_out_once(void)
{
	while (consume_one())
		continue;
	for (unsigned i = 0; i < BINS; i++) {
		if (times_out[i] != 1)
			return "a bin did not come out once";
	}
	if (tide_garbage_backlog_racy(&garbage) != 0 || !tide_garbage_is_empty(&garbage))
		return "something is left";
	return NULL;
}

/* The producer is frozen, which is to vanish; its heir publishes one bin more. One that was not in
 * the queue yet is lost. */
static const char *an_heir_can_go_on(void)
{
	if (schedule_frozen() == 1)
		return NULL; /* the token is frozen with the consumer */
	if (schedule_frozen() < 0)
		return all_came_out_once();
	tide_garbage_repair(&garbage);
	tide_garbage_publish(&garbage, bin_number(CLS, OF_HEIR));
	while (consume_one())
		continue;
	if (times_out[OF_HEIR] != 1)
		return "the heir's bin did not come out";
	for (unsigned i = 1; i < BINS; i++) {
		if (times_out[i] > times_out[i - 1])
			return "a bin in the middle was lost";
	}
	return NULL;
}

static const struct scenario scenario[] = {
	{ .name = "publish_and_consume",
	  .set_up = start_empty,
	  .thread = { publish_all, consume_some },
	  .always = backlog_is_no_more_than_there_was,
	  .check = all_came_out_once,
	  .points = POINTS },
	{ .name = "the_producer_vanishes",
	  .set_up = start_empty,
	  .thread = { publish_all, consume_some },
	  .check = an_heir_can_go_on,
	  .points = POINTS,
	  .freezes = true },
};

int main(int argc, char **argv)
{
	return scenarios_main(argc, argv, scenario, COUNT_OF(scenario));
}
