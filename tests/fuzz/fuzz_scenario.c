/* Files of tide-stress: the input is a scenario, or what a recording was summed up to. Any bytes
 * may come; what is taken must be within what the rest of the program relies on. */
#include "input.h"

#include "distribution.h"
#include "scenario_file.h"
#include "text_file.h"

#include <unistd.h>

static char text[4096];
const struct embedded embedded_texts[] = {
	{ "scenario", "input", text },
	{ "distribution", "input", text },
	{ NULL, NULL, NULL },
};

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count;
	(void)arguments;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct scenario scenario;
	size_t length = bytes < sizeof text - 1 ? bytes : sizeof text - 1;

	if (length > 0)
		memcpy(text, data, length);
	text[length] = '\0';
	if (!scenario_read(&scenario, "input"))
		return 0;
	HOLDS(scenario.phases >= 1 &&
	      scenario.phases <= sizeof scenario.phase / sizeof *scenario.phase);
	HOLDS(scenario.crews >= 1 &&
	      scenario.crews <= sizeof scenario.crew / sizeof *scenario.crew);
	return 0;
}
