/* A preloaded allocator that is wrong in forked processes only, in the way that TIDE_BROKEN names;
 * for broken_child.sh. The C library is behind it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NO_ACCIDENT_BYTES = 16 };

void *__libc_malloc(size_t bytes);

static const char *broken = "";
static pid_t parent;

__attribute__((constructor)) static void begin(void)
{
	const char *wanted = getenv("TIDE_BROKEN");

	broken = wanted != NULL ? wanted : "";
	parent = getpid();
}

void *malloc(size_t bytes)
{
	static _Thread_local void *last;

	if (parent == 0 || getpid() == parent)
		return last = __libc_malloc(bytes);
	if (strcmp(broken, "crash") == 0)
		abort();
	if (strcmp(broken, "twice") == 0 && last != NULL && bytes >= NO_ACCIDENT_BYTES)
		return last;
	return last = __libc_malloc(bytes);
}
