/* What a pointer from outside is: for the functions that must know before they act on it.
 *
 * Touched by  app threads; no state
 * Misuse is reported in the name of the public `function`; when that is not fatal, the caller gets
 * TIDE_CLASS_NONE and leaves the block alone.
 */
#ifndef TIDE_BLOCK_H
#define TIDE_BLOCK_H

#include "compiler.h"

struct tide_heap;

/* The class of a block, by its page; *heap becomes its heap. */
TIDE_HIDDEN unsigned tide_block_class(const void *block, const char *function,
                                      struct tide_heap **heap);
/* The same for the functions that return to their caller what they were given: also checked to be
 * the start of a block. */
TIDE_HIDDEN unsigned tide_block_class_exact(const void *block, const char *function,
                                            struct tide_heap **heap);
/* Checked mode: whether `bytes`, at a multiple of `alignment`, can be what the block was asked for
 * with. */
TIDE_COLD TIDE_HIDDEN void tide_block_check_size(const void *block, size_t alignment, size_t bytes,
                                                 const char *function);

#endif
