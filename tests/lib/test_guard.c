/* Guarded blocks: between two pages that nobody may touch, closed when freed, and what the report
 * of a fault says. */
#include "guard.h"

#include "os.h"

#include "../api/support.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

static void every_one(void)
{
	(void)setenv("TIDE_GUARD_EVERY", "1", 1);
	if (SANITIZED)
		cr_skip_test("sanitizers have a handler of their own");
}

static char text[4096];

/* What `act` says on stderr, in a child; the signal that ends it, or 0. */
static int ended_by(void (*act)(void))
{
	int ends[2];
	int status;
	size_t used = 0;
	ssize_t got;

	cr_assert_eq(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		(void)dup2(ends[1], STDERR_FILENO);
		(void)alarm(60);
		act();
		_exit(0);
	}
	close(ends[1]);
	while ((got = read(ends[0], text + used, sizeof text - 1 - used)) > 0)
		used += (size_t)got;
	close(ends[0]);
	text[used] = '\0';
	cr_assert(child > 0 && waitpid(child, &status, 0) == child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

__attribute__((noinline)) static char *allocate(size_t bytes)
{
	char *block = tide_malloc(bytes);

	__asm__ volatile("" : "+r"(block)); /* no tail call: the frame is needed */
	return block;
}

__attribute__((noinline)) static void release(void *block)
{
	tide_free(block);
	__asm__ volatile("" ::: "memory");
}

static volatile char *opaque(char *block)
{
	__asm__ volatile("" : "+r"(block));
	return block;
}

Test(guard, blocks_hold_and_know_their_size, .init = every_one)
{
	for (size_t bytes = 0; bytes <= TIDE_PAGE_BYTES; bytes += bytes < 40 ? 1 : 113) {
		char *block = allocate(bytes);

		cr_assert(tide_guard_owns(block));
		cr_assert_eq((uintptr_t)block % TIDE_ALIGN_BYTES, 0u);
		cr_assert_eq(tide_malloc_usable_size(block), bytes);
		memset(block, 9, bytes);
		block = tide_realloc(block, bytes + 100);
		cr_assert(bytes == 0 || block[bytes - 1] == 9);
		release(block);
		char *zeroed = tide_calloc(1, bytes);
		for (size_t i = 0; i < bytes; i++)
			cr_assert_eq(zeroed[i], 0);
		release(zeroed);
	}
}

Test(guard, without_a_slot_or_for_larger_ones_there_are_plain_blocks, .init = every_one)
{
	static char *block[2 * TIDE_GUARD_SLOTS];

	for (size_t i = 0; i < COUNT_OF(block); i++) {
		block[i] = allocate(64);
		cr_assert_eq(tide_guard_owns(block[i]), i < TIDE_GUARD_SLOTS);
	}
	cr_assert(!tide_guard_owns(allocate(TIDE_PAGE_BYTES + 1)));
	for (size_t i = 0; i < COUNT_OF(block); i++)
		release(block[i]);
}

Test(guard, a_freed_slot_is_the_last_to_be_used_again, .init = every_one)
{
	char *first = allocate(64);

	release(first);
	for (unsigned i = 1; i < TIDE_GUARD_SLOTS; i++) {
		char *next = allocate(64);
		cr_assert_neq((uintptr_t)next / TIDE_PAGE_BYTES,
		              (uintptr_t)first / TIDE_PAGE_BYTES);
		release(next);
	}
}

static void use_after_free(void)
{
	char *block = allocate(40);

	release(block);
	opaque(block)[5] = 1;
}

/* Whether the text names, after `what`, an address inside the function. */
static bool names(const char *what, const void *function)
{
	unsigned long at = 0;
	const char *line = strstr(text, what);

	if (line == NULL || sscanf(line + strlen(what), " by thread %*d at %lx", &at) != 1)
		return false;
	return TIDE_DEBUG || TIDE_AUDITED || /* there Tide's own frames come first */
	       (at > (uintptr_t)function && at < (uintptr_t)function + 64);
}

Test(guard, a_use_after_free_is_told_with_both_stacks, .init = every_one)
{
	tide_free(tide_malloc(1));
	cr_assert_eq(ended_by(use_after_free), SIGABRT);
	cr_assert(strstr(text, "tide: write(0x") != NULL, "%s", text);
	cr_assert(strstr(text, "use of a block after it was freed") != NULL, "%s", text);
	cr_assert(strstr(text, " of 40 bytes") != NULL, "%s", text);
	cr_assert(names("allocated", (void *)(uintptr_t)allocate), "%s", text);
	cr_assert(names("freed", (void *)(uintptr_t)release), "%s", text);
}

static void read_past(void)
{
	char *block[8];

	for (size_t i = 0; i < COUNT_OF(block); i++)
		block[i] = allocate(64);
	for (size_t i = 0; i < COUNT_OF(block); i++)
		if ((uintptr_t)block[i] % TIDE_PAGE_BYTES != 0)
			(void)opaque(block[i])[64];
}

static void read_before(void)
{
	char *block[8];

	for (size_t i = 0; i < COUNT_OF(block); i++)
		block[i] = allocate(64);
	for (size_t i = 0; i < COUNT_OF(block); i++)
		if ((uintptr_t)block[i] % TIDE_PAGE_BYTES == 0)
			(void)opaque(block[i])[-1];
}

Test(guard, both_ends_are_told_apart, .init = every_one)
{
	cr_assert_eq(ended_by(read_past), SIGABRT);
	cr_assert(strstr(text, "): past the end of a block") != NULL, "%s", text);
	cr_assert_null(strstr(text, "  freed"), "%s", text);
	cr_assert_eq(ended_by(read_before), SIGABRT);
	cr_assert(strstr(text, "): before the start of a block") != NULL, "%s", text);
}

static void fault_elsewhere(void)
{
	*opaque((char *)16) = 1;
}

Test(guard, other_faults_are_the_programs, .init = every_one)
{
	tide_free(tide_malloc(1));
	cr_assert_eq(ended_by(fault_elsewhere), SIGSEGV);
	cr_assert_str_empty(text);
}

static _Atomic int seen_signals;

/* The fault comes again after it, unless the page is there then. */
static void on_fault_of_mine(int signal_number, siginfo_t *info, void *context)
{
	(void)signal_number;
	(void)context;
	(void)atomic_fetch_add(&seen_signals, 1);
	(void)mprotect(info->si_addr, TIDE_PAGE_BYTES, PROT_READ | PROT_WRITE);
}

Test(guard, other_faults_go_to_the_handler_that_was_there, .init = every_one)
{
	struct sigaction action = { .sa_sigaction = on_fault_of_mine, .sa_flags = SA_SIGINFO };
	cr_assert_eq(sigaction(SIGSEGV, &action, NULL), 0);
	char *page = mmap(NULL, TIDE_PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(page, MAP_FAILED);
	char *block = allocate(64);
	cr_assert(tide_guard_owns(block));
	*opaque(page) = 1;
	cr_assert_eq(seen_signals, 1);
	cr_assert_eq(*page, 1);
	release(block);
}

Test(guard, without_memory_there_is_none, .init = every_one)
{
	tide_os_fault_plan(TIDE_OS_MPROTECT, 0, UINT32_MAX);
	char *block = allocate(64);
	tide_os_fault_plan(0, 0, 0);
	cr_assert_not_null(block);
	cr_assert(!tide_guard_owns(block));
	release(block);
}

static void *churn(void *arg)
{
	uint64_t random = *(uint64_t *)arg;
	char *held[16] = { NULL };

	for (unsigned i = 0; i < 3000; i++) {
		char **slot = &held[random_next(&random) % COUNT_OF(held)];

		if (*slot != NULL && **slot != (char)((uintptr_t)*slot >> 12))
			return "a block has another owner";
		tide_free(*slot);
		*slot = tide_malloc(1 + random_next(&random) % 4000);
		**slot = (char)((uintptr_t)*slot >> 12);
	}
	for (unsigned i = 0; i < COUNT_OF(held); i++)
		tide_free(held[i]);
	return NULL;
}

Test(guard, threads_share_the_slots, .init = every_one, .timeout = 60)
{
	uint64_t seed[] = { 1, 2, 3, 4 };
	const char *wrong = run_threads(churn, seed, sizeof seed[0], COUNT_OF(seed));

	cr_assert_null(wrong, "%s", wrong);
}
