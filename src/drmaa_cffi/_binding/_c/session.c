/* Keeps the process's session and templates, and keeps stale ones away from the library. */
#include "session.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum life { LIVE, DELETED, CLOSED, FORKED };

struct dc_template {
    drmaa_job_template_t *jt;
    enum life life;
    int users; /* calls that have begun with it; the last one deletes if it is not LIVE */
    /* Held during a call of the library with it, alone or shared. After a fork nobody needs it:
     * in the child each call is refused before. */
    pthread_rwlock_t use;
    dc_template *previous, *next; /* neighbours among the live ones */
};

/* Guards all below. It is never held during a call of the library. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int active;         /* drmaa_init has succeeded, and no exit has begun since */
static int changing;       /* a drmaa_init or drmaa_exit is under way */
static unsigned long exits; /* how many exits have begun: tells one session from the next */
static int forked;         /* this process was forked from one that had a session ... */
static long parent;        /* ... and that was this one */
static dc_template live = {.previous = &live, .next = &live};

/* Held during drmaa_init and drmaa_exit: `active` must tell of the last one that ended. */
static pthread_mutex_t transition = PTHREAD_MUTEX_INITIALIZER;

static int refuse_forked(dc_call *call)
{
    return dc_refuse(DRMAA_ERRNO_NO_ACTIVE_SESSION, call,
                     "this process was forked from process %ld, which has the DRMAA session; a "
                     "session can't be used or opened in its forked children: start them with "
                     "subprocess or multiprocessing's 'spawn' or 'forkserver', or fork before "
                     "initialize()",
                     parent);
}

static int refuse_closed(dc_call *call)
{
    return dc_refuse(DRMAA_ERRNO_NO_ACTIVE_SESSION, call,
                     "no DRMAA session is active: call initialize() first, or use "
                     "'with Session()'");
}

static void unlink_live(dc_template *t)
{
    t->previous->next = t->next;
    t->next->previous = t->previous;
    t->previous = t->next = t;
}

/* A fork copies the lock: take it, so that the child finds what it guards whole. */
static void before_fork(void)
{
    pthread_mutex_lock(&lock);
    if (!forked)
        parent = (long)getpid();
}

static void after_fork_in_parent(void) { pthread_mutex_unlock(&lock); }

static void after_fork_in_child(void)
{
    pthread_mutex_init(&lock, NULL);
    pthread_mutex_init(&transition, NULL);
    forked = forked || active || changing;
    active = changing = 0;
    while (live.next != &live) {
        live.next->life = FORKED;
        unlink_live(live.next);
    }
}

