/* The way to the engine: connected, greeted, and left alone after a fork. */
#include "connection.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "deadline.h"
#include "launch.h"
#include "underway.h"

#define ANSWER_HEADER 8
#define MOST_TRIES 10
#define OPEN_SECONDS 65 /* a bit more than an engine has for its start */

static bool receive_exactly(int socket, char *to, size_t size, int64_t limit)
{
    while (size > 0) {
        if (!await_event(socket, POLLIN, limit))
            return false;
        ssize_t got = recv(socket, to, size, MSG_DONTWAIT);
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got <= 0)
            return false;
        to += got;
        size -= (size_t)got;
    }
    return true;
}

int say_silent(const connection *to, diagnosis_buffer diagnosis)
{
    fail(diagnosis, DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE,
         ENGINE_TITLE " (process %d) in '%s' is there and does not answer: see whether it is stopped",
         (int)to->engine, to->home.path);
    return ENGINE_SILENT;
}

static int hung_up(const connection *to, int64_t limit, diagnosis_buffer diagnosis)
{
    if (is_over(limit))
        return say_silent(to, diagnosis);
    fail(diagnosis, DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE,
         ENGINE_TITLE " in '%s' hangs up; its reason is in engine.log there", to->home.path);
    return ENGINE_GONE;
}

/* Says hello on a fresh socket. Returns a code, or ENGINE_GONE. */
static int say_hello(connection *to, int socket, bool again, int64_t limit,
                     diagnosis_buffer diagnosis)
{
    wire_buffer frame = {0};
    begin_request(&frame, REQUEST_HELLO);
    wire_put_u32(&frame, PROTOCOL_VERSION);
    wire_put_u8(&frame, again);
    wire_put_bytes(&frame, to->nonce, sizeof to->nonce);
    wire_put_text(&frame, to->contact);
    finish_request(&frame);
    /* A fresh socket has room for so little. */
    bool sent = !frame.failed
                && send(socket, frame.bytes, frame.size, MSG_NOSIGNAL | MSG_DONTWAIT)
                       == (ssize_t)frame.size;
    wire_free(&frame);
    uint32_t header[3];
    if (!sent || !receive_exactly(socket, (char *)header, sizeof header, limit))
        return hung_up(to, limit, diagnosis);
    char payload[1024];
    if (header[0] < ANSWER_HEADER || header[0] - ANSWER_HEADER > sizeof payload - 1)
        return fail(diagnosis, DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE,
                    "what answers on " ENGINE_TITLE "'s socket is not " ENGINE_TITLE);
    size_t size = header[0] - ANSWER_HEADER;
    if (!receive_exactly(socket, payload, size, limit))
        return hung_up(to, limit, diagnosis);
    payload[size] = '\0';
    if (header[2] != DRMAA_ERRNO_SUCCESS)
        return fail(diagnosis, (int)header[2], "%s", payload);
    if (!again) /* others may read it by now, and it is the same */
        copy_text(to->contact, sizeof to->contact, payload);
    return DRMAA_ERRNO_SUCCESS;
}

/* One that leaves or is killed just then is not the last word. */
int reach(connection *to, bool again, int64_t limit, int *socket, diagnosis_buffer diagnosis)
{
    for (int tries = 0; tries < MOST_TRIES; tries++) {
        pid_t engine = 0;
        int code = reach_engine(&to->home, limit, socket, &engine, diagnosis);
        to->engine = engine;
        if (code == DRMAA_ERRNO_SUCCESS) {
            code = say_hello(to, *socket, again, limit, diagnosis);
            if (code != DRMAA_ERRNO_SUCCESS)
                close_noted(SOCKET_OPEN);
        }
        if (code != ENGINE_GONE)
            return code;
    }
    return DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE;
}

int open_connection(connection *to, const char *contact, diagnosis_buffer diagnosis)
{
    *to = (connection){.socket = -1, .bell = -1, .status = -1};
    if (strlen(contact) >= sizeof to->contact)
        return fail(diagnosis, DRMAA_ERRNO_INVALID_CONTACT_STRING,
                    "'%.100s...' is not a contact string of " ENGINE_TITLE, contact);
    copy_text(to->contact, sizeof to->contact, contact);
    /* The C library's getrandom() is younger than the glibc that our wheels promise. */
    if (syscall(SYS_getrandom, to->nonce, sizeof to->nonce, 0) != (long)sizeof to->nonce)
        return fail(diagnosis, DRMAA_ERRNO_INTERNAL_ERROR, "no random numbers: %s",
                    strerror(errno));
    int code = open_home(&to->home, contact, diagnosis);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    note_open(FOLDER_OPEN, to->home.folder);
    to->status = note_open(STATUS_OPEN, open_status());
    to->bell = note_open(BELL_OPEN, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (to->bell < 0)
        code = fail(diagnosis, DRMAA_ERRNO_INTERNAL_ERROR, "no descriptor is left: %s",
                    strerror(errno));
    else
        code = reach(to, false, deadline_in(OPEN_SECONDS * 1000), &to->socket, diagnosis);
    if (code != DRMAA_ERRNO_SUCCESS) {
        close_noted(BELL_OPEN);
        close_noted(STATUS_OPEN);
        close_noted(FOLDER_OPEN);
        return code == ENGINE_SILENT ? DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE : code;
    }
    pthread_mutex_init(&to->lock, NULL);
    return code;
}

void abandon_connection(connection *to)
{
    close_descriptor(&to->socket);
    close_descriptor(&to->bell);
    close_descriptor(&to->status);
    close_home(&to->home);
}
