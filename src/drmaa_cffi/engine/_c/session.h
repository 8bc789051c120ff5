/* The one DRMAA session of the process. */
#ifndef DRMAA_LOCAL_SESSION_H
#define DRMAA_LOCAL_SESSION_H

#include "connection.h"

/* Success, or NO_ACTIVE_SESSION with words. */
int check_session(diagnosis_buffer diagnosis);
/* Lets the calling thread use the session's connection until it calls leave_session; while it
 * does, drmaa_exit does not take the connection away. */
int enter_session(connection **of, diagnosis_buffer diagnosis);
void leave_session(void);
/* The context to submit with: one use of it belongs to the caller, who holds the environment.
 * NULL: no memory. */
context *session_context(void);

#endif
