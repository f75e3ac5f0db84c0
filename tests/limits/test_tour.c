/* A tour of the whole interface, in a child process for every n: the n-th system call of a kind
 * fails, or it and all after it, until a tour comes to its end without any failing. Each call gives
 * what it says or says ENOMEM; what it gave is right and can be given back; and the tour goes well
 * again in the same process, with the books in order, when the system obliges. */
#include "support.h"

#include "os.h"

#include <malloc.h>
#include <stdio.h>
#include <sys/wait.h>
#include <tide/heap.h>
#include <tide/object_cache.h>
#include <tide/store.h>

enum { PLANS_MAX = 3000, OBJECTS = 200, ENTRIES = 20, CHILD_S = 60 };

/* Of the tour that is under way: calls that were refused; while they may be. */
static unsigned refused;
static bool may_refuse;

/* Whether a call that gave nothing was right to. */
static bool is_refusal(int error)
{
	refused++;
	return may_refuse && (error == ENOMEM || error == EAGAIN);
}

static bool was_refused(void)
{
	return is_refusal(errno);
}

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			return "line " LINE_TEXT(__LINE__) ": not so: " #condition;                \
	} while (0)
#define LINE_TEXT_(line) #line
#define LINE_TEXT(line) LINE_TEXT_(line)

/* Use a block and give it back. */
static bool use(void *block, size_t bytes, size_t alignment)
{
	if (block == NULL)
		return was_refused();
	unsigned char *at = block;
	bool right = (uintptr_t)at % alignment == 0 && tide_malloc_usable_size(at) >= bytes;
	at[0] = at[bytes - 1] = 1;
	tide_free(at);
	return right;
}

static const char *tour_malloc(void)
{
	for (size_t i = 0; i < COUNT_OF(load_size); i++) {
		size_t bytes = load_size[i];
		void *block = NULL;

		MUST(use(tide_malloc(bytes), bytes, 1));
		MUST(use(tide_calloc(1, bytes), bytes, 1));
		MUST(use(tide_aligned_alloc(64, bytes), bytes, 64));
		MUST(use(tide_memalign(8192, bytes), bytes, 8192));
		MUST(use(tide_valloc(bytes), bytes, 4096));
		MUST(use(tide_pvalloc(bytes), bytes, 4096));
		int error = tide_posix_memalign(&block, 1 << 21, bytes);
		MUST(error == 0 ? use(block, bytes, 1 << 21) : is_refusal(error));
		block = tide_malloc(bytes);
		MUST(block != NULL || was_refused());
		if (block == NULL)
			continue;
		memset(block, 1, bytes);
		unsigned char *more = tide_reallocarray(block, 3, bytes);
		MUST(more != NULL || was_refused());
		unsigned char *here = more != NULL ? more : block;
		MUST(here[0] == 1 && here[bytes - 1] == 1);
		tide_free(here);
		block = tide_malloc(bytes);
		MUST(block != NULL || was_refused());
		if (block != NULL)
			tide_free_sized(block, bytes);
	}
	(void)tide_malloc_trim(0);
	(void)tide_mallinfo2();
	return NULL;
}

static int count_block(void *block, size_t bytes, void *context)
{
	(void)block, (void)bytes;
	++*(unsigned *)context;
	return 0;
}

static const char *tour_heap(const struct tide_heap_options *options)
{
	struct tide_heap_stats stats;
	unsigned held = 0, walked = 0;

	errno = 0;
	struct tide_heap *heap = tide_heap_create(options);
	MUST(heap != NULL || was_refused());
	if (heap == NULL)
		return NULL;
	for (size_t i = 0; i < COUNT_OF(load_size); i++) {
		struct tide_hint hint;
		unsigned char *block = tide_heap_malloc(heap, load_size[i]);
		MUST(block != NULL || was_refused());
		if (block != NULL) {
			MUST(tide_heap_of(block) == heap);
			block[0] = 7;
			unsigned char *more = tide_heap_realloc(heap, block, load_size[i] * 2);
			MUST(more != NULL || was_refused());
			MUST((more != NULL ? more : block)[0] == 7);
			held++;
		}
		block = tide_heap_calloc(heap, 1, load_size[i]);
		MUST(block != NULL || was_refused());
		MUST(block == NULL || block[0] == 0);
		tide_heap_free(heap, block);
		block = tide_malloc_in(heap, load_size[i], &hint);
		MUST(block != NULL || was_refused());
		if (block != NULL)
			tide_free_in(heap, block, hint);
		block = tide_heap_aligned_alloc(heap, 128, load_size[i]);
		MUST(block != NULL || was_refused());
		tide_heap_free(heap, block);
	}
	int error = tide_heap_charge(heap, 1000);
	MUST(error == 0 || is_refusal(error));
	MUST(tide_heap_walk(heap, count_block, &walked) == 0 && walked == held);
	(void)tide_heap_purge(heap);
	tide_heap_stats(heap, &stats, sizeof stats);
	tide_heap_destroy(heap);
	return NULL;
}

