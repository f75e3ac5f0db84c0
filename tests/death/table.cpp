// Every misuse, one function each: table NAME commits it, then goes on as if nothing had happened;
// without an argument it lists the names. What comes out between which lines is for table.sh to judge.
//
//   went by    the misuse is over           freed   the blocks that it concerned were freed
//   purged     the GC saw all that is free  sound   memory is as a program may expect; or: unsound
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <thread>

#include <tide/tide.h>

namespace
{

constexpr std::size_t size = 64, mib = 1 << 20;

bool sound = true;

void say(const char *line)
{
	if (write(STDOUT_FILENO, line, std::strlen(line)) < 0)
		_exit(2);
}

// What a pointer points to is hidden from the compiler.
template <class T> T *opaque(T *pointer)
{
	__asm__ volatile("" : "+r"(pointer) : : "memory");
	return pointer;
}

char *must(void *block)
{
	if (block == nullptr)
		_exit(2);
	return static_cast<char *>(opaque(block));
}

char *block_of(std::size_t bytes)
{
	char *block = must(std::malloc(bytes));
	std::memset(block, 0x5a, bytes);
	return opaque(block);
}

void release(void *block)
{
	std::free(opaque(block));
}

void expect(bool good)
{
	sound = sound && good;
}

bool holds(const char *block, std::size_t bytes)
{
	block = opaque(block);
	for (std::size_t i = 0; i < bytes; i++)
		if (block[i] != 0x5a)
			return false;
	return true;
}

/* ---- Double frees ---- */

void double_free_at_once()
{
	char *block = block_of(size);
	release(block);
	release(block);
	release(block_of(size));
}

void double_free_after_others()
{
	static char *block[2000];
	for (char *&one : block)
		one = block_of(size);
	for (char *one : block)
		release(one);
	release(block[100]);
}

void double_free_by_another_thread()
{
	char *block = block_of(size);
	std::thread([block] { release(block); }).join();
	release(block);
}

void double_free_after_reuse()
{
	char *block = block_of(size);
	release(block);
	char *again = block_of(size);
	release(block);
	say("went by\n");
	release(again);
}

void double_free_interleaved()
{
	char *block = block_of(size), *other = block_of(size);
	release(block);
	release(other);
	release(block);
}

void double_free_interleaved_and_reused()
{
	char *block[3];
	double_free_interleaved();
	for (char *&one : block)
		one = block_of(size);
	if (block[0] == block[2])
		say("twice\n");
	say("went by\n");
	for (char *one : block)
		release(one);
}

void double_free_after_purge()
{
	char *block = block_of(size), *neighbour = block_of(size);
	release(block);
	(void)tide_purge();
	release(block);
	say("went by\n");
	release(neighbour);
}

void double_free_of_medium()
{
	char *block = block_of(50000);
	release(block);
	release(block);
}

void double_free_of_large()
{
	char *block = block_of(3 * mib);
	release(block);
	release(block);
}

void double_free_of_unmapped_large()
{
	char *block = block_of(64 * mib);
	release(block);
	(void)tide_purge();
	release(block);
}

/* ---- What is no block ---- */

template <std::size_t bytes, std::size_t offset> void free_of_interior()
{
	release(block_of(bytes) + offset);
}

// Neither may promise more than there is from there on.
template <std::size_t bytes, std::size_t offset> void usable_size_of_interior()
{
	char *block = block_of(bytes);
	std::size_t all = malloc_usable_size(opaque(block));
	expect(malloc_usable_size(opaque(block + offset)) <= all - offset);
	say("went by\n");
	release(block);
}

template <std::size_t bytes, std::size_t offset, std::size_t wanted> void realloc_of_interior()
{
	char *block = must(std::realloc(opaque(block_of(bytes) + offset), wanted));
	say("went by\n");
	expect(holds(block, std::min(bytes - offset, wanted)));
	release(block);
}

void free_of_stack()
{
	alignas(16) char local[64];
	release(local);
}

void free_of_global()
{
	alignas(16) static char global[64];
	release(global);
}

void free_of_foreign()
{
	void *own = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	release(own);
}

template <std::uintptr_t address> void free_of_address()
{
	release(block_of(size)); // so that there is a heap
	release(reinterpret_cast<void *>(address));
}

void free_of_unmapped()
{
	void *own = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(own, 4096);
	release(own);
}

/* ---- Sizes ---- */

void size_of_another_class()
{
	::operator delete(opaque(::operator new(size)), 5 * size);
}

void size_of_large_as_small()
{
	::operator delete(opaque(::operator new(3 * mib)), size);
}

void free_sized_of_another_class()
{
	tide_free_sized(block_of(size), 5 * size);
}

void size_off_by_one()
{
	tide_free_sized(block_of(100), 99);
}

void new_array_then_delete()
{
	::operator delete(opaque(::operator new[](size)));
}

void malloc_then_delete()
{
	::operator delete(block_of(size));
}

void huge_sizes()
{
	static const std::size_t huge[] = { SIZE_MAX, PTRDIFF_MAX, SIZE_MAX - 15,
		                            SIZE_MAX / 2 + 1 };
	for (std::size_t bytes : huge) {
		errno = 0;
		expect(opaque(std::malloc(*opaque(&bytes))) == nullptr && errno == ENOMEM);
		expect(opaque(std::calloc(*opaque(&bytes), 2)) == nullptr);
		expect(opaque(std::aligned_alloc(4096, *opaque(&bytes))) == nullptr);
		char *block = block_of(size);
		expect(opaque(std::realloc(block, *opaque(&bytes))) == nullptr &&
		       holds(block, size));
		release(block);
	}
}

/* ---- Writes and reads ---- */

std::uintptr_t address_of(const char *block)
{
	return reinterpret_cast<std::uintptr_t>(block);
}

// Writes `count` bytes at `first` of a block that has blocks side by side around it, for so far as the
// write reaches.
template <std::ptrdiff_t first, std::size_t count> void write_at()
{
	constexpr std::size_t blocks = count < mib ? 64 : 4 * mib / size;
	static char *block[blocks];
	for (char *&one : block)
		one = block_of(size);
	// Guarded blocks have wider gaps; in both cases the lowest of them is far from the rest's ends.
	std::sort(block, block + blocks,
	          [](const char *a, const char *b) { return address_of(a) < address_of(b); });
	char *victim = block[1];
	for (std::size_t i = 1; i + 1 < blocks; i++)
		if (address_of(block[i]) - address_of(block[0]) >= (count < mib ? 1 : mib + 4096) &&
		    address_of(block[i + 1]) - address_of(block[i]) ==
		        address_of(block[1]) - address_of(block[0])) {
			victim = block[i];
			break;
		}
	std::memset(opaque(victim + first), 0x33, count);
	say("went by\n");
	for (char *one : block)
		expect(holds(one, size));
	for (char *one : block)
		release(one);
}

template <std::size_t bytes, std::size_t count> void write_after_free()
{
	char *block = block_of(bytes);
	release(block);
	std::memset(opaque(block), 0x33, count);
	say("went by\n");
	// The next owner, who has written already, is not to see it: it is he who owns the memory.
	for (int i = 0; i < 3; i++) {
		char *next = block_of(bytes);
		std::memset(opaque(block), 0x33, count);
		expect(holds(next, bytes));
		release(next);
	}
}

void read_after_free()
{
	char *block = block_of(size);
	release(block);
	expect(*opaque(block) != 0x5a);
}

void access_of_zero_size()
{
	char *block = must(std::malloc(0));
	*block = 1;
	say("went by\n");
	release(block);
}

void executable_heap()
{
	char *block = block_of(size);
	block[0] = static_cast<char>(0xc3); // ret
	reinterpret_cast<void (*)()>(opaque(block))();
	expect(false);
}

/* ---- */

const struct {
	const char *name;
	void (*commit)();
} misuse[] = {
#define ROW(name)                                                                                  \
	{                                                                                          \
#name, name                                                                        \
	}
	ROW(double_free_at_once),
	ROW(double_free_after_others),
	ROW(double_free_by_another_thread),
	ROW(double_free_after_reuse),
	ROW(double_free_interleaved),
	ROW(double_free_interleaved_and_reused),
	ROW(double_free_after_purge),
	ROW(double_free_of_medium),
	ROW(double_free_of_large),
	ROW(double_free_of_unmapped_large),
	{ "free_of_interior_small", free_of_interior<100, 16> },
	{ "free_of_interior_medium", free_of_interior<50000, 1024> },
	{ "free_of_interior_page_of_medium", free_of_interior<50000, 4096> },
	{ "free_of_interior_large", free_of_interior<3 * mib, 4096> },
	{ "free_of_misaligned_by_1", free_of_interior<100, 1> },
	{ "free_of_misaligned_by_8", free_of_interior<100, 8> },
	{ "usable_size_of_interior_small", usable_size_of_interior<100, 16> },
	{ "usable_size_of_interior_medium", usable_size_of_interior<50000, 16> },
	{ "realloc_of_interior_small", realloc_of_interior<100, 16, 1000> },
	{ "realloc_of_interior_small_in_place", realloc_of_interior<100, 16, 90> },
	{ "realloc_of_interior_medium", realloc_of_interior<50000, 16, 60000> },
	ROW(free_of_stack),
	ROW(free_of_global),
	ROW(free_of_foreign),
	ROW(free_of_unmapped),
	{ "free_of_null_page", free_of_address<0x10> },
	{ "free_of_kernel", free_of_address<0xffff800000001000u> },
	{ "free_of_noncanonical", free_of_address<0x1234567800000000u> },
	ROW(size_of_another_class),
	ROW(size_of_large_as_small),
	ROW(free_sized_of_another_class),
	ROW(size_off_by_one),
	ROW(new_array_then_delete),
	ROW(malloc_then_delete),
	ROW(huge_sizes),
	{ "write_before_1_byte", write_at<-1, 1> },
	{ "write_before_32_bytes", write_at<-32, 32> },
	{ "write_before_1_MiB", write_at<-static_cast<std::ptrdiff_t>(mib), mib> },
	{ "write_past_1_byte", write_at<size, 1> },
	{ "write_past_32_bytes", write_at<size, 32> },
	{ "write_past_1_MiB", write_at<size, mib> },
	{ "write_after_free_1_byte", write_after_free<size, 1> },
	{ "write_after_free_32_bytes", write_after_free<size, 32> },
	{ "write_after_free_1_MiB", write_after_free<mib, mib> },
	ROW(read_after_free),
	ROW(access_of_zero_size),
	ROW(executable_heap),
};

// Fresh blocks of each size are all different.
void look_around()
{
	static const std::size_t sizes[] = { 16, size, 100, 5000, 50000, 1 << 20, 3 << 20 };
	static std::uintptr_t *block[2000];
	for (std::size_t bytes : sizes) {
		std::size_t count = bytes > 10000 ? 10 : 2000;
		for (std::size_t i = 0; i < count; i++) {
			block[i] = reinterpret_cast<std::uintptr_t *>(block_of(bytes));
			*block[i] = i;
		}
		for (std::size_t i = 0; i < count; i++)
			expect(*opaque(block[i]) == i);
		for (std::size_t i = 0; i < count; i++)
			release(block[i]);
	}
}

} // namespace

int main(int argc, char **argv)
{
	for (const auto &row : misuse) {
		if (argc == 1) {
			std::printf("%s\n", row.name);
			continue;
		}
		if (std::strcmp(row.name, argv[1]) != 0)
			continue;
		row.commit();
		say("went by\n");
		say("freed\n");
		(void)tide_purge();
		say("purged\n");
		if (sound)
			look_around();
		(void)tide_purge();
		say(sound ? "sound\n" : "unsound\n");
		return 0;
	}
	return argc == 1 ? 0 : 2;
}
