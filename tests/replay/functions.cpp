// Each function that allocates or frees, so many times as its place in this list, and with sizes from
// 70000 on that nobody else asks for; for functions.sh. Calls stay calls: -fno-builtin.
#include <cstdlib>
#include <dlfcn.h>
#include <malloc.h>
#include <new>

// Not in every C library; the recorder has them.
static void (*free_sized_here)(void *, size_t);
static void (*free_aligned_sized_here)(void *, size_t, size_t);
static const std::align_val_t wide{ 256 };
static volatile size_t half = size_t(1) << 40; // of a product that is too large

static void *resized(void *block, size_t bytes)
{
	return realloc(block, bytes);
}

int main()
{
	*(void **)&free_sized_here = dlsym(RTLD_DEFAULT, "free_sized");
	*(void **)&free_aligned_sized_here = dlsym(RTLD_DEFAULT, "free_aligned_sized");
	for (int i = 0; i < 300; i++)
		free(malloc(70001));
	for (int i = 0; i < 301; i++)
		free(calloc(7, 10000));
	for (int i = 0; i < 302; i++)
		free(resized(resized(nullptr, 70003), 90003));
	for (int i = 0; i < 303; i++)
		free(reallocarray(nullptr, 2, 35002));
	for (int i = 0; i < 304; i++)
		free(aligned_alloc(64, 70016));
	for (int i = 0; i < 305; i++) {
		void *block = nullptr;
		if (posix_memalign(&block, 128, 70006) != 0)
			return 1;
		free(block);
	}
	for (int i = 0; i < 306; i++)
		free(memalign(4096, 70007));
	for (int i = 0; i < 307; i++)
		free(valloc(70008));
	for (int i = 0; i < 308; i++)
		free(pvalloc(70009));
	for (int i = 0; i < 309 && free_sized_here != nullptr; i++)
		free_sized_here(malloc(70010), 70010);
	for (int i = 0; i < 310 && free_aligned_sized_here != nullptr; i++)
		free_aligned_sized_here(aligned_alloc(32, 70016), 32, 70016);
	for (int i = 0; i < 311; i++)
		::operator delete(::operator new(70012));
	for (int i = 0; i < 312; i++)
		::operator delete[](::operator new[](70013));
	for (int i = 0; i < 313; i++)
		::operator delete(::operator new(70014, std::nothrow), std::nothrow);
	for (int i = 0; i < 314; i++)
		::operator delete[](::operator new[](70015, std::nothrow), std::nothrow);
	for (int i = 0; i < 315; i++)
		::operator delete(::operator new(70017, wide), wide);
	for (int i = 0; i < 316; i++)
		::operator delete[](::operator new[](70018, wide), wide);
	for (int i = 0; i < 317; i++)
		::operator delete(::operator new(70019, wide, std::nothrow), wide, std::nothrow);
	for (int i = 0; i < 318; i++)
		::operator delete[](::operator new[](70020, wide, std::nothrow), wide,
		                    std::nothrow);
	for (int i = 0; i < 319; i++)
		::operator delete(::operator new(70021), size_t(70021));
	for (int i = 0; i < 320; i++)
		::operator delete[](::operator new[](70022), size_t(70022));
	for (int i = 0; i < 321; i++)
		::operator delete(::operator new(70023, wide), size_t(70023), wide);
	for (int i = 0; i < 322; i++)
		::operator delete[](::operator new[](70024, wide), size_t(70024), wide);
	// Refused: a new that throws, and what tells by its result.
	int caught = 0;
	for (int i = 0; i < 5; i++) {
		try {
			::operator delete(::operator new(size_t(1) << 60));
		} catch (const std::bad_alloc &) {
			caught++;
		}
	}
	void *block = malloc(70025), *none = nullptr;
	for (int i = 0; i < 6; i++) {
		if (resized(block, size_t(1) << 60) != nullptr ||
		    posix_memalign(&none, 3, 1) == 0 || calloc(half, half))
			return 1;
	}
	free(block);
	return caught == 5 ? 0 : 1;
}
