/* See scenario_keys.h. */
#include "scenario_keys.h"

#include "number.h"

#include <inttypes.h>
#include <string.h>

enum { SLOTS_MAX = 100000000, ODDS_MAX = 1000000000, STEPS_MAX = 2000000000, HEAPS_MAX = 256 };

#define PATTERNS "own exchange pairs one-to-many many-to-one pipeline heap"
#define LIFETIMES "random oldest newest recorded"

#define KEY(type, section, of, field, min, max, words, meaning)                                    \
	{                                                                                          \
		section, #field, type, offsetof(struct of, field), min, max, words, meaning        \
	}
#define TOP(type, field, min, max, meaning)                                                        \
	KEY(type, SECTION_TOP, scenario, field, min, max, NULL, meaning)
#define PHASE(type, field, min, max, words, meaning)                                               \
	KEY(type, SECTION_PHASE, phase, field, min, max, words, meaning)
#define CREW(field, min, max, meaning)                                                             \
	KEY(KEY_NUMBER, SECTION_CREW, crew, field, min, max, NULL, meaning)
#define CREW_OTHER(type, field, min, max, words, meaning)                                          \
	KEY(type, SECTION_CREW, crew, field, min, max, words, meaning)

static const struct key known[] = {
	TOP(KEY_TEXT, about, 0, ABOUT_BYTES - 1, "what it is for, one line"),
	TOP(KEY_NUMBER, seconds, 1, 86400, "how long it runs"),
	TOP(KEY_NUMBER, threads, 1, 256, "how many threads it has at a time"),
	TOP(KEY_NUMBER, end_threads, 0, ODDS_MAX, "it is over when so many threads were started"),

	PHASE(KEY_WORD, kind, 0, 0, "grow drop idle", "what all do in it"),
	PHASE(KEY_NUMBER, duration_ms, 1, 3600000, NULL, "how long it is"),
	PHASE(KEY_NUMBER, fill_percent, 0, 100, NULL, "slots filled (grow), blocks freed (drop)"),
	PHASE(KEY_SIZES, sizes, 0, 0, NULL, "of the blocks made in it"),

	CREW(share, 1, 1000, "of the threads, beside other crews"),
	CREW_OTHER(KEY_WORD, pattern, 0, 0, PATTERNS, "how blocks change threads"),
	CREW_OTHER(KEY_WORD, lifetime, 0, 0, LIFETIMES, "which block is replaced (own)"),
	CREW(slots, 1, SLOTS_MAX, "blocks held by the crew (own, exchange, heap)"),
	CREW(heaps, 1, HEAPS_MAX, "in use at a time (heap)"),
	CREW(heap_end_one_in, 0, ODDS_MAX, "one in so many bursts ends a heap (heap)"),
	CREW(heap_limit_bytes, 0, 1 << 30, "limit of two heaps in three; 0: none (heap)"),
	CREW_OTHER(KEY_SIZES, sizes, 0, 0, NULL, "of its blocks, whatever the phase"),
	CREW_OTHER(KEY_SIZES, large_sizes, 0, 0, NULL, "of large_one_in"),
	CREW(calloc_one_in, 0, ODDS_MAX, "one in so many blocks is from calloc"),
	CREW(aligned_one_in, 0, ODDS_MAX, "one in so many blocks is from posix_memalign"),
	CREW(large_one_in, 0, ODDS_MAX, "one in so many blocks has large_sizes"),
	CREW_OTHER(KEY_POWER, align_max_bytes, 16, 1 << 21, NULL, "largest alignment"),
	CREW(resize_one_in, 0, ODDS_MAX, "one in so many steps is a chain of reallocs"),
	CREW(exchange_one_in, 0, ODDS_MAX, "one in so many steps trades a block (own)"),
	CREW(mayfly_one_in, 0, ODDS_MAX, "one in so many steps starts a short thread"),
	CREW(fork_one_in, 0, ODDS_MAX, "one in so many steps forks"),
	CREW(resize_chain_max, 1, 100000, "reallocs of one block in a row"),
	CREW(resize_grow_bytes, 0, 1 << 30, "each adds so much; 0: up to a half"),
	CREW(resize_max_bytes, 16, 1 << 30, "above it a chain shrinks the block again"),
	CREW(life_steps, 0, STEPS_MAX, "a thread ends after about so many; 0: never"),
	CREW(exchange_slots, 1, SLOTS_MAX, "where threads trade"),
	CREW(ring_slots, 1, SLOTS_MAX, "between two threads that hand over in order"),
	CREW(burst_blocks, 1, 1000000, "made at once by a thread that hands over in order"),
	CREW(mayfly_blocks, 1, 1024, "what a short thread allocates"),
};