struct object {
	unsigned made, used;
	unsigned char body[200];
};

static int construct(void *object, void *context)
{
	((struct object *)object)->made = 77;
	++*(int *)context;
	return 0;
}

static void destruct(void *object, void *context)
{
	*(int *)context -= ((struct object *)object)->made == 77 ? 1 : 1000;
}

static const char *tour_objects(void)
{
	static int made;
	struct object *object[OBJECTS];
	struct tide_object_options options = { .size = sizeof(struct object),
		                               .construct = construct,
		                               .destruct = destruct,
		                               .context = &made };

	made = 0;
	errno = 0;
	struct tide_object_cache *cache = tide_object_cache_create(&options);
	MUST(cache != NULL || was_refused());
	if (cache == NULL)
		return NULL;
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < OBJECTS; i++) {
			object[i] = tide_object_alloc(cache);
			MUST(object[i] != NULL || was_refused());
			MUST(object[i] == NULL || object[i]->made == 77);
			if (object[i] != NULL)
				object[i]->used = i;
		}
		for (unsigned i = 0; i < OBJECTS; i++) {
			MUST(object[i] == NULL || object[i]->used == i);
			tide_object_free(cache, object[i]);
		}
		(void)tide_object_cache_drain(cache);
	}
	MUST(tide_object_cache_destroy(cache) == 0);
	MUST(made == 0);
	return NULL;
}

static size_t body_bytes(unsigned i)
{
	return load_size[i % COUNT_OF(load_size)];
}

static const char *tour_store(bool with_thread)
{
	static unsigned char body[2 * MIB];
	struct tide_store_options options = { .no_thread = !with_thread, .user_bytes = 32 };
	uint64_t id[ENTRIES];

	errno = 0;
	struct tide_store *store = tide_store_create(&options);
	MUST(store != NULL || was_refused());
	if (store == NULL)
		return NULL;
	for (unsigned i = 0; i < ENTRIES; i++) {
		body[0] = body[body_bytes(i) - 1] = (unsigned char)(i + 1);
		errno = 0;
		id[i] = tide_store_put(store, body, body_bytes(i), NULL);
		MUST(id[i] != 0 || was_refused());
		body[body_bytes(i) - 1] = 0;
	}
	int error = tide_store_defragment(store, TIDE_STORE_FOREVER);
	MUST(error == 0 || is_refusal(error));
	for (unsigned i = 0; i < ENTRIES; i++) {
		if (id[i] == 0)
			continue;
		tide_store_read_begin(store);
		struct tide_store_entry *entry = tide_store_get(store, id[i]);
		MUST(entry != NULL && tide_store_bytes(entry) == body_bytes(i));
		const unsigned char *at = tide_store_body(entry);
		MUST(at[0] == i + 1 && at[body_bytes(i) - 1] == i + 1);
		tide_store_read_end(store);
		MUST(tide_store_touch(store, id[i], 0) == 0);
		MUST(i % 2 == 0 || tide_store_remove(store, id[i]) == 0);
	}
	if (!with_thread)
		(void)tide_store_work(store);
	tide_store_destroy(store);
	return NULL;
}

static void *tour_thread(void *unused)
{
	(void)unused;
	return (void *)(uintptr_t)tour_malloc();
}

