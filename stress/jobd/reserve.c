/* See reserve.h. */
#include "reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

bool reserve_is_room_error(int error)
{
	return error == ENOSPC || error == EDQUOT;
}

/* 0, or an error; then nothing is held. */
static int allocate(struct reserve *reserve)
{
	int error;

	do
		error = posix_fallocate(reserve->fd, 0, (off_t)reserve->bytes);
	while (error == EINTR);
	/* A file that was longer; or what was allocated before the end of the disk was met. */
	if (ftruncate(reserve->fd, error == 0 ? (off_t)reserve->bytes : 0) != 0 && error == 0)
		error = errno;
	reserve->is_held = error == 0;
	return error;
}

void reserve_open(struct reserve *reserve, const char *folder, uint64_t bytes)
{
	char path[4200];

	snprintf(path, sizeof path, "%s/reserve", folder);
	*reserve = (struct reserve){ .bytes = bytes };
	reserve->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	int error = reserve->fd >= 0 ? allocate(reserve) : errno;

	if (error == 0 || (reserve->fd >= 0 && reserve_is_room_error(error)))
		return;
	fprintf(stderr, "tide-jobd: %s: %s; on a full disk nothing can be deleted\n", path,
	        strerror(error));
	reserve_close(reserve);
}

void reserve_close(struct reserve *reserve)
{
	if (reserve->fd >= 0)
		close(reserve->fd);
	reserve->fd = -1;
	reserve->is_held = false;
}

bool reserve_give_up(struct reserve *reserve)
{
	if (!reserve->is_held)
		return false;
	reserve->is_held = false;
	return ftruncate(reserve->fd, 0) == 0;
}

bool reserve_take(struct reserve *reserve)
{
	struct statvfs room;

	/* Asked first: an attempt would take the last of the room from others for a moment. */
	if (fstatvfs(reserve->fd, &room) == 0 &&
	    (uint64_t)room.f_bavail * room.f_frsize < reserve->bytes)
		return false;
	return allocate(reserve) == 0;
}
