/* Sequences of calls to a store against a row of what should be in it, in order of age: each body,
 * each figure, and each entry that is told to have left, and why. One thread, and a clock that the
 * sequence turns. */
#include "input.h"

#include <errno.h>
#include <tide/store.h>
#include <tide/tide.h>

enum { ENTRIES = 64, CALLS_MAX = 300, USER = 8, BODY_MAX = 200 << 10 };
enum { LIMIT_BYTES = 256 << 10, PAGES_LIMIT_BYTES = 1 << 20, LIMIT_ENTRIES = 40 };
#define START_NS (1000 * TIDE_STORE_SECOND)
#define TICK_NS (UINT64_C(1) << 20) /* lifetimes are exact to that */

/* What is in the store, the oldest first. */
static struct known {
	uint64_t id, put_ns, touched_ns, expires_ns;
	size_t bytes;
	bool left; /* told, in the call that is on */
} known[ENTRIES];
static unsigned known_count;
static uint64_t known_bytes;

static struct tide_store *store;
static struct tide_store_options options;
static uint64_t now_ns, next_id;
static uint64_t count_of[TIDE_STORE_DESTROYED + 1];
static unsigned char body[BODY_MAX];

static uint64_t read_clock(void *context)
{
	(void)context;
	return now_ns;
}

static unsigned char byte_of(uint64_t id, size_t at)
{
	return (unsigned char)(id * 37 + at * 31 + (at >> 8));
}

static void assert_whole(struct tide_store_entry *entry, const struct known *of)
{
	const unsigned char *bytes = tide_store_body(entry);
	struct tide_store_times times;

	HOLDS(tide_store_id(entry) == of->id && tide_store_bytes(entry) == of->bytes);
	HOLDS(bytes != NULL && (uintptr_t)bytes % 16 == 0);
	for (size_t at = 0; at < of->bytes; at += at < 64 || at + 64 >= of->bytes ? 1 : 61)
		HOLDS(bytes[at] == byte_of(of->id, at));
	HOLDS(*(const uint64_t *)tide_store_user(entry) == ~of->id);
	tide_store_times(entry, &times);
	HOLDS(times.put_ns == of->put_ns && times.touched_ns == of->touched_ns);
	HOLDS(times.expires_ns == of->expires_ns);
}

/* NULL: it is not there. */
static struct known *find(uint64_t id)
{
	for (unsigned i = 0; i < known_count; i++) {
		if (known[i].id == id && !known[i].left)
			return &known[i];
	}
	return NULL;
}

static bool is_over(const struct known *one)
{
	return now_ns >= one->expires_ns;
}

static void dropped(struct tide_store *of, struct tide_store_entry *entry,
                    enum tide_store_reason reason, void *context)
{
	struct known *one = find(tide_store_id(entry));

	(void)context;
	HOLDS(one != NULL);
	assert_whole(entry, one);
	HOLDS(tide_store_get(of, one->id) == NULL && !tide_store_is_live(entry));
	if (reason == TIDE_STORE_EXPIRED)
		HOLDS(is_over(one));
	/* These go by age. */
	for (const struct known *older = known; older < one; older++)
		HOLDS(older->left ||
		      (reason != TIDE_STORE_LIMIT && reason != TIDE_STORE_DESTROYED));
	count_of[reason]++;
	one->left = true;
	known_bytes -= one->bytes;
}

/* Those that left are no more. */
static void forget(void)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < known_count; i++) {
		if (!known[i].left)
			known[kept++] = known[i];
	}
	known_count = kept;
}

static uint64_t end_of(uint64_t ttl_ns)
{
	return ttl_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + ttl_ns;
}