/* When this is loaded: a thread may hold a lock at a fork long before there is a session. */
__attribute__((constructor)) static void register_fork_handlers(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* It was all zero when it was made: clear it where the last call has written to it. */
static void forget_last(dc_call *call)
{
    call->refusal = 0;
    if (call->diagnosis[0] != '\0')
        memset(call->diagnosis, 0, DC_DIAGNOSIS_SIZE);
}

static int refuse_if_forked(dc_call *call)
{
    forget_last(call);
    pthread_mutex_lock(&lock);
    int code = forked ? refuse_forked(call) : DRMAA_ERRNO_SUCCESS;
    pthread_mutex_unlock(&lock);
    return code;
}

int dc_enter(dc_call *call)
{
    int code = refuse_if_forked(call);
    if (code == DRMAA_ERRNO_SUCCESS)
        pthread_mutex_lock(&transition);
    return code;
}

int dc_leave_enquiry(int code)
{
    pthread_mutex_unlock(&transition);
    return code;
}

int dc_enter_session(dc_call *call)
{
    unsigned long session;
    return dc_enter_wait(&session, call);
}

int dc_enter_wait(unsigned long *session, dc_call *call)
{
    forget_last(call);
    pthread_mutex_lock(&lock);
    int code = DRMAA_ERRNO_SUCCESS;
    if (forked)
        code = refuse_forked(call);
    else if (!active)
        code = refuse_closed(call);
    *session = exits;
    pthread_mutex_unlock(&lock);
    return code;
}

int dc_leave_wait(int code, unsigned long session, dc_call *call)
{
    pthread_mutex_lock(&lock);
    int closed = exits != session;
    pthread_mutex_unlock(&lock);
    if (code == DRMAA_ERRNO_SUCCESS || code == DRMAA_ERRNO_NO_RUSAGE || !closed)
        return code;
    return dc_refuse(DRMAA_ERRNO_NO_ACTIVE_SESSION, call,
                     "the session was closed during the wait");
}

int dc_hold(dc_template *t, dc_call *call)
{
    int code = DRMAA_ERRNO_SUCCESS;
    forget_last(call);
    pthread_mutex_lock(&lock);
    switch (t->life) {
    case LIVE:
        t->users++;
        break;
    case DELETED:
        code = dc_refuse(DRMAA_ERRNO_INVALID_ARGUMENT, call,
                         "this job template was deleted: make a new one");
        call->refusal = DC_DELETED;
        break;
    case CLOSED:
        code = dc_refuse(DRMAA_ERRNO_NO_ACTIVE_SESSION, call,
                         "the session of this job template was closed: make a new one in an "
                         "active session");
        break;
    case FORKED:
        code = refuse_forked(call);
        break;
    }
    pthread_mutex_unlock(&lock);
    return code;
}

int dc_enter_template(dc_template *t, dc_call *call)
{
    int code = dc_hold(t, call);
    if (code == DRMAA_ERRNO_SUCCESS)
        pthread_rwlock_wrlock(&t->use);
    return code;
}

int dc_enter_submission(dc_template *t, dc_call *call)
{
    int code = dc_hold(t, call);
    if (code == DRMAA_ERRNO_SUCCESS)
        pthread_rwlock_rdlock(&t->use);
    return code;
}

/* Delete where nobody asks how it went. */
static void delete_quietly(drmaa_job_template_t *jt)
{
    char diagnosis[DRMAA_ERROR_STRING_BUFFER];
    libdrmaa.drmaa_delete_job_template(jt, diagnosis, sizeof diagnosis);
}

void dc_let_go(dc_template *t)
{
    pthread_mutex_lock(&lock);
    t->users--;
    int last = t->users == 0 && (t->life == DELETED || t->life == CLOSED);
    pthread_mutex_unlock(&lock);
    if (last)
        delete_quietly(t->jt);
}

void dc_leave(dc_template *t)
{
    pthread_rwlock_unlock(&t->use);
    dc_let_go(t);
}

drmaa_job_template_t *dc_job_template(const dc_template *t) { return t->jt; }

static void begin_change(void)
{
    pthread_mutex_lock(&transition);
    pthread_mutex_lock(&lock);
    changing = 1;
    pthread_mutex_unlock(&lock);
}

static void end_change(int now_active)
{
    pthread_mutex_lock(&lock);
    changing = 0;
    active = now_active;
    pthread_mutex_unlock(&lock);
    pthread_mutex_unlock(&transition);
}

int dc_init(const char *contact, dc_call *call)
{
    int code = refuse_if_forked(call);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    begin_change();
    code = libdrmaa.drmaa_init(contact, DC_DIAGNOSIS(call));
    end_change(code == DRMAA_ERRNO_SUCCESS || active);
    return code;
}

/* Close a live template, and give what the library has to delete; NULL when none is left. */
static drmaa_job_template_t *close_one(void)
{
    drmaa_job_template_t *idle = NULL;
    pthread_mutex_lock(&lock);
    while (idle == NULL && live.next != &live) {
        dc_template *t = live.next;
        unlink_live(t);
        t->life = CLOSED;
        if (t->users == 0)
            idle = t->jt;
    }
    pthread_mutex_unlock(&lock);
    return idle;
}

int dc_exit(dc_call *call)
{
    begin_change();
    int code = dc_enter_session(call);
    if (code != DRMAA_ERRNO_SUCCESS) {
        end_change(0);
        return code;
    }
    pthread_mutex_lock(&lock);
    active = 0;
    exits++;
    pthread_mutex_unlock(&lock);
    drmaa_job_template_t *jt;
    while ((jt = close_one()) != NULL)
        delete_quietly(jt);
    code = libdrmaa.drmaa_exit(DC_DIAGNOSIS(call));
    /* After any other failure the session may still be there: exit can be tried again. */
    end_change(code != DRMAA_ERRNO_SUCCESS && code != DRMAA_ERRNO_NO_ACTIVE_SESSION);
    return code;
}

int dc_is_active(void)
{
    pthread_mutex_lock(&lock);
    int answer = active;
    pthread_mutex_unlock(&lock);
    return answer;
}

/* Make the lock of a template. */
static void begin_use(dc_template *made)
{
    pthread_rwlockattr_t kind;
    pthread_rwlockattr_init(&kind);
#ifdef __GLIBC__
    /* Submissions that follow each other without a gap must not keep out who sets an attribute. */
    pthread_rwlockattr_setkind_np(&kind, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
    pthread_rwlock_init(&made->use, &kind);
    pthread_rwlockattr_destroy(&kind);
}

/* Enter made in the list, unless the session it was made in is over. */
static int link_live(dc_template *made, unsigned long session)
{
    pthread_mutex_lock(&lock);
    int in_time = active && exits == session;
    if (in_time) {
        made->next = &live;
        made->previous = live.previous;
        made->previous->next = live.previous = made;
    }
    pthread_mutex_unlock(&lock);
    return in_time;
}

int dc_allocate_job_template(dc_call *call)
{
    unsigned long session;
    call->made = NULL;
    int code = dc_enter_wait(&session, call);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    dc_template *made = calloc(1, sizeof *made);
    if (made == NULL)
        return dc_refuse(DRMAA_ERRNO_NO_MEMORY, call, "no memory for a job template");
    begin_use(made);
    code = libdrmaa.drmaa_allocate_job_template(&made->jt, DC_DIAGNOSIS(call));
    if (code == DRMAA_ERRNO_SUCCESS && made->jt == NULL)
        code = dc_refuse(DRMAA_ERRNO_INTERNAL_ERROR, call,
                         "the library reported success but made no job template");
    if (code == DRMAA_ERRNO_SUCCESS && !link_live(made, session)) {
        delete_quietly(made->jt);
        code = refuse_closed(call);
    }
    if (code != DRMAA_ERRNO_SUCCESS)
        free(made);
    else
        call->made = made;
    return code;
}

/* End the life of a template; what the library has to delete, or NULL. */
static drmaa_job_template_t *end_life(dc_template *t)
{
    drmaa_job_template_t *idle = NULL;
    pthread_mutex_lock(&lock);
    if (t->life == LIVE) {
        unlink_live(t);
        t->life = DELETED;
        idle = t->users == 0 ? t->jt : NULL;
    }
    pthread_mutex_unlock(&lock);
    return idle;
}

int dc_delete_job_template(dc_template *t, dc_call *call)
{
    forget_last(call);
    drmaa_job_template_t *jt = end_life(t);
    return jt != NULL ? libdrmaa.drmaa_delete_job_template(jt, DC_DIAGNOSIS(call))
                      : DRMAA_ERRNO_SUCCESS;
}

void dc_forget(dc_template *t)
{
    drmaa_job_template_t *jt = end_life(t);
    if (jt != NULL)
        delete_quietly(jt);
    free(t);
}
