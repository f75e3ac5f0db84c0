/* Attributes and build switches; nothing here has state. */
#ifndef TIDE_COMPILER_H
#define TIDE_COMPILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is written for a processor is os_call.h, os.c's threads, guard.c's handler, and how many
 * bits an address has (config.h). The words of atomic.h are taken apart from their low end. */
#if !defined(__LP64__) || !(defined(__x86_64__) || defined(__AARCH64EL__))
#error "Tide is written for 64-bit x86 and little-endian 64-bit Arm"
#endif

#define TIDE_LIKELY(x) __builtin_expect(!!(x), 1)
#define TIDE_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define TIDE_COLD __attribute__((noinline, cold))
#define TIDE_NOINLINE __attribute__((noinline))
/* What every process runs, a small one too, side by side: the system maps code by pages, and where
 * it is in memory anyway by 16 of them, so what is never run costs nothing only where it is apart.
 * A section of that name bfd's and gold's linkers put before all other code that is not cold; lld
 * leaves it where it is. */
#define TIDE_USUAL __attribute__((section(".text.hot.tide")))
#define TIDE_INLINE static inline __attribute__((always_inline))
#define TIDE_HIDDEN __attribute__((visibility("hidden")))
#define TIDE_EXPORT __attribute__((visibility("default")))
#define TIDE_OWN_LINE _Alignas(TIDE_CACHE_LINE_BYTES)
#define TIDE_UNUSED __attribute__((unused))

/* No instruction; it keeps a pointer out of the register that results are returned in, which gcc 12
 * would choose for it and then need a move for the result. */
#if defined(__x86_64__)
#define TIDE_IN_OTHER_REGISTER(pointer) __asm__("" : "+c"(pointer))
#else
#define TIDE_IN_OTHER_REGISTER(pointer) ((void)0)
#endif

/* How thread-local variables are reached: by the build, because an archive for programs may use
 * one instruction less than a shared object. */
#ifndef TIDE_TLS_MODEL
#define TIDE_TLS_MODEL "initial-exec"
#endif
#define TIDE_THREAD_LOCAL _Thread_local __attribute__((tls_model(TIDE_TLS_MODEL)))

/* How many bits are set; in line, which the compiler's own is only where the processor is known to
 * have an instruction for it. (The sums of pairs, of fours, of eights, and of all: H. S. Warren,
 * Hacker's Delight, 5-1.) */
TIDE_INLINE unsigned tide_bits_set(uint64_t bits)
{
	bits -= bits >> 1 & 0x5555555555555555u;
	bits = (bits & 0x3333333333333333u) + (bits >> 2 & 0x3333333333333333u);
	bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0fu;
	return (unsigned)(bits * 0x0101010101010101u >> 56);
}

/* Build kinds, as numbers so that plain `if` tests them and both sides are compiled. */
#ifndef TIDE_DEBUG
#define TIDE_DEBUG 0
#endif
#ifndef TIDE_AUDITED
#define TIDE_AUDITED 0
#endif
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define TIDE_TSAN 1
#else
#define TIDE_TSAN 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define TIDE_ASAN 1
#else
#define TIDE_ASAN 0
#endif

/* Large variables apart from the small ones, of which every process touches some. (Where there is
 * AddressSanitizer it would not watch them then.) */
#if TIDE_ASAN
#define TIDE_APART
#else
#define TIDE_APART __attribute__((section(".bss.tide")))
#endif

#endif
