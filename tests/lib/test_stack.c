/* stack.h: last in, first out; no node is lost or in two hands, whatever four threads do; and a
 * node that went and came back (ABA) makes a stale pop fail. */
#include "stack.h"

#include "../api/support.h"

#include <criterion/criterion.h>
#include <sched.h>

enum { THREADS = 4, ROUNDS = SCALED(200000) };

struct piece {
	struct tide_node node;
	uint64_t plain;           /* the holder's; stack.hand must carry it */
	_Atomic uint32_t holders; /* 1 while somebody has it */
};

static struct tide_stack stack;

static struct piece *pop_piece(void)
{
	return (struct piece *)tide_stack_pop(&stack);
}

Test(stack, last_in_first_out)
{
	struct piece piece[100];

	cr_assert_null(tide_stack_pop(&stack));
	cr_assert(tide_stack_is_empty_racy(&stack));
	for (size_t i = 0; i < COUNT_OF(piece); i++)
		tide_stack_push(&stack, &piece[i].node);
	cr_assert(!tide_stack_is_empty_racy(&stack));
	for (size_t i = COUNT_OF(piece); i-- > 0;)
		cr_assert_eq(pop_piece(), &piece[i]);
	cr_assert_null(tide_stack_pop(&stack));
}

/* A pop that was interrupted after its three reads, while all the rest happened. */
Test(stack, a_node_that_went_and_came_back_stops_a_stale_pop)
{
	struct piece a, b, c;

	tide_stack_push(&stack, &c.node);
	tide_stack_push(&stack, &b.node);
	tide_stack_push(&stack, &a.node);
	uintptr_t tag = tide_load_acquire(&stack.head.tag);
	void *head = tide_load_acquire(&stack.head.pointer);
	void *next = tide_load_relaxed(&a.node.next);

	cr_assert_eq(pop_piece(), &a);
	cr_assert_eq(pop_piece(), &b);
	tide_stack_push(&stack, &a.node); /* the head is a again, but b is out */
	cr_assert(!tide_cas2_acq_rel(&stack.head, head, tag, next, tag + 1));
	cr_assert_eq(pop_piece(), &a);
	cr_assert_eq(pop_piece(), &c);
	cr_assert_null(pop_piece());
}

Test(stack, a_push_in_between_stops_a_stale_pop)
{
	struct piece a, b;

	tide_stack_push(&stack, &a.node);
	uintptr_t tag = tide_load_acquire(&stack.head.tag);
	void *head = tide_load_acquire(&stack.head.pointer);

	tide_stack_push(&stack, &b.node);
	cr_assert(!tide_cas2_acq_rel(&stack.head, head, tag, NULL, tag + 1));
	cr_assert_eq(pop_piece(), &b);
	cr_assert_eq(pop_piece(), &a);
}

Test(stack, the_double_word_is_exchanged_only_when_both_halves_are_as_read)
{
	int x, y;
	struct tide_tagged word = { &x, 7 };

	cr_assert(!tide_cas2_acq_rel(&word, &y, 7, &y, 8));
	cr_assert(!tide_cas2_acq_rel(&word, &x, 6, &y, 8));
	cr_assert_eq(tide_load_relaxed(&word.pointer), &x);
	cr_assert_eq(tide_load_relaxed(&word.tag), 7u);
	cr_assert(tide_cas2_acq_rel(&word, &x, 7, &y, 8));
	cr_assert_eq(tide_load_relaxed(&word.pointer), &y);
	cr_assert_eq(tide_load_relaxed(&word.tag), 8u);
}

/* Two out, back in the other order: what ABA is made of, with few nodes so that it happens. */
static void *juggle(void *arg)
{
	uint64_t *random = arg;

	for (size_t i = 0; i < ROUNDS; i++) {
		struct piece *held[2] = { pop_piece(), NULL };

		if (random_next(random) & 1)
			held[1] = pop_piece();
		for (unsigned h = 0; h < 2; h++) {
			if (held[h] == NULL)
				continue;
			if (tide_add_relaxed(&held[h]->holders, 1u) != 0)
				return "a node is in two hands";
			held[h]->plain++;
		}
		if (random_next(random) % 64 == 0)
			sched_yield();
		for (unsigned h = 0; h < 2; h++) {
			if (held[h] == NULL)
				continue;
			(void)tide_sub_relaxed(&held[h]->holders, 1u);
			tide_stack_push(&stack, &held[h]->node);
		}
	}
	return NULL;
}

static void juggle_with(size_t pieces)
{
	static struct piece piece[64];
	uint64_t random[THREADS] = { 1, 2, 3, 4 };
	size_t found = 0;

	memset(piece, 0, sizeof piece);
	for (size_t i = 0; i < pieces; i++)
		tide_stack_push(&stack, &piece[i].node);
	const char *wrong = run_threads(juggle, random, sizeof random[0], THREADS);
	cr_assert_null(wrong, "%s", wrong);
	for (struct piece *at; (at = pop_piece()) != NULL; found++)
		cr_assert_eq(tide_add_relaxed(&at->holders, 1u), 0u,
		             "a node is in the stack twice");
	cr_assert_eq(found, pieces, "%zu nodes of %zu came back", found, pieces);
}

Test(stack, few_nodes_between_four_threads, .timeout = 60)
{
	juggle_with(3);
}

Test(stack, many_nodes_between_four_threads, .timeout = 60)
{
	juggle_with(64);
}
