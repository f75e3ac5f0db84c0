/* A program that closes all files it did not open and has others at their numbers, as daemons and
 * tests do, and allocates on; for descriptors.sh. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { DESCRIPTORS = 1000, BLOCKS = 50000 };

int main(void)
{
	int victim = open("victim", O_RDWR | O_CREAT | O_TRUNC, 0666);

	for (int file = 3; file < DESCRIPTORS; file++) {
		if (file != victim)
			dup2(victim, file);
	}
	for (int i = 0; i < BLOCKS; i++)
		free(malloc(6000));
	return 0;
}
