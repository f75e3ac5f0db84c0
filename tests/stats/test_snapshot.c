/* <tide/stats.h>: the figures agree with each other and with what the program does, and the
 * printers say what the figures are. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../api/support.h"

#include <tide/heap.h>

static struct tide_stats_snapshot now, earlier;

static const struct tide_stats_class *class_of(const struct tide_stats_snapshot *snapshot,
                                               uint64_t block_bytes)
{
	static const struct tide_stats_class none;

	for (uint64_t i = 0; i < snapshot->class_count; i++) {
		if (snapshot->of_class[i].block_bytes == block_bytes)
			return &snapshot->of_class[i];
	}
	return &none;
}

static uint64_t in_hands(const struct tide_stats_class *own)
{
	return own->live_blocks + own->bin_blocks;
}

/* Every block is in one place, exactly: nobody else is at it. */
static void assert_conserved(const struct tide_stats_snapshot *snapshot)
{
	cr_assert(snapshot->balanced);
	for (uint64_t i = 0; i < snapshot->class_count; i++) {
		const struct tide_stats_class *own = &snapshot->of_class[i];
		uint64_t blocks =
		    in_hands(own) + own->queued_blocks + own->garbage_blocks + own->free_blocks;

		cr_assert_eq(own->held_bytes, blocks * own->block_bytes, "class %llu",
		             (unsigned long long)own->block_bytes);
	}
}

Test(snapshot, says_what_it_is)
{
	tide_stats_take_snapshot(&now);
	cr_assert_eq(now.magic, TIDE_STATS_MAGIC);
	cr_assert_eq(memcmp(&now.magic, "TIDESTAT", 8), 0);
	cr_assert_eq(now.layout, TIDE_STATS_LAYOUT);
	cr_assert_eq(now.bytes, sizeof now);
	cr_assert_eq(now.process_id, (uint64_t)getpid());
	cr_assert_eq(now.settled, 1);
}

Test(snapshot, live_follows_the_program)
{
	enum { COUNT = 5000, BYTES = 192 };
	void *block[COUNT];

	tide_free(tide_malloc(BYTES));
	tide_stats_take_snapshot(&earlier);
	for (size_t i = 0; i < COUNT; i++)
		block[i] = tide_malloc(BYTES);
	tide_stats_take_snapshot(&now);
	int64_t live =
	    (int64_t)(class_of(&now, BYTES)->live_blocks - class_of(&earlier, BYTES)->live_blocks);
	cr_assert(live > COUNT - 130 && live < COUNT + 130, "%lld", (long long)live);
	assert_conserved(&now);

	for (size_t i = 0; i < COUNT; i++)
		tide_free(block[i]);
	tide_stats_take_snapshot(&now);
	live = (int64_t)class_of(&now, BYTES)->live_blocks;
	cr_assert(live < 130, "%lld", (long long)live);
	assert_conserved(&now);
	tide_purge();
	tide_stats_take_snapshot(&now);
	assert_conserved(&now);
	cr_assert_eq(class_of(&now, BYTES)->garbage_blocks, 0);
	cr_assert_eq(class_of(&now, BYTES)->queued_blocks, 0);
}

/* Each way of a bin is counted where it goes: fresh memory, garbage, drained, refilled. */
Test(snapshot, bins_are_counted_where_they_move)
{
	enum { COUNT = 20000, BYTES = 64 };
	static void *block[COUNT];
	const struct tide_stats_class *own;

	for (size_t i = 0; i < COUNT; i++)
		block[i] = tide_malloc(BYTES);
	tide_stats_take_snapshot(&now);
	own = class_of(&now, BYTES);
	cr_assert_geq(own->from_frontier, COUNT / 128);
	cr_assert_eq(own->to_garbage, 0);
	cr_assert_eq(own->from_frontier + own->from_gc + own->from_queue, own->queue_misses);
	cr_assert_eq(now.all.from_frontier, now.thread[0].from_frontier);

	for (size_t i = 0; i < COUNT; i++)
		tide_free(block[i]);
	tide_stats_take_snapshot(&now);
	own = class_of(&now, BYTES);
	cr_assert_gt(own->to_queue, 0);
	cr_assert_gt(own->to_garbage, 0);
	cr_assert_leq(own->drained_blocks + own->garbage_blocks, 128 * own->to_garbage);
	cr_assert_geq(own->drained_blocks + own->garbage_blocks, 16 * own->to_garbage);
	cr_assert_gt(own->queue_fulls, 0);

	for (size_t i = 0; i < COUNT; i++)
		block[i] = tide_malloc(BYTES);
	tide_stats_take_snapshot(&now);
	own = class_of(&now, BYTES);
	cr_assert_gt(own->from_gc, 0);
	cr_assert_gt(own->from_queue, 0);
	cr_assert_geq(own->refilled_blocks, own->from_gc);
	assert_conserved(&now);
	for (size_t i = 0; i < COUNT; i++)
		tide_free(block[i]);
}

