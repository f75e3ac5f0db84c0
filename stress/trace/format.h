/* The form of a trace: what tide-record writes and tide-replay reads. forms.md of this folder
 * describes it, in words and with an example, so that others can write and read traces.
 *
 * A file is a head and chunks. All integers are little-endian. A chunk belongs to one thread at a
 * time, holds calls in the order in which the thread made them, and says itself how far it is
 * filled: whoever is killed leaves a file that is whole up to its last call.
 */
#ifndef TRACE_FORMAT_H
#define TRACE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define TRACE_MAGIC "tidetrac"
enum {
	TRACE_VERSION = 1,
	TRACE_HEAD_BYTES = 4096,         /* the first chunk begins here */
	TRACE_GRAIN_BYTES = 4096,        /* chunks begin at multiples of it, and are as long */
	TRACE_CHUNK_MAX_BYTES = 1 << 20, /* what a reader has to take */
	TRACE_PROGRAM_BYTES = 64,
	TRACE_EVENT_MAX_BYTES = 1 + 7 * 10,
};
#define TRACE_CHUNK_MAGIC UINT32_C(0x4b484354) /* "TCHK" */

/* What a reader believes of a call that had a result; else the trace is corrupt. */
#define TRACE_BYTES_MAX (UINT64_C(1) << 47)
#define TRACE_ALIGN_MAX (UINT64_C(1) << 40)
#define TRACE_TIME_MAX (UINT64_C(1) << 62)
#define TRACE_THREADS_MAX (UINT64_C(1) << 20)

struct trace_head {
	char magic[8];
	uint32_t version, head_bytes;
	uint64_t process, parent;  /* their ids */
	uint64_t started_unix_ns;  /* the time of day at the trace's zero */
	uint64_t started_clock_ns; /* CLOCK_MONOTONIC then: to set it beside a parent's trace */
	uint64_t is_forked;        /* blocks of the parent's may be freed here */
	uint64_t ended;            /* 1: the process came to its exit */
	uint64_t lost;             /* calls that are not in it */
	char program[TRACE_PROGRAM_BYTES]; /* ends with a zero */
};

struct trace_chunk {
	uint32_t magic;
	uint32_t bytes;  /* of the chunk, with this */
	uint32_t used;   /* of it, with this: calls begin after this and end here */
	uint32_t unused; /* 0 */
	/* The first call's time and address count from here, as each one's from the last's. */
	uint64_t time_ns;
	uint64_t address;
};

/* A call is: a byte with its function, and TRACE_IN_BYTES; then as varints, of these those that its
 * function has, in this order: the time since the last call of the chunk was over; OLD, ALIGN,
 * COUNT, SIZE, RESULT, TOOK. A varint has seven bits a byte, the lowest first; bit 7: more. */
enum trace_part {
	TRACE_OLD = 1,     /* the block that is given back */
	TRACE_ALIGN = 2,   /* bytes */
	TRACE_COUNT = 4,   /* of calloc and reallocarray */
	TRACE_SIZE = 8,    /* bytes; of a thread's mark, its number */
	TRACE_RESULT = 16, /* the block that was got; 0: none */
	TRACE_TOOK = 32, /* how long it took, in ns: the old block's end, and the new one's begin */
};
/* An address is 0 for none, else 1 + the zigzag of its distance from the last one of the chunk, in
 * units of 16 bytes, or in bytes if the call says so. */
enum { TRACE_IN_BYTES = 0x80, TRACE_FUNCTION_MASK = 0x3f, TRACE_UNIT_SHIFT = 4 };

/* Numbers in files: they stay as they are. The C++ operators have the names of the text form. */
enum trace_function {
	TRACE_NONE,
	TRACE_MALLOC,
	TRACE_CALLOC,
	TRACE_REALLOC,
	TRACE_REALLOCARRAY,
	TRACE_ALIGNED_ALLOC,
	TRACE_POSIX_MEMALIGN,
	TRACE_MEMALIGN,
	TRACE_VALLOC,
	TRACE_PVALLOC,
	TRACE_FREE,
	TRACE_FREE_SIZED,
	TRACE_FREE_ALIGNED_SIZED,
	TRACE_NEW,
	TRACE_NEW_ARRAY,
	TRACE_NEW_NOTHROW,
	TRACE_NEW_ARRAY_NOTHROW,
	TRACE_NEW_ALIGNED,
	TRACE_NEW_ARRAY_ALIGNED,
	TRACE_NEW_ALIGNED_NOTHROW,
	TRACE_NEW_ARRAY_ALIGNED_NOTHROW,
	TRACE_DELETE,
	TRACE_DELETE_ARRAY,
	TRACE_DELETE_NOTHROW,
	TRACE_DELETE_ARRAY_NOTHROW,
	TRACE_DELETE_SIZED,
	TRACE_DELETE_ARRAY_SIZED,
	TRACE_DELETE_ALIGNED,
	TRACE_DELETE_ARRAY_ALIGNED,
	TRACE_DELETE_SIZED_ALIGNED,
	TRACE_DELETE_ARRAY_SIZED_ALIGNED,
	TRACE_DELETE_ALIGNED_NOTHROW,
	TRACE_DELETE_ARRAY_ALIGNED_NOTHROW,
	/* No calls: what follows in the chunk is of the thread SIZE; the thread has ended. */
	TRACE_THREAD,
	TRACE_THREAD_END,
	TRACE_FUNCTIONS
};

