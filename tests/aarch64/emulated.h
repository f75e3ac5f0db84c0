/* For a test that leans on the one order of all sequentially consistent accesses, in a build that
 * is run by qemu-aarch64. The processor keeps a store-release before a load-acquire that follows it
 * (stlr, ldar), and that is all the compiler emits. The emulator (7.2 on x86) puts its barriers
 * before the one and behind the other, none between the two, and the machine below lets the load
 * pass the store. So here the fence that the emulator leaves out. */
#ifndef TIDE_TESTS_AARCH64_EMULATED_H
#define TIDE_TESTS_AARCH64_EMULATED_H

#include "atomic.h"

#undef tide_load_seq_cst
#define tide_load_seq_cst(p)                                                                       \
	(atomic_thread_fence(memory_order_seq_cst), atomic_load_explicit((p), memory_order_seq_cst))

#endif
