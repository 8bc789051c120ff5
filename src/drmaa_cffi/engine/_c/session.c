/* The one DRMAA session of the process: opened, closed, lost by a fork. */
#include "session.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "template.h"
#include "underway.h"

#ifndef DRMAA_LOCAL_VERSION
#define DRMAA_LOCAL_VERSION "0+unknown"
#endif
#define SYSTEM ENGINE_SYSTEM " " DRMAA_LOCAL_VERSION

enum state { NONE, OPENING, ACTIVE, CLOSING };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t unused;
    enum state state;
    bool forked; /* the parent had a session, this process has none */
    pid_t owner;
    int users; /* threads that use the connection */
    context *context; /* the latest one */
    connection connection;
} session = {.lock = PTHREAD_MUTEX_INITIALIZER, .unused = PTHREAD_COND_INITIALIZER};

static pthread_once_t fork_watch = PTHREAD_ONCE_INIT;

/* In a forked child no other thread exists any more, and what they held is held for ever:
 * start afresh. The socket is the parent's; closing our copy does not disturb it. */
static void after_fork_in_child(void)
{
    bool had = session.state != NONE;
    if (session.state == ACTIVE || session.state == CLOSING)
        abandon_connection(&session.connection);
    close_all_noted();
    pthread_mutex_init(&session.lock, NULL);
    pthread_cond_init(&session.unused, NULL);
    renew_template_lock();
    session.state = NONE;
    session.forked = had || session.forked;
    session.users = 0;
    session.context = NULL;
}

static void watch_forks(void)
{
    pthread_atfork(lock_templates, unlock_templates, after_fork_in_child);
}

/* With the lock held. */
static int check_state(diagnosis_buffer diagnosis)
{
    if (session.state == ACTIVE && session.owner == getpid())
        return DRMAA_ERRNO_SUCCESS;
    if (session.forked || session.state == ACTIVE)
        return fail(diagnosis, DRMAA_ERRNO_NO_ACTIVE_SESSION,
                    "this process was forked from the one whose session this is: call "
                    "drmaa_init here for a session of its own");
    return fail(diagnosis, DRMAA_ERRNO_NO_ACTIVE_SESSION,
                "there is no active session: call drmaa_init first");
}

int check_session(diagnosis_buffer diagnosis)
{
    pthread_mutex_lock(&session.lock);
    int code = check_state(diagnosis);
    pthread_mutex_unlock(&session.lock);
    return code;
}

int enter_session(connection **of, diagnosis_buffer diagnosis)
{
    pthread_mutex_lock(&session.lock);
    int code = check_state(diagnosis);
    if (code == DRMAA_ERRNO_SUCCESS) {
        session.users++;
        *of = &session.connection;
    }
    pthread_mutex_unlock(&session.lock);
    return code;
}

void leave_session(void)
{
    pthread_mutex_lock(&session.lock);
    if (--session.users == 0)
        pthread_cond_broadcast(&session.unused);
    pthread_mutex_unlock(&session.lock);
}

context *session_context(void)
{
    pthread_mutex_lock(&session.lock);
    context *now = take_context(session.context, session.connection.status);
    if (now != NULL && now != session.context) {
        release_context(session.context);
        atomic_fetch_add(&now->users, 1);
        session.context = now;
    }
    pthread_mutex_unlock(&session.lock);
    return now;
}

EXPORT int drmaa_init(const char *contact, char *words, size_t size)
{
    diagnosis_buffer diagnosis = {words, size};
    pthread_once(&fork_watch, watch_forks);
    pthread_mutex_lock(&session.lock);
    bool busy = session.state != NONE;
    if (!busy)
        session.state = OPENING;
    pthread_mutex_unlock(&session.lock);
    if (busy)
        return fail(diagnosis, DRMAA_ERRNO_ALREADY_ACTIVE_SESSION,
                    "a session is active already: call drmaa_exit before another drmaa_init");
    int code = open_connection(&session.connection, contact == NULL ? "" : contact, diagnosis);
    pthread_mutex_lock(&session.lock);
    session.owner = getpid();
    session.forked = false;
    session.state = code == DRMAA_ERRNO_SUCCESS ? ACTIVE : NONE;
    forget_noted();
    pthread_mutex_unlock(&session.lock);
    return code;
}

EXPORT int drmaa_exit(char *words, size_t size)
{
    diagnosis_buffer diagnosis = {words, size};
    pthread_mutex_lock(&session.lock);
    int code = check_state(diagnosis);
    if (code == DRMAA_ERRNO_SUCCESS)
        session.state = CLOSING;
    pthread_mutex_unlock(&session.lock);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    close_connection(&session.connection);
    pthread_mutex_lock(&session.lock);
    while (session.users > 0)
        pthread_cond_wait(&session.unused, &session.lock);
    free_connection(&session.connection);
    release_context(session.context);
    session.context = NULL;
    session.state = NONE;
    pthread_mutex_unlock(&session.lock);
    return DRMAA_ERRNO_SUCCESS;
}

static int give_text(char *to, size_t to_size, const char *text, diagnosis_buffer diagnosis)
{
    if (to == NULL || to_size == 0)
        return fail(diagnosis, DRMAA_ERRNO_INVALID_ARGUMENT, "there is no room for the answer");
    copy_text(to, to_size, text);
    return DRMAA_ERRNO_SUCCESS;
}

EXPORT int drmaa_get_contact(char *contact, size_t contact_len, char *words, size_t size)
{
    pthread_mutex_lock(&session.lock);
    bool active = session.state == ACTIVE && session.owner == getpid();
    int code = give_text(contact, contact_len, active ? session.connection.contact : "",
                    (diagnosis_buffer){words, size});
    pthread_mutex_unlock(&session.lock);
    return code;
}

EXPORT int drmaa_get_DRM_system(char *drm_system, size_t drm_system_len, char *words,
                                size_t size)
{
    return give_text(drm_system, drm_system_len, SYSTEM, (diagnosis_buffer){words, size});
}

EXPORT int drmaa_get_DRMAA_implementation(char *implementation, size_t implementation_len,
                                          char *words, size_t size)
{
    return give_text(implementation, implementation_len, SYSTEM, (diagnosis_buffer){words, size});
}

EXPORT int drmaa_version(unsigned int *major, unsigned int *minor, char *words, size_t size)
{
    if (major == NULL || minor == NULL)
        return fail((diagnosis_buffer){words, size}, DRMAA_ERRNO_INVALID_ARGUMENT,
                    "the place for the version is NULL");
    *major = 1;
    *minor = 0;
    return DRMAA_ERRNO_SUCCESS;
}
