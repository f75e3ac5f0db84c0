/* orphan.h: blocks that no bin could be had for: each is taken once, by whoever takes. */
#include "heap.h"
#include "orphan.h"

#include "../api/support.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { PUSHERS = 3, BLOCKS = SCALED(100000) };

struct block {
	struct tide_orphan orphan;
	size_t pushes; /* the holder's */
	size_t takes;
};

Test(orphan, all_come_back_the_last_first)
{
	struct block block[10];

	cr_assert_null(tide_orphan_take_all(&tide_heap_default.orphans));
	for (size_t i = 0; i < COUNT_OF(block); i++)
		tide_orphan_push(&tide_heap_default.orphans, &block[i]);
	struct tide_orphan *at = tide_orphan_take_all(&tide_heap_default.orphans);
	for (size_t i = COUNT_OF(block); i-- > 0; at = at->next)
		cr_assert_eq(at, &block[i].orphan);
	cr_assert_null(at);
	cr_assert_null(tide_orphan_take_all(&tide_heap_default.orphans));
}

static struct block *blocks;
static _Atomic uint32_t pushing = PUSHERS;

static void *push(void *arg)
{
	size_t pusher = *(size_t *)arg;

	for (size_t i = 0; i < BLOCKS; i++) {
		struct block *block = &blocks[pusher * BLOCKS + i];
		block->pushes++;
		tide_orphan_push(&tide_heap_default.orphans, block);
	}
	(void)tide_sub_relaxed(&pushing, 1u);
	return NULL;
}

static size_t take(void)
{
	size_t taken = 0;

	for (struct tide_orphan *at = tide_orphan_take_all(&tide_heap_default.orphans); at != NULL;
	     taken++) {
		struct block *block = (struct block *)at;
		at = at->next;
		block->takes++;
	}
	return taken;
}

Test(orphan, each_is_taken_once_while_three_threads_push, .timeout = 60)
{
	pthread_t pusher[PUSHERS];
	size_t id[PUSHERS];
	size_t taken = 0;

	blocks = calloc(PUSHERS * BLOCKS, sizeof *blocks);
	for (size_t i = 0; i < PUSHERS; i++) {
		id[i] = i;
		cr_assert_eq(pthread_create(&pusher[i], NULL, push, &id[i]), 0);
	}
	while (tide_load_relaxed(&pushing) > 0)
		taken += take();
	for (size_t i = 0; i < PUSHERS; i++)
		cr_assert_eq(pthread_join(pusher[i], NULL), 0);
	taken += take();
	cr_assert_eq(taken, (size_t)PUSHERS * BLOCKS);
	for (size_t i = 0; i < PUSHERS * BLOCKS; i++) {
		cr_assert_eq(blocks[i].pushes, 1u);
		cr_assert_eq(blocks[i].takes, 1u);
	}
	free(blocks);
}
