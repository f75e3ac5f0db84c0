#include "block.h"

#include "checked.h"
#include "classes.h"
#include "fatal.h"
#include "guard.h"
#include "heap.h"
#include "pagemap.h"

/* In a page of a heap that a program made. */
static unsigned heap_class(const void *block, struct tide_heap **heap)
{
	*heap = tide_pagemap_region((uintptr_t)block)->heap;
	return tide_region_class(block);
}

unsigned tide_block_class(const void *block, const char *function, struct tide_heap **heap)
{
	unsigned cls = tide_pagemap_class((uintptr_t)block);
	enum tide_misuse misuse;
	*heap = &tide_heap_default;
	if (cls == TIDE_CLASS_HEAP && (uintptr_t)block % TIDE_ALIGN_BYTES == 0) {
		cls = heap_class(block, heap);
		if (cls == TIDE_CLASS_NONE)
			cls = TIDE_CLASS_INSIDE;
	} else if (cls == TIDE_CLASS_LARGE) {
		struct tide_heap *own = tide_large_heap(block);
		*heap = own != NULL ? own : *heap;
	}
	if (cls == TIDE_CLASS_NONE)
		misuse = tide_large_is_inside(block) ? TIDE_MISUSE_INTERIOR : TIDE_MISUSE_FOREIGN;
	else if ((uintptr_t)block % TIDE_ALIGN_BYTES != 0)
		misuse = TIDE_MISUSE_MISALIGNED;
	else if (cls == TIDE_CLASS_INSIDE)
		misuse =
		    tide_region_is_inside_block(block) ? TIDE_MISUSE_INTERIOR : TIDE_MISUSE_INSIDE;
	else if (cls == TIDE_CLASS_LARGE && tide_large_bytes(block) == 0)
		misuse = TIDE_MISUSE_INTERIOR;
	else
		return cls;
	bool known = cls != TIDE_CLASS_NONE && cls < TIDE_CLASS_INSIDE;
	tide_fatal_misuse(misuse, function, block, known ? cls : 0,
	                  known ? tide_class_bytes(cls) : 0);
	return TIDE_CLASS_NONE;
}

unsigned tide_block_class_exact(const void *block, const char *function, struct tide_heap **heap)
{
	struct tide_region *region;
	struct tide_slab *slab;
	unsigned idx;
	unsigned cls = tide_block_class(block, function, heap);
	if (cls == TIDE_CLASS_NONE || cls == TIDE_CLASS_LARGE ||
	    tide_region_find_block(block, cls, &region, &slab, &idx))
		return cls;
	tide_fatal_misuse(TIDE_MISUSE_INTERIOR, function, block, cls, tide_class_bytes(cls));
	return TIDE_CLASS_NONE;
}

/* A sized free with the wrong size is a bug of the caller's that does no harm here, since the class
 * comes from the page map. A block may be up to twice as large as its last size: realloc leaves it
 * in place so far, and so does alignment, which counts as size here. */
void tide_block_check_size(const void *block, size_t alignment, size_t bytes, const char *function)
{
	struct tide_heap *heap;
	if (block != NULL && tide_guard_owns(block)) {
		size_t has = tide_guard_bytes(block, function);
		if (has != SIZE_MAX && bytes != has)
			tide_fatal_misuse(TIDE_MISUSE_SIZE, function, block, 0, has);
		return;
	}
	unsigned cls = block != NULL ? tide_block_class(block, function, &heap) : TIDE_CLASS_NONE;
	if (cls == TIDE_CLASS_NONE)
		return;
	size_t has = cls == TIDE_CLASS_LARGE ? tide_large_bytes(block) : tide_class_bytes(cls);
	size_t asked = bytes > alignment ? bytes : alignment;
	size_t was;
	if (tide_checked_full()) { /* it is known what was asked for; a broken seal is free's affair */
		if (!tide_checked_is_sealed(block, has, &was) || was == bytes)
			return;
	} else if (cls == TIDE_CLASS_LARGE && has <= TIDE_STEP_MAX_BYTES + TIDE_PAGE_BYTES) {
		if (bytes <= has) /* as short as a large block can be, for its alignment alone */
			return;
	} else if (bytes <= has && (asked >= has / 2 || tide_class_of(bytes) == cls))
		return;
	tide_fatal_misuse(TIDE_MISUSE_SIZE, function, block, cls == TIDE_CLASS_LARGE ? 0 : cls,
	                  has);
}