static void put(struct input *input)
{
	unsigned kind = input_byte(input);
	size_t bytes = input_word(input) * (kind % 8 == 0 ? 7u : 1u) % BODY_MAX;
	uint64_t ttl_ns = kind % 4 == 1 ? (input_byte(input) + 1) * TICK_NS / 3 : 0;
	uint64_t asked_id = kind % 16 == 2 ? 1 + input_word(input) : 0;
	uint64_t id = asked_id != 0 ? asked_id : next_id, user = ~id;
	struct tide_store_put how = { .id = asked_id, .ttl_ns = ttl_ns, .user = &user };

	if (kind < 200)
		bytes %= 2000;
	if (known_count == ENTRIES)
		return;
	const struct known *other = find(id);
	uint64_t limit_bytes = options.limit_bytes;
	bool counts_bodies = options.counts == TIDE_STORE_BODIES;
	bool drops = options.policy == TIDE_STORE_DROP_OLDEST;
	bool fits = (options.max_entries == 0 || known_count < options.max_entries) &&
	            (!counts_bodies || limit_bytes == 0 || known_bytes + bytes <= limit_bytes);
	uint64_t before = count_of[TIDE_STORE_LIMIT];

	for (size_t at = 0; at < bytes; at++)
		body[at] = byte_of(id, at);
	errno = 0;
	uint64_t got = tide_store_put(store, body, bytes, &how);
	if (got == 0 && errno == EEXIST) {
		HOLDS(asked_id != 0 && other != NULL);
		next_id = asked_id >= next_id ? asked_id + 1 : next_id;
		return;
	}
	if (got == 0) {
		HOLDS(errno == ENOSPC && limit_bytes + options.max_entries != 0);
		HOLDS(!drops || options.counts == TIDE_STORE_CHARGED); /* charges alone fill it */
		HOLDS(!fits || !counts_bodies);
		HOLDS(count_of[TIDE_STORE_LIMIT] == before);
		return;
	}
	HOLDS(got == id && (other == NULL || other->left));
	HOLDS(fits || drops);
	if (fits && counts_bodies)
		HOLDS(count_of[TIDE_STORE_LIMIT] == before);
	next_id = id >= next_id ? id + 1 : next_id;
	uint64_t end_ns = end_of(ttl_ns != 0 ? ttl_ns : options.ttl_ns);
	known[known_count++] = (struct known){ .id = id,
		                               .put_ns = now_ns,
		                               .touched_ns = now_ns,
		                               .expires_ns = end_ns,
		                               .bytes = bytes };
	known_bytes += bytes;
}

/* One that is there, mostly. */
static uint64_t some_id(struct input *input)
{
	unsigned which = input_byte(input);

	return known_count > 0 && which < 240 ? known[which % known_count].id : which;
}

static void touch(struct input *input)
{
	uint64_t id = some_id(input), ttl_ns = input_byte(input) * TICK_NS;
	struct known *one = find(id);
	bool there = one != NULL && !is_over(one);

	HOLDS(tide_store_touch(store, id, ttl_ns) == (there ? 0 : ENOENT));
	if (!there)
		return;
	struct known moved = *one;
	if (ttl_ns == 0)
		ttl_ns =
		    one->expires_ns == UINT64_MAX ? UINT64_MAX : one->expires_ns - one->touched_ns;
	moved.touched_ns = now_ns;
	moved.expires_ns = end_of(ttl_ns);
	memmove(one, one + 1, (size_t)(known + known_count - (one + 1)) * sizeof *one);
	known[known_count - 1] = moved;
}

static void take_out(struct input *input)
{
	uint64_t id = some_id(input);
	const struct known *one = find(id);
	bool there = one != NULL && !is_over(one);

	HOLDS(tide_store_remove(store, id) == (there ? 0 : ENOENT));
	HOLDS(!there || one->left);
}

static void get(struct input *input)
{
	uint64_t id = some_id(input);
	const struct known *one = find(id);

	tide_store_read_begin(store);
	struct tide_store_entry *entry = tide_store_get(store, id);
	HOLDS((entry != NULL) == (one != NULL && !is_over(one)));
	if (entry != NULL)
		assert_whole(entry, one);
	tide_store_read_end(store);
}

static unsigned walked;

static int visit(struct tide_store_entry *entry, void *context)
{
	(void)context;
	while (walked < known_count && is_over(&known[walked]))
		walked++;
	HOLDS(walked < known_count);
	assert_whole(entry, &known[walked++]);
	return 0;
}

/* All, in order of age. */
static void walk(void)
{
	walked = 0;
	HOLDS(tide_store_walk(store, visit, NULL) == 0);
	while (walked < known_count && is_over(&known[walked]))
		walked++;
	HOLDS(walked == known_count);
}

