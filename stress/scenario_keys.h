/* The keys of a scenario file: one table, by which they are read, checked and explained. */
#ifndef STRESS_SCENARIO_KEYS_H
#define STRESS_SCENARIO_KEYS_H

#include "scenario.h"

#include <stdio.h>

enum section { SECTION_TOP, SECTION_PHASE, SECTION_CREW };

enum key_type {
	KEY_NUMBER,
	KEY_POWER, /* a power of two */
	KEY_WORD,  /* one of `words`; its place in there is the value */
	KEY_SIZES,
	KEY_TEXT,
};

struct key {
	enum section section;
	const char *name;
	enum key_type type;
	size_t offset; /* in struct scenario, phase or crew */
	uint64_t min, max;
	const char *words; /* WORD: blank between two */
	const char *meaning;
};

/* NULL: the section has no such key. */
const struct key *key_find(enum section section, const char *name);
/* Store `value` into `into`, the structure of the key's section. False: `fault` says why. */
bool key_set(const struct key *key, void *into, const char *value, char *fault, size_t fault_bytes);
/* The names of a section's keys, blank between two. */
void key_names(enum section section, char *names, size_t bytes);
void keys_print(FILE *out);

#endif
