/* pprof's format: protocol buffers (profile.proto), in one gzip stream. */
#include "profile.pb-c.h"
#include "show.h"

#include <math.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Lists that grow. All memory stays as long as the program runs. */
struct list {
	void **at;
	size_t count, room;
};

struct numbered {
	const void *key;
	uint64_t number;
};

struct writer {
	struct list strings, functions, locations, samples;
	void *by_text, *by_function, *by_symbol; /* trees of struct numbered */
};

static void *need(void *memory)
{
	if (memory != NULL)
		return memory;
	fprintf(stderr, "tide-prof: out of memory\n");
	exit(EXIT_FAILURE);
}

/* Returns its index. */
static uint64_t list_add(struct list *list, void *item)
{
	if (list->count == list->room) {
		list->room = list->room != 0 ? 2 * list->room : 64;
		list->at = need(realloc(list->at, list->room * sizeof *list->at));
	}
	list->at[list->count] = item;
	return list->count++;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(((const struct numbered *)a)->key, ((const struct numbered *)b)->key);
}

static int by_address(const void *a, const void *b)
{
	uintptr_t one = (uintptr_t)((const struct numbered *)a)->key;
	uintptr_t other = (uintptr_t)((const struct numbered *)b)->key;
	return (one > other) - (one < other);
}

/* The entry of the key; its number is UINT64_MAX when it is new. */
static struct numbered *entry_of(void **tree, const void *key,
                                 int (*compare)(const void *, const void *))
{
	struct numbered *entry = need(malloc(sizeof *entry));
	*entry = (struct numbered){ .key = key, .number = UINT64_MAX };
	struct numbered *found = *(struct numbered **)need(tsearch(entry, tree, compare));
	if (found != entry)
		free(entry);
	return found;
}

static int64_t string_of(struct writer *writer, const char *string)
{
	struct numbered *entry = entry_of(&writer->by_text, string, by_text);
	if (entry->number == UINT64_MAX)
		entry->number = list_add(&writer->strings, need(strdup(string)));
	return (int64_t)entry->number;
}

static uint64_t function_of(struct writer *writer, const struct symbol *symbol)
{
	struct numbered *entry = entry_of(&writer->by_function, symbol->function, by_text);
	if (entry->number != UINT64_MAX)
		return entry->number;
	Pprof__Function *function = need(malloc(sizeof *function));
	pprof__function__init(function);
	function->name = string_of(writer, symbol->function);
	function->system_name = function->name;
	function->filename = string_of(writer, symbol->file);
	entry->number = list_add(&writer->functions, function) + 1;
	function->id = entry->number;
	return entry->number;
}

static uint64_t location_of(struct writer *writer, const struct symbol *symbol)
{
	struct numbered *entry = entry_of(&writer->by_symbol, symbol, by_address);
	if (entry->number != UINT64_MAX)
		return entry->number;
	Pprof__Location *location = need(malloc(sizeof *location));
	Pprof__Line *line = need(malloc(sizeof *line));
	pprof__location__init(location);
	pprof__line__init(line);
	line->function_id = function_of(writer, symbol);
	line->line = symbol->line;
	location->address = symbol->address;
	location->n_line = 1;
	location->line = need(malloc(sizeof *location->line));
	location->line[0] = line;
	entry->number = list_add(&writer->locations, location) + 1;
	location->id = entry->number;
	return entry->number;
}

static void add_sample(struct writer *writer, const struct stack *stack)
{
	Pprof__Sample *sample = need(malloc(sizeof *sample));
	pprof__sample__init(sample);
	sample->n_location_id = stack->frames;
	sample->location_id = need(malloc(stack->frames * sizeof *sample->location_id + 1));
	for (unsigned i = 0; i < stack->frames; i++)
		sample->location_id[i] = location_of(writer, stack->frame[i]);
	sample->n_value = 2;
	sample->value = need(malloc(2 * sizeof *sample->value));
	sample->value[0] = (int64_t)llround(stack->blocks);
	sample->value[1] = (int64_t)llround(stack->bytes);
	(void)list_add(&writer->samples, sample);
}

static bool write_packed(const Pprof__Profile *profile, const char *path)
{
	size_t bytes = pprof__profile__get_packed_size(profile);
	uint8_t *packed = need(malloc(bytes));
	(void)pprof__profile__pack(profile, packed);
	gzFile file = gzopen(path, "wbe");
	bool written = file != NULL && gzfwrite(packed, 1, bytes, file) == bytes;
	if (file != NULL && gzclose(file) != Z_OK)
		written = false;
	if (!written)
		perror(path);
	free(packed);
	return written;
}

bool pprof_write(const struct stacks *stacks, enum stacks_measure measure, uint64_t mean_bytes,
                 const char *path)
{
	struct writer writer = { 0 };
	Pprof__Profile profile = PPROF__PROFILE__INIT;
	Pprof__ValueType blocks = PPROF__VALUE_TYPE__INIT, bytes = PPROF__VALUE_TYPE__INIT;
	Pprof__ValueType period = PPROF__VALUE_TYPE__INIT;
	Pprof__ValueType *types[] = { &blocks, &bytes };
	bool live = measure == STACKS_LIVE;
	(void)string_of(&writer, ""); /* number 0 */
	blocks.type = string_of(&writer, live ? "inuse_objects" : "alloc_objects");
	blocks.unit = string_of(&writer, "count");
	bytes.type = string_of(&writer, live ? "inuse_space" : "alloc_space");
	bytes.unit = string_of(&writer, "bytes");
	period.type = string_of(&writer, "space");
	period.unit = bytes.unit;
	for (size_t i = 0; i < stacks->count; i++)
		add_sample(&writer, &stacks->stack[i]);
	profile.n_sample_type = 2;
	profile.sample_type = types;
	profile.n_sample = writer.samples.count;
	profile.sample = (Pprof__Sample **)writer.samples.at;
	profile.n_location = writer.locations.count;
	profile.location = (Pprof__Location **)writer.locations.at;
	profile.n_function = writer.functions.count;
	profile.function = (Pprof__Function **)writer.functions.at;
	profile.n_string_table = writer.strings.count;
	profile.string_table = (char **)writer.strings.at;
	profile.period_type = &period;
	profile.period = (int64_t)mean_bytes;
	profile.default_sample_type = bytes.type;
	return write_packed(&profile, path);
}
