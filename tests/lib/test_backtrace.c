/* backtrace.c: what is walked by learned distances is what libgcc finds, whatever the frames are:
 * of fixed size, of a size of the moment, aligned by themselves, and filled with addresses that
 * would do as well. */
#include <criterion/criterion.h>

#include "backtrace.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#define FRAMES TIDE_BACKTRACE_FRAMES
#define SHAPES 8
#define SIZED 3 /* of them, those of fixed size */

static struct tide_backtrace_memo memo;
static uint64_t seed;
static unsigned walked, unwound;
static bool remembers; /* else each backtrace is as if there had been none */

static unsigned chance(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

struct seen {
	uintptr_t address[FRAMES], from;
	unsigned frames;
};

static _Unwind_Reason_Code see(struct _Unwind_Context *context, void *arg)
{
	struct seen *seen = arg;
	uintptr_t at = (uintptr_t)_Unwind_GetIP(context);
	if (at == 0 || seen->frames == FRAMES)
		return _URC_END_OF_STACK;
	if (at == seen->from) {
		seen->from = 0;
		seen->frames = 0;
	}
	seen->address[seen->frames++] = at;
	return _URC_NO_REASON;
}

/* Any address that is on the stack now, of the caller's choice: libgcc has found it before. */
static uintptr_t bait;

static TIDE_NOINLINE unsigned look(void)
{
	struct seen wanted = { .from = (uintptr_t)__builtin_return_address(0) };
	(void)_Unwind_Backtrace(see, &wanted);
	cr_assert_eq(wanted.from, 0u);

	uintptr_t address[FRAMES];
	void *const *frame = __builtin_frame_address(0);
	struct tide_backtrace_trace trace;
	if (!remembers)
		memo.frames = 0;
	tide_backtrace_unwind *unwind = tide_backtrace_begin(&trace, address, FRAMES, frame, &memo);
	if (unwind != NULL)
		(void)unwind(tide_backtrace_take, &trace);
	*(unwind != NULL ? &unwound : &walked) += 1;
	unsigned frames = tide_backtrace_end(&trace, frame);

	cr_assert_eq(frames, wanted.frames, "%u frames instead of %u", frames, wanted.frames);
	for (unsigned i = 0; i < frames; i++)
		cr_assert_eq(address[i], wanted.address[i], "frame %u: %#lx instead of %#lx", i,
		             address[i], wanted.address[i]);
	bait = address[chance(frames)];
	return frames;
}

/* Without a frame pointer where the compiler can do without. */
#if defined(__clang__)
#define SHAPE static TIDE_NOINLINE unsigned
#else
#define SHAPE                                                                                      \
	static __attribute__((noinline, noclone, noipa, optimize("omit-frame-pointer"))) unsigned
#endif

static unsigned go_down(unsigned depth, unsigned shapes);

SHAPE small(unsigned depth, unsigned shapes)
{
	return go_down(depth, shapes) + 1;
}

SHAPE middle(unsigned depth, unsigned shapes)
{
	volatile uintptr_t room[9];
	room[depth % 9] = bait;
	return go_down(depth, shapes) + (room[depth % 9] != 0);
}

SHAPE twice(unsigned depth, unsigned shapes)
{
	volatile uintptr_t room[40];
	room[depth % 40] = bait;
	unsigned first = go_down(depth / 2, shapes);
	return first + go_down(depth, shapes) + (room[depth % 40] != 0);
}

SHAPE of_the_moment(unsigned depth, unsigned shapes)
{
	unsigned words = 2 + chance(64);
	volatile uintptr_t *room = __builtin_alloca(words * sizeof *room);
	for (unsigned i = 0; i < words; i++)
		room[i] = bait;
	return go_down(depth, shapes) + (room[depth % words] != 0);
}

SHAPE aligned(unsigned depth, unsigned shapes)
{
	volatile _Alignas(256) uintptr_t room[48];
	for (unsigned i = 0; i < 48; i++)
		room[i] = bait;
	return go_down(depth, shapes) + (room[depth % 48] != 0);
}

SHAPE both(unsigned depth, unsigned shapes)
{
	volatile _Alignas(128) uintptr_t room[16];
	unsigned words = 1 + chance(32);
	volatile uintptr_t *more = __builtin_alloca(words * sizeof *more);
	for (unsigned i = 0; i < words; i++)
		more[i] = room[i % 16] = bait;
	return go_down(depth, shapes) + (room[depth % 16] != more[depth % words]);
}

/* A signal's frame is none of a call. Plain: of the one thread, which raises it itself. */
static unsigned signal_depth, signal_shapes;

static void on_signal(int number)
{
	(void)number;
	(void)go_down(signal_depth, signal_shapes);
}

SHAPE interrupted(unsigned depth, unsigned shapes)
{
	signal_depth = depth;
	signal_shapes = shapes;
	return (unsigned)raise(SIGUSR1);
}

/* A frame of a size of the moment, full of baits, that is found by rbx, as the loader has some. */
#if defined(__x86_64__)
unsigned backtrace_by_rbx(unsigned depth, unsigned shapes, uintptr_t words, uintptr_t fill);
unsigned backtrace_go_down(unsigned depth, unsigned shapes);
__asm__(".pushsection .text\n"
        ".type backtrace_by_rbx, @function\n"
        "backtrace_by_rbx:\n"
        "	.cfi_startproc\n"
        "	push %rbx\n"
        "	.cfi_def_cfa_offset 16\n"
        "	.cfi_offset %rbx, -16\n"
        "	mov %rsp, %rbx\n"
        "	.cfi_def_cfa_register %rbx\n"
        "	lea (,%rdx,8), %r8\n"
        "	sub %r8, %rsp\n"
        "	and $-64, %rsp\n"
        "	mov %edi, %r8d\n"
        "	mov %rsp, %rdi\n"
        "	mov %rcx, %rax\n"
        "	mov %rdx, %rcx\n"
        "	rep stosq\n"
        "	mov %r8d, %edi\n"
        "	call backtrace_go_down\n"
        "	mov %rbx, %rsp\n"
        "	.cfi_def_cfa_register %rsp\n"
        "	pop %rbx\n"
        "	.cfi_def_cfa_offset 8\n"
        "	ret\n"
        "	.cfi_endproc\n"
        ".size backtrace_by_rbx, . - backtrace_by_rbx\n"
        ".popsection");

__attribute__((used)) unsigned backtrace_go_down(unsigned depth, unsigned shapes)
{
	return go_down(depth, shapes) + 1;
}

SHAPE by_another_register(unsigned depth, unsigned shapes)
{
	return backtrace_by_rbx(depth, shapes, 1 + chance(48), bait) + 1;
}
#else
#define by_another_register of_the_moment
#endif

static TIDE_NOINLINE unsigned go_down(unsigned depth, unsigned shapes)
{
	static unsigned (*const shape[SHAPES])(unsigned, unsigned) = {
		small, middle, twice, aligned, of_the_moment, both, interrupted, by_another_register
	};
	if (depth == 0)
		return look();
	return shape[chance(shapes)](depth - 1, shapes) + 1;
}

struct work {
	unsigned rounds, shapes;
	bool remembers;
};

static void *go_down_often(void *arg)
{
	const struct work *work = arg;
	remembers = work->remembers;
	for (unsigned i = 0; i < work->rounds; i++)
		(void)go_down(chance(12), work->shapes);
	/* Deeper than a backtrace is. */
	for (unsigned i = 0; i < 20; i++)
		(void)go_down(FRAMES / 2 + chance(FRAMES), 2);
	return NULL;
}

/* In a thread of its own, whose outermost frames are few and of fixed size. */
static void go(struct work work)
{
	pthread_t thread;
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_NODEFER };
	cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
	seed = 1;
	memset(&memo, 0, sizeof memo);
	walked = unwound = 0;
	tide_backtrace_start();
	cr_assert_eq(pthread_create(&thread, NULL, go_down_often, &work), 0);
	(void)pthread_join(thread, NULL);
}

Test(backtrace, by_distances_is_as_by_libgcc)
{
	go((struct work){ .rounds = 4000, .shapes = SHAPES });
}

Test(backtrace, frames_of_fixed_size_are_learned)
{
	go((struct work){ .rounds = 1000, .shapes = SIZED });
/* (The builds of sanitizers keep frame pointers everywhere.) */
#if defined(__x86_64__) && defined(__OPTIMIZE__) && !defined(__clang__) && !TIDE_ASAN && !TIDE_TSAN
	cr_assert_gt(walked, 8 * unwound, "%u walked, %u by libgcc", walked, unwound);
#endif
}

/* Of frames of fixed size: where stale addresses lie just so, the memo may be misled by others. */
Test(backtrace, the_last_one_is_remembered)
{
	go((struct work){ .rounds = 4000, .shapes = SIZED, .remembers = true });
}
