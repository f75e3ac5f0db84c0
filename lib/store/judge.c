#include "judge.h"

enum tide_store_verdict tide_judge_check(struct tide_judge *judge,
                                         const struct tide_store_options *options, uint64_t now_ns,
                                         uint64_t held_bytes, uint64_t used_bytes, bool *start)
{
	bool is_high = tide_judge_percent(held_bytes, used_bytes) >= options->defragment_percent;
	bool is_much =
	    held_bytes >= used_bytes && held_bytes - used_bytes >= options->defragment_waste_bytes;
	*start = false;
	if (!is_high || !is_much) {
		judge->since_ns = UINT64_MAX;
		return is_high ? TIDE_STORE_LITTLE_WASTE : TIDE_STORE_COMPACT;
	}
	if (judge->since_ns == UINT64_MAX)
		judge->since_ns = now_ns;
	*start = now_ns - judge->since_ns >= options->defragment_after_ns;
	return TIDE_STORE_FRAGMENTED;
}

const char *tide_store_verdict_text(enum tide_store_verdict verdict)
{
	static const char *const text[] = {
		[TIDE_STORE_NOT_CHECKED] = "not checked yet",
		[TIDE_STORE_SWITCHED_OFF] = "switched off: on demand only",
		[TIDE_STORE_COMPACT] = "compact: held/used is below the threshold",
		[TIDE_STORE_LITTLE_WASTE] =
		    "held/used is above the threshold, but little is wasted",
		[TIDE_STORE_FRAGMENTED] = "fragmented, but not for long enough yet",
		[TIDE_STORE_DEFRAGMENTING] = "defragmenting",
		[TIDE_STORE_WAITS_FOR_ROOM] = "there is no room to move bodies within the limit",
		[TIDE_STORE_STOPPED] = "defragmentation was stopped in the middle",
	};
	return (unsigned)verdict < sizeof text / sizeof text[0] ? text[verdict] : "unknown";
}
