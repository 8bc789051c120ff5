/* The engine's folder: where it is, and whether it is safe to trust. */
#ifndef DRMAA_LOCAL_HOME_H
#define DRMAA_LOCAL_HOME_H

#include <limits.h>

#include "errors.h"

typedef struct {
    int folder; /* open directory, or -1 */
    char path[PATH_MAX];
} engine_home;

/* Finds, makes if need be, checks and opens the folder in which the session of a contact is, or ours
 * for an empty one; returns success, or 10, or 5 for the contact, with words. */
int open_home(engine_home *home, const char *contact, diagnosis_buffer diagnosis);
void close_home(engine_home *home);

#endif
