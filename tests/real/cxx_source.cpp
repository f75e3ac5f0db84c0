/* A large translation unit for cxx.sh: many standard headers and the templates behind them. When it
 * runs, it prints what depends on nothing but this text. */
#include <algorithm>
#include <array>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <functional>
#include <future>
#include <iomanip>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <memory_resource>
#include <numeric>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

/* One type per number, so that each use of a container below is an instantiation of its own. */
template <int Tag> struct key {
	int value;
	bool operator<(const key &other) const
	{
		return value < other.value;
	}
	bool operator==(const key &other) const
	{
		return value == other.value;
	}
};

template <int Tag> struct std::hash<key<Tag>> {
	std::size_t operator()(const key<Tag> &k) const
	{
		return std::hash<int>()(k.value * 31 + Tag);
	}
};

template <int Tag> long containers()
{
	std::map<key<Tag>, std::string> tree;
	std::unordered_map<key<Tag>, std::vector<key<Tag>>> table;
	std::list<std::shared_ptr<key<Tag>>> shared;
	std::deque<std::unique_ptr<std::array<char, 16 + 8 * Tag>>> owned;
	std::priority_queue<key<Tag>> heap;
	std::mt19937 random(Tag);

	for (int i = 0; i < 2000; i++) {
		int at = static_cast<int>(random() % 500);
		tree[{ at }] += std::to_string(i);
		table[{ at }].push_back({ i });
		shared.push_back(std::make_shared<key<Tag>>(key<Tag>{ at }));
		owned.push_back(std::make_unique<std::array<char, 16 + 8 * Tag>>());
		heap.push({ at });
		if (at % 3 == 0) {
			tree.erase(tree.begin());
			shared.pop_front();
			owned.pop_front();
			heap.pop();
		}
	}
	shared.sort([](const auto &a, const auto &b) { return *a < *b; });
	long sum = static_cast<long>(owned.size() + heap.size()) + shared.front()->value;
	for (const auto &[k, text] : tree)
		sum = sum * 31 % 1000003 + static_cast<long>(text.size()) * k.value;
	for (int i = 0; i < 500; i++)
		sum += static_cast<long>(table[{ i }].size()) * i;
	return sum;
}

template <int Tag> long variants()
{
	using any_of =
	    std::variant<key<Tag>, std::string, std::vector<double>, std::map<int, key<Tag>>>;
	std::vector<any_of> values;
	for (int i = 0; i < 500; i++) {
		values.emplace_back(key<Tag>{ i });
		values.emplace_back(std::string(static_cast<std::size_t>(i), 'v'));
		values.emplace_back(std::vector<double>(static_cast<std::size_t>(i % 50), 0.5));
		values.emplace_back(std::map<int, key<Tag>>{ { i, { i } } });
	}
	std::vector<any_of> copy = values;
	std::rotate(copy.begin(), copy.begin() + 333, copy.end());
	long sum = 0;
	for (const any_of &value : copy)
		sum += std::visit(
		    [](const auto &v) -> long {
			    if constexpr (std::is_same_v<decltype(v), const key<Tag> &>)
				    return v.value;
			    else
				    return static_cast<long>(v.size());
		    },
		    value);
	return sum;
}

static long text()
{
	std::ostringstream out;
	for (int i = 0; i < 300; i++)
		out << "w" << std::hex << i << "-" << std::setprecision(3) << i / 7.0 << " ";
	std::string line = out.str();
	std::istringstream in(out.str());
	std::unordered_map<std::string, int> seen;
	long sum = 0;
	for (std::string word; in >> word;)
		sum += ++seen[word.substr(0, 3)] * static_cast<long>(word.size());
	return sum;
}

static long threads()
{
	std::vector<std::future<long>> results;
	for (int i = 0; i < 8; i++)
		results.push_back(std::async(std::launch::async, [i] {
			std::pmr::monotonic_buffer_resource pool;
			std::pmr::vector<std::pmr::string> lines(&pool);
			for (int j = 0; j < 3000; j++)
				lines.emplace_back(static_cast<std::size_t>(j % 90), 't');
			return static_cast<long>(lines.size()) * i + containers<1>();
		}));
	long sum = 0;
	for (auto &result : results)
		sum += result.get();
	return sum;
}

int main()
{
	std::printf("containers %ld %ld\n", containers<0>(), variants<0>());
	std::printf("text %ld\n", text());
	std::printf("threads %ld\n", threads());
	try {
		throw std::runtime_error(std::string(1000, 'e'));
	} catch (const std::exception &error) {
		std::printf("caught %zu\n", std::string(error.what()).size());
	}
	std::printf("path %s\n", std::filesystem::path("/a/b/../c").lexically_normal().c_str());
	return 0;
}
