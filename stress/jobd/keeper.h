/* The keeper of the log: a thread that syncs it at intervals and removes segments of little use. */
#ifndef JOBD_KEEPER_H
#define JOBD_KEEPER_H

#include "board.h"

#include <pthread.h>

/* False, after a message. The board has a log. */
bool keeper_start(struct board *board, pthread_t *thread);
/* And wait for its end. */
void keeper_stop(struct board *board, pthread_t thread);

#endif
