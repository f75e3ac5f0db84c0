/* The text of a fault: NAME[:KEY=VALUE,...]. See fault.h. */
#include "fault_kind.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* In the order in which they are lifted: a frozen GC thread must go on before it can be stopped. */
static const struct fault_kind *const kind[] = {
	&fault_syscall,   &fault_address_limit,  &fault_map_limit,  &fault_gc_freeze,
	&fault_gc_starve, &fault_gc_switch,      &fault_app_freeze, &fault_stall,
	&fault_signals,   &fault_slow_consumers,
};
enum { KINDS = sizeof kind / sizeof kind[0] };

static uint32_t keys_of(const struct fault_kind *of)
{
	uint32_t keys = 0;

	while (keys < FAULT_KEYS_MAX && of->key[keys].name != NULL)
		keys++;
	return keys;
}

static bool same(const char *name, const char *text, size_t length)
{
	return strlen(name) == length && strncmp(name, text, length) == 0;
}

static void print_words(FILE *out, const struct fault_key *key, uint64_t mask)
{
	const char *between = "";

	for (uint32_t i = 0; key->words[i] != NULL; i++) {
		if ((mask >> i & 1) == 0)
			continue;
		fprintf(out, "%s%s", between, key->words[i]);
		between = "+";
	}
}

static void print_range(FILE *out, const struct fault_key *key)
{
	if (key->words != NULL)
		print_words(out, key, UINT64_MAX);
	else
		fprintf(out, "%" PRIu64 " to %" PRIu64, key->min, key->max);
}

void fault_help(FILE *out)
{
	static const char *const needs[] = { "", " (Tide only)", " (debug and audit builds)" };

	fprintf(out, "Faults, as --fault NAME[:KEY=VALUE,...]; several may be given:\n");
	for (uint32_t i = 0; i < KINDS; i++) {
		fprintf(out, "\n  %s%s\n      %s\n", kind[i]->name, needs[kind[i]->needs],
		        kind[i]->meaning);
		for (uint32_t k = 0; k < keys_of(kind[i]); k++) {
			const struct fault_key *key = &kind[i]->key[k];

			fprintf(out, "      %-8s %s; ", key->name, key->meaning);
			print_range(out, key);
			if (key->words != NULL) {
				fprintf(out, " (");
				print_words(out, key, key->usual);
				fprintf(out, ")\n");
			} else {
				fprintf(out, " (%" PRIu64 ")\n", key->usual);
			}
		}
	}
}

static bool number_read(const char *text, size_t length, const struct fault_key *key,
                        uint64_t *value)
{
	char digits[24] = { 0 };

	if (length == 0 || length >= sizeof digits || strspn(text, "0123456789") < length)
		return false;
	memcpy(digits, text, length);
	errno = 0;
	*value = strtoull(digits, NULL, 10);
	return errno == 0 && *value >= key->min && *value <= key->max;
}

static bool words_read(const char *text, size_t length, const struct fault_key *key,
                       uint64_t *value)
{
	const char *end = text + length;

	*value = 0;
	while (text <= end) {
		const char *plus = memchr(text, '+', (size_t)(end - text));
		size_t word = (size_t)((plus != NULL ? plus : end) - text);
		uint32_t i = 0;

		while (key->words[i] != NULL && !same(key->words[i], text, word))
			i++;
		if (key->words[i] == NULL)
			return false;
		*value |= (uint64_t)1 << i;
		text += word + 1;
	}
	return true;
}

static void say_keys(const struct fault *fault)
{
	const struct fault_kind *of = fault->kind;

	fprintf(stderr, "tide-stress: --fault %s: its keys are", of->name);
	for (uint32_t k = 0; k < keys_of(of); k++)
		fprintf(stderr, "%s %s", k > 0 ? "," : "", of->key[k].name);
	fputc('\n', stderr);
}

/* One KEY=VALUE. */
static bool setting_read(struct fault *fault, const char *text, size_t length)
{
	const char *equals = memchr(text, '=', length);
	size_t name = equals != NULL ? (size_t)(equals - text) : length;

	for (uint32_t k = 0; k < keys_of(fault->kind) && equals != NULL; k++) {
		const struct fault_key *key = &fault->kind->key[k];

		if (!same(key->name, text, name))
			continue;
		if ((key->words != NULL ? words_read : number_read)(equals + 1, length - name - 1,
		                                                    key, &fault->value[k]))
			return true;
		fprintf(stderr, "tide-stress: --fault %s: %.*s: not ", fault->kind->name,
		        (int)length, text);
		print_range(stderr, key);
		fputc('\n', stderr);
		return false;
	}
	fprintf(stderr, "tide-stress: --fault %s: %.*s: no such setting\n", fault->kind->name,
	        (int)length, text);
	say_keys(fault);
	return false;
}

static bool kind_is_there(const struct faults *faults, const struct fault_kind *of)
{
	if (of->needs >= FAULT_TIDE && STRESS_EXTERNAL) {
		fprintf(stderr, "tide-stress: --fault %s: needs Tide linked in\n", of->name);
		return false;
	}
	if (of->needs >= FAULT_INTERNALS && !STRESS_INTERNALS) {
		fprintf(stderr,
		        "tide-stress: --fault %s: needs a debug or audit build of tide-stress "
		        "(cmake --preset audit)\n",
		        of->name);
		return false;
	}
	if (faults->count == FAULTS_MAX) {
		fprintf(stderr, "tide-stress: --fault %s: no more than %d faults\n", of->name,
		        FAULTS_MAX);
		return false;
	}
	for (uint32_t i = 0; i < faults->count; i++) {
		if (faults->fault[i].kind == of) {
			fprintf(stderr, "tide-stress: --fault %s: given twice\n", of->name);
			return false;
		}
	}
	return true;
}

static const struct fault_kind *kind_named(const char *text, size_t length)
{
	for (uint32_t i = 0; i < KINDS; i++) {
		if (same(kind[i]->name, text, length))
			return kind[i];
	}
	fprintf(stderr, "tide-stress: --fault %.*s: no such fault; there are", (int)length, text);
	for (uint32_t i = 0; i < KINDS; i++)
		fprintf(stderr, "%s %s", i > 0 ? "," : "", kind[i]->name);
	fputc('\n', stderr);
	return NULL;
}

static uint32_t rank(const struct fault_kind *of)
{
	uint32_t i = 0;

	while (kind[i] != of)
		i++;
	return i;
}

/* Keep the faults in the order of the table. */
static void insert(struct faults *faults, const struct fault *fault)
{
	uint32_t at = faults->count++;

	for (; at > 0 && rank(faults->fault[at - 1].kind) > rank(fault->kind); at--)
		faults->fault[at] = faults->fault[at - 1];
	faults->fault[at] = *fault;
}

bool fault_parse(struct faults *faults, const char *text)
{
	size_t length = strcspn(text, ":");
	struct fault fault = { .kind = kind_named(text, length) };

	if (fault.kind == NULL || !kind_is_there(faults, fault.kind))
		return false;
	for (uint32_t k = 0; k < keys_of(fault.kind); k++)
		fault.value[k] = fault.kind->key[k].usual;
	for (text += length; *text != '\0'; text += length) {
		text++;
		length = strcspn(text, ",");
		if (!setting_read(&fault, text, length))
			return false;
	}
	insert(faults, &fault);
	return true;
}
