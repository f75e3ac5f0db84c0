/* Which descriptors connections may have: as many as the system lets the process have, but for some
 * that are kept, so that the log opens its next file however many clients are connected. */
#ifndef JOBD_DESCRIPTORS_H
#define JOBD_DESCRIPTORS_H

/* Raise the limit as far as it goes. `first`: the first number that is for connections. Returns the
 * one after their last; -1, after a message: there is none for them. */
int descriptors_for_connections(int first);

#endif
