/* See json.h. */
#include "json.h"

#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ARENA_BYTES = 1 << 20, ARENA_ALIGN = 16 };

static struct {
	char *next;
	size_t left_bytes;
} arena;

static void *arena_take(size_t bytes)
{
	bytes = (bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if (bytes > arena.left_bytes) {
		size_t map_bytes = bytes > ARENA_BYTES ? bytes : ARENA_BYTES;
		void *mapped = mmap(NULL, map_bytes, PROT_READ | PROT_WRITE,
		                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (mapped == MAP_FAILED)
			return NULL;
		arena.next = mapped;
		arena.left_bytes = map_bytes;
	}
	void *taken = arena.next;
	arena.next += bytes;
	arena.left_bytes -= bytes;
	return taken;
}

/* A report is written once, and then the program ends. */
static void arena_give(void *block)
{
	(void)block;
}

void json_use_own_memory(void)
{
	json_set_alloc_funcs(arena_take, arena_give);
}

json_t *json_count(uint64_t count)
{
	return json_integer((json_int_t)count);
}

json_t *json_number(double number)
{
	return isfinite(number) ? json_real(number) : json_null();
}

json_t *json_numbers(const double *numbers, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_number(numbers[i]));
	return array;
}

const json_t *json_at(const json_t *root, const char *path)
{
	char name[64];

	while (root != NULL && *path != '\0') {
		size_t length = strcspn(path, ".");

		if (length >= sizeof name)
			return NULL;
		memcpy(name, path, length);
		name[length] = '\0';
		path += length + (path[length] == '.');
		root = json_is_array(root) ? json_array_get(root, strtoul(name, NULL, 10))
		                           : json_object_get(root, name);
	}
	return root;
}

double json_number_at(const json_t *root, const char *path)
{
	return json_number_value(json_at(root, path));
}

static int dump_part(const char *part, size_t bytes, void *of)
{
	text_append(of, part, bytes);
	return 0;
}

const char *json_text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

bool json_write_file(const json_t *root, const char *path)
{
	struct text text = { 0 };

	text.failed = json_dump_callback(root, dump_part, &text,
	                                 JSON_INDENT(1) | JSON_REAL_PRECISION(12)) != 0;
	text_append(&text, "\n", 1);
	bool written = text_write_file(&text, path);
	text_end(&text);
	return written;
}
