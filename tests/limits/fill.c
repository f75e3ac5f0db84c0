/* What tests/limits/machine.sh runs in a machine of its own, linked with libtide.a.
 *
 *   fill all            blocks of each size until malloc says ENOMEM, and again when they are free;
 *                       a fork at the end of memory, if the system grants it
 *   fill two MIB        so many MiB in large blocks, written to and freed; a second later as much
 *                       in small ones
 * Exit  0 well; 1 and a word otherwise.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BLOCKS_MAX = 1 << 20, LARGE_BYTES = 4 << 20, SMALL_BYTES = 1000 };

static void *block[BLOCKS_MAX];

static void must(int condition, const char *what)
{
	if (condition)
		return;
	(void)fprintf(stderr, "fill: not so: %s\n", what);
	exit(1);
}

static size_t take_all(size_t bytes)
{
	size_t count = 0;

	errno = 0;
	while (count < BLOCKS_MAX && (block[count] = malloc(bytes)) != NULL) {
		*(size_t *)block[count] = count;
		count++;
	}
	must(count < BLOCKS_MAX, "memory ends");
	must(errno == ENOMEM, "it ends with ENOMEM");
	return count;
}

static void give_all(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		must(*(size_t *)block[i] == i, "a block keeps its content");
		free(block[i]);
	}
}

static void fill(size_t bytes)
{
	int status = 0;
	size_t count = take_all(bytes);

	must(count > 0, "there is some memory");
	pid_t child = fork();
	if (child == 0) {
		give_all(count);
		_exit(malloc(bytes) == NULL);
	}
	must(child > 0 ? waitpid(child, &status, 0) == child && status == 0 : errno == ENOMEM,
	     "a fork goes well or is refused");
	give_all(count);
	size_t again = take_all(bytes);
	must(again >= count - count / 16, "what was freed can be had again");
	give_all(again);
	(void)printf("%zu bytes: %zu blocks, then %zu; the fork %s\n", bytes, count, again,
	             child > 0 ? "went well" : "was refused");
}

static void take_and_write(size_t total_bytes, size_t bytes)
{
	size_t count = total_bytes / bytes;

	for (size_t i = 0; i < count; i++) {
		block[i] = malloc(bytes);
		must(block[i] != NULL, "malloc");
		memset(block[i], 1, bytes);
	}
	for (size_t i = 0; i < count; i++)
		free(block[i]);
}

int main(int argc, char **argv)
{
	static const size_t size[] = { 1000, 30000, 300000, 3000000 };

	if (argc == 2 && strcmp(argv[1], "all") == 0) {
		for (size_t i = 0; i < sizeof size / sizeof size[0]; i++)
			fill(size[i]);
		return 0;
	}
	must(argc == 3 && strcmp(argv[1], "two") == 0, "fill all | fill two MIB");
	size_t total_bytes = strtoul(argv[2], NULL, 10) << 20;
	take_and_write(total_bytes, LARGE_BYTES);
	(void)sleep(1);
	take_and_write(total_bytes, SMALL_BYTES);
	return 0;
}
