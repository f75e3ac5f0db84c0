// Each operator new and delete is Tide's; on failure they do what the standard says.
#include <new>

#include <malloc.h>

#include "support.h"

// C++14's; some compilers declare them on demand only.
void operator delete(void *block, std::size_t size) noexcept;
void operator delete[](void *block, std::size_t size) noexcept;
void operator delete(void *block, std::size_t size, std::align_val_t align) noexcept;
void operator delete[](void *block, std::size_t size, std::align_val_t align) noexcept;

static void check(void *block, size_t bytes, size_t align, const char *what)
{
	require(from_tide(block, bytes), what);
	require(reinterpret_cast<uintptr_t>(block) % align == 0, what);
	memset(block, 1, bytes);
}

static void plain(size_t size)
{
	void *block = ::operator new(size);
	check(block, size, 16, "new");
	::operator delete(block);
	block = ::operator new[](size);
	check(block, size, 16, "new[]");
	::operator delete[](block);

	block = ::operator new(size);
	::operator delete(block, size);
	block = ::operator new[](size);
	::operator delete[](block, size);

	block = ::operator new(size, std::nothrow);
	check(block, size, 16, "nothrow new");
	::operator delete(block, std::nothrow);
	block = ::operator new[](size, std::nothrow);
	check(block, size, 16, "nothrow new[]");
	::operator delete[](block, std::nothrow);
}

static void aligned(size_t size, size_t alignment)
{
	auto align = std::align_val_t(alignment);
	void *block = ::operator new(size, align);
	check(block, size, alignment, "aligned new");
	::operator delete(block, align);
	block = ::operator new[](size, align);
	check(block, size, alignment, "aligned new[]");
	::operator delete[](block, align);

	block = ::operator new(size, align);
	::operator delete(block, size, align);
	block = ::operator new[](size, align);
	::operator delete[](block, size, align);

	block = ::operator new(size, align, std::nothrow);
	check(block, size, alignment, "aligned nothrow new");
	::operator delete(block, align, std::nothrow);
	block = ::operator new[](size, align, std::nothrow);
	check(block, size, alignment, "aligned nothrow new[]");
	::operator delete[](block, align, std::nothrow);
}

// An allocation whose result nobody sees may be left out by the compiler.
static void keep(void *block)
{
	__asm__ volatile("" : : "r"(block));
}

template <typename Call> static bool throws_bad_alloc(Call call)
{
	try {
		call();
	} catch (const std::bad_alloc &) {
		return true;
	}
	return false;
}

static const size_t too_much = SIZE_MAX / 4;

static void failures()
{
	size_t size = opaque_size(too_much);
	auto align = std::align_val_t(256);

	require(throws_bad_alloc([&] { keep(::operator new(size)); }), "new throws");
	require(throws_bad_alloc([&] { keep(::operator new[](size)); }), "new[] throws");
	require(throws_bad_alloc([&] { keep(::operator new(size, align)); }), "aligned new throws");
	require(throws_bad_alloc([&] { keep(::operator new[](size, align)); }),
	        "aligned new[] throws");
	require(::operator new(size, std::nothrow) == nullptr, "nothrow new");
	require(::operator new[](size, std::nothrow) == nullptr, "nothrow new[]");
	require(::operator new(size, align, std::nothrow) == nullptr, "aligned nothrow new");
	require(::operator new[](size, align, std::nothrow) == nullptr, "aligned nothrow new[]");
}

// A handler may be called again and again, until it makes room or takes itself away.
static unsigned handler_calls;

static void third_time_unset()
{
	if (++handler_calls == 3)
		std::set_new_handler(nullptr);
}

struct handler_gave_up {
};

static void throw_own()
{
	throw handler_gave_up();
}

static void handlers()
{
	size_t size = opaque_size(too_much);

	std::set_new_handler(third_time_unset);
	require(throws_bad_alloc([&] { keep(::operator new(size)); }), "new with a handler throws");
	require(handler_calls == 3, "new calls the handler each time");

	handler_calls = 0;
	std::set_new_handler(third_time_unset);
	require(::operator new(size, std::nothrow) == nullptr, "nothrow new with a handler");
	require(handler_calls == 3, "nothrow new calls the handler each time");

	handler_calls = 0;
	std::set_new_handler(third_time_unset);
	require(throws_bad_alloc([&] { keep(::operator new(size, std::align_val_t(64))); }),
	        "aligned new with a handler throws");
	require(handler_calls == 3, "aligned new calls the handler each time");

	std::set_new_handler(throw_own);
	bool passed_on = false;
	try {
		keep(::operator new(size));
	} catch (const handler_gave_up &) {
		passed_on = true;
	}
	require(passed_on, "what a handler throws comes through new");
	std::set_new_handler(nullptr);
}

int main()
{
	static const size_t size[] = { 0, 1, 8, 16, 17, 100, 1000, 8192, 10000, 100000, 1000000 };

	for (unsigned round = 0; round < 1000; round++) {
		for (size_t s : size)
			plain(s);
	}
	for (size_t align = 1; align <= 65536; align *= 2) {
		for (size_t s : size)
			aligned(s, align);
	}
	failures();
	handlers();
	failures();
	require(tide_malloc_trim(0) >= 0, "the heap is sound");
	return 0;
}
