// The same in C++: new, delete and what containers take are Tide's.
#include "owner.h"

#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

int main()
{
	std::vector<std::string> texts;
	std::thread other([&texts] {
		for (int i = 0; i < 1000; i++)
			texts.push_back(std::string(40, 'x') + std::to_string(i));
	});
	other.join();
	auto *made = new char[100];
	if (texts.size() != 1000 || tide_malloc_usable_size(made) < 100)
		return 1;
	tide_free(made);
	auto aligned = ::operator new(64, std::align_val_t(64));
	tide_free(aligned);
	if (!is_all_tides() || !is_one_version())
		return 1;
	std::puts("replaced");
}
