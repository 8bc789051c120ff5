/* The engine's folder: where it is, and whether it is safe to trust. */
#ifndef DRMAA_LOCAL_HOME_H
#define DRMAA_LOCAL_HOME_H

#include <limits.h>

#include "errors.h"

typedef struct {
    int folder; /* open directory, or -1 */
    char path[PATH_MAX];
} engine_home;

/* Finds, makes if need be, checks and opens the folder; returns success or 10 with words. */
int open_home(engine_home *home, diagnosis_buffer diagnosis);
void close_home(engine_home *home);

#endif
