/* One connection to the engine, shared by all threads of the program.
 *
 * There is no thread of our own: of the threads that wait for answers, one reads for all, and
 * when its own answer has come it hands the reading on to another.
 */
#include "connection.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "launch.h"
#include "underway.h"

#define ANSWER_HEADER 8
#define HELLO_SECONDS 60
#define MOST_TRIES 10

static int64_t now_milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void free_request(request *of)
{
    wire_free(&of->frame);
    wire_free(&of->answer);
    release_context(of->context);
    of->context = NULL;
}

static bool send_all(int socket, const wire_buffer *frame)
{
    for (size_t at = 0; at < frame->size;) {
        ssize_t sent = send(socket, frame->bytes + at, frame->size - at, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        at += (size_t)sent;
    }
    return true;
}

static bool receive_exactly(int socket, char *to, size_t size)
{
    while (size > 0) {
        struct pollfd event = {.fd = socket, .events = POLLIN};
        int ready = poll(&event, 1, HELLO_SECONDS * 1000);
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t got = ready > 0 ? recv(socket, to, size, 0) : -1;
        if (got < 0 && ready > 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        to += got;
        size -= (size_t)got;
    }
    return true;
}

static int hung_up(const connection *to, diagnosis_buffer diagnosis)
{
    fail(diagnosis, DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE,
         ENGINE_TITLE " in '%s' hangs up; its reason is in engine.log there", to->home.path);
    return ENGINE_GONE;
}

/* Says hello on a fresh socket. Returns a code, or ENGINE_GONE. */
static int say_hello(connection *to, int socket, bool again, diagnosis_buffer diagnosis)
{
    wire_buffer frame = {0};
    begin_request(&frame, REQUEST_HELLO);
    wire_put_u32(&frame, PROTOCOL_VERSION);
    wire_put_u8(&frame, again);
    wire_put_bytes(&frame, to->nonce, sizeof to->nonce);
    wire_put_text(&frame, to->contact);
    finish_request(&frame);
    bool sent = !frame.failed && send_all(socket, &frame);
    wire_free(&frame);
    uint32_t header[3];
    if (!sent || !receive_exactly(socket, (char *)header, sizeof header))
        return hung_up(to, diagnosis);
    char payload[1024];
    if (header[0] < ANSWER_HEADER || header[0] - ANSWER_HEADER > sizeof payload - 1)
        return fail(diagnosis, DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE,
                    "what answers on " ENGINE_TITLE "'s socket is not " ENGINE_TITLE);
    size_t size = header[0] - ANSWER_HEADER;
    if (!receive_exactly(socket, payload, size))
        return hung_up(to, diagnosis);
    payload[size] = '\0';
    if (header[2] != DRMAA_ERRNO_SUCCESS)
        return fail(diagnosis, (int)header[2], "%s", payload);
    copy_text(to->contact, sizeof to->contact, payload);
    return DRMAA_ERRNO_SUCCESS;
}

/* Reaches the engine; one that leaves or is killed just then is not the last word. */
static int reach(connection *to, bool again, int *socket, diagnosis_buffer diagnosis)
{
    for (int tries = 0; tries < MOST_TRIES; tries++) {
        int code = reach_engine(&to->home, socket, diagnosis);
        if (code == DRMAA_ERRNO_SUCCESS) {
            code = say_hello(to, *socket, again, diagnosis);
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
    *to = (connection){.socket = -1};
    if (strlen(contact) >= sizeof to->contact)
        return fail(diagnosis, DRMAA_ERRNO_INVALID_CONTACT_STRING,
                    "'%.100s...' is not a contact string of " ENGINE_TITLE, contact);
    copy_text(to->contact, sizeof to->contact, contact);
    /* The C library's getrandom() is younger than the glibc that our wheels promise. */
    if (syscall(SYS_getrandom, to->nonce, sizeof to->nonce, 0) != (long)sizeof to->nonce)
        return fail(diagnosis, DRMAA_ERRNO_INTERNAL_ERROR, "no random numbers: %s",
                    strerror(errno));
    int code = open_home(&to->home, diagnosis);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    note_open(FOLDER_OPEN, to->home.folder);
    code = reach(to, false, &to->socket, diagnosis);
    if (code != DRMAA_ERRNO_SUCCESS) {
        close_noted(FOLDER_OPEN);
        return code;
    }
    pthread_mutex_init(&to->lock, NULL);
    return code;
}

/* The functions from here on are called with the lock held. */

static void finish(request *of, int code, const char *words, size_t size)
{
    of->code = code;
    of->answer.size = 0;
    wire_put_bytes(&of->answer, words, size);
    if (of->answer.failed)
        of->code = DRMAA_ERRNO_NO_MEMORY;
    of->done = true;
    pthread_cond_signal(&of->wake);
}

static request *take(connection *to, uint32_t number)
{
    request *before = NULL, *at = to->first;
    while (at != NULL && at->number != number) {
        before = at;
        at = at->next;
    }
    if (at == NULL)
        return NULL;
    if (before == NULL)
        to->first = at->next;
    else
        before->next = at->next;
    if (to->last == at)
        to->last = before;
    return at;
}

static void finish_all(connection *to, int code, const char *words)
{
    while (to->first != NULL) {
        request *of = take(to, to->first->number);
        bool is_exit = of->frame.bytes[AT_KIND] == REQUEST_EXIT;
        finish(of, is_exit ? DRMAA_ERRNO_SUCCESS : code, words, strlen(words));
    }
}

static void hang_up(connection *to)
{
    int socket = to->socket;
    to->socket = -1; /* before its number can be another file's, in a child of this moment */
    if (socket >= 0)
        close(socket);
    to->in.size = 0;
    release_context(to->sent);
    to->sent = NULL;
}

/* A failure to send shows again when the answer is read, and is mended there. */
static void send_request(connection *to, request *of)
{
    if (to->socket < 0)
        return;
    if (of->context != NULL && of->context != to->sent) {
        if (!send_all(to->socket, &of->context->frame))
            return;
        release_context(to->sent);
        atomic_fetch_add(&of->context->users, 1);
        to->sent = of->context;
    }
    wire_set_u32(&of->frame, AT_NUMBER, of->number);
    /* Tells the engine that the answers to all earlier requests have arrived. */
    wire_set_u32(&of->frame, AT_FLOOR, to->first->number);
    if (of->has_timeout && of->deadline >= 0) {
        int64_t left = of->deadline - now_milliseconds();
        wire_set_i64(&of->frame, REQUEST_HEADER, left > 0 ? left : 0);
    }
    send_all(to->socket, &of->frame);
}

static void reconnect(connection *to)
{
    if (to->closing) {
        finish_all(to, DRMAA_ERRNO_NO_ACTIVE_SESSION, "the session was closed meanwhile");
        return;
    }
    char words[DRMAA_ERROR_STRING_BUFFER] = "";
    int made = -1;
    pthread_mutex_unlock(&to->lock);
    int code = reach(to, true, &made, (diagnosis_buffer){words, sizeof words});
    pthread_mutex_lock(&to->lock);
    if (code != DRMAA_ERRNO_SUCCESS) {
        finish_all(to, DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE, words);
        return;
    }
    to->socket = made;
    forget_noted();
    for (request *of = to->first; of != NULL; of = of->next) {
        of->frame.bytes[AT_FLAGS] = FLAG_RETRY;
        send_request(to, of);
    }
}

/* Gives each whole answer that has arrived to its request; false for rubbish. */
static bool deliver(connection *to)
{
    size_t at = 0;
    while (to->in.size - at >= 4 + ANSWER_HEADER) {
        uint32_t size, number, code;
        memcpy(&size, to->in.bytes + at, 4);
        if (size < ANSWER_HEADER || size > WIRE_LARGEST_FRAME)
            return false;
        if (to->in.size - at - 4 < size)
            break;
        memcpy(&number, to->in.bytes + at + 4, 4);
        memcpy(&code, to->in.bytes + at + 8, 4);
        request *of = take(to, number);
        if (of != NULL)
            finish(of, (int)code, to->in.bytes + at + 4 + ANSWER_HEADER, size - ANSWER_HEADER);
        at += 4 + (size_t)size;
    }
    memmove(to->in.bytes, to->in.bytes + at, to->in.size - at);
    to->in.size -= at;
    return true;
}

/* Reads once for all, without the lock while it blocks. */
static void read_for_all(connection *to)
{
    if (to->socket < 0) {
        reconnect(to);
        return;
    }
    const size_t room = 65536;
    char *place = wire_grow(&to->in, room);
    if (place == NULL) {
        to->in.failed = false;
        hang_up(to);
        finish_all(to, DRMAA_ERRNO_NO_MEMORY, "out of memory");
        return;
    }
    int socket = to->socket;
    pthread_mutex_unlock(&to->lock);
    ssize_t got = recv(socket, place, room, 0);
    int reason = errno;
    pthread_mutex_lock(&to->lock);
    to->in.size -= room - (size_t)(got > 0 ? got : 0);
    if (got < 0 && reason == EINTR)
        return;
    if (got <= 0 || !deliver(to))
        hang_up(to);
}

static void call_locked(connection *to, request *of)
{
    of->number = ++to->last_number;
    of->done = false;
    of->next = NULL;
    pthread_cond_init(&of->wake, NULL);
    if (to->last == NULL)
        to->first = of;
    else
        to->last->next = of;
    to->last = of;
    send_request(to, of);
    while (!of->done) {
        if (to->reading) {
            pthread_cond_wait(&of->wake, &to->lock);
            continue;
        }
        to->reading = true;
        while (!of->done)
            read_for_all(to);
        to->reading = false;
        if (to->first != NULL)
            pthread_cond_signal(&to->first->wake);
    }
    pthread_cond_destroy(&of->wake);
}

int call(connection *to, request *of, diagnosis_buffer diagnosis)
{
    if (of->frame.failed)
        return fail(diagnosis, DRMAA_ERRNO_NO_MEMORY,
                    "out of memory, or the request is larger than 64 MiB");
    of->deadline = -1;
    if (of->has_timeout) {
        int64_t timeout;
        memcpy(&timeout, of->frame.bytes + REQUEST_HEADER, sizeof timeout);
        if (timeout >= 0)
            of->deadline = now_milliseconds() + timeout;
    }
    pthread_mutex_lock(&to->lock);
    if (to->closing) {
        pthread_mutex_unlock(&to->lock);
        return fail(diagnosis, DRMAA_ERRNO_NO_ACTIVE_SESSION, "the session is being closed");
    }
    call_locked(to, of);
    pthread_mutex_unlock(&to->lock);
    if (of->code != DRMAA_ERRNO_SUCCESS && diagnosis.text != NULL && diagnosis.size > 0) {
        size_t size = of->answer.size < diagnosis.size - 1 ? of->answer.size : diagnosis.size - 1;
        if (size > 0)
            memcpy(diagnosis.text, of->answer.bytes, size);
        diagnosis.text[size] = '\0';
    }
    return of->code;
}

void close_connection(connection *to)
{
    request leave = {0};
    begin_request(&leave.frame, REQUEST_EXIT);
    finish_request(&leave.frame);
    pthread_mutex_lock(&to->lock);
    to->closing = true;
    if (!leave.frame.failed)
        call_locked(to, &leave);
    else if (to->socket >= 0)
        shutdown(to->socket, SHUT_RDWR); /* no memory: hanging up says the same */
    pthread_mutex_unlock(&to->lock);
    free_request(&leave);
}

void free_connection(connection *to)
{
    hang_up(to);
    wire_free(&to->in);
    close_home(&to->home);
    pthread_mutex_destroy(&to->lock);
}

void abandon_connection(connection *to)
{
    if (to->socket >= 0)
        close(to->socket);
    close_home(&to->home);
}