Test(snapshot, totals_are_the_sums)
{
	void *block[300];
	uint64_t live = 0, bins = 0, held = 0;

	for (size_t i = 0; i < COUNT_OF(block); i++)
		block[i] = tide_malloc(1 + i * i * 7);
	tide_stats_take_snapshot(&now);
	for (uint64_t i = 0; i < now.class_count; i++) {
		live += now.of_class[i].live_blocks * now.of_class[i].block_bytes;
		bins += now.of_class[i].bin_blocks * now.of_class[i].block_bytes;
		held += now.of_class[i].held_bytes;
		cr_assert(i == 0 || now.of_class[i - 1].block_bytes < now.of_class[i].block_bytes);
	}
	cr_assert_eq(now.all.live_bytes, live + now.all.large_bytes);
	cr_assert_eq(now.all.bin_bytes, bins);
	cr_assert_eq(now.all.carved_bytes, held);
	cr_assert_leq(now.all.resident_bytes, now.all.mapped_bytes);
	cr_assert_eq(now.heap[0].live_bytes + now.heap[0].bin_bytes,
	             now.all.live_bytes - now.all.large_bytes + now.all.bin_bytes);
	for (size_t i = 0; i < COUNT_OF(block); i++)
		tide_free(block[i]);
}

Test(snapshot, large_blocks_and_failures)
{
	void *block = tide_malloc(8 * MIB);

	tide_stats_take_snapshot(&now);
	cr_assert_eq(now.all.large_blocks, 1);
	cr_assert_geq(now.all.large_bytes, 8 * MIB);
	cr_assert_eq(now.all.failures, 0);
	tide_free(block);
	block = tide_malloc((size_t)PTRDIFF_MAX - 64 * KIB);
	cr_assert_null(block);
	tide_stats_take_snapshot(&now);
	cr_assert_eq(now.all.large_blocks, 0);
	cr_assert_eq(now.all.failures, 1);
	cr_assert_eq(now.thread[0].failures, 1);
}

Test(snapshot, heaps_are_listed_while_they_live)
{
	struct tide_heap_options options = { .hard_bytes = 4 * MIB, .counts = TIDE_HEAP_BLOCKS };
	struct tide_heap *heap = tide_heap_create(&options);

	for (int i = 0; i < 1000; i++)
		cr_assert_not_null(tide_heap_malloc(heap, 100));
	tide_stats_take_snapshot(&now);
	cr_assert_eq(now.all.heaps, 2);
	cr_assert_eq(now.heap_count, 2);
	cr_assert_eq(now.heap[0].heap, 0);
	cr_assert_neq(now.heap[1].heap, 0);
	cr_assert_eq(now.heap[1].hard_bytes, 4 * MIB);
	cr_assert_geq(now.heap[1].live_bytes + now.heap[1].bin_bytes, 1000 * 112);
	cr_assert_eq(now.heap[1].threads, 1);
	cr_assert_eq(now.thread_count, 2, "the thread has bins in both");
	uint64_t carved = now.all.from_frontier;
	tide_heap_destroy(heap);
	tide_stats_take_snapshot(&now);
	cr_assert_eq(now.all.heaps, 1);
	cr_assert_eq(now.heap_count, 1);
	cr_assert_geq(now.all.from_frontier, carved, "what was counted stays");
	assert_conserved(&now);
}

static void *work(void *stop)
{
	uint64_t random = (uint64_t)(uintptr_t)&random;
	void *block[500] = { NULL };

	while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED)) {
		size_t i = random_next(&random) % COUNT_OF(block);
		tide_free(block[i]);
		block[i] = tide_malloc(random_size(&random, 14));
	}
	for (size_t i = 0; i < COUNT_OF(block); i++)
		tide_free(block[i]);
	return NULL;
}

