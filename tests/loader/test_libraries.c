/* Libraries that allocate, loaded and unloaded: at once, lazily, by threads, into their own scope
 * (RTLD_DEEPBIND) and into a name space of their own (dlmopen). A library in its own scope finds
 * the C library's malloc before the program's: its blocks are not Tide's, and Tide reports one that
 * is freed to it. With Tide as a preload and linked in, the same. */
#include <dlfcn.h>
#include <pthread.h>

#include "support.h"

static char path[4096];

typedef void *make_function(size_t bytes);
typedef void end_function(void *block);
typedef char *copy_function(const char *text);

struct library {
	void *handle;
	make_function *make;
	end_function *end;
	copy_function *copy;
};

static void *symbol(void *handle, const char *name)
{
	void *address = dlsym(handle, name);

	require(address != NULL, name);
	return address;
}

static struct library take(void *handle)
{
	struct library library = { .handle = handle };

	require(handle != NULL, dlerror());
	library.make = (make_function *)symbol(handle, "library_make");
	library.end = (end_function *)symbol(handle, "library_end");
	library.copy = (copy_function *)symbol(handle, "library_copy");
	return library;
}

static struct library load(int flags)
{
	return take(dlopen(path, flags));
}

static void *load_and_unload(void *flags)
{
	for (unsigned round = 0; round < 100; round++) {
		struct library library = load((int)(intptr_t)flags);
		void *block = library.make(round * 100 + 1);

		require(from_tide(block, round * 100 + 1), "a block of the library");
		free(block);
		library.end(malloc(round * 100 + 1));
		char *text = library.copy("a text");
		require(from_tide(text, 7), "what the C library makes for it");
		library.end(text);
		require(dlclose(library.handle) == 0, "dlclose");
	}
	return NULL;
}

static void in_the_common_scope(void)
{
	pthread_t thread[4];
	static const int flags[] = { RTLD_NOW | RTLD_LOCAL, RTLD_LAZY | RTLD_LOCAL,
		                     RTLD_NOW | RTLD_GLOBAL, RTLD_LAZY | RTLD_GLOBAL };

	(void)load_and_unload((void *)(intptr_t)RTLD_NOW);
	for (unsigned i = 0; i < 4; i++)
		require(pthread_create(&thread[i], NULL, load_and_unload,
		                       (void *)(intptr_t)flags[i]) == 0,
		        "a thread");
	for (unsigned i = 0; i < 4; i++)
		require(pthread_join(thread[i], NULL) == 0, "join");
}

/* A block whose library is gone stays what it is. */
static void after_the_library(void)
{
	struct library library = load(RTLD_NOW);
	char *block = library.make(3000);

	memset(block, 7, 3000);
	require(dlclose(library.handle) == 0, "dlclose");
	for (unsigned i = 0; i < 3000; i++)
		require(block[i] == 7, "a block outlives its library");
	free(block);
}

/* Among themselves the library's calls agree. */
static void in_its_own_scope(void)
{
	struct library library = load(RTLD_NOW | RTLD_DEEPBIND);

	for (size_t bytes = 1; bytes < 1000000; bytes *= 3) {
		void *block = library.make(bytes);
		require(block != NULL, "a block");
		memset(block, 1, bytes);
		library.end(block);
	}
	use_heap(1, 1000);
	require(dlclose(library.handle) == 0, "dlclose");
}

static void free_a_block_of_its_scope(void)
{
	void *crossed = load(RTLD_NOW | RTLD_DEEPBIND).make(100);

	(void)dprintf(2, "%p %d\n", crossed, (int)getpid());
	free(crossed);
}

/* What the C library gives it came from Tide, and it frees that into the C library's own heap. */
static void let_it_free_a_block_of_tide_s(void)
{
	struct library library = load(RTLD_NOW | RTLD_DEEPBIND);

	library.end(library.copy("a text"));
}

/* The child ends by SIGABRT; what it says on stderr, into `said`. */
static void must_abort(void (*misuse)(void), char *said, size_t room)
{
	size_t bytes = 0;
	ssize_t got;
	int ends[2];

	require(pipe(ends) == 0, "pipe");
	pid_t child = fork();
	if (child == 0) {
		(void)dup2(ends[1], 2);
		misuse();
		_exit(0);
	}
	(void)close(ends[1]);
	while ((got = read(ends[0], said + bytes, room - 1 - bytes)) > 0)
		bytes += (size_t)got;
	(void)close(ends[0]);
	said[bytes] = '\0';
	int status = wait_for(child);
	require(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "it ends by SIGABRT");
}

static void blocks_do_not_cross(void)
{
	char said[512], wanted[256];
	void *crossed;
	int process;

	must_abort(free_a_block_of_its_scope, said, sizeof said);
	require(sscanf(said, "%p %d", &crossed, &process) == 2, "the pointer");
	(void)snprintf(wanted, sizeof wanted,
	               "tide: free(%p): not a pointer into Tide's memory in thread %d\n", crossed,
	               process);
	require(strcmp(strchr(said, '\n') + 1, wanted) == 0, said);
	/* Words and rules of the C library; that it notices is what we know. */
	must_abort(let_it_free_a_block_of_tide_s, said, sizeof said);
	require(strstr(said, "invalid") != NULL, said);
}

/* Another C library altogether: nothing of it is Tide's, and nothing is harmed. */
static void in_another_name_space(void)
{
	void *handle = dlmopen(LM_ID_NEWLM, path, RTLD_NOW | RTLD_LOCAL);

	if (handle == NULL) /* static TLS of that C library may have no room */
		return;
	struct library library = take(handle);
	for (size_t bytes = 1; bytes < 1000000; bytes *= 3) {
		void *block = library.make(bytes);
		memset(block, 1, bytes);
		library.end(block);
	}
	library.end(library.copy("a text"));
	use_heap(1, 1000);
	require(dlclose(handle) == 0, "dlclose");
}

static void names_are_tide_s(void)
{
	make_function *found = (make_function *)symbol(RTLD_DEFAULT, "malloc");
	void *block = found(10);

	require(from_tide(block, 10), "the default malloc");
	free(block);
	require(dlsym(RTLD_DEFAULT, "no_such_name") == NULL && dlerror() != NULL, "its message");
}

int main(void)
{
	require_tide();
	const char *folder = getenv("LOADER_LIBRARIES");
	require(folder != NULL, "LOADER_LIBRARIES names the folder of the libraries");
	(void)snprintf(path, sizeof path, "%.4000s/library_allocates.so", folder);
	names_are_tide_s();
	in_the_common_scope();
	after_the_library();
	in_its_own_scope();
	blocks_do_not_cross();
	in_another_name_space();
	return 0;
}
