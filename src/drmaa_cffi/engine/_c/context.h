/* What a job takes over from the process that submits it: environment, umask, resource limits. */
#ifndef DRMAA_LOCAL_CONTEXT_H
#define DRMAA_LOCAL_CONTEXT_H

#include <stdatomic.h>

#include "wire.h"

/* A message that is sent only when it differs from the one before; counted, since requests
 * that wait for an answer may need to send it again. */
typedef struct {
    atomic_int users;
    wire_buffer frame;
} context;

/* The process's context now: `latest` again if nothing has changed, else a new one; NULL if
 * there is no memory. The caller holds the environment, and owns one use of what is returned. */
context *take_context(context *latest);
void release_context(context *of);

#endif
