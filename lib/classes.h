/* Size classes: pure functions and constant tables.
 *
 * Small classes 1..32 (16-byte steps to 128, then four per doubling to 8 KiB) are cut from slabs;
 * medium classes 33..176 (1 KiB steps to 128 KiB, then eight per doubling to 1 MiB) are chunks of
 * their own. The tables in classes.c are constant data; tests/lib/test_classes.c proves the classes
 * monotone and complete, and that at most a fifth of a block of 129 bytes or more is lost to
 * rounding.
 */
#ifndef TIDE_CLASSES_H
#define TIDE_CLASSES_H

#include "compiler.h"
#include "config.h"

typedef uint8_t tide_class;

/* Class of each size up to TIDE_TABLE_MAX_BYTES; [0] is the smallest class. */
TIDE_HIDDEN extern const tide_class tide_class_table[TIDE_TABLE_MAX_BYTES + 1];
/* Class of each (size + 255) / 256 up to TIDE_SMALL_MAX_BYTES. */
TIDE_HIDDEN extern const tide_class tide_class_table_256[TIDE_SMALL_MAX_BYTES / 256 + 1];

/* What a slab of a small class looks like. */
struct tide_slab_shape {
	uint16_t block_bytes;
	uint16_t blocks;
	uint8_t pages;
	/* (offset * reciprocal) >> 32 == offset / block_bytes for every offset in a slab, and the
	 * lower half of the product is less than the reciprocal where a block starts, only there. */
	uint32_t reciprocal;
};
TIDE_HIDDEN extern const struct tide_slab_shape tide_slab_shape[TIDE_CLASS_SMALL_LAST + 1];

TIDE_INLINE bool tide_class_is_small(unsigned cls)
{
	return cls - TIDE_CLASS_SMALL_FIRST <= TIDE_CLASS_SMALL_LAST - TIDE_CLASS_SMALL_FIRST;
}

TIDE_INLINE bool tide_class_is_medium(unsigned cls)
{
	return cls - TIDE_CLASS_MEDIUM_FIRST <= TIDE_CLASS_MEDIUM_LAST - TIDE_CLASS_MEDIUM_FIRST;
}

#define TIDE_STEP_GRANULES (TIDE_STEP_MAX_BYTES / TIDE_GRANULE_BYTES)

/* Granules of a block of a medium class. */
TIDE_INLINE unsigned tide_class_granules(unsigned cls)
{
	if (cls <= TIDE_CLASS_STEP_LAST)
		return cls - TIDE_CLASS_STEP_LAST + TIDE_STEP_GRANULES;
	unsigned above = cls - TIDE_CLASS_STEP_LAST - 1;
	return TIDE_STEP_GRANULES / 8 * (9 + above % 8) << above / 8;
}

/* The smallest medium class of at least so many granules. */
TIDE_INLINE unsigned tide_class_of_granules(unsigned granules)
{
	if (granules <= TIDE_STEP_GRANULES)
		return granules + TIDE_CLASS_STEP_LAST - TIDE_STEP_GRANULES;
	unsigned doubling = 31u - (unsigned)__builtin_clz((granules - 1) / TIDE_STEP_GRANULES);
	unsigned eighth = ((granules - 1) >> doubling) / (TIDE_STEP_GRANULES / 8) - 8;
	return TIDE_CLASS_STEP_LAST + 1 + 8 * doubling + eighth;
}

/* The class that serves `bytes`, TIDE_CLASS_LARGE above the medium sizes. */
TIDE_INLINE unsigned tide_class_of(size_t bytes)
{
	if (bytes <= TIDE_TABLE_MAX_BYTES)
		return tide_class_table[bytes];
	if (bytes <= TIDE_SMALL_MAX_BYTES)
		return tide_class_table_256[(bytes + 255) / 256];
	if (bytes <= TIDE_MEDIUM_MAX_BYTES)
		return tide_class_of_granules(
		    (unsigned)((bytes + TIDE_GRANULE_BYTES - 1) >> TIDE_GRANULE_SHIFT));
	return TIDE_CLASS_LARGE;
}

/* Bytes of a block of a small or medium class. */
TIDE_INLINE size_t tide_class_bytes(unsigned cls)
{
	if (tide_class_is_small(cls))
		return tide_slab_shape[cls].block_bytes;
	return (size_t)tide_class_granules(cls) * TIDE_GRANULE_BYTES;
}

#endif
