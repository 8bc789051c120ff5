/* What a job takes over from the process that submits it: environment, umask, resource limits,
 * niceness, CPUs. */
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

/* Opens the file that take_context reads the umask from; -1 where there is none. */
int open_status(void);
/* The process's context now: `latest` again if nothing has changed, else a new one; NULL if
 * there is no memory. The caller holds the environment, and owns one use of what is returned. */
context *take_context(context *latest, int status);
void release_context(context *of);

#endif
