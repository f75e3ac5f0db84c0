/* doorbell.h with garbage.h: who publishes and who goes to sleep never miss each other, and a sleep
 * costs one wake at the most. The sleeper here does what gc/thread.c's park does. */
#include "support.h"

#include "doorbell.h"
#include "garbage.h"

enum { CLS = 4, BINS_EACH = 2, PRODUCERS = 2, LIMIT_NS = 1000000000 };

#define POINTS "garbage. doorbell. futex. test."

static struct tide_garbage garbage[PRODUCERS];
static unsigned expected, out, sleeps;

static void start_with(unsigned producers)
{
	for (unsigned i = 0; i < producers; i++) {
		struct tide_bin *bin = bin_number(CLS, 0);
		(void)tide_bin_take(bin);
		tide_garbage_init(&garbage[i], bin);
	}
	expected = producers * BINS_EACH;
}

static void one_producer(void)
{
	start_with(1);
}

static void two_producers(void)
{
	start_with(2);
}

static void publish(bool much)
{
	for (unsigned i = 0; i < BINS_EACH; i++) {
		struct tide_bin *bin = bin_number(CLS, i);
		tide_garbage_publish(&garbage[schedule_self() - 1], bin);
		tide_doorbell_ring(much);
	}
}

static void publish_softly(void)
{
	publish(false);
}

static void publish_much(void)
{
	publish(true);
}

static void drain(void)
{
	for (unsigned i = 0; i < expected / BINS_EACH; i++) {
		struct tide_bin *spent;
		while (tide_garbage_consume(&garbage[i], &spent) != NULL)
			out++;
	}
}

static bool anything_left(void)
{
	for (unsigned i = 0; i < expected / BINS_EACH; i++) {
		if (!tide_garbage_is_empty(&garbage[i]))
			return true;
	}
	return false;
}

static void drain_or_sleep(uint32_t kind, uint64_t limit_ns)
{
	for (drain(); out < expected; drain()) {
		sleeps++;
		tide_doorbell_announce(kind);
		if (anything_left())
			tide_doorbell_retract();
		else
			tide_doorbell_sleep(kind, limit_ns);
	}
}

/* Without a limit: a ring that is lost is a wait for ever. */
static void drain_or_fall_asleep(void)
{
	drain_or_sleep(TIDE_GC_ASLEEP, 0);
}

static void drain_or_doze(void)
{
	drain_or_sleep(TIDE_GC_DOZING, LIMIT_NS);
}

/* As the GC does, but not for ever: a frozen producer's bins never come. */
static void drain_some_or_doze(void)
{
	for (unsigned rounds = 0; rounds < 2 * expected && out < expected; rounds++) {
		drain();
		sleeps++;
		tide_doorbell_announce(TIDE_GC_DOZING);
		tide_doorbell_sleep(TIDE_GC_DOZING, LIMIT_NS);
	}
	drain();
}

static const char *a_wake_for_each_sleep(void)
{
	return tide_load_relaxed(&tide_doorbell.wakes) > sleeps ? "more wakes than sleeps" : NULL;
}

static const char *all_is_drained(void)
{
	if (out != expected)
		return "something was published and not drained";
	if (schedule_idle_waits() > 0)
		return "a doze had to end by itself";
	return NULL;
}

/* Nobody to ring, or a ring that never comes: then the limit ends the doze. But all others end. */
static const char *all_is_drained_some_time(void)
{
	if (schedule_frozen() < 0 && out != expected)
		return "something was published and not drained";
	return NULL;
}

static const struct scenario scenario[] = {
	{ .name = "one_rings_who_sleeps",
	  .set_up = one_producer,
	  .thread = { drain_or_fall_asleep, publish_softly },
	  .always = a_wake_for_each_sleep,
	  .check = all_is_drained,
	  .points = POINTS },
	{ .name = "two_ring_who_sleeps",
	  .set_up = two_producers,
	  .thread = { drain_or_fall_asleep, publish_softly, publish_softly },
	  .always = a_wake_for_each_sleep,
	  .check = all_is_drained,
	  .points = POINTS },
	{ .name = "one_rings_who_dozes",
	  .set_up = one_producer,
	  .thread = { drain_or_doze, publish_much },
	  .always = a_wake_for_each_sleep,
	  .check = all_is_drained,
	  .points = POINTS },
	{ .name = "one_of_them_is_frozen",
	  .set_up = two_producers,
	  .thread = { drain_some_or_doze, publish_much, publish_softly },
	  .always = a_wake_for_each_sleep,
	  .check = all_is_drained_some_time,
	  .points = POINTS,
	  .freezes = true },
};

int main(int argc, char **argv)
{
	return scenarios_main(argc, argv, scenario, COUNT_OF(scenario));
}
