// index: a program full of maps and strings. A text index with documents coming and going, and order
// books, in several threads.
//
//   index DOCUMENTS WORKERS
//
// One thread makes documents and hands them to the workers: what it allocates, they free. A worker
// takes the document apart, enters each word into an index that all share, forgets its oldest document
// and trades some orders; traded orders go as text to one ledger thread, which frees what the workers
// made. Then the index is queried and taken down.
//
// The output does not depend on the order in which the threads run: sums only, and each document and
// each order book has one owner. So it does not depend on the number of workers either: books and
// documents are dealt to BOOKS lanes, and lanes to workers.
#include <algorithm>
#include <array>
#include <cctype>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace
{

constexpr uint64_t LANES = 24;
constexpr uint64_t LANE_WINDOW = 120; // documents that a lane keeps
constexpr size_t SHARDS = 16;
constexpr size_t QUEUE_MAX = 64;

class Random
{
      public:
	explicit Random(uint64_t seed) : state(seed * 0x9e3779b97f4a7c15u + 1)
	{
	}
	uint64_t next()
	{
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		return state * 0x2545f4914f6cdd1du;
	}
	uint64_t below(uint64_t n)
	{
		return (next() >> 20) % n;
	}

      private:
	uint64_t state;
};

uint64_t hash_of(const std::string &text)
{
	uint64_t hash = 1469598103934665603u;
	for (char c : text)
		hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
	return hash;
}

// What goes from thread to thread. Put waits when the other side is behind.
template <class T> class Queue
{
      public:
	void put(T item)
	{
		std::unique_lock lock(mutex);
		changed.wait(lock, [this] { return items.size() < QUEUE_MAX; });
		items.push_back(std::move(item));
		changed.notify_all();
	}
	void close()
	{
		std::lock_guard lock(mutex);
		closed = true;
		changed.notify_all();
	}
	// False when nothing will come any more.
	bool take(T &item)
	{
		std::unique_lock lock(mutex);
		changed.wait(lock, [this] { return closed || !items.empty(); });
		if (items.empty())
			return false;
		item = std::move(items.front());
		items.pop_front();
		changed.notify_all();
		return true;
	}

      private:
	std::mutex mutex;
	std::condition_variable changed;
	std::deque<T> items;
	bool closed = false;
};

struct Document {
	uint64_t number = 0;
	std::string title;
	std::string text;
};

// Words of many lengths; the first ones are by far the most frequent.
class Vocabulary
{
      public:
	explicit Vocabulary(size_t count)
	{
		static const char *const parts[] = { "an",  "ber", "cor", "da", "el",  "fi",
			                             "gon", "ha",  "in",  "ka", "lor", "men",
			                             "no",  "ost", "per", "ri", "sta", "tum" };
		Random random(1);
		for (size_t i = 0; i < count; i++) {
			std::string word;
			uint64_t length = 1 + random.below(i < 500 ? 3 : 9);
			while (length-- > 0)
				word += parts[random.below(18)];
			words.push_back(word + (i % 3 == 0 ? std::to_string(i) : ""));
		}
	}
	const std::string &pick(Random &random) const
	{
		uint64_t limit = 1 + random.below(words.size());
		return words[random.below(1 + random.below(limit))];
	}
	std::vector<std::string> words;
};

std::unique_ptr<Document> make_document(const Vocabulary &vocabulary, uint64_t number)
{
	Random random(number + 17);
	auto document = std::make_unique<Document>();
	uint64_t words = 20 + random.below(random.below(8) == 0 ? 1500 : 200);

	document->number = number;
	document->title = "Document " + std::to_string(number) + " on " + vocabulary.pick(random);
	for (uint64_t i = 0; i < words; i++) {
		std::string word = vocabulary.pick(random);
		if (random.below(9) == 0)
			word[0] = static_cast<char>(std::toupper(word[0]));
		document->text += word;
		document->text += random.below(12) == 0 ? ".\n" : " ";
	}
	return document;
}

class Index
{
      public:
	using Positions = std::vector<uint32_t>;
	using Postings = std::map<uint64_t, Positions>;

	void add(const std::string &word, uint64_t document, uint32_t position)
	{
		Shard &shard = shard_of(word);
		std::lock_guard lock(shard.mutex);
		shard.postings[word][document].push_back(position);
	}
	void remove(const std::string &word, uint64_t document)
	{
		Shard &shard = shard_of(word);
		std::lock_guard lock(shard.mutex);
		auto found = shard.postings.find(word);
		if (found == shard.postings.end() || found->second.erase(document) == 0) {
			std::fprintf(stderr, "index: %s of %llu is lost\n", word.c_str(),
			             static_cast<unsigned long long>(document));
			std::_Exit(1);
		}
		if (found->second.empty())
			shard.postings.erase(found);
	}
	// The documents with both words, and how often they hold the first.
	std::vector<std::pair<uint64_t, size_t>> both(const std::string &one,
	                                              const std::string &other)
	{
		std::vector<std::pair<uint64_t, size_t>> found;
		Postings left = copy_of(one), right = copy_of(other);
		for (const auto &[document, positions] : left) {
			if (right.count(document) != 0)
				found.emplace_back(document, positions.size());
		}
		std::sort(found.begin(), found.end(), [](const auto &a, const auto &b) {
			return std::make_pair(b.second, a.first) <
			       std::make_pair(a.second, b.first);
		});
		return found;
	}
	uint64_t sum()
	{
		uint64_t sum = 0;
		for (Shard &shard : shards)
			for (const auto &[word, postings] : shard.postings)
				for (const auto &[document, positions] : postings)
					for (uint32_t position : positions)
						sum += hash_of(word) * (document + 1) ^ position;
		return sum;
	}
	size_t words() const
	{
		size_t count = 0;
		for (const Shard &shard : shards)
			count += shard.postings.size();
		return count;
	}

      private:
	struct Shard {
		std::mutex mutex;
		std::unordered_map<std::string, Postings> postings;
	};
	Shard &shard_of(const std::string &word)
	{
		return shards[hash_of(word) % SHARDS];
	}
	Postings copy_of(const std::string &word)
	{
		Shard &shard = shard_of(word);
		std::lock_guard lock(shard.mutex);
		auto found = shard.postings.find(word);
		return found == shard.postings.end() ? Postings() : found->second;
	}
	std::array<Shard, SHARDS> shards;
};

struct Order {
	uint64_t number;
	std::string owner;
	uint64_t left;
};

// Orders by price, the oldest first; and where each one is, for cancelling.
class Book
{
      public:
	template <class Trade> void step(Random &random, Trade trade)
	{
		if (!where.empty() && random.below(3) == 0)
			cancel(where.lower_bound(random.below(next_number)));
		else
			place(random, trade);
	}
	uint64_t sum() const
	{
		uint64_t sum = 0;
		for (const auto *side : { &bids, &asks })
			for (const auto &[price, orders] : *side)
				for (const Order &order : orders)
					sum += hash_of(order.owner) * order.number +
					       price * order.left;
		return sum;
	}

      private:
	using Side = std::map<uint64_t, std::list<Order>>;
	struct Place {
		Side *side;
		uint64_t price;
		std::list<Order>::iterator order;
	};

	void cancel(std::map<uint64_t, Place>::iterator at)
	{
		if (at == where.end())
			at = where.begin();
		take_off(at->second);
		where.erase(at);
	}
	void take_off(const Place &place)
	{
		auto level = place.side->find(place.price);
		level->second.erase(place.order);
		if (level->second.empty())
			place.side->erase(level);
	}
	template <class Trade> void place(Random &random, Trade trade)
	{
		bool buys = random.below(2) == 0;
		uint64_t price = 10000 + random.below(200) + (buys ? 0 : 60);
		Side &mine = buys ? bids : asks, &others = buys ? asks : bids;
		Order order{ next_number++, "trader number " + std::to_string(random.below(900)),
			     1 + random.below(500) };

		while (order.left > 0 && !others.empty()) {
			auto best = buys ? others.begin() : std::prev(others.end());
			if (buys ? best->first > price : best->first < price)
				break;
			Order &old = best->second.front();
			uint64_t amount = std::min(order.left, old.left);
			trade(old.owner + " and " + order.owner + " trade " +
			      std::to_string(amount) + " at " + std::to_string(best->first));
			order.left -= amount;
			old.left -= amount;
			if (old.left > 0)
				break;
			auto gone = where.find(old.number);
			take_off(gone->second);
			where.erase(gone);
		}
		if (order.left == 0)
			return;
		auto &level = mine[price];
		level.push_back(std::move(order));
		where.emplace(level.back().number, Place{ &mine, price, std::prev(level.end()) });
	}

	Side bids, asks;
	std::map<uint64_t, Place> where;
	uint64_t next_number = 1;
};

using Batch = std::unique_ptr<std::vector<std::string>>;

struct Lane {
	explicit Lane(uint64_t number) : random(number + 99)
	{
	}
	Random random;
	Book book;
	// Of each document that is still indexed, which words it has.
	std::deque<std::pair<uint64_t, std::set<std::string>>> kept;
};

struct Shared {
	Index index;
	Queue<Batch> ledger;
};

class Worker
{
      public:
	explicit Worker(Shared &of) : shared(of)
	{
	}
	void run()
	{
		std::unique_ptr<Document> document;
		while (incoming.take(document))
			handle(std::move(document));
	}
	Queue<std::unique_ptr<Document>> incoming;
	std::map<uint64_t, Lane> lanes;

      private:
	void handle(std::unique_ptr<Document> document)
	{
		uint64_t number = document->number % LANES;
		Lane &lane = lanes.try_emplace(number, number).first->second;
		enter(lane, *document);
		document.reset();
		if (lane.kept.size() > LANE_WINDOW) {
			for (const std::string &word : lane.kept.front().second)
				shared.index.remove(word, lane.kept.front().first);
			lane.kept.pop_front();
		}
		auto trades = std::make_unique<std::vector<std::string>>();
		for (int i = 0; i < 60; i++) {
			lane.book.step(lane.random, [&](std::string text) {
				trades->push_back(std::move(text));
			});
		}
		shared.ledger.put(std::move(trades));
	}
	void enter(Lane &lane, const Document &document)
	{
		std::set<std::string> words;
		std::string word;
		uint32_t position = 0;
		for (char c : document.text) {
			if (std::isalnum(static_cast<unsigned char>(c))) {
				word += static_cast<char>(std::tolower(c));
			} else if (!word.empty()) {
				shared.index.add(word, document.number, position++);
				words.insert(std::move(word));
				word = std::string();
			}
		}
		lane.kept.emplace_back(document.number, std::move(words));
	}
	Shared &shared;
};

struct Ledger {
	uint64_t trades = 0, sum = 0;
	std::unordered_map<std::string, uint64_t> by_trader;

	void run(Queue<Batch> &from)
	{
		Batch batch;
		while (from.take(batch)) {
			for (const std::string &text : *batch) {
				trades++;
				sum += hash_of(text);
				by_trader[text.substr(0, text.find(" and"))]++;
			}
			batch.reset();
		}
	}
};

uint64_t query(Index &index, const Vocabulary &vocabulary, uint64_t seed, uint64_t count)
{
	Random random(seed);
	uint64_t sum = 0;
	for (uint64_t i = 0; i < count; i++) {
		auto found = index.both(vocabulary.pick(random), vocabulary.pick(random));
		std::string page;
		for (size_t at = 0; at < found.size() && at < 10; at++) {
			page += "Document " + std::to_string(found[at].first) + ": " +
			        std::to_string(found[at].second) + "\n";
		}
		sum += hash_of(page) + found.size();
	}
	return sum;
}

void run(uint64_t documents, uint64_t workers)
{
	Shared shared;
	Ledger ledger;
	Vocabulary vocabulary(20000);
	std::vector<std::unique_ptr<Worker>> all;
	std::vector<std::thread> threads;

	for (uint64_t i = 0; i < workers; i++)
		all.push_back(std::make_unique<Worker>(shared));
	for (auto &worker : all)
		threads.emplace_back(&Worker::run, worker.get());
	std::thread ledger_thread(&Ledger::run, &ledger, std::ref(shared.ledger));
	for (uint64_t i = 0; i < documents; i++)
		all[i % LANES % workers]->incoming.put(make_document(vocabulary, i));
	for (auto &worker : all)
		worker->incoming.close();
	for (auto &thread : threads)
		thread.join();
	shared.ledger.close();
	ledger_thread.join();

	uint64_t books = 0, answers[LANES] = {};
	for (auto &worker : all)
		for (const auto &[number, lane] : worker->lanes)
			books += lane.book.sum();
	threads.clear();
	for (uint64_t i = 0; i < workers; i++) {
		threads.emplace_back([&, i] {
			for (uint64_t lane = i; lane < LANES; lane += workers)
				answers[lane] =
				    query(shared.index, vocabulary, lane, documents / 200 + 5);
		});
	}
	for (auto &thread : threads)
		thread.join();
	uint64_t sum = 0;
	for (uint64_t answer : answers)
		sum += answer;
	std::printf("%zu words, %llx; answers %llx; books %llx; %llu trades of %zu, %llx\n",
	            shared.index.words(), static_cast<unsigned long long>(shared.index.sum()),
	            static_cast<unsigned long long>(sum), static_cast<unsigned long long>(books),
	            static_cast<unsigned long long>(ledger.trades), ledger.by_trader.size(),
	            static_cast<unsigned long long>(ledger.sum));
}

} // namespace

int main(int argc, char **argv)
{
	if (argc != 3 || std::atoll(argv[1]) < 1 || std::atoll(argv[2]) < 1) {
		std::fprintf(stderr, "usage: index DOCUMENTS WORKERS\n");
		return 2;
	}
	run(std::strtoull(argv[1], nullptr, 10), std::strtoull(argv[2], nullptr, 10));
	return 0;
}
