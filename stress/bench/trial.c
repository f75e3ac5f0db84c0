/* See trial.h. */
#include "trial.h"

#include <stdio.h>
#include <string.h>

static const uint64_t first_touch_bytes = UINT64_C(512) << 20;

static json_t *last_line_json(const char *output)
{
	const char *brace = strrchr(output, '{');
	json_error_t error;

	while (brace != NULL && brace > output && brace[-1] != '\n')
		brace--;
	return brace != NULL ? json_loads(brace, JSON_DISABLE_EOF_CHECK, &error) : NULL;
}

json_t *trial_result(const struct child *child, const struct peer *peer,
                     char fault[TRIAL_FAULT_BYTES])
{
	*fault = '\0';
	if (child->is_interrupted)
		return NULL;
	if (child->status != 0 || child->is_late) {
		child_fault(child, fault, TRIAL_FAULT_BYTES);
		return NULL;
	}
	json_t *run = last_line_json(child->output_text);
	const char *allocator = json_string_value(json_object_get(run, "allocator"));
	if (allocator != NULL && peer_serves(peer, allocator))
		return run;
	if (allocator == NULL)
		snprintf(fault, TRIAL_FAULT_BYTES, "no result, or it does not tell the allocator");
	else
		snprintf(fault, TRIAL_FAULT_BYTES, "not active: malloc comes from %s", allocator);
	json_decref(run);
	return NULL;
}

void trial_touch_memory(uint64_t most_bytes)
{
	child_touch_memory(most_bytes > 0 ? most_bytes + most_bytes / 4 : first_touch_bytes);
}

void trial_note_peak(const json_t *run, uint64_t *most_bytes)
{
	double peak_bytes = json_number_value(json_object_get(run, "peak_rss_bytes"));

	if (peak_bytes > (double)*most_bytes)
		*most_bytes = (uint64_t)peak_bytes;
}
