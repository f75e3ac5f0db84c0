/* follow.c: what two status files say of two threads. That the GC thread then does follow is shown
 * by tests/loader/test_credentials.c. */
#include "support.h"

#include "follow.h"

#include <stdio.h>

/* A status file as the kernel writes it, with what is not looked at left out. */
static const char *status(const char *uid, const char *groups, const char *caps, unsigned no_new,
                          unsigned filter)
{
	static char text[8][1024];
	static unsigned turn;
	char *own = text[turn++ % 8];

	(void)snprintf(own, sizeof text[0],
	               "Name:\tUid:\nState:\tS (sleeping)\nPid:\t7\nUid:\t%s\nGid:\t0\t0\t0\t0\n"
	               "FDSize:\t64\nGroups:\t%s \nCapInh:\t0000000000000000\nCapPrm:\t%s\n"
	               "CapEff:\t%s\nCapBnd:\t000001fffeffffff\nCapAmb:\t0000000000000000\n"
	               "NoNewPrivs:\t%u\nSeccomp:\t%u\nSeccomp_filters:\t9\n",
	               uid, groups, caps, caps, no_new, filter);
	return own;
}

#define ROOT "0\t0\t0\t0"
#define USER "1000\t1000\t1000\t1000"
#define AWAY "0\t1000\t0\t1000"
#define NONE "0000000000000000"
#define FEW "00000000000000c0"
#define ALL "000001fffeffffff"

Test(follow, the_same_rights_are_the_same)
{
	const char *root = status(ROOT, "", ALL, 0, 0);

	cr_assert_eq(tide_gc_follow_compare(root, root), GC_FOLLOW_SAME);
	cr_assert_eq(tide_gc_follow_compare(status(ROOT, "", NONE, 0, 0), root), GC_FOLLOW_SAME,
	             "a GC thread of root has no capabilities");
	cr_assert_eq(
	    tide_gc_follow_compare(status(USER, "4 7", FEW, 1, 0), status(USER, "4 7", FEW, 1, 0)),
	    GC_FOLLOW_SAME);
}

Test(follow, each_difference_is_one)
{
	const char *own = status(USER, "4 7", FEW, 0, 0);
	const char *other[] = {
		status(ROOT, "4 7", FEW, 0, 0),
		status(USER, "4 77", FEW, 0, 0),
		status(USER, "4", FEW, 0, 0),
	};

	for (unsigned i = 0; i < COUNT_OF(other); i++)
		cr_assert_eq(tide_gc_follow_compare(own, other[i]), GC_FOLLOW_CHANGED, "%u", i);
	cr_assert_eq(tide_gc_follow_compare(own, status(USER, "4 7", FEW, 1, 0)), GC_FOLLOW_CHANGED,
	             "no_new_privs");
	cr_assert_eq(tide_gc_follow_compare(own, status(USER, "4 7", NONE, 0, 0)),
	             GC_FOLLOW_CHANGED, "more capabilities than the program");
	cr_assert_eq(tide_gc_follow_compare(own, status(USER, "4 7", "0000000000000040", 0, 0)),
	             GC_FOLLOW_CHANGED, "one more");
	cr_assert_eq(tide_gc_follow_compare(own, status(AWAY, "4 7", FEW, 0, 0)), GC_FOLLOW_CHANGED,
	             "ids that differ among themselves");
}

Test(follow, a_filter_goes_before_all_else)
{
	const char *own = status(ROOT, "", NONE, 0, 0);

	cr_assert_eq(tide_gc_follow_compare(own, status(USER, "", NONE, 1, 2)), GC_FOLLOW_FILTERED);
	cr_assert_eq(
	    tide_gc_follow_compare(status(ROOT, "", NONE, 1, 2), status(ROOT, "", ALL, 1, 2)),
	    GC_FOLLOW_SAME);
}

Test(follow, what_is_not_said_is_no_difference)
{
	const char *root = status(ROOT, "", ALL, 0, 0);

	cr_assert_eq(tide_gc_follow_compare("", root), GC_FOLLOW_SAME);
	cr_assert_eq(tide_gc_follow_compare(root, ""), GC_FOLLOW_SAME);
	cr_assert_eq(tide_gc_follow_compare("Uid:\t0", "Uid:\t1"), GC_FOLLOW_CHANGED);
	cr_assert_eq(tide_gc_follow_compare("Uid:\t1", "Uid:\t10"), GC_FOLLOW_CHANGED);
}

Test(follow, who_has_nothing_to_give_up_lets_the_GC_sleep)
{
	cr_assert(tide_gc_follow_is_exposed(status(ROOT, "", ALL, 0, 0)));
	cr_assert(tide_gc_follow_is_exposed(status(USER, "", FEW, 0, 0)));
	cr_assert(tide_gc_follow_is_exposed(status(AWAY, "", NONE, 0, 0)));
	cr_assert(tide_gc_follow_is_exposed(status(USER, "4 7", NONE, 0, 0)), "no_new_privs");
	cr_assert_not(tide_gc_follow_is_exposed(status(USER, "4 7", NONE, 1, 0)));
	cr_assert_not(tide_gc_follow_is_exposed(status(ROOT, "", NONE, 1, 0)));
}

/* One look that sees no difference is no proof that there will be none. */
Test(follow, the_looks_come_nearer_by_half)
{
	uint64_t least = tide_gc_follow_interval_ns(0, GC_FOLLOW_SAME);
	uint64_t most = least;
	unsigned doublings = 0;

	while (tide_gc_follow_interval_ns(most, GC_FOLLOW_CHANGED) > most) {
		cr_assert_eq(tide_gc_follow_interval_ns(most, GC_FOLLOW_CHANGED), 2 * most);
		most *= 2;
		doublings++;
	}
	cr_assert_gt(doublings, 0u);
	for (uint64_t interval = most; doublings > 0; doublings--) {
		cr_assert_eq(tide_gc_follow_interval_ns(interval, GC_FOLLOW_SAME), interval / 2);
		interval /= 2;
	}
	cr_assert_eq(tide_gc_follow_interval_ns(least, GC_FOLLOW_SAME), least);
}

Test(follow, of_those_that_leave_one_after_the_other_the_first_purges)
{
	uint64_t now_ns = 1000000;
	uint64_t pause_ns = 1000000000u;

	cr_assert(tide_gc_follow_purges(now_ns));
	for (unsigned i = 0; i < 100; i++)
		cr_assert_not(tide_gc_follow_purges(now_ns += pause_ns));
	cr_assert(tide_gc_follow_purges(now_ns + 60 * pause_ns));
}
