// The C++ library lives on Tide: containers, strings, shared pointers, exceptions, streams and
// threads.
#include <algorithm>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "support.h"

static void containers(uint64_t seed)
{
	uint64_t random = seed;
	std::vector<uint64_t> numbers;
	std::map<uint64_t, std::string> names;
	std::unordered_map<std::string, std::shared_ptr<std::string>> shared;
	std::list<std::vector<char>> blobs;
	std::deque<std::unique_ptr<uint64_t>> queue;

	for (unsigned i = 0; i < 20000; i++) {
		uint64_t n = random_next(&random);

		numbers.push_back(n);
		names[n % 5000] = std::string(n % 100, 'x') + std::to_string(n);
		shared[std::to_string(n % 3000)] = std::make_shared<std::string>(n % 60, 'y');
		blobs.emplace_back(n % 3000);
		if (blobs.size() > 300)
			blobs.pop_front();
		queue.push_back(std::make_unique<uint64_t>(n));
		if (queue.size() > 1000)
			queue.pop_front();
	}
	require(from_tide(numbers.data(), numbers.size() * sizeof numbers[0]), "a vector's block");
	require(from_tide(names.begin()->second.data(), 1) || names.begin()->second.size() < 16,
	        "a string's block");
	std::stable_sort(numbers.begin(), numbers.end());
	require(std::is_sorted(numbers.begin(), numbers.end()), "a sorted vector");
	for (const auto &entry : names)
		require(std::stoull(entry.second.substr(entry.second.rfind('x') + 1)) % 5000 ==
		            entry.first,
		        "a map keeps what it was given");
	for (const auto &entry : shared)
		require(entry.second.use_count() == 1, "a shared pointer's count");
}

// Exceptions are allocated too, and travel through frames that hold blocks.
static unsigned thrown(unsigned depth)
{
	std::string held(100 + depth, 'h');

	if (depth == 0)
		throw std::runtime_error(held + held);
	return thrown(depth - 1) + static_cast<unsigned>(held.size());
}

static void exceptions()
{
	for (unsigned i = 0; i < 1000; i++) {
		bool caught = false;

		try {
			(void)thrown(10);
		} catch (const std::runtime_error &error) {
			caught = std::string(error.what()).size() == 200;
		}
		require(caught, "an exception arrives whole");
	}
}

static void streams()
{
	std::ostringstream out;

	for (int i = 0; i < 10000; i++)
		out << i << ' ' << i * 0.5 << '\n';
	std::istringstream in(out.str());
	double half;
	int number, count = 0;
	while (in >> number >> half)
		count += number == count && half == count * 0.5;
	require(count == 10000, "a stream gives back what it was given");
}

int main()
{
	std::vector<std::thread> threads;

	containers(1);
	exceptions();
	streams();
	for (uint64_t i = 0; i < 4; i++)
		threads.emplace_back([i] {
			containers(i + 2);
			exceptions();
		});
	for (auto &thread : threads)
		thread.join();
	return 0;
}
