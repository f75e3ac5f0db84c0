#include "guard.h"

#include "backtrace.h"
#include "fatal.h"
#include "meta.h"
#include "os.h"
#include "text.h"
#include "yield.h"

#include <signal.h>
#include <string.h>
#include <ucontext.h>

#define FRAMES 12
#define TRIES 8
#define PATTERN 0x5cu

enum { SLOT_FREE, SLOT_TAKEN, SLOT_LIVE, SLOT_FREED };

struct trace {
	uint32_t thread;
	uint32_t frames;
	uintptr_t frame[FRAMES];
};

struct slot {
	/* writers  who takes it, by CAS; its taker    readers  every thread
	 * order    cas-acquire, store-release         edges    guard.slot */
	_Atomic uint32_t state;
	uint32_t bytes; /* the rest is plain: its taker's */
	uintptr_t start;
	struct trace made, freed;
};

_Atomic uintptr_t tide_guard_pool;
/* Plain: written before guard.pool. */
static struct slot *slots;
/* writers every thread, by fetch-add  readers the same  order relaxed: tickets  edges none */
static _Atomic uint32_t tickets;
/* writers  who starts, by CAS    readers  the same    order acq-rel   edges none: a claim */
static _Atomic uint32_t started;
/* Plain: written before the handler can run. */
static struct sigaction before;

static struct slot *slot_of(uintptr_t address)
{
	uintptr_t page = (address - tide_load_relaxed(&tide_guard_pool)) / TIDE_PAGE_BYTES;
	return page % 2 == 1 ? &slots[page / 2] : NULL;
}

static char *page_of(const struct slot *slot)
{
	uintptr_t page = 2 * (uintptr_t)(slot - slots) + 1;
	return (char *)tide_load_relaxed(&tide_guard_pool) + page * TIDE_PAGE_BYTES;
}

/* ---- Where it was called from ---- */

static void trace_take(struct trace *trace, void *const *frame)
{
	trace->thread = tide_os_thread_id();
	trace->frames = tide_backtrace_frames(trace->frame, FRAMES, frame);
}

static void trace_print(const char *what, const struct trace *trace)
{
	struct tide_text text;
	tide_text_start(&text);
	tide_text_string(&text, "  ");
	tide_text_string(&text, what);
	tide_text_string(&text, " by thread ");
	tide_text_decimal(&text, trace->thread);
	tide_text_string(&text, " at");
	for (unsigned i = 0; i < trace->frames && i < FRAMES; i++) {
		tide_text_string(&text, " ");
		tide_text_pointer(&text, (const void *)trace->frame[i]);
	}
	tide_text_flush_stderr(&text);
}

/* Before the message itself, which may be the process's last. */
static void print_life(const struct slot *slot, bool ended)
{
	struct tide_text text;
	tide_text_start(&text);
	tide_text_string(&text, "  guarded block ");
	tide_text_pointer(&text, (const void *)slot->start);
	tide_text_string(&text, " of ");
	tide_text_decimal(&text, slot->bytes);
	tide_text_string(&text, " bytes");
	tide_text_flush_stderr(&text);
	trace_print("allocated", &slot->made);
	if (ended)
		trace_print("freed", &slot->freed);
}

static void report(enum tide_misuse misuse, const char *function, const void *block,
                   const struct slot *slot, bool ended)
{
	print_life(slot, ended);
	tide_fatal_misuse(misuse, function, block, 0, 0);
}

/* ---- The handler ---- */

#ifdef __aarch64__
#define SYNDROME_WRITE (1u << 6) /* ESR_EL1.WnR */
#endif

static const char *access_kind(void *context)
{
	const ucontext_t *at = context;
#if defined(__x86_64__)
	return at->uc_mcontext.gregs[REG_ERR] & 2 ? "write" : "read";
#else
	/* Records one behind the other, that of the fault's syndrome among them. */
	const uint8_t *record = at->uc_mcontext.__reserved;
	const uint8_t *end = record + sizeof at->uc_mcontext.__reserved;
	struct esr_context syndrome;
	while ((size_t)(end - record) >= sizeof syndrome) {
		memcpy(&syndrome, record, sizeof syndrome);
		if (syndrome.head.magic == ESR_MAGIC)
			return syndrome.esr & SYNDROME_WRITE ? "write" : "read";
		if (syndrome.head.magic == 0 || syndrome.head.size == 0)
			break;
		record += syndrome.head.size;
	}
	return "access";
#endif
}

