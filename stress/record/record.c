/* libtide-record.so: preloaded, it stands between a program and its allocator and writes down each
 * call into the file PROGRAM-PID.trace in the folder RECORD_TIDE_FOLDER: see stream.h for how,
 * ../trace for the form, and tide_record.c for the program that sets this up.
 *
 * A block's end is timed before the allocator gets it back, its begin after it came: so the times
 * of the ends and begins of an address are in the order in which they were.
 */
#include "next.h"
#include "stream.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))
#define INLINE static inline __attribute__((always_inline))

PUBLIC void *malloc(size_t bytes);
PUBLIC void *calloc(size_t count, size_t bytes);
PUBLIC void *realloc(void *block, size_t bytes);
PUBLIC void *reallocarray(void *block, size_t count, size_t bytes);
PUBLIC void free(void *block);
PUBLIC void free_sized(void *block, size_t bytes);
PUBLIC void free_aligned_sized(void *block, size_t alignment, size_t bytes);
PUBLIC int posix_memalign(void **block, size_t alignment, size_t bytes);
PUBLIC void *aligned_alloc(size_t alignment, size_t bytes);
PUBLIC void *memalign(size_t alignment, size_t bytes);
PUBLIC void *valloc(size_t bytes);
PUBLIC void *pvalloc(size_t bytes);

INLINE void *made(enum trace_function function, size_t alignment, size_t count, size_t bytes,
                  void *block)
{
	stream_write((struct trace_event){ .function = (uint8_t)function,
	                                   .time_ns = stream_clock_ns(),
	                                   .align = alignment,
	                                   .count = count,
	                                   .size = bytes,
	                                   .result = (uintptr_t)block });
	return block;
}

INLINE void ends(enum trace_function function, void *block, size_t alignment, size_t bytes)
{
	stream_write((struct trace_event){ .function = (uint8_t)function,
	                                   .time_ns = stream_clock_ns(),
	                                   .old = (uintptr_t)block,
	                                   .align = alignment,
	                                   .size = bytes });
	next_free(block);
}

INLINE void *resized(enum trace_function function, void *block, size_t count, size_t bytes,
                     size_t whole_bytes)
{
	uint64_t began_ns = stream_clock_ns();
	void *moved = next_realloc(block, whole_bytes);

	stream_write((struct trace_event){ .function = (uint8_t)function,
	                                   .time_ns = began_ns,
	                                   .took_ns = stream_clock_ns() - began_ns,
	                                   .old = (uintptr_t)block,
	                                   .count = count,
	                                   .size = bytes,
	                                   .result = (uintptr_t)moved });
	return moved;
}

void *malloc(size_t bytes)
{
	return made(TRACE_MALLOC, 0, 0, bytes, next_malloc(bytes));
}

void *calloc(size_t count, size_t bytes)
{
	return made(TRACE_CALLOC, 0, count, bytes, next_calloc(count, bytes));
}

void free(void *block)
{
	ends(TRACE_FREE, block, 0, 0);
}

void free_sized(void *block, size_t bytes)
{
	ends(TRACE_FREE_SIZED, block, 0, bytes);
}

void free_aligned_sized(void *block, size_t alignment, size_t bytes)
{
	ends(TRACE_FREE_ALIGNED_SIZED, block, alignment, bytes);
}

void *realloc(void *block, size_t bytes)
{
	return resized(TRACE_REALLOC, block, 0, bytes, bytes);
}

void *reallocarray(void *block, size_t count, size_t bytes)
{
	size_t whole_bytes;

	if (!__builtin_mul_overflow(count, bytes, &whole_bytes))
		return resized(TRACE_REALLOCARRAY, block, count, bytes, whole_bytes);
	stream_write((struct trace_event){ .function = TRACE_REALLOCARRAY,
	                                   .time_ns = stream_clock_ns(),
	                                   .old = (uintptr_t)block,
	                                   .count = count,
	                                   .size = bytes });
	errno = ENOMEM;
	return NULL;
}

void *memalign(size_t alignment, size_t bytes)
{
	return made(TRACE_MEMALIGN, alignment, 0, bytes, next_memalign(alignment, bytes));
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	return made(TRACE_ALIGNED_ALLOC, alignment, 0, bytes, next_memalign(alignment, bytes));
}

int posix_memalign(void **block, size_t alignment, size_t bytes)
{
	int error = errno;
	void *got = NULL;
	bool is_power = alignment != 0 && (alignment & (alignment - 1)) == 0;
	bool is_right = is_power && alignment % sizeof(void *) == 0;

	if (is_right)
		got = next_memalign(alignment, bytes);
	made(TRACE_POSIX_MEMALIGN, alignment, 0, bytes, got);
	errno = error; /* it is told by the result */
	if (got == NULL)
		return is_right ? ENOMEM : EINVAL;
	*block = got;
	return 0;
}

void *valloc(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return made(TRACE_VALLOC, 0, 0, bytes, next_memalign(page, bytes));
}

void *pvalloc(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), whole_bytes = (bytes + page - 1) & ~(page - 1);
	void *block = whole_bytes < bytes ? NULL : next_memalign(page, whole_bytes);

	if (whole_bytes < bytes)
		errno = ENOMEM;
	return made(TRACE_PVALLOC, 0, 0, bytes, block);
}

