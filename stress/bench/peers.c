/* See peers.h. */
#include "peers.h"

#include "companion.h"

#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name, *pattern;
} known[] = {
	{ "jemalloc", "/usr/lib/*/libjemalloc.so.2" },
	{ "mimalloc", "/usr/lib/*/libmimalloc.so.2*" },
	{ "tcmalloc", "/usr/lib/*/libtcmalloc_minimal.so.4" },
	{ "tbbmalloc", "/usr/lib/*/libtbbmalloc_proxy.so.2" },
};

static struct peer *find(struct peers *peers, const char *name, size_t length)
{
	for (size_t i = 0; i < peers->count; i++) {
		struct peer *peer = &peers->peer[i];

		if (strlen(peer->name) == length && strncmp(peer->name, name, length) == 0)
			return peer;
	}
	return NULL;
}

static void add(struct peers *peers, const char *name, const char *path)
{
	struct peer *peer = &peers->peer[peers->count++];

	snprintf(peer->name, sizeof peer->name, "%s", name);
	snprintf(peer->path, sizeof peer->path, "%.*s", (int)sizeof peer->path - 1, path);
}

void peers_find(struct peers *peers)
{
	char path[PEER_PATH_BYTES];

	peers->count = 0;
	if (companion_path(path, sizeof path, "libtide-preload.so"))
		add(peers, "tide", path);
	add(peers, "glibc", "");
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		glob_t found;

		if (glob(known[i].pattern, 0, NULL, &found) == 0)
			add(peers, known[i].name, found.gl_pathv[0]);
		globfree(&found);
	}
}

bool peers_add(struct peers *peers, const char *program, const char *text)
{
	const char *equals = strchr(text, '=');
	size_t length = equals != NULL ? (size_t)(equals - text) : 0;
	char path[PATH_MAX];

	if (length == 0 || length >= PEER_NAME_BYTES || memchr(text, ',', length) != NULL) {
		fprintf(stderr, "%s: %s: not NAME=PATH\n", program, text);
		return false;
	}
	/* The loader ignores what it can't find, and takes a blank or a colon for an end. */
	if (realpath(equals + 1, path) == NULL || access(path, R_OK) != 0 ||
	    strlen(path) >= PEER_PATH_BYTES || strpbrk(path, " :") != NULL) {
		fprintf(stderr, "%s: %s: no file that can be preloaded\n", program, text);
		return false;
	}
	struct peer *peer = find(peers, text, length);
	if (peer != NULL) {
		snprintf(peer->path, sizeof peer->path, "%.*s", (int)sizeof peer->path - 1, path);
		return true;
	}
	if (peers->count == PEERS_MAX) {
		fprintf(stderr, "%s: %s: more than %d\n", program, text, PEERS_MAX);
		return false;
	}
	add(peers, "", path);
	memcpy(peers->peer[peers->count - 1].name, text, length);
	return true;
}

bool peers_keep_only(struct peers *peers, const char *program, const char *names)
{
	struct peers kept = { .count = 0 };

	while (*names != '\0') {
		size_t length = strcspn(names, ",");
		const struct peer *peer = find(peers, names, length);

		if (peer == NULL || find(&kept, names, length) != NULL) {
			fprintf(stderr, "%s: no such peer, or twice: %.*s\n", program, (int)length,
			        names);
			return false;
		}
		kept.peer[kept.count++] = *peer;
		names += length;
		names += *names == ',';
	}
	*peers = kept;
	if (kept.count == 0)
		fprintf(stderr, "%s: no peer is left\n", program);
	return kept.count > 0;
}

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static bool is_c_library(const char *name)
{
	return strncmp(name, "libc.so", 7) == 0 || strncmp(name, "libc-", 5) == 0;
}

bool peer_serves(const struct peer *peer, const char *allocator)
{
	char resolved[PATH_MAX], wanted[PATH_MAX];

	if (strchr(allocator, '+') != NULL && strchr(peer->path, '+') == NULL)
		return false; /* several */
	if (*peer->path == '\0')
		return is_c_library(file_name(allocator));
	if (strchr(allocator, '/') == NULL)
		return strcmp(allocator, file_name(peer->path)) == 0;
	return realpath(allocator, resolved) != NULL && realpath(peer->path, wanted) != NULL &&
	       strcmp(resolved, wanted) == 0;
}