static const char *tour_threads(void)
{
	pthread_t thread;
	void *wrong = NULL;

	int error = tide_gc_start();
	MUST(error == 0 || error == EALREADY || is_refusal(error));
	if (pthread_create(&thread, NULL, tour_thread, NULL) == 0)
		(void)pthread_join(thread, &wrong);
	MUST(tide_gc_step() >= -1);
	(void)tide_purge();
	(void)tide_stats_publish();
	return wrong;
}

static const char *tour(void)
{
	static const struct tide_heap_options none,
	    limited = { .hard_bytes = 64 << 20, .counts = TIDE_HEAP_CHARGED };
	const char *wrong = NULL;

	refused = 0;
	if (wrong == NULL)
		wrong = tour_malloc();
	if (wrong == NULL)
		wrong = tour_heap(&none);
	if (wrong == NULL)
		wrong = tour_heap(&limited);
	if (wrong == NULL)
		wrong = tour_objects();
	if (wrong == NULL)
		wrong = tour_store(false);
	if (wrong == NULL)
		wrong = tour_threads();
	if (wrong == NULL)
		wrong = tour_store(true);
	return wrong;
}

/* The exit status: 0 well, 1 wrong, 2 well, and no call was made to fail. */
static int tour_under(unsigned mask, uint32_t pass, uint32_t fail)
{
	(void)alarm(CHILD_S);
	may_refuse = true;
	tide_os_fault_plan(mask, pass, fail);
	const char *wrong = tour();
	bool failed = tide_os_fault_count() > 0;
	unsigned in_vain = refused;
	tide_os_fault_plan(0, 0, 0);
	may_refuse = false;
	if (wrong == NULL && !failed && in_vain > 0)
		wrong = "a call was refused that the system did not";
	if (wrong == NULL)
		wrong = tour();
	(void)tide_gc_stop();
	if (wrong == NULL)
		wrong = tide_gc_audit();
	if (wrong != NULL)
		(void)fprintf(stderr, "call %#x, %u pass, %u fail: %s\n", mask, pass, fail, wrong);
	return wrong != NULL ? 1 : failed ? 0 : 2;
}

/* Every n, unless TOUR_STEP says to leave some out. */
static void every_nth(unsigned mask, uint32_t fail)
{
	const char *step_text = getenv("TOUR_STEP");
	uint32_t step = step_text != NULL ? (uint32_t)strtoul(step_text, NULL, 10) : 1;
	int status = 0;
	uint32_t pass = 0;

	for (; pass < PLANS_MAX; pass += step) {
		pid_t child = fork();
		cr_assert_geq(child, 0);
		if (child == 0)
			_exit(tour_under(mask, pass, fail));
		cr_assert_eq(waitpid(child, &status, 0), child);
		cr_assert(WIFEXITED(status) && WEXITSTATUS(status) != 1,
		          "calls %#x, %u pass, %u fail: ended with %#x", mask, pass, fail,
		          (unsigned)status);
		if (WEXITSTATUS(status) == 2)
			break;
	}
	cr_assert_lt(pass, PLANS_MAX, "the tour is longer than its plans");
	cr_assert_gt(pass, 0, "no such call was made");
	(void)fprintf(stderr, "%u times\n", pass);
}

#define TEST_TOUR(name, mask)                                                                      \
	Test(tour, name##_fails_once, .timeout = 110)                                              \
	{                                                                                          \
		every_nth(mask, 1);                                                                \
	}                                                                                          \
	Test(tour, name##_fails_from_then_on, .timeout = 110)                                      \
	{                                                                                          \
		every_nth(mask, UINT32_MAX);                                                       \
	}

TEST_TOUR(mmap, TIDE_OS_MMAP)
TEST_TOUR(munmap, TIDE_OS_MUNMAP)
TEST_TOUR(madvise, TIDE_OS_MADVISE)
TEST_TOUR(mremap, TIDE_OS_MREMAP)
TEST_TOUR(clone, TIDE_OS_CLONE)
TEST_TOUR(mprotect, TIDE_OS_MPROTECT)
TEST_TOUR(mmap_and_munmap, TIDE_OS_MMAP | TIDE_OS_MUNMAP)
