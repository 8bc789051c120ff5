/* The way to a running engine: connect to it, or start it and connect. */
#ifndef DRMAA_LOCAL_LAUNCH_H
#define DRMAA_LOCAL_LAUNCH_H

#include "home.h"

/* No error of DRMAA's: the engine was there and has gone, or was killed; try again. */
#define ENGINE_GONE -1

/* Connects to the engine of `home`, starting it if none runs; `*socket` is then a connected
 * descriptor whose other end belongs to this user. Returns success, a code
 * with words, or ENGINE_GONE with words. */
int reach_engine(const engine_home *home, int *socket, diagnosis_buffer diagnosis);

#endif
