#include "backtrace.h"

#include "atomic.h"
#include "config.h"
#include "os.h"

#include <dlfcn.h>
#include <string.h>

#define FRAME_MAX_BYTES (1ul << 20) /* from one frame to the next */
#define BY_LIBGCC_EACH 32 /* of so many backtraces of a thread one is libgcc's in any case */

typedef _Unwind_Ptr ip_function(struct _Unwind_Context *);
typedef _Unwind_Word stack_function(struct _Unwind_Context *);
typedef _Unwind_Word register_function(struct _Unwind_Context *, int);

/* Weak: no program is to be linked with what it does not use. The preloaded library fetches libgcc
 * itself; an archive takes what the program has, which every dynamic C++ program has. (dlopen there
 * would make the linker warn of each static program.) */
#if defined(TIDE_PRELOAD)
#pragma weak dlopen
#pragma weak dlsym
#else
#pragma weak _Unwind_Backtrace
#pragma weak _Unwind_GetIP
#pragma weak _Unwind_GetCFA
#pragma weak _Unwind_GetGR
#endif
#pragma weak _dl_find_object

/* Plain: before `ready`. */
static tide_backtrace_unwind *unwinder;
static ip_function *unwinder_ip;
static stack_function *unwinder_stack;
static register_function *unwinder_register;
static uintptr_t unwinder_start, unwinder_bytes;
static uintptr_t own_start, own_bytes; /* of this library, when it is one by itself */
/* writers  the constructor   readers  every thread   order  release, acquire
 * edges    backtrace.ready */
static _Atomic bool ready;

/* One question to the system for each page. */
static bool is_readable(const void *address, uintptr_t *page)
{
	uintptr_t own = (uintptr_t)address / TIDE_PAGE_BYTES;
	if (own == *page)
		return true;
	if (!tide_os_is_readable(address))
		return false;
	*page = own;
	return true;
}

unsigned tide_backtrace_frames(uintptr_t *address, unsigned room, void *const *frame)
{
	unsigned frames = 0;
	uintptr_t page = 0;
	while (frames < room && frame[1] != NULL) {
		/* A program without frame pointers has another value there. */
		void *const *next = frame[0];
		address[frames++] = (uintptr_t)frame[1];
		if ((uintptr_t)next <= (uintptr_t)frame || (uintptr_t)next % sizeof(void *) != 0 ||
		    (uintptr_t)next - (uintptr_t)frame > FRAME_MAX_BYTES ||
		    !is_readable(next, &page) || !is_readable(next + 1, &page))
			break;
		frame = next;
	}
	return frames;
}

#if defined(__x86_64__) /* where a call puts its return address on the stack */

/* Whether the return addresses of the memo from number `first` on are where they were. */
static bool memo_holds(const struct tide_backtrace_memo *memo, unsigned first)
{
	uintptr_t page = 0;
	for (unsigned i = first; i < memo->frames; i++) {
		const uintptr_t *at = (const uintptr_t *)memo->stack[i] - 1;
		if (!is_readable(at, &page) || *at != memo->address[i])
			return false;
	}
	return true;
}

/* The rest of the stack from the memo, if it has the frame that was taken last. */
static bool take_known(struct tide_backtrace_trace *trace, uintptr_t at, uintptr_t stack)
{
	const struct tide_backtrace_memo *memo = trace->memo;
	unsigned i = trace->known;
	if (memo->frames == TIDE_BACKTRACE_FRAMES) /* cut off: its end is no end */
		return false;
	while (i < memo->frames && memo->stack[i] < stack)
		i++;
	trace->known = i;
	if (i >= memo->frames || memo->stack[i] != stack || memo->address[i] != at ||
	    !memo_holds(memo, i))
		return false;
	while (++i < memo->frames && trace->frames < trace->room) {
		trace->stack[trace->frames] = memo->stack[i];
		trace->address[trace->frames++] = memo->address[i];
	}
	return true;
}

/* What is known of a return address, in one word, so that it is never half: the address, and by its
 * low bits how far it is to the next frame's, in words; 0: not known, all ones: there is none. An
 * address has its place in one of a line's words.
 * writers  every thread   readers  the same   order  relaxed: a word stands for itself
 * edges    none */
#define STEP_BITS 16
#define STEP_END ((1u << STEP_BITS) - 1)
#define STEP_LINES_BITS 7
#define STEP_WAYS 8
static TIDE_APART TIDE_OWN_LINE _Atomic uint64_t steps[1u << STEP_LINES_BITS][STEP_WAYS];

static _Atomic uint64_t *step_line(uintptr_t at)
{
	return steps[at * 0x9e3779b97f4a7c15u >> (64 - STEP_LINES_BITS)];
}

