/* A program that knows nothing of Tide, for LD_PRELOAD. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	char *block = malloc(100);

	if (block == NULL)
		return 1;
	block[0] = 0;
	free(block);
	puts("plain");
	return 0;
}
