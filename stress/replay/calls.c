/* See load.h. */
#include "load.h"

#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>

typedef void *new_plain(size_t);
typedef void *new_aligned(size_t, size_t);
typedef void *new_nothrow(size_t, const void *);
typedef void *new_aligned_nothrow(size_t, size_t, const void *);
typedef void delete_plain(void *);
typedef void delete_number(void *, size_t); /* a size, an alignment, or the tag of nothrow */
typedef void delete_numbers(void *, size_t, size_t);

/* Mangled as g++ and clang do on 64-bit Linux. */
static const char *const symbol[TRACE_FUNCTIONS] = {
	[TRACE_FREE_SIZED] = "free_sized",
	[TRACE_FREE_ALIGNED_SIZED] = "free_aligned_sized",
	[TRACE_NEW] = "_Znwm",
	[TRACE_NEW_ARRAY] = "_Znam",
	[TRACE_NEW_NOTHROW] = "_ZnwmRKSt9nothrow_t",
	[TRACE_NEW_ARRAY_NOTHROW] = "_ZnamRKSt9nothrow_t",
	[TRACE_NEW_ALIGNED] = "_ZnwmSt11align_val_t",
	[TRACE_NEW_ARRAY_ALIGNED] = "_ZnamSt11align_val_t",
	[TRACE_NEW_ALIGNED_NOTHROW] = "_ZnwmSt11align_val_tRKSt9nothrow_t",
	[TRACE_NEW_ARRAY_ALIGNED_NOTHROW] = "_ZnamSt11align_val_tRKSt9nothrow_t",
	[TRACE_DELETE] = "_ZdlPv",
	[TRACE_DELETE_ARRAY] = "_ZdaPv",
	[TRACE_DELETE_NOTHROW] = "_ZdlPvRKSt9nothrow_t",
	[TRACE_DELETE_ARRAY_NOTHROW] = "_ZdaPvRKSt9nothrow_t",
	[TRACE_DELETE_SIZED] = "_ZdlPvm",
	[TRACE_DELETE_ARRAY_SIZED] = "_ZdaPvm",
	[TRACE_DELETE_ALIGNED] = "_ZdlPvSt11align_val_t",
	[TRACE_DELETE_ARRAY_ALIGNED] = "_ZdaPvSt11align_val_t",
	[TRACE_DELETE_SIZED_ALIGNED] = "_ZdlPvmSt11align_val_t",
	[TRACE_DELETE_ARRAY_SIZED_ALIGNED] = "_ZdaPvmSt11align_val_t",
	[TRACE_DELETE_ALIGNED_NOTHROW] = "_ZdlPvSt11align_val_tRKSt9nothrow_t",
	[TRACE_DELETE_ARRAY_ALIGNED_NOTHROW] = "_ZdaPvSt11align_val_tRKSt9nothrow_t",
};
static void *found[TRACE_FUNCTIONS]; /* written before there are threads */

bool calls_begin(bool has_operators)
{
	bool has_all = true;

	if (has_operators && dlsym(RTLD_DEFAULT, "_Znwm") == NULL)
		dlopen("libstdc++.so.6", RTLD_NOW | RTLD_GLOBAL);
	for (int i = TRACE_FREE_SIZED; i < TRACE_THREAD; i++) {
		found[i] = dlsym(RTLD_DEFAULT, symbol[i]);
		has_all &= found[i] != NULL || i < TRACE_NEW;
	}
	if (has_operators && has_all)
		return true;
	/* All or none: a block of the one is not the other's. */
	for (int i = TRACE_NEW; i < TRACE_THREAD; i++)
		found[i] = NULL;
	return !has_operators;
}

static void *aligned(const struct plan_call *call)
{
	size_t least = sizeof(void *), alignment = (size_t)1 << call->align_shift;
	void *block = NULL;

	if (call->function == TRACE_MEMALIGN)
		return memalign(alignment, call->bytes);
	if (call->function == TRACE_ALIGNED_ALLOC) /* with the size it wants in ISO C */
		return aligned_alloc(alignment, (call->bytes + alignment - 1) & ~(alignment - 1));
	if (posix_memalign(&block, alignment < least ? least : alignment, call->bytes) != 0)
		return NULL;
	return block;
}

static void *operator_new(const struct plan_call *call)
{
	static const char nothrow;
	size_t alignment = (size_t)1 << call->align_shift;
	union {
		void *address;
		new_plain *plain;
		new_aligned *aligned;
		new_nothrow *nothrow;
		new_aligned_nothrow *aligned_nothrow;
	} as = { .address = found[call->function] };

	switch (call->function) {
	case TRACE_NEW:
	case TRACE_NEW_ARRAY:
		return as.address == NULL ? malloc(call->bytes) : as.plain(call->bytes);
	case TRACE_NEW_NOTHROW:
	case TRACE_NEW_ARRAY_NOTHROW:
		return as.address == NULL ? malloc(call->bytes) : as.nothrow(call->bytes, &nothrow);
	case TRACE_NEW_ALIGNED:
	case TRACE_NEW_ARRAY_ALIGNED:
		return as.address == NULL ? aligned(call) : as.aligned(call->bytes, alignment);
	default:
		return as.address == NULL ? aligned(call)
		                          : as.aligned_nothrow(call->bytes, alignment, &nothrow);
	}
}

void *calls_get(const struct plan_call *call, void *old)
{
	switch (call->function) {
	case TRACE_MALLOC:
		return malloc(call->bytes);
	case TRACE_CALLOC:
		return calloc(1, call->bytes);
	case TRACE_REALLOC:
		return realloc(old, call->bytes);
	case TRACE_REALLOCARRAY:
		return reallocarray(old, 1, call->bytes);
	case TRACE_VALLOC:
		return valloc(call->bytes);
	case TRACE_PVALLOC:
		return pvalloc(call->bytes);
	case TRACE_ALIGNED_ALLOC:
	case TRACE_POSIX_MEMALIGN:
	case TRACE_MEMALIGN:
		return aligned(call);
	default:
		return operator_new(call);
	}
}

void calls_free(const struct plan_call *call, void *old)
{
	size_t alignment = (size_t)1 << call->align_shift;
	union {
		void *address;
		delete_plain *plain;
		delete_number *number;
		delete_numbers *numbers;
	} as = { .address = found[call->function] };

	if (as.address == NULL) {
		free(old);
		return;
	}
	switch (call->function) {
	case TRACE_DELETE:
	case TRACE_DELETE_ARRAY:
		as.plain(old);
		return;
	case TRACE_FREE_SIZED:
	case TRACE_DELETE_SIZED:
	case TRACE_DELETE_ARRAY_SIZED:
		as.number(old, call->bytes);
		return;
	case TRACE_DELETE_ALIGNED:
	case TRACE_DELETE_ARRAY_ALIGNED:
		as.number(old, alignment);
		return;
	case TRACE_DELETE_NOTHROW:
	case TRACE_DELETE_ARRAY_NOTHROW:
		as.number(old, (size_t)(uintptr_t)symbol); /* a tag that nobody looks at */
		return;
	case TRACE_FREE_ALIGNED_SIZED:
		as.numbers(old, alignment, call->bytes);
		return;
	case TRACE_DELETE_SIZED_ALIGNED:
	case TRACE_DELETE_ARRAY_SIZED_ALIGNED:
		as.numbers(old, call->bytes, alignment);
		return;
	default:
		as.numbers(old, alignment, (size_t)(uintptr_t)symbol);
		return;
	}
}
