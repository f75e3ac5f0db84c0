# What is put wrong, and which scenario has to find it with how many preemptions.

tide_mutant(pops_are_not_counted lib/stack.h
	[[node, tag, next, tag + 1)]]
	[[node, tag, next, tag)]]
	test_queue popped_and_pushed_meanwhile 2)

tide_mutant(count_is_read_after_the_head lib/stack.h
	[[TIDE_YIELD("stack.pop.head");]]
	[[TIDE_YIELD("stack.pop.head"); tag = tide_load_acquire(&stack->head.tag);]]
	test_queue under_another_one_meanwhile 3)

tide_mutant(blocks_are_counted_after_the_push lib/queue.h
	[[(void)tide_add_relaxed(&queue->blocks, (uint32_t)bin->count);]]
	[[tide_stack_push(&queue->bins, &bin->node);
	TIDE_YIELD("queue.mutant");
	(void)tide_add_relaxed(&queue->blocks, (uint32_t)bin->count);
	return;]]
	test_queue three_take_and_give_back 2)

tide_mutant(what_another_lane_had_is_the_own_lanes_loss lib/queue.h
	[[(void)tide_sub_relaxed(&queue->blocks, (uint32_t)bin->count);]]
	[[(void)tide_sub_relaxed(&queues->of[tide_lane][cls].blocks, (uint32_t)bin->count);]]
	test_queue each_in_its_own_lane 2)

tide_mutant(an_heir_trusts_the_tail lib/garbage.h
	[[garbage->tail = garbage->head;]]
	[[;]]
	test_garbage the_producer_vanishes 2)

tide_mutant(a_ring_leaves_the_announcement lib/doorbell.h
	[[(uint32_t)TIDE_GC_AWAKE, memory_order_seq_cst,]]
	[[state, memory_order_seq_cst,]]
	test_doorbell one_rings_who_sleeps 2)

tide_mutant(no_second_look_before_sleep gc/thread.c
	[[(sleep == TIDE_GC_ASLEEP && anything_left())]]
	[[(sleep == TIDE_GC_ASLEEP && false)]]
	test_gc given_away_while_the_GC_parks 2)

tide_mutant(a_miss_waits_for_the_token gc/loop.c
	[[	if (!tide_token_try())
		return 0;]]
	[[	(void)tide_token_wait(0);]]
	test_gc one_of_them_is_frozen 2)

tide_mutant(fork_does_not_wait gc/thread.c
	[[return tide_gc_wait(FORK_WAIT_NS);]]
	[[return true;]]
	test_fork fork_while_one_works 2)

tide_mutant(other_waiters_are_forgotten lib/token.c
	[[	return true;
}]]
	[[	tide_store_relaxed(&tide_token, (uint32_t)TIDE_TOKEN_HELD);
	return true;
}]]
	test_token two_wait_for_one 2)

tide_mutant(a_try_goes_before_who_waits lib/token.c
	[[(void)tide_add_relaxed(&tide_token_waiters, 1u);]]
	[[(void)tide_add_relaxed(&tide_token_waiters, 1u);
	tide_store_relaxed(&tide_token_owed, true);]]
	test_token who_waits_goes_first 2)

tide_mutant(a_slab_too_many_is_dropped lib/frontier.c
	[[tide_stack_push(&frontier->ready_slab[cls], &slab->node);]]
	[[;]]
	test_frontier the_end_of_a_slab 2)

tide_mutant(the_length_is_read_of_the_descriptor lib/frontier.c
	[[halvings << PLACE_BITS | next);
}

static unsigned region_next(uint64_t word)
{
	return (unsigned)(word & PLACE_MASK);
}

static unsigned region_end(uint64_t word)
{
	return TIDE_REGION_GRANULES >> ((word & NEXT_MASK) >> PLACE_BITS);]]
	[[next);
}

static unsigned region_next(uint64_t word)
{
	return (unsigned)(word & PLACE_MASK);
}

static unsigned region_end(uint64_t word)
{
	const struct tide_region *region = word_pointer(word);
	return tide_load_relaxed(&region->granules);]]
	test_frontier a_descriptor_comes_back_for_less 2)