static unsigned step_of(uintptr_t at)
{
	_Atomic uint64_t *line = step_line(at);
	for (unsigned way = 0; way < STEP_WAYS; way++) {
		uint64_t word = tide_load_relaxed(&line[way]);
		if (word >> STEP_BITS == at)
			return (unsigned)(word & STEP_END);
	}
	return 0;
}

/* In a line that is full it takes another's place, by chance of its address. */
static void step_set(uintptr_t at, unsigned step)
{
	_Atomic uint64_t *line = step_line(at);
	uint64_t word = (uint64_t)at << STEP_BITS | step;
	unsigned way = 0;
	if (at >> (64 - STEP_BITS) != 0)
		return;
	while (way < STEP_WAYS) {
		uint64_t there = tide_load_relaxed(&line[way]) >> STEP_BITS;
		if (there == at || there == 0)
			break;
		way++;
	}
	if (way == STEP_WAYS)
		way = (unsigned)at % STEP_WAYS;
	if (tide_load_relaxed(&line[way]) != word)
		tide_store_relaxed(&line[way], word);
}

/* Whether no register that calls preserve pointed into [from, to]; what they are now is kept. By
 * their numbers in unwinding tables: rbx, rbp, r12 to r15. */
static bool is_by_stack_pointer(struct tide_backtrace_trace *trace, struct _Unwind_Context *context,
                                uintptr_t from, uintptr_t to)
{
	static const uint8_t number[TIDE_BACKTRACE_PRESERVED] = { 3, 6, 12, 13, 14, 15 };
	bool elsewhere = true;
	for (unsigned i = 0; i < TIDE_BACKTRACE_PRESERVED; i++) {
		elsewhere &= trace->preserved[i] - from > to - from;
		trace->preserved[i] = (uintptr_t)unwinder_register(context, number[i]);
	}
	return elsewhere;
}

/* Libgcc has gone from the frame that was taken last to one with `at` and `stack`: keep how far
 * that is, if it is as far each time. A last frame is known by a return address of 0, or has none by its
 * tables. */
static void learn(struct tide_backtrace_trace *trace, struct _Unwind_Context *context, uintptr_t at,
                  uintptr_t stack)
{
	uintptr_t from = trace->frames > 0 ? trace->stack[trace->frames - 1] : stack;
	const uintptr_t *said = (const uintptr_t *)stack - 1;
	uintptr_t words = (stack - from) / sizeof(uintptr_t);
	bool is_fixed = is_by_stack_pointer(trace, context, from, stack) && words < STEP_END &&
	                stack % sizeof(uintptr_t) == 0;
	unsigned step = is_fixed ? (unsigned)words : 0;
	if (trace->frames == 0)
		return;
	if (!is_readable(said, &trace->page) || *said != at)
		step = at == 0 ? STEP_END : 0;
	step_set(trace->address[trace->frames - 1], step);
}

/* All frames by what was learned; false: something is not known, and nothing has been taken. */
static bool walk_learned(struct tide_backtrace_trace *trace, void *const *frame)
{
	uintptr_t at = (uintptr_t)frame[1];
	uintptr_t stack = (uintptr_t)(frame + 2);
	unsigned step;
	if (trace->memo == NULL)
		return false;
	if (trace->memo->taken++ % BY_LIBGCC_EACH == 0) {
		trace->memo->frames = 0;
		return false;
	}
	while ((step = step_of(at)) != 0) {
		trace->stack[trace->frames] = stack;
		trace->address[trace->frames++] = at;
		if (step == STEP_END || trace->frames == trace->room ||
		    take_known(trace, at, stack))
			return true;
		stack += step * sizeof(uintptr_t);
		const uintptr_t *next = (const uintptr_t *)stack - 1;
		if (!is_readable(next, &trace->page))
			break;
		at = *next;
		if (at == 0)
			return true;
	}
	trace->frames = trace->known = 0;
	return false;
}

#else

static bool take_known(struct tide_backtrace_trace *trace, uintptr_t at, uintptr_t stack)
{
	(void)trace;
	(void)at;
	(void)stack;
	return false;
}

static void learn(struct tide_backtrace_trace *trace, struct _Unwind_Context *context, uintptr_t at,
                  uintptr_t stack)
{
	(void)trace;
	(void)context;
	(void)at;
	(void)stack;
}

static bool walk_learned(struct tide_backtrace_trace *trace, void *const *frame)
{
	(void)trace;
	(void)frame;
	return false;
}

#endif

static void memo_set(struct tide_backtrace_memo *memo, const struct tide_backtrace_trace *trace)
{
	memo->frames = trace->frames;
	memcpy(memo->address, trace->address, trace->frames * sizeof memo->address[0]);
	memcpy(memo->stack, trace->stack, trace->frames * sizeof memo->stack[0]);
}