static void work(void)
{
	(void)tide_store_work(store);
	/* What was over for a tick has been told of. */
	for (unsigned i = 0; i < known_count; i++)
		HOLDS(known[i].left || known[i].expires_ns + TICK_NS > now_ns ||
		      known[i].expires_ns == UINT64_MAX);
}

static void defragment(struct input *input)
{
	unsigned way = input_byte(input) % 4;

	if (way == 0) {
		tide_store_defragment_stop(store);
	} else {
		int error = tide_store_defragment(store, way == 1 ? 0 : TIDE_STORE_FOREVER);
		HOLDS(error == (way == 1 ? EINPROGRESS : 0) ||
		      (error == ENOMEM && options.counts != TIDE_STORE_BODIES));
	}
}

static void charge(struct input *input)
{
	struct tide_store_stats stats;
	tide_store_stats(store, &stats, sizeof stats);
	ptrdiff_t bytes = (ptrdiff_t)(input_word(input) * 16);

	if (stats.charged_bytes >= (uint64_t)bytes)
		bytes = -bytes;
	int error = tide_store_charge(store, bytes);
	HOLDS(error == 0 || (error == ENOSPC && bytes > 0 && options.counts == TIDE_STORE_CHARGED));
}

static void compare(void)
{
	struct tide_store_stats stats;

	tide_store_stats(store, &stats, sizeof stats);
	HOLDS(stats.entries == known_count && stats.body_bytes == known_bytes);
	HOLDS(options.limit_bytes == 0 || stats.counted_bytes <= options.limit_bytes);
	HOLDS(options.max_entries == 0 || stats.entries <= options.max_entries);
	HOLDS(stats.dropped == count_of[TIDE_STORE_LIMIT]);
	HOLDS(stats.expired == count_of[TIDE_STORE_EXPIRED]);
	HOLDS(stats.removed == count_of[TIDE_STORE_REMOVED]);
	HOLDS(stats.puts == stats.dropped + stats.expired + stats.removed + known_count);
}

static void begin(struct input *input)
{
	unsigned way = input_byte(input);

	now_ns = START_NS;
	next_id = 1;
	known_count = 0;
	known_bytes = 0;
	memset(count_of, 0, sizeof count_of);
	options = (struct tide_store_options){ .user_bytes = USER,
		                               .dropped = dropped,
		                               .clock = read_clock,
		                               .no_thread = 1,
		                               .counts = (enum tide_store_counts)(way % 3),
		                               .policy = (enum tide_store_policy)(way / 4 % 2),
		                               .ttl_ns = way / 8 % 4 == 0 ? 20 * TICK_NS : 0,
		                               .max_entries = way & 32 ? LIMIT_ENTRIES : 0,
		                               .defragment_slice_ns = way & 64 ? 1 : 0,
		                               .defragment_percent = way & 128 ? 101 : UINT32_MAX,
		                               .defragment_waste_bytes = 4096,
		                               .defragment_after_ns = 2 * TICK_NS,
		                               .defragment_check_ns = TICK_NS };
	if (way / 16 % 2 == 0)
		options.limit_bytes =
		    options.counts == TIDE_STORE_BODIES ? LIMIT_BYTES : PAGES_LIMIT_BYTES;
	if (options.ttl_ns == 0)
		options.ttl_ns = TIDE_STORE_FOREVER;
	store = tide_store_create(&options);
	HOLDS(store != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct input input = { data, bytes };

	begin(&input);
	for (unsigned calls = 0; calls < CALLS_MAX && input.left > 0; calls++) {
		unsigned call = input_byte(&input) % 16;

		if (call < 6)
			put(&input);
		else if (call < 7)
			touch(&input);
		else if (call < 9)
			take_out(&input);
		else if (call < 10)
			get(&input);
		else if (call < 11)
			walk();
		else if (call < 12)
			defragment(&input);
		else if (call < 13)
			charge(&input);
		else if (call < 14)
			now_ns += input_byte(&input) * TICK_NS / 8;
		else
			work();
		forget();
		compare();
	}
	walk();
	tide_store_destroy(store);
	HOLDS(count_of[TIDE_STORE_DESTROYED] == known_count);
	return 0;
}
