/* See number.h. */
#include "number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	static const char unit[] = "KMG";
	char *end = NULL;

	/* strtoull also takes blanks and signs. */
	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	uint64_t number = strtoull(text, &end, 10);
	if (errno != 0)
		return false;
	if (*end != '\0') {
		const char *found = strchr(unit, *end);

		if (found == NULL || end[1] != '\0')
			return false;
		unsigned shift = 10 * (unsigned)(found - unit + 1);
		if (number > UINT64_MAX >> shift)
			return false;
		number <<= shift;
	}
	if (number < min || number > max)
		return false;
	*value = number;
	return true;
}