_Unwind_Reason_Code tide_backtrace_take(struct _Unwind_Context *context, void *arg)
{
	struct tide_backtrace_trace *trace = arg;
	uintptr_t at = (uintptr_t)unwinder_ip(context);
	uintptr_t stack = unwinder_stack(context);
	if (at != 0 && at == trace->from) { /* what came before is our own */
		trace->from = 0;
		trace->frames = 0;
	}
	if (trace->memo != NULL && trace->from == 0)
		learn(trace, context, at, stack);
	if (at == 0 || trace->frames >= trace->room)
		return _URC_END_OF_STACK;
	trace->stack[trace->frames] = stack;
	trace->address[trace->frames++] = at;
	bool is_known = trace->memo != NULL && trace->from == 0 && take_known(trace, at, stack);
	return is_known ? _URC_END_OF_STACK : _URC_NO_REASON;
}

/* calloc and others that have something to do afterwards are on the stack themselves. */
static unsigned without_own(uintptr_t *address, unsigned frames)
{
	unsigned own = 0;
	while (own + 1 < frames && address[own] - own_start < own_bytes)
		own++;
	memmove(address, address + own, (frames - own) * sizeof *address);
	return frames - own;
}

tide_backtrace_unwind *tide_backtrace_begin(struct tide_backtrace_trace *trace, uintptr_t *address,
                                            unsigned room, void *const *frame,
                                            struct tide_backtrace_memo *memo)
{
	trace->address = address;
	trace->room = room;
	trace->frames = trace->known = 0;
	trace->page = 0;
	memset(trace->preserved, 0, sizeof trace->preserved);
	trace->from = (uintptr_t)frame[1];
	trace->memo = memo;
	bool usable = tide_load_acquire(&ready); /* backtrace.ready */
	if (!usable || trace->from - unwinder_start < unwinder_bytes)
		return NULL;
	if (!walk_learned(trace, frame))
		return unwinder;
	trace->from = 0;
	return NULL;
}

unsigned tide_backtrace_end(struct tide_backtrace_trace *trace, void *const *frame)
{
	if (trace->frames == 0 || trace->from != 0)
		trace->frames = tide_backtrace_frames(trace->address, trace->room, frame);
	else if (trace->memo != NULL)
		memo_set(trace->memo, trace);
	bool usable = tide_load_acquire(&ready); /* backtrace.ready */
	return usable ? without_own(trace->address, trace->frames) : trace->frames;
}

static bool find_unwinder(void *functions[4])
{
#if defined(TIDE_PRELOAD)
	void *libgcc = NULL;
	if (dlopen != NULL && dlsym != NULL)
		libgcc = dlopen("libgcc_s.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (libgcc == NULL)
		return false;
	functions[0] = dlsym(libgcc, "_Unwind_Backtrace");
	functions[1] = dlsym(libgcc, "_Unwind_GetIP");
	functions[2] = dlsym(libgcc, "_Unwind_GetCFA");
	functions[3] = dlsym(libgcc, "_Unwind_GetGR");
#else
	functions[0] = (void *)(uintptr_t)&_Unwind_Backtrace;
	functions[1] = (void *)(uintptr_t)&_Unwind_GetIP;
	functions[2] = (void *)(uintptr_t)&_Unwind_GetCFA;
	functions[3] = (void *)(uintptr_t)&_Unwind_GetGR;
#endif
	return functions[0] != NULL && functions[1] != NULL && functions[2] != NULL &&
	       functions[3] != NULL;
}

void tide_backtrace_start(void)
{
#if defined(DLFO_STRUCT_HAS_EH_DBASE)
	struct dl_find_object own, found;
	void *functions[4];
	if (_dl_find_object == NULL || !find_unwinder(functions))
		return;
	uintptr_t addresses[8];
	if (_dl_find_object(functions[0], &found) != 0 ||
	    _dl_find_object((void *)(uintptr_t)&tide_backtrace_start, &own) != 0 ||
	    found.dlfo_map_start == own.dlfo_map_start)
		return;
	__builtin_memcpy(&unwinder, &functions[0], sizeof unwinder);
	__builtin_memcpy(&unwinder_ip, &functions[1], sizeof unwinder_ip);
	__builtin_memcpy(&unwinder_stack, &functions[2], sizeof unwinder_stack);
	__builtin_memcpy(&unwinder_register, &functions[3], sizeof unwinder_register);
	unwinder_start = (uintptr_t)found.dlfo_map_start;
	unwinder_bytes = (uintptr_t)found.dlfo_map_end - unwinder_start;
#if defined(TIDE_PRELOAD)
	own_start = (uintptr_t)own.dlfo_map_start;
	own_bytes = (uintptr_t)own.dlfo_map_end - own_start;
#endif
	struct tide_backtrace_trace first = { .address = addresses, .room = 8 };
	(void)unwinder(tide_backtrace_take, &first);
	if (first.frames > 0)
		tide_store_release(&ready, true); /* backtrace.ready */
#endif
}