/* Its parts; 0: no such function. */
static inline unsigned trace_parts(unsigned function)
{
	static const unsigned char parts[TRACE_FUNCTIONS] = {
		[TRACE_MALLOC] = TRACE_SIZE | TRACE_RESULT,
		[TRACE_CALLOC] = TRACE_COUNT | TRACE_SIZE | TRACE_RESULT,
		[TRACE_REALLOC] = TRACE_OLD | TRACE_SIZE | TRACE_RESULT | TRACE_TOOK,
		[TRACE_REALLOCARRAY] =
		    TRACE_OLD | TRACE_COUNT | TRACE_SIZE | TRACE_RESULT | TRACE_TOOK,
		[TRACE_ALIGNED_ALLOC] = TRACE_ALIGN | TRACE_SIZE | TRACE_RESULT,
		[TRACE_POSIX_MEMALIGN] = TRACE_ALIGN | TRACE_SIZE | TRACE_RESULT,
		[TRACE_MEMALIGN] = TRACE_ALIGN | TRACE_SIZE | TRACE_RESULT,
		[TRACE_VALLOC] = TRACE_SIZE | TRACE_RESULT,
		[TRACE_PVALLOC] = TRACE_SIZE | TRACE_RESULT,
		[TRACE_FREE] = TRACE_OLD,
		[TRACE_FREE_SIZED] = TRACE_OLD | TRACE_SIZE,
		[TRACE_FREE_ALIGNED_SIZED] = TRACE_OLD | TRACE_ALIGN | TRACE_SIZE,
		[TRACE_NEW] = TRACE_SIZE | TRACE_RESULT,
		[TRACE_NEW_ARRAY] = TRACE_SIZE | TRACE_RESULT,
		[TRACE_NEW_NOTHROW] = TRACE_SIZE | TRACE_RESULT,
		[TRACE_NEW_ARRAY_NOTHROW] = TRACE_SIZE | TRACE_RESULT,
		[TRACE_NEW_ALIGNED] = TRACE_ALIGN | TRACE_SIZE | TRACE_RESULT,
		[TRACE_NEW_ARRAY_ALIGNED] = TRACE_ALIGN | TRACE_SIZE | TRACE_RESULT,
		[TRACE_NEW_ALIGNED_NOTHROW] = TRACE_ALIGN | TRACE_SIZE | TRACE_RESULT,
		[TRACE_NEW_ARRAY_ALIGNED_NOTHROW] = TRACE_ALIGN | TRACE_SIZE | TRACE_RESULT,
		[TRACE_DELETE] = TRACE_OLD,
		[TRACE_DELETE_ARRAY] = TRACE_OLD,
		[TRACE_DELETE_NOTHROW] = TRACE_OLD,
		[TRACE_DELETE_ARRAY_NOTHROW] = TRACE_OLD,
		[TRACE_DELETE_SIZED] = TRACE_OLD | TRACE_SIZE,
		[TRACE_DELETE_ARRAY_SIZED] = TRACE_OLD | TRACE_SIZE,
		[TRACE_DELETE_ALIGNED] = TRACE_OLD | TRACE_ALIGN,
		[TRACE_DELETE_ARRAY_ALIGNED] = TRACE_OLD | TRACE_ALIGN,
		[TRACE_DELETE_SIZED_ALIGNED] = TRACE_OLD | TRACE_ALIGN | TRACE_SIZE,
		[TRACE_DELETE_ARRAY_SIZED_ALIGNED] = TRACE_OLD | TRACE_ALIGN | TRACE_SIZE,
		[TRACE_DELETE_ALIGNED_NOTHROW] = TRACE_OLD | TRACE_ALIGN,
		[TRACE_DELETE_ARRAY_ALIGNED_NOTHROW] = TRACE_OLD | TRACE_ALIGN,
		[TRACE_THREAD] = TRACE_SIZE,
		[TRACE_THREAD_END] = 0,
	};

	return function < TRACE_FUNCTIONS ? parts[function] : 0;
}

/* A call. What its function has not is 0. */
struct trace_event {
	uint64_t time_ns; /* of its end; where it has TOOK, of its begin */
	uint64_t took_ns;
	uint64_t old, result;
	uint64_t align, count, size;
	uint32_t thread; /* from 1 on, in the order in which they came */
	uint8_t function;
};

/* Where a chunk's distances count from. */
struct trace_last {
	uint64_t time_ns, address;
};

#endif