/* To which block an address in a guard page belongs: that below ends nearer, or that above. */
static void report_beyond(uintptr_t address, const char *kind)
{
	uintptr_t page = (address - tide_load_relaxed(&tide_guard_pool)) / TIDE_PAGE_BYTES;
	bool below = page > 0 && (page == 2 * TIDE_GUARD_SLOTS ||
	                          address % TIDE_PAGE_BYTES < TIDE_PAGE_BYTES / 2);
	TIDE_ASSERT(slots != NULL);
	const struct slot *slot = &slots[below ? page / 2 - 1 : page / 2];
	uint32_t state = tide_load_acquire(&slot->state); /* guard.slot */
	if (state == SLOT_FREE)
		tide_fatal_misuse(TIDE_MISUSE_INSIDE, kind, (const void *)address, 0, 0);
	else
		report(below ? TIDE_MISUSE_PAST : TIDE_MISUSE_BEFORE, kind, (const void *)address,
		       slot, state == SLOT_FREED);
}

/* What is not in the pool is none of our business. */
static void pass_on(int signal_number, siginfo_t *info, void *context)
{
	if (before.sa_flags & SA_SIGINFO)
		before.sa_sigaction(signal_number, info, context);
	else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
		before.sa_handler(signal_number);
	else /* comes again, and ends the process as it would have */
		(void)sigaction(signal_number, &before, NULL);
}

static void on_fault(int signal_number, siginfo_t *info, void *context)
{
	if (!tide_guard_owns(info->si_addr)) {
		pass_on(signal_number, info, context);
		return;
	}
	uintptr_t address = (uintptr_t)info->si_addr;
	struct slot *slot = slot_of(address);
	uint32_t state =
	    slot != NULL ? tide_load_acquire(&slot->state) : SLOT_FREE; /* guard.slot */
	if (state == SLOT_LIVE) { /* a live block is no place to run code from */
		pass_on(signal_number, info, context);
		return;
	}
	if (slot == NULL)
		report_beyond(address, access_kind(context));
	else if (state != SLOT_FREE)
		report(TIDE_MISUSE_AFTER_FREE, access_kind(context), info->si_addr, slot, true);
	else
		tide_fatal_misuse(TIDE_MISUSE_INSIDE, access_kind(context), info->si_addr, 0, 0);
	tide_os_abort(); /* there is no way to go on */
}

void tide_guard_start(void)
{
	uint32_t seen = 0;
	if (!tide_cas_acq_rel(&started, &seen, 1u))
		return;
	TIDE_YIELD("guard.start");
	slots = tide_meta_alloc(TIDE_GUARD_SLOTS * sizeof *slots);
	char *pool = slots != NULL ? tide_os_map(0, TIDE_GUARD_POOL_BYTES) : NULL;
	if (pool == NULL)
		return;
	if (!tide_os_guard(pool, TIDE_GUARD_POOL_BYTES)) {
		(void)tide_os_discard(pool, TIDE_GUARD_POOL_BYTES);
		return;
	}
	struct sigaction action;
	memset(&action, 0, sizeof action);
	action.sa_sigaction = on_fault;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK;
	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGSEGV, NULL, &before);
	tide_store_release(&tide_guard_pool, (uintptr_t)pool); /* guard.pool */
	(void)sigaction(SIGSEGV, &action, NULL);
}

/* ---- Blocks ---- */

static struct slot *slot_take(void)
{
	for (unsigned i = 0; i < TRIES; i++) {
		struct slot *slot = &slots[tide_add_relaxed(&tickets, 1u) % TIDE_GUARD_SLOTS];
		uint32_t state = tide_load_relaxed(&slot->state);
		if (state != SLOT_FREE && state != SLOT_FREED)
			continue;
		TIDE_YIELD("guard.take");
		if (tide_cas_acquire(&slot->state, &state, (uint32_t)SLOT_TAKEN)) /* guard.slot */
			return slot;
	}
	return NULL;
}

