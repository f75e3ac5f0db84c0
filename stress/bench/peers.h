/* The allocators that are compared: a name, and the library that is preloaded. */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include <stdbool.h>
#include <stddef.h>

enum { PEERS_MAX = 16, PEER_NAME_BYTES = 32, PEER_PATH_BYTES = 512 };

struct peer {
	char name[PEER_NAME_BYTES];
	char path[PEER_PATH_BYTES]; /* "": nothing is preloaded, the C library serves */
};

struct peers {
	struct peer peer[PEERS_MAX];
	size_t count;
};

/* Tide as built or installed with this program, glibc, and what is there of Debian's packages. */
void peers_find(struct peers *peers);
/* "NAME=PATH": a peer more, or another library for a known name. False, after a message. */
bool peers_add(struct peers *peers, const char *program, const char *text);
/* "NAME,NAME...": keep these, in this order. False, after a message. */
bool peers_keep_only(struct peers *peers, const char *program, const char *names);

/* Whether `allocator`, which tells where a process's malloc comes from (a path or a file name; a
 * list, if there are several), is this peer and nothing else. */
bool peer_serves(const struct peer *peer, const char *allocator);

#endif
