/* The way to a running engine: connect to it, or start it and connect. */
#ifndef DRMAA_LOCAL_LAUNCH_H
#define DRMAA_LOCAL_LAUNCH_H

#include <stdint.h>
#include <sys/types.h>

#include "home.h"

/* No error of DRMAA's: the engine was there and has gone, or was killed; try again. */
#define ENGINE_GONE -1
/* No error of DRMAA's: nobody has answered by the limit. */
#define ENGINE_SILENT -2

/* Connects to the engine of `home`, starting it if none runs; `*socket` is then a connected
 * descriptor that does not block, whose other end, process `*pid`, belongs to this user. Gives up at
 * the limit. Returns success, a code with words, or ENGINE_GONE or ENGINE_SILENT with words. */
int reach_engine(const engine_home *home, int64_t limit, int *socket, pid_t *pid,
                 diagnosis_buffer diagnosis);

#endif