/* ---- operators of C++, by their mangled names. What they get is malloc's, as in the C++ library;
 * where there is none, the next operator is asked, which has the program's new-handler called and
 * throws. It may be the C++ library's, and call our malloc. */

static void *new_failed(const char *name, enum trace_function function, size_t bytes,
                        size_t alignment, const void *tag)
{
	void *(*next)(size_t, const void *) = NULL;
	void *(*next_aligned)(size_t, size_t, const void *) = NULL;
	bool is_aligned = alignment != 0;
	uintptr_t before = stream.last.address;

	*(void **)(is_aligned ? (void *)&next_aligned : (void *)&next) = dlsym(RTLD_NEXT, name);
	if (next == NULL && next_aligned == NULL)
		abort(); /* a program that uses the operators has them */
	void *block = is_aligned ? next_aligned(bytes, alignment, tag) : next(bytes, tag);
	bool was_recorded = block != NULL && stream.last.address == (uintptr_t)block &&
	                    stream.last.address != before;
	return was_recorded ? block : made(function, alignment, 0, bytes, block);
}

/* An argument that is not there costs nothing: it is in a register, and not looked at. */
#define NEW(symbol, function, tag, ...)                                                            \
	PUBLIC void *symbol(size_t bytes __VA_ARGS__);                                             \
	void *symbol(size_t bytes __VA_ARGS__)                                                     \
	{                                                                                          \
		void *block = next_malloc(bytes);                                                  \
                                                                                                   \
		if (__builtin_expect(block == NULL, 0))                                            \
			return new_failed(#symbol, function, bytes, 0, tag);                       \
		return made(function, 0, 0, bytes, block);                                         \
	}
#define NEW_ALIGNED(symbol, function, tag, ...)                                                    \
	PUBLIC void *symbol(size_t bytes, size_t alignment __VA_ARGS__);                           \
	void *symbol(size_t bytes, size_t alignment __VA_ARGS__)                                   \
	{                                                                                          \
		void *block = next_memalign(alignment, bytes);                                     \
                                                                                                   \
		if (__builtin_expect(block == NULL, 0))                                            \
			return new_failed(#symbol, function, bytes, alignment, tag);               \
		return made(function, alignment, 0, bytes, block);                                 \
	}
#define DELETE(symbol, function, alignment, bytes, ...)                                            \
	PUBLIC void symbol(void *block __VA_ARGS__);                                               \
	void symbol(void *block __VA_ARGS__)                                                       \
	{                                                                                          \
		ends(function, block, alignment, bytes);                                           \
	}
#define COMMA ,
#define TAG COMMA const void *tag
#define UNUSED_TAG COMMA const void *tag __attribute__((unused))
#define SIZE COMMA size_t size
#define ALIGN COMMA size_t align

NEW(_Znwm, TRACE_NEW, NULL)
NEW(_Znam, TRACE_NEW_ARRAY, NULL)
NEW(_ZnwmRKSt9nothrow_t, TRACE_NEW_NOTHROW, tag, TAG)
NEW(_ZnamRKSt9nothrow_t, TRACE_NEW_ARRAY_NOTHROW, tag, TAG)
NEW_ALIGNED(_ZnwmSt11align_val_t, TRACE_NEW_ALIGNED, NULL)
NEW_ALIGNED(_ZnamSt11align_val_t, TRACE_NEW_ARRAY_ALIGNED, NULL)
NEW_ALIGNED(_ZnwmSt11align_val_tRKSt9nothrow_t, TRACE_NEW_ALIGNED_NOTHROW, tag, TAG)
NEW_ALIGNED(_ZnamSt11align_val_tRKSt9nothrow_t, TRACE_NEW_ARRAY_ALIGNED_NOTHROW, tag, TAG)
DELETE(_ZdlPv, TRACE_DELETE, 0, 0)
DELETE(_ZdaPv, TRACE_DELETE_ARRAY, 0, 0)
DELETE(_ZdlPvRKSt9nothrow_t, TRACE_DELETE_NOTHROW, 0, 0, UNUSED_TAG)
DELETE(_ZdaPvRKSt9nothrow_t, TRACE_DELETE_ARRAY_NOTHROW, 0, 0, UNUSED_TAG)
DELETE(_ZdlPvm, TRACE_DELETE_SIZED, 0, size, SIZE)
DELETE(_ZdaPvm, TRACE_DELETE_ARRAY_SIZED, 0, size, SIZE)
DELETE(_ZdlPvSt11align_val_t, TRACE_DELETE_ALIGNED, align, 0, ALIGN)
DELETE(_ZdaPvSt11align_val_t, TRACE_DELETE_ARRAY_ALIGNED, align, 0, ALIGN)
DELETE(_ZdlPvmSt11align_val_t, TRACE_DELETE_SIZED_ALIGNED, align, size, SIZE ALIGN)
DELETE(_ZdaPvmSt11align_val_t, TRACE_DELETE_ARRAY_SIZED_ALIGNED, align, size, SIZE ALIGN)
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, TRACE_DELETE_ALIGNED_NOTHROW, align, 0,
       ALIGN UNUSED_TAG)
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, TRACE_DELETE_ARRAY_ALIGNED_NOTHROW, align, 0,
       ALIGN UNUSED_TAG)

__attribute__((constructor)) static void begin(void)
{
	stream_begin();
}

__attribute__((destructor)) static void end(void)
{
	stream_end();
}
