/* What the C library allocates for its callers comes from Tide. */
#include <dirent.h>
#include <regex.h>
#include <wchar.h>

#include "support.h"

static void strings(void)
{
	char *text = strdup("a text of its own");
	require(from_tide(text, 18), "strdup");
	free(text);
	text = strndup("a text of its own", 6);
	require(from_tide(text, 7), "strndup");
	free(text);
	wchar_t *wide = wcsdup(L"wide");
	require(from_tide(wide, 5 * sizeof *wide), "wcsdup");
	free(wide);
	text = NULL;
	require(asprintf(&text, "%d %0500d", 1, 2) == 502, "asprintf");
	require(from_tide(text, 503), "asprintf's block");
	free(text);
	text = realpath("/", NULL);
	require(from_tide(text, 2), "realpath");
	free(text);
	text = getcwd(NULL, 0);
	require(from_tide(text, 2), "getcwd");
	free(text);
}

static void streams(void)
{
	FILE *file = tmpfile();
	char *line = NULL;
	size_t room = 0;

	require(file != NULL, "tmpfile");
	require(from_tide(file, sizeof *file), "a stream");
	for (int i = 0; i < 5000; i++)
		require(fputs("a long line ", file) >= 0, "fputs");
	rewind(file);
	require(getline(&line, &room, file) == 60000, "getline");
	require(from_tide(line, room), "getline's line");
	free(line);
	require(fclose(file) == 0, "fclose");

	char *memory = NULL;
	size_t bytes = 0;
	file = open_memstream(&memory, &bytes);
	require(from_tide(file, sizeof *file), "a memory stream");
	for (int i = 0; i < 10000; i++)
		require(fprintf(file, "%d\n", i) > 0, "fprintf");
	require(fclose(file) == 0, "fclose of a memory stream");
	require(from_tide(memory, bytes), "a memory stream's buffer");
	free(memory);
}

static void folders(void)
{
	DIR *folder = opendir("/");
	struct dirent **entry = NULL;

	require(from_tide(folder, 1), "opendir");
	require(closedir(folder) == 0, "closedir");
	int count = scandir("/", &entry, NULL, alphasort);
	require(count > 0 && from_tide(entry, (size_t)count * sizeof *entry), "scandir");
	for (int i = 0; i < count; i++) {
		require(from_tide(entry[i], 1), "scandir's entry");
		free(entry[i]);
	}
	free(entry);
}

static uint64_t largest_seen_bytes;

static int compare_and_look(const void *a, const void *b)
{
	static unsigned calls;
	int left = *(const int *)a, right = *(const int *)b;
	struct tide_stats stats;

	if (calls++ % 1024 == 0) {
		tide_stats_read(&stats, sizeof stats);
		if (stats.large_bytes > largest_seen_bytes)
			largest_seen_bytes = stats.large_bytes;
	}
	return (left > right) - (left < right);
}

/* glibc sorts by merging, in a block as large as the array. */
static void sorting(void)
{
	enum { COUNT = 300000 };
	static int value[COUNT];
	uint64_t random = 1;

	for (size_t i = 0; i < COUNT; i++)
		value[i] = (int)(random_next(&random) >> 40);
	qsort(value, COUNT, sizeof value[0], compare_and_look);
	for (size_t i = 1; i < COUNT; i++)
		require(value[i - 1] <= value[i], "qsort sorts");
#if defined(__GLIBC__) && __GLIBC__ == 2 && __GLIBC_MINOR__ < 37
	require(largest_seen_bytes >= sizeof value, "qsort's own block");
#endif
}

static void patterns_and_environment(void)
{
	regex_t pattern;
	char name[32], value[64];

	for (int i = 0; i < 200; i++) {
		require(regcomp(&pattern, "^(a|b)*[c-x]{2,7}(yes|no)?$", REG_EXTENDED) == 0,
		        "regcomp");
		require(from_tide(pattern.buffer, 1), "regcomp's buffer");
		require(regexec(&pattern, "abbaccyes", 0, NULL, 0) == 0, "regexec");
		regfree(&pattern);
		(void)snprintf(name, sizeof name, "TEST_%d", i);
		(void)snprintf(value, sizeof value, "value %d", i);
		require(setenv(name, value, 1) == 0, "setenv");
		require(strcmp(getenv(name), value) == 0, "getenv");
	}
}

int main(void)
{
	for (int round = 0; round < 3; round++) {
		strings();
		streams();
		folders();
		sorting();
		patterns_and_environment();
	}
	return 0;
}
