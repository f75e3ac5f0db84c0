#include "classes.h"

#define REP_4(x) x, x, x, x
#define REP_16(x) REP_4(x), REP_4(x), REP_4(x), REP_4(x)
#define REP_32(x) REP_16(x), REP_16(x)
#define REP_64(x) REP_32(x), REP_32(x)
#define REP_128(x) REP_64(x), REP_64(x)

/* Runs as long as the step of their doubling; [0] shares the first class. */
const tide_class tide_class_table[TIDE_TABLE_MAX_BYTES + 1] = {
	1,          REP_16(1),  REP_16(2),  REP_16(3),   REP_16(4),   REP_16(5),   REP_16(6),
	REP_16(7),  REP_16(8),  REP_32(9),  REP_32(10),  REP_32(11),  REP_32(12),  REP_64(13),
	REP_64(14), REP_64(15), REP_64(16), REP_128(17), REP_128(18), REP_128(19), REP_128(20),
};

const tide_class tide_class_table_256[TIDE_SMALL_MAX_BYTES / 256 + 1] = {
	1,  12, 16, 18, 20, 21, 22, 23, 24, 25, 25, 26, 26, 27, 27, 28, 28,
	29, 29, 29, 29, 30, 30, 30, 30, 31, 31, 31, 31, 32, 32, 32, 32,
};

/* A class of k * 2^n bytes, k odd, fills k pages exactly; the slab is the largest multiple of k
 * pages up to TIDE_SLAB_MAX_PAGES. */
#define SHAPE(bytes, slab_pages)                                                                   \
	{                                                                                          \
		(bytes), (slab_pages)*TIDE_PAGE_BYTES / (bytes), (slab_pages),                     \
		    (uint32_t)((0x100000000ul + (bytes)-1) / (bytes))                              \
	}

const struct tide_slab_shape tide_slab_shape[TIDE_CLASS_SMALL_LAST + 1] = {
	{ 0, 0, 0, 0 },    SHAPE(16u, 16u),   SHAPE(32u, 16u),   SHAPE(48u, 15u),
	SHAPE(64u, 16u),   SHAPE(80u, 15u),   SHAPE(96u, 15u),   SHAPE(112u, 14u),
	SHAPE(128u, 16u),  SHAPE(160u, 15u),  SHAPE(192u, 15u),  SHAPE(224u, 14u),
	SHAPE(256u, 16u),  SHAPE(320u, 15u),  SHAPE(384u, 15u),  SHAPE(448u, 14u),
	SHAPE(512u, 16u),  SHAPE(640u, 15u),  SHAPE(768u, 15u),  SHAPE(896u, 14u),
	SHAPE(1024u, 16u), SHAPE(1280u, 15u), SHAPE(1536u, 15u), SHAPE(1792u, 14u),
	SHAPE(2048u, 16u), SHAPE(2560u, 15u), SHAPE(3072u, 15u), SHAPE(3584u, 14u),
	SHAPE(4096u, 16u), SHAPE(5120u, 15u), SHAPE(6144u, 15u), SHAPE(7168u, 14u),
	SHAPE(8192u, 16u),
};
