/* C++ operators new and delete, in C under their mangled names (Itanium C++ ABI), so that the
 * library needs no C++ run-time: where the program has one, failure calls its new-handler and
 * throws its std::bad_alloc; where it has none, nobody can be expecting either.
 */
#include <tide/tide.h>

#include "aligned.h"
#include "block.h"
#include "check.h"
#include "hit.h"
#include "slow.h"
#include "start.h"

#ifdef TIDE_OVERRIDE

typedef void (*new_handler)(void);
/* std::get_new_handler() and libstdc++'s std::__throw_bad_alloc(). Weak in the preload library,
 * which must load into programs without C++; in libtide.a this file is a member of its own, which
 * only a program that uses the operators pulls in, and so has the C++ library anyway. */
#ifdef TIDE_PRELOAD
#define CXX_REFERENCE __attribute__((weak))
#else
#define CXX_REFERENCE
#endif
extern new_handler cxx_new_handler(void) __asm__("_ZSt15get_new_handlerv") CXX_REFERENCE;
_Noreturn extern void cxx_throw_bad_alloc(void) __asm__("_ZSt17__throw_bad_allocv") CXX_REFERENCE;

static new_handler handler_now(void)
{
#ifdef TIDE_PRELOAD
	if (cxx_new_handler == NULL)
		return NULL;
#endif
	return cxx_new_handler();
}

static _Noreturn void throw_bad_alloc(void)
{
#ifdef TIDE_PRELOAD
	if (cxx_throw_bad_alloc == NULL)
		tide_fatal_assert("operator new found no memory", "a program that can't throw");
#endif
	cxx_throw_bad_alloc();
}

/* Asked again after each call of the new-handler, as the standard has it. NULL only for nothrow. */
static TIDE_NOINLINE void *new_slow(size_t size, size_t alignment, bool nothrow)
{
	for (;;) {
		void *block = alignment > TIDE_ALIGN_BYTES ? tide_aligned(alignment, size)
		                                           : tide_malloc_slow(size);
		if (block != NULL)
			return block;
		new_handler handler = handler_now();
		if (handler == NULL)
			break;
		handler();
	}
	if (nothrow)
		return NULL;
	throw_bad_alloc();
}

TIDE_INLINE void *new_any(size_t size, bool nothrow)
{
	void *block;
	if (TIDE_UNLIKELY(size > TIDE_MEDIUM_MAX_BYTES ||
	                  !tide_hit_pop(tide_cache_self, tide_class_of(size), &block)))
		return new_slow(size, 0, nothrow);
	return block;
}

TIDE_INLINE void delete_any(void *block)
{
	if (TIDE_UNLIKELY(!tide_hit_push(tide_cache_self, tide_hit_class(block), block)))
		tide_free_slow(block, "operator delete");
}

#define NEW(name, nothrow, ...)                                                                    \
	TIDE_EXPORT void *name(size_t size __VA_ARGS__);                                           \
	void *name(size_t size __VA_ARGS__)                                                        \
	{                                                                                          \
		return new_any(size, nothrow);                                                     \
	}
#define NEW_ALIGNED(name, nothrow, ...)                                                            \
	TIDE_EXPORT void *name(size_t size, size_t alignment __VA_ARGS__);                         \
	void *name(size_t size, size_t alignment __VA_ARGS__)                                      \
	{                                                                                          \
		if (alignment <= TIDE_ALIGN_BYTES)                                                 \
			return new_any(size, nothrow);                                             \
		return new_slow(size, alignment, nothrow);                                         \
	}
#define DELETE_SIZED(name, align, ...)                                                             \
	TIDE_EXPORT void name(void *block, size_t size __VA_ARGS__);                               \
	void name(void *block, size_t size __VA_ARGS__)                                            \
	{                                                                                          \
		if (TIDE_UNLIKELY(tide_start_checked()))                                           \
			tide_block_check_size(block, align, size, "operator delete");              \
		delete_any(block);                                                                 \
	}
#define DELETE(name, ...)                                                                          \
	TIDE_EXPORT void name(void *block __VA_ARGS__);                                            \
	void name(void *block __VA_ARGS__)                                                         \
	{                                                                                          \
		delete_any(block);                                                                 \
	}
#define TAG , const void *tag TIDE_UNUSED
#define ALIGNMENT , size_t alignment TIDE_UNUSED

NEW(_Znwm, false)
NEW(_Znam, false)
NEW(_ZnwmRKSt9nothrow_t, true, TAG)
NEW(_ZnamRKSt9nothrow_t, true, TAG)
NEW_ALIGNED(_ZnwmSt11align_val_t, false)
NEW_ALIGNED(_ZnamSt11align_val_t, false)
NEW_ALIGNED(_ZnwmSt11align_val_tRKSt9nothrow_t, true, TAG)
NEW_ALIGNED(_ZnamSt11align_val_tRKSt9nothrow_t, true, TAG)
DELETE(_ZdlPv)
DELETE(_ZdaPv)
DELETE(_ZdlPvRKSt9nothrow_t, TAG)
DELETE(_ZdaPvRKSt9nothrow_t, TAG)
DELETE_SIZED(_ZdlPvm, 0)
DELETE_SIZED(_ZdaPvm, 0)
DELETE(_ZdlPvSt11align_val_t, ALIGNMENT)
DELETE(_ZdaPvSt11align_val_t, ALIGNMENT)
DELETE_SIZED(_ZdlPvmSt11align_val_t, alignment, ALIGNMENT)
DELETE_SIZED(_ZdaPvmSt11align_val_t, alignment, ALIGNMENT)
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, ALIGNMENT TAG)
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, ALIGNMENT TAG)

#endif
