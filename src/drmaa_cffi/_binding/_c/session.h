/*
 * What this process holds of DRMAA: its one session, its job templates, and whether it was forked.
 *
 * Every call goes through dc_enter and dc_leave, so that the library is never given a template
 * that was deleted, whose session was closed, or that belongs to the parent of a fork: not even
 * while other threads delete, exit or fork.
 */
#ifndef DC_SESSION_H
#define DC_SESSION_H

#include "call.h"

/* [cdef begins] */

/* drmaa_init; contact may be NULL. */
int dc_init(const char *contact, dc_call *call);

/*
 * Delete the session's templates, then drmaa_exit. A template that another thread is using
 * right now is deleted when that call returns.
 */
int dc_exit(dc_call *call);

/* 1 if dc_init has succeeded in this process and dc_exit has not, else 0. */
int dc_is_active(void);

/* drmaa_allocate_job_template. The result is call->made, which the caller ends with dc_forget. */
int dc_allocate_job_template(dc_call *call);

/* drmaa_delete_job_template; success if it was deleted or closed before. */
int dc_delete_job_template(dc_template *t, dc_call *call);

/* Delete the template if need be, and free what dc_allocate_job_template made. */
void dc_forget(dc_template *t);

/* [cdef ends] */

/* Begin a call; 0, or the reason why there must be none. */
int dc_enter(dc_call *call);         /* one that works without a session: dc_leave_enquiry */
int dc_enter_session(dc_call *call); /* one that needs a session */
int dc_enter_wait(unsigned long *session, dc_call *call); /* ... and that one to its end */

/*
 * Begin a call with a template: one that changes or reads it has it alone, since libraries keep
 * attributes without a lock; submissions, to which drmaa.h has it constant, share it.
 */
int dc_enter_template(dc_template *t, dc_call *call);
int dc_enter_submission(dc_template *t, dc_call *call);

/*
 * Keep a template from being deleted, without a call of the library; dc_let_go ends it, also after a deletion.
 */
int dc_hold(dc_template *t, dc_call *call);
void dc_let_go(dc_template *t);

/*
 * End a call that dc_enter_wait began: code, unless the session was closed meanwhile. Libraries
 * have many numbers for that; Grid Engine's calls it a timeout.
 */
int dc_leave_wait(int code, unsigned long session, dc_call *call);

/*
 * End a call that dc_enter began, with its code. Such calls are made one at a time, and not
 * during drmaa_init or drmaa_exit: Grid Engine's library can fail if several threads are in it
 * before the session is open.
 */
int dc_leave_enquiry(int code);

/* End a call that dc_enter_template or dc_enter_submission began. */
void dc_leave(dc_template *t);

/* The library's template; valid until dc_leave. */
drmaa_job_template_t *dc_job_template(const dc_template *t);

#endif
