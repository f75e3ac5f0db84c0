/* What the tests of the store share: a clock that they turn, bodies that say whose they are, and
 * what was told of entries that left. */
#ifndef TIDE_TESTS_STORE_SUPPORT_H
#define TIDE_TESTS_STORE_SUPPORT_H

#include "../api/support.h"

#include <errno.h>
#include <stdatomic.h>
#include <tide/store.h>

#define MS TIDE_STORE_MILLISECOND
#define SECOND TIDE_STORE_SECOND

/* The time, for stores that are made with it. */
static uint64_t clock_now_ns = 1000 * SECOND;

static inline uint64_t clock_read(void *context)
{
	(void)context;
	return clock_now_ns;
}

static inline struct tide_store *store_with(const struct tide_store_options *options)
{
	struct tide_store *store = tide_store_create(options);

	cr_assert_not_null(store);
	return store;
}

/* One that does only what the test makes it do. */
static inline struct tide_store *still_store(struct tide_store_options options)
{
	options.no_thread = 1;
	options.clock = clock_read;
	return store_with(&options);
}

static inline struct tide_store_stats stats_of(struct tide_store *store)
{
	struct tide_store_stats stats;

	tide_store_stats(store, &stats, sizeof stats);
	return stats;
}

/* Bodies: a pattern of the id, or of whatever number the test gives. */
enum { MOST_BYTES = 64 << 20 };

static inline uint64_t put_pattern(struct tide_store *store, size_t bytes, uint64_t seed,
                                   const struct tide_store_put *options)
{
	char small[4096];
	void *body = bytes <= sizeof small ? small : tide_malloc(bytes);
	uint64_t id = 0;

	errno = ENOMEM;
	if (body == NULL)
		return 0;
	pattern_fill(body, bytes, seed);
	id = tide_store_put(store, body, bytes, options);
	int error = errno;
	if (body != small)
		tide_free(body);
	errno = error;
	return id;
}

/* What is wrong with an entry's body, or NULL. In a read section. */
static inline const char *body_fault(const struct tide_store_entry *entry, size_t bytes,
                                     uint64_t seed)
{
	if (tide_store_bytes(entry) != bytes)
		return "a body has another length";
	if ((uintptr_t)tide_store_body(entry) % 16 != 0)
		return "a body is not aligned";
	if (!pattern_holds(tide_store_body(entry), bytes, seed))
		return "a body has other bytes";
	return NULL;
}

static inline void assert_body(struct tide_store *store, uint64_t id, size_t bytes, uint64_t seed)
{
	tide_store_read_begin(store);
	struct tide_store_entry *entry = tide_store_get(store, id);
	const char *wrong = entry != NULL ? body_fault(entry, bytes, seed) : "it is not there";
	tide_store_read_end(store);
	cr_assert_null(wrong, "entry %llu of %zu bytes: %s", (unsigned long long)id, bytes, wrong);
}

static inline bool is_there(struct tide_store *store, uint64_t id)
{
	tide_store_read_begin(store);
	bool there = tide_store_get(store, id) != NULL;
	tide_store_read_end(store);
	return there;
}

/* What `dropped` was told, in order. */
enum { MOST_TOLD = 4096 };
struct told {
	uint64_t id;
	enum tide_store_reason reason;
};
static struct told told[MOST_TOLD];
static unsigned told_count;

static inline void remember(struct tide_store *store, struct tide_store_entry *entry,
                            enum tide_store_reason reason, void *context)
{
	(void)context;
	uint64_t id = tide_store_id(entry);
	bool gone = tide_store_get(store, id) == NULL && !tide_store_is_live(entry);
	if (told_count < MOST_TOLD)
		told[told_count++] = (struct told){ gone ? id : 0, reason };
}

static inline void assert_told(unsigned at, uint64_t id, enum tide_store_reason reason)
{
	cr_assert_lt(at, told_count, "told %u times only", told_count);
	cr_assert_eq(told[at].id, id, "the %u. to leave was %llu", at,
	             (unsigned long long)told[at].id);
	cr_assert_eq(told[at].reason, reason);
}

#endif
