#include "request.h"

#include "os.h"

#include <signal.h>
#include <string.h>

/* What follows `word` in `text`; NULL: it does not start so. */
static const char *after(const char *text, const char *word)
{
	size_t bytes = strlen(word);
	return strncmp(text, word, bytes) == 0 ? text + bytes : NULL;
}

/* False: no decimal number from 1 to `max`. */
static bool number(const char *text, uint64_t max, uint64_t *value)
{
	*value = 0;
	for (; '0' <= *text && *text <= '9' && *value <= max; text++)
		*value = *value * 10 + (uint64_t)(*text - '0');
	return *text == '\0' && 1 <= *value && *value <= max;
}

static bool path_ends_with(const struct tide_request *request, const char *end)
{
	size_t bytes = strlen(end);
	return request->path_bytes >= bytes &&
	       memcmp(request->path + request->path_bytes - bytes, end, bytes) == 0;
}

static bool parse_file(struct tide_request *request, const char *path)
{
	const char *colon = strrchr(path, ':');
	request->kind = TIDE_REQUEST_FILE;
	request->path = path;
	request->path_bytes = strlen(path);
	/* What is after the last colon is a number of seconds, or part of the path. */
	if (colon != NULL && strspn(colon + 1, "0123456789") == strlen(colon + 1)) {
		if (!number(colon + 1, TIDE_REQUEST_SECONDS_MAX, &request->number))
			return false;
		request->path_bytes = (size_t)(colon - path);
	}
	if (path_ends_with(request, ".json"))
		request->format = TIDE_STATS_JSON;
	else if (path_ends_with(request, ".prom") || path_ends_with(request, ".om"))
		request->format = TIDE_STATS_OPENMETRICS;
	return request->path_bytes > 0;
}

static bool parse(struct tide_request *request, const char *text)
{
	const char *rest;
	if (*text == '\0')
		return true;
	if (strcmp(text, "exit") == 0) {
		request->kind = TIDE_REQUEST_EXIT;
		return true;
	}
	if ((rest = after(text, "signal")) != NULL) {
		request->kind = TIDE_REQUEST_SIGNAL;
		request->number = SIGUSR2;
		return *rest == '\0' || (*rest == ':' && number(rest + 1, TIDE_REQUEST_SIGNAL_MAX,
		                                                &request->number));
	}
	if ((rest = after(text, "file:")) != NULL)
		return parse_file(request, rest);
	if ((rest = after(text, "unix:")) != NULL) {
		request->kind = TIDE_REQUEST_UNIX;
		request->path = rest;
		request->path_bytes = strlen(rest);
		return request->path_bytes > 0;
	}
	return false;
}

bool tide_request_parse(struct tide_request *request, const char *text)
{
	*request = (struct tide_request){ .format = TIDE_STATS_TEXT };
	if (parse(request, text))
		return true;
	*request = (struct tide_request){ .format = TIDE_STATS_TEXT };
	return false;
}

static size_t add_process(char *path, size_t at)
{
	char digit[10];
	unsigned digits = 0;
	uint32_t process = tide_os_process_id();
	do {
		digit[digits++] = (char)('0' + process % 10);
		process /= 10;
	} while (process != 0);
	while (digits > 0 && at + 1 < TIDE_REQUEST_PATH_BYTES)
		path[at++] = digit[--digits];
	return at;
}

void tide_request_path(const struct tide_request *request, char *path, const char *end)
{
	size_t at = 0;
	for (size_t i = 0; i < request->path_bytes && at + 1 < TIDE_REQUEST_PATH_BYTES; i++) {
		bool process = request->path[i] == '%' && i + 1 < request->path_bytes &&
		               request->path[i + 1] == 'p';
		if (process) {
			at = add_process(path, at);
			i++;
		} else {
			path[at++] = request->path[i];
		}
	}
	memcpy(path + at, end, strlen(end) + 1);
}
