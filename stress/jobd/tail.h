/* The end of the last segment, where a kill or a power failure left it unfinished: it is taken off,
 * so that what is written next is not behind it.
 *
 * Touched by  recovery, before there are other threads.
 */
#ifndef JOBD_TAIL_H
#define JOBD_TAIL_H

#include "segment.h"

struct tail {
	const char *folder;
	const char *path;      /* of the segment */
	uint64_t whole_bytes;  /* so far it is right */
	uint64_t whole_behind; /* records that are whole behind that place: then a copy is kept */
};

/* With a message. That it is off is on the disk. The file is mapped anew; or where nothing of it is
 * right, it is gone. False, and errno: the file is there, the system was in the way. */
bool tail_take_off(const struct tail *tail, struct segment_file *file);

#endif