/* While others work the books balance, and counters do not go back. */
Test(snapshot, holds_while_threads_run)
{
	pthread_t thread[3];
	bool stop = false;

	for (size_t i = 0; i < COUNT_OF(thread); i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, work, &stop), 0);
	tide_stats_take_snapshot(&earlier);
	for (int i = 0; i < SCALED(400); i++) {
		tide_stats_take_snapshot(&now);
		cr_assert(now.balanced);
		cr_assert_geq(now.all.from_frontier, earlier.all.from_frontier);
		cr_assert_geq(now.all.gc_cycles, earlier.all.gc_cycles);
		cr_assert_geq(now.all.gc_returned_bytes, earlier.all.gc_returned_bytes);
		earlier = now;
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < COUNT_OF(thread); i++)
		pthread_join(thread[i], NULL);
	(void)tide_gc_stop();
	tide_purge();
	tide_stats_take_snapshot(&now);
	assert_conserved(&now);
}

Test(snapshot, gc_thread_tells_of_itself)
{
	cr_assert_eq(tide_gc_start(), 0);
	do {
		tide_stats_take_snapshot(&now);
	} while (now.all.gc_steps < 2);
	uint64_t rounds = 0;
	for (int i = 0; i < TIDE_STATS_STEP_TIMES; i++)
		rounds += now.gc_step_times[i];
	cr_assert_geq(rounds + 1, now.all.gc_steps);
	cr_assert_leq(now.all.gc_step_max_ns, now.all.gc_step_ns);
	cr_assert_neq(now.all.gc_seen_ns, 0);
	cr_assert_eq(now.all.gc_thread_runs, 1);
	cr_assert_eq(tide_gc_stop(), 0);
	tide_stats_take_snapshot(&now);
	cr_assert_eq(now.all.gc_thread_runs, 0);
}

/* The whole length is told whatever there is room for, and nothing is written beyond the room. */
Test(format, is_cut_at_the_room)
{
	tide_stats_take_snapshot(&now);
	for (int format = TIDE_STATS_TEXT; format <= TIDE_STATS_OPENMETRICS; format++) {
		enum tide_stats_format as = (enum tide_stats_format)format;
		size_t bytes = tide_stats_format(&now, as, NULL, 0);
		char *whole = malloc(bytes + 1), *part = malloc(bytes + 1);

		cr_assert_gt(bytes, 500);
		cr_assert_eq(tide_stats_format(&now, as, whole, bytes), bytes);
		for (size_t room = 0; room < bytes; room += 97) {
			memset(part, '!', bytes + 1);
			cr_assert_eq(tide_stats_format(&now, as, part, room), bytes);
			cr_assert_eq(memcmp(part, whole, room), 0);
			cr_assert_eq(part[room], '!');
		}
		cr_assert_eq(whole[bytes - 1], '\n');
		free(whole);
		free(part);
	}
	cr_assert_eq(tide_stats_format(&now, (enum tide_stats_format)3, NULL, 0), 0);
}

Test(format, text_fits_a_terminal)
{
	static char text[64 * 1024];

	for (uint64_t *field = (uint64_t *)&now.all; field < (uint64_t *)(&now.all + 1); field++)
		*field = UINT64_MAX / 3;
	size_t bytes = tide_stats_format(&now, TIDE_STATS_TEXT, text, sizeof text - 1);
	cr_assert_lt(bytes, sizeof text);
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
		cr_assert_leq(strlen(line), 132, "%s", line);
}

Test(format, write_tells_what_went_wrong)
{
	int ends[2];
	char text[16];

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(tide_stats_write(ends[1], (enum tide_stats_format)3), EINVAL);
	cr_assert_eq(tide_stats_write(-1, TIDE_STATS_JSON), EBADF);
	cr_assert_eq(tide_stats_write(ends[1], TIDE_STATS_JSON), 0);
	cr_assert_eq(read(ends[0], text, 8), 8);
	cr_assert_eq(memcmp(text, "{\"tide\":", 8), 0);
}

Test(format, malloc_stats_is_the_text_on_stderr)
{
	char text[64] = "";
	int ends[2];
	int before = dup(STDERR_FILENO);

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	tide_malloc_stats();
	cr_assert_eq(dup2(before, STDERR_FILENO), STDERR_FILENO);
	cr_assert_gt(read(ends[0], text, sizeof text - 1), 0);
	cr_assert_eq(strncmp(text, "Tide ", 5), 0, "%s", text);
}
