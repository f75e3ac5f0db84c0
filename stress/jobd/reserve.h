/* A file beside the log that only holds room: given up when the disk is full, so that what makes
 * room again, deletions and the rewriting of old files, can still be written.
 *
 * Touched by  the log, under its files_lock.
 */
#ifndef JOBD_RESERVE_H
#define JOBD_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

struct reserve {
	int fd; /* -1: there is none, and the disk's end is an error like others */
	uint64_t bytes;
	bool is_held;
};

/* Take it. Where that is not possible for another reason than a full disk, there is none, and a
 * message says why. */
void reserve_open(struct reserve *reserve, const char *folder, uint64_t bytes);
/* The file stays. */
void reserve_close(struct reserve *reserve);
/* False: it was not held. */
bool reserve_give_up(struct reserve *reserve);
/* Take it again; false: no room. */
bool reserve_take(struct reserve *reserve);
/* Whether the error says that there is no room. */
bool reserve_is_room_error(int error);

#endif
