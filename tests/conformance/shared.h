/*
 * What processes tell each other: the first one of all, which DRM this is; that of a case, what
 * its parent has to clean up after it, even if it crashed.
 */
#ifndef CONFORMANCE_SHARED_H
#define CONFORMANCE_SHARED_H

#include <limits.h>

#include "drmaa.h"

#define MAX_SESSIONS 8

struct shared {
    char drm[DRMAA_DRM_SYSTEM_BUFFER];
    int sessions;
    char contacts[MAX_SESSIONS][DRMAA_CONTACT_BUFFER];
    char folder[PATH_MAX];
};

extern struct shared *shared;

#endif
