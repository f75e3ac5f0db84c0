// malloc works before main, in constructors of every priority, and after it: in destructors of
// statics and thread-locals and in atexit functions. The earliest static is destroyed last and sees
// that all the others had their turn.
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "support.h"

static unsigned early_turns, thread_local_turns, static_turns, atexit_turns;

enum { THREADS = 8 };

static void take_turn(unsigned *turns)
{
	use_heap(*turns + 1, 2000);
	std::map<int, std::string> names;
	for (int i = 0; i < 100; i++)
		names[i] = std::string(static_cast<size_t>(i), 'n');
	require(names.size() == 100, "a map outside of main");
	++*turns;
}

struct earliest {
	void *block;

	earliest() : block(malloc(100))
	{
		require(from_tide(block, 100), "malloc in the first constructor");
		take_turn(&early_turns);
	}
	~earliest()
	{
		take_turn(&early_turns);
		free(block);
		bool all = early_turns == 2 && static_turns == 2 && atexit_turns == 3 &&
		           thread_local_turns == 2 * THREADS + 2;
		require(all, "every constructor and destructor had its turn");
	}
};
static earliest first __attribute__((init_priority(101)));

__attribute__((constructor)) static void c_constructor()
{
	free(malloc(100));
}

struct ordinary {
	std::shared_ptr<std::string> text = std::make_shared<std::string>(1000, 't');

	ordinary()
	{
		take_turn(&static_turns);
	}
	~ordinary()
	{
		take_turn(&static_turns);
	}
};
static ordinary second;

struct per_thread {
	std::unique_ptr<std::string> text = std::make_unique<std::string>(1000, 'p');

	per_thread()
	{
		take_turn(&thread_local_turns);
	}
	~per_thread()
	{
		text.reset(new std::string(5000, 'q'));
		take_turn(&thread_local_turns);
	}
};
static thread_local per_thread of_thread;

static void at_exit()
{
	take_turn(&atexit_turns);
	if (atexit_turns == 1)
		require(std::atexit(at_exit) == 0, "atexit in an atexit function");
}

int main()
{
	require(std::atexit(at_exit) == 0, "atexit");
	require(std::atexit(at_exit) == 0, "atexit");
	require(of_thread.text->size() == 1000, "main's thread-local");
	// One at a time: the counts are plain.
	for (unsigned i = 0; i < THREADS; i++)
		std::thread([] {
			require(of_thread.text->size() == 1000, "a thread's thread-local");
		}).join();
	return 0;
}