void *tide_guard_malloc(size_t bytes, void *const *frame)
{
	if (bytes > TIDE_PAGE_BYTES || tide_load_acquire(&tide_guard_pool) == 0) /* guard.pool */
		return NULL;
	struct slot *slot = slot_take();
	if (slot == NULL)
		return NULL;
	char *page = page_of(slot);
	if (!tide_os_open(page, TIDE_PAGE_BYTES)) {
		tide_store_release(&slot->state, (uint32_t)SLOT_FREE); /* guard.slot */
		return NULL;
	}
	/* At the end, where more goes wrong; one in four at the start. */
	size_t room = (bytes + TIDE_ALIGN_BYTES - 1) & ~(size_t)(TIDE_ALIGN_BYTES - 1);
	if (bytes == 0)
		room = TIDE_ALIGN_BYTES;
	bool first = tide_load_relaxed(&tickets) % 4 == 0;
	slot->start = (uintptr_t)page + (first ? 0 : TIDE_PAGE_BYTES - room);
	slot->bytes = (uint32_t)bytes;
	char *end = (char *)slot->start + bytes;
	memset(page, PATTERN, (size_t)((char *)slot->start - page));
	memset(end, PATTERN, (size_t)(page + TIDE_PAGE_BYTES - end));
	trace_take(&slot->made, frame);
	TIDE_YIELD("guard.made");
	tide_store_release(&slot->state, (uint32_t)SLOT_LIVE); /* guard.slot */
	return (void *)slot->start;
}

/* The live slot of a block; what else it may be is reported. */
static struct slot *slot_live(const void *block, const char *function)
{
	struct slot *slot = slot_of((uintptr_t)block);
	uint32_t state =
	    slot != NULL ? tide_load_acquire(&slot->state) : SLOT_FREE; /* guard.slot */
	if (state == SLOT_FREE)
		tide_fatal_misuse(TIDE_MISUSE_INSIDE, function, block, 0, 0);
	else if (slot->start != (uintptr_t)block)
		report(TIDE_MISUSE_INTERIOR, function, block, slot, state == SLOT_FREED);
	else if (state != SLOT_LIVE)
		report(TIDE_MISUSE_DOUBLE, function, block, slot, true);
	else
		return slot;
	return NULL;
}

/* Whether all of [start, end) is the pattern. */
static bool is_whole(const char *start, const char *end)
{
	for (; start < end; start++) {
		if (*start != PATTERN)
			return false;
	}
	return true;
}

void tide_guard_free(void *block, const char *function, void *const *frame)
{
	struct slot *slot = slot_live(block, function);
	uint32_t state = SLOT_LIVE;
	if (slot == NULL)
		return;
	TIDE_YIELD("guard.free");
	if (!tide_cas_acquire(&slot->state, &state, (uint32_t)SLOT_TAKEN)) { /* guard.slot */
		report(TIDE_MISUSE_DOUBLE, function, block, slot, true);
		return;
	}
	char *page = page_of(slot);
	if (!is_whole((char *)block + slot->bytes, page + TIDE_PAGE_BYTES))
		report(TIDE_MISUSE_OVERRUN, function, block, slot, false);
	else if (!is_whole(page, block))
		report(TIDE_MISUSE_UNDERRUN, function, block, slot, false);
	trace_take(&slot->freed, frame);
	(void)tide_os_purge(page, TIDE_PAGE_BYTES);
	(void)tide_os_guard(page, TIDE_PAGE_BYTES);
	TIDE_YIELD("guard.closed");
	tide_store_release(&slot->state, (uint32_t)SLOT_FREED); /* guard.slot */
}

size_t tide_guard_bytes(const void *block, const char *function)
{
	const struct slot *slot = slot_live(block, function);
	return slot != NULL ? slot->bytes : SIZE_MAX;
}