tide_mutant(faulted_in_without_a_second_look lib/frontier.c
	[[if (word_pointer(seen) == region && want <= region_end(seen)) {
		TIDE_YIELD("frontier.populate");]]
	[[if (region != NULL) {
		TIDE_YIELD("frontier.populate");]]
	test_frontier fault_in_where_a_region_goes 2)

tide_mutant(owners_are_not_counted lib/cache.c
	[[(tide_load_relaxed(&cache->owner) >> 32) + 1;]]
	[[(tide_load_relaxed(&cache->owner) >> 32);]]
	test_cache a_thread_with_the_id_of_another 2)

tide_mutant(the_pending_bins_are_taken_by_a_store lib/cache.c
	[[TIDE_YIELD("cache.take");
	if (tide_swap_acq_rel(&cache->pending_taken, true)) /* cache.pending */]]
	[[bool was_taken = tide_load_acquire(&cache->pending_taken);
	TIDE_YIELD("cache.mutant");
	tide_store_release(&cache->pending_taken, true);
	if (was_taken)]]
	test_cache the_pending_bins_of_an_idle_thread 2)

tide_mutant(the_pending_bins_are_given_back_early lib/cache.c
	[[		cache->calls_at_take = calls;]]
	[[		cache->calls_at_take = calls;
	tide_store_release(&cache->pending_taken, false);]]
	test_cache the_pending_bins_of_an_idle_thread 2)

tide_mutant(stashes_are_taken_without_asking lib/cache.c
	[[TIDE_YIELD("cache.take_stashes");
	if (tide_swap_acq_rel(&cache->pending_taken, true)) /* cache.pending */]]
	[[if (tide_load_relaxed(&cache->pending_taken))]]
	test_stash what_is_kept_is_taken_over 2)

tide_mutant(a_slab_has_two_owners lib/stash.c
	[[	if (owner == NULL) {
		TIDE_YIELD("stash.claim");
		if (!tide_cas_acquire(&slab->owner, &owner, stash)) /* slab.own */
			return false;]]
	[[	if (owner == NULL) {
		TIDE_YIELD("stash.claim");
		tide_store_relaxed(&slab->owner, stash);]]
	test_stash threads_keep_blocks_of_one_slab 2)

tide_mutant(an_owner_takes_what_the_GC_is_at lib/slow.c
	[[struct tide_bin *pending = tide_cache_pending(cache, cls);
	if (pending != NULL && pending->count > 0) {]]
	[[struct tide_bin *pending = cache->pending[cls];
	if (pending != NULL && pending->count > 0) {]]
	test_cache the_pending_bins_of_an_idle_thread 2)

tide_mutant(a_kept_block_is_not_looked_at lib/large_keep.c
	[[bool fits = has >= bytes &&]]
	[[bool fits = bytes > 0 ||]]
	test_large a_short_one_in_the_inbox 2)

tide_mutant(the_kept_blocks_are_taken_by_a_store lib/large_keep.c
	[[return tide_load_relaxed(&taken) == 0 && tide_swap_acq_rel(&taken, 1u) == 0; /* large.keep */]]
	[[bool was_taken = tide_load_acquire(&taken) != 0;
	TIDE_YIELD("large.mutant");
	tide_store_release(&taken, 1u);
	return !was_taken;]]
	test_large two_take_from_one 2)

tide_mutant(a_leaf_is_overwritten lib/pagemap.c
	[[if (tide_cas_acq_rel(&leaves[address >> TIDE_LEAF_SHIFT], &seen, leaf)) /* pagemap.leaf */]]
	[[tide_store_release(&leaves[address >> TIDE_LEAF_SHIFT], leaf);
	if (seen == NULL)]]
	test_mapping the_first_use_of_a_leaf 2)

tide_mutant(unmapped_while_in_the_page_map lib/region.c
	[[if (!tide_os_unmap((void *)base, bytes)) {]]
	[[bool gone = tide_os_unmap((void *)base, bytes);
	TIDE_YIELD("region.mutant");
	tide_pagemap_set(base, bytes / TIDE_PAGE_BYTES, TIDE_CLASS_NONE);
	tide_pagemap_set_region(base, NULL);
	if (!gone) {]]
	test_mapping another_mapping_in_its_place 2)

tide_mutant(a_start_unasked_does_not_look_again gc/thread.c
	[[if (unasked && tide_load_seq_cst(&unwanted)) {]]
	[[if (false) {]]
	test_start wanted_and_stopped 2)

tide_mutant(a_bit_is_claimed_unseen lib/object_slab.c
	[[if (!(bit_clear(slab->raw, idx) & (word & -word))) /* object.raw */]]
	[[if (!(bit_clear(slab->raw, idx) | (word & -word)))]]
	test_object two_take_the_last_two 2)

tide_mutant(a_whole_slab_goes_under_a_right lib/object_slab.c
	[[tide_cas_acq_rel(&slab->free, &whole, TIDE_OBJECT_RETIRED)) /* object.free */]]
	[[(tide_store_release(&slab->free, TIDE_OBJECT_RETIRED), true))]]
	test_object the_last_object 2)

tide_mutant(withdrawn_without_a_second_look lib/object_slab.c
	[[	if (has_free(slab)) {]]
	[[	if (false) {]]
	test_object given_back_to_a_full_slab 2)

tide_mutant(a_user_does_not_look_whether_it_lives lib/object.c
	[[	return tide_load_seq_cst(&cache->live); /* object.live */
}

void tide_object_leave]]
	[[	return true;
}

void tide_object_leave]]
	test_object destroyed_meanwhile 2)

tide_mutant(a_cache_is_given_up_twice lib/cache.c
	[[	if (tide_cache_thread_id(owner) == 0 ||
	    !tide_cas_acq_rel(&cache->owner, &owner,
	                      owner & ~(uint64_t)UINT32_MAX)) /* cache.depart */
		return false;]]
	[[	if (tide_cache_thread_id(owner) == 0)
		return false;
	tide_store_release(&cache->owner, owner & ~(uint64_t)UINT32_MAX);]]
	test_heap destroyed_while_one_ends 2)

tide_mutant(the_pool_is_claimed_by_a_store lib/guard.c
	[[	if (!tide_cas_acq_rel(&started, &seen, 1u))
		return;]]
	[[	seen = tide_load_acquire(&started);
	TIDE_YIELD("guard.mutant");
	tide_store_release(&started, 1u);
	if (seen != 0)
		return;]]
	test_guard started_by_two 2)

tide_mutant(a_slot_is_taken_by_a_store lib/guard.c
	[[if (tide_cas_acquire(&slot->state, &state, (uint32_t)SLOT_TAKEN)) /* guard.slot */
			return slot;]]
	[[tide_store_relaxed(&slot->state, (uint32_t)SLOT_TAKEN);
		return slot;]]
	test_guard two_want_the_last_slot 2)

tide_mutant(a_slot_is_freed_by_a_store lib/guard.c
	[[if (!tide_cas_acquire(&slot->state, &state, (uint32_t)SLOT_TAKEN)) { /* guard.slot */]]
	[[tide_store_relaxed(&slot->state, (uint32_t)SLOT_TAKEN);
	if (state != SLOT_LIVE) {]]
	test_guard freed_by_two 2)

tide_mutant(a_slot_is_free_before_it_is_closed lib/guard.c
	[[(void)tide_os_purge(page, TIDE_PAGE_BYTES);]]
	[[tide_store_release(&slot->state, (uint32_t)SLOT_FREED);
	TIDE_YIELD("guard.mutant");
	(void)tide_os_purge(page, TIDE_PAGE_BYTES);]]
	test_guard wanted_while_it_is_freed 2)

tide_mutant(parked_by_a_store lib/checked.c
	[[return released(tide_swap_acq_rel(place, block), out_cls); /* checked.park */]]
	[[void *out = tide_load_acquire(place);
	TIDE_YIELD("checked.mutant");
	tide_store_release(place, block);
	return released(out, out_cls);]]
	test_checked two_at_one_place 2)

tide_mutant(taken_out_by_a_store lib/checked.c
	[[void *out = tide_swap_acq_rel(&kept[i], NULL); /* checked.park */]]
	[[void *out = tide_load_acquire(&kept[i]);
		TIDE_YIELD("checked.mutant");
		tide_store_release(&kept[i], NULL);]]
	test_checked parked_and_taken_out 2)

tide_mutant(a_bit_dies_by_a_store lib/region.c
	[[: tide_and_acq_rel(&words[idx / 64], ~bit);]]
	[[: tide_load_acquire(&words[idx / 64]);
	if (!live) {
		TIDE_YIELD("region.mutant");
		tide_store_release(&words[idx / 64], before & ~bit);
	}]]
	test_checked freed_by_two 2)

tide_mutant(a_holder_is_not_looked_at_again gc/lost.c
	[[return tide_load_relaxed(&tide_token_holder) == holder;]]
	[[return true;]]
	test_lost it_lets_go_meanwhile 2)

tide_mutant(a_holder_is_known_by_its_id gc/lost.c
	[[return tide_load_relaxed(&tide_token_holder) == holder;]]
	[[return tide_token_thread_id(tide_load_relaxed(&tide_token_holder)) == id;]]
	test_lost another_one_has_its_id_meanwhile 3)

tide_mutant(holders_are_not_counted lib/token.h
	[[(tide_load_relaxed(&tide_token_holder) >> 32) + 1;]]
	[[(tide_load_relaxed(&tide_token_holder) >> 32);]]
	test_lost another_one_has_its_id_meanwhile 3)

tide_mutant(holders_are_counted_anew lib/token.c
	[[holder & ~(uint64_t)UINT32_MAX]]
	[[holder & (uint64_t)0]]
	test_lost another_one_has_its_id_meanwhile 3)

tide_mutant(a_holder_that_lets_go_is_named lib/token.c
	[[holder & ~(uint64_t)UINT32_MAX]]
	[[holder]]
	test_lost it_lets_go_meanwhile 2)

tide_mutant(a_copy_of_the_process_is_taken_for_it gc/lost.c
	[[id == 0 || tide_os_process_id() != tide_gc_process_id()]]
	[[id == 0]]
	test_lost looked_for_in_a_copy 2)

tide_mutant(a_lost_holder_is_not_found gc/lost.c
	[[	if (tide_os_thread_exists(id))
		return false;]]
	[[	if (!tide_os_thread_exists(id))
		return false;]]
	test_lost it_ends_with_the_token 1)
