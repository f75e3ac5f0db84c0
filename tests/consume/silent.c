/* A program that never calls malloc itself; the C library does, for it. */
#include "owner.h"

int main(void)
{
	char *line = NULL;
	size_t bytes = 0;
	FILE *file = fopen("/proc/self/stat", "r");

	if (file == NULL || getline(&line, &bytes, file) <= 0 || fclose(file) != 0)
		return 1;
	tide_free(line);
	puts("silent");
	return 0;
}
