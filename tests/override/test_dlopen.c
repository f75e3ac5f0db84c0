/* A library that is loaded later gets its memory from the same malloc. */
#include <dlfcn.h>
#include <sys/auxv.h>

#include "support.h"

typedef void *new_function(size_t size);
typedef void delete_function(void *block);

/* The one in the library itself, which calls malloc. */
static void *symbol(void *library, const char *name)
{
	void *address = dlsym(library, name);

	require(address != NULL, name);
	return address;
}

int main(void)
{
	if (getauxval(AT_BASE) == 0)
		skip("linked statically");

	for (unsigned round = 0; round < 20; round++) {
		void *library = dlopen("libstdc++.so.6", RTLD_NOW | RTLD_LOCAL);
		if (library == NULL)
			skip("no libstdc++.so.6");
		new_function *make = (new_function *)symbol(library, "_Znwm");
		delete_function *end = (delete_function *)symbol(library, "_ZdlPv");

		for (size_t size = 1; size < 1000000; size *= 3) {
			void *block = make(size);
			require(from_tide(block, size), "a block of the library");
			memset(block, 1, size);
			free(block);
			/* And the other way. */
			block = malloc(size);
			require(block != NULL, "malloc");
			end(block);
		}
		/* The loader's own texts are malloc's as well. */
		require(dlopen("no-such-library.so", RTLD_NOW) == NULL, "no such library");
		require(dlerror() != NULL, "the loader's message");
		require(dlclose(library) == 0, "dlclose");
		use_heap(round, 1000);
	}
	return 0;
}