enum { KEYS = sizeof known / sizeof known[0] };

const struct key *key_find(enum section section, const char *name)
{
	for (size_t i = 0; i < KEYS; i++) {
		if (known[i].section == section && strcmp(known[i].name, name) == 0)
			return &known[i];
	}
	return NULL;
}

/* The place of `value` in `words`; -1: it is not there. */
static int place_in(const char *words, const char *value)
{
	size_t length = strlen(value);

	for (int place = 0; *words != '\0'; place++) {
		size_t word = strcspn(words, " ");

		if (word == length && memcmp(words, value, length) == 0)
			return place;
		words += word;
		words += *words == ' ';
	}
	return -1;
}

static bool number_set(const struct key *key, uint32_t *field, const char *value, char *fault,
                       size_t fault_bytes)
{
	uint64_t number = 0;
	bool power = key->type == KEY_POWER;

	if (!number_parse(value, key->min, key->max, &number) ||
	    (power && (number & (number - 1)) != 0)) {
		snprintf(fault, fault_bytes, "'%s' is not a %s from %" PRIu64 " to %" PRIu64, value,
		         power ? "power of two" : "number", key->min, key->max);
		return false;
	}
	*field = (uint32_t)number;
	return true;
}

static bool word_set(const struct key *key, uint32_t *field, const char *value, char *fault,
                     size_t fault_bytes)
{
	int place = place_in(key->words, value);

	if (place < 0) {
		snprintf(fault, fault_bytes, "'%s' is none of: %s", value, key->words);
		return false;
	}
	*field = (uint32_t)place;
	return true;
}

static bool text_set(const struct key *key, char *field, const char *value, char *fault,
                     size_t fault_bytes)
{
	if (strlen(value) > key->max) {
		snprintf(fault, fault_bytes, "longer than %" PRIu64 " characters", key->max);
		return false;
	}
	strcpy(field, value);
	return true;
}

bool key_set(const struct key *key, void *into, const char *value, char *fault, size_t fault_bytes)
{
	void *field = (char *)into + key->offset;

	switch (key->type) {
	case KEY_SIZES:
		return distribution_parse(field, value, fault, fault_bytes);
	case KEY_TEXT:
		return text_set(key, field, value, fault, fault_bytes);
	case KEY_WORD:
		return word_set(key, field, value, fault, fault_bytes);
	default:
		return number_set(key, field, value, fault, fault_bytes);
	}
}

void key_names(enum section section, char *names, size_t bytes)
{
	size_t used = 0;

	names[0] = '\0';
	for (size_t i = 0; i < KEYS && used < bytes; i++) {
		if (known[i].section == section)
			used += (size_t)snprintf(names + used, bytes - used, "%s%s",
			                         used == 0 ? "" : " ", known[i].name);
	}
}

static void range_print(FILE *out, const struct key *key)
{
	switch (key->type) {
	case KEY_SIZES:
		fprintf(out, "fixed N, uniform N N, power N N, recorded NAME|FILE");
		break;
	case KEY_TEXT:
		fprintf(out, "text");
		break;
	case KEY_WORD:
		fprintf(out, "%s", key->words);
		break;
	default:
		fprintf(out, "%" PRIu64 " to %" PRIu64, key->min, key->max);
		break;
	}
}

void keys_print(FILE *out)
{
	static const char *const section[] = { "at the top", "in [phase NAME]", "in [crew NAME]" };

	for (size_t i = 0; i < KEYS; i++) {
		if (i == 0 || known[i].section != known[i - 1].section)
			fprintf(out, "%s%s\n", i == 0 ? "" : "\n", section[known[i].section]);
		fprintf(out, "  %-17s %s: ", known[i].name, known[i].meaning);
		range_print(out, &known[i]);
		fputc('\n', out);
	}
}
