/* One connection to the engine, shared by all threads of the program.
 *
 * There is no thread of our own: of the threads that wait for answers, one reads for all, and
 * when its own answer has come it hands the reading on to another. Nothing but its poll blocks.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "connection.h"
#include "deadline.h"
#include "launch.h"
#include "pending.h"
#include "underway.h"

#define ANSWER_HEADER 8
#define NO_SIZE SIZE_MAX
#define CALL_SECONDS 60 /* for a call without a timeout */
#define MOST_UNREAD 3 /* connections in a row whose answers cannot be read */
#define SLACK_SECONDS 10 /* after the timeout of one that has it */

/* The functions from here on are called with the lock held. */

static void hang_up(connection *to)
{
    close_descriptor(&to->socket);
    to->in.size = 0;
    to->out.size = to->out_sent = 0;
    release_context(to->sent);
    to->sent = NULL;
}

/* A failure shows again when the answer is read, and is mended there. */
static void send_some(connection *to)
{
    while (to->socket >= 0 && to->out_sent < to->out.size) {
        ssize_t sent = send(to->socket, to->out.bytes + to->out_sent,
                            to->out.size - to->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return;
        to->out_sent += (size_t)sent;
    }
    to->out.size = to->out_sent = 0;
}

static bool put_frame(connection *to, const wire_buffer *frame)
{
    return wire_stream_put(&to->out, frame->bytes, frame->size);
}

/* Queues a request; without memory for it, that is its answer. */
static void queue_request(connection *to, request *of)
{
    if (to->socket < 0)
        return;
    bool queued = true;
    if (of->context != NULL && of->context != to->sent) {
        queued = put_frame(to, &of->context->frame);
        if (queued) {
            release_context(to->sent);
            atomic_fetch_add(&of->context->users, 1);
            to->sent = of->context;
        }
    }
    wire_set_u32(&of->frame, AT_NUMBER, of->number);
    /* Tells the engine that the answers to all earlier requests have arrived. */
    wire_set_u32(&of->frame, AT_FLOOR, to->first->number);
    if (of->has_timeout && of->deadline >= 0)
        wire_set_i64(&of->frame, REQUEST_HEADER, left_until(of->deadline));
    if ((queued && put_frame(to, &of->frame)) || of->left)
        return;
    take_request(to, of->number);
    fail_request(of, DRMAA_ERRNO_NO_MEMORY, "out of memory");
}

static void send_all(connection *to)
{
    send_some(to);
    if (to->out.size > 0 && to->reading) {
        uint64_t one = 1;
        ssize_t rung = write(to->bell, &one, sizeof one);
        (void)rung; /* it is rung already */
    }
}

/* Finds the engine again; only as long as the one that reads has time. */
static void reconnect(connection *to, const request *reader)
{
    if (to->closing) {
        finish_all(to, DRMAA_ERRNO_NO_ACTIVE_SESSION, "the session was closed meanwhile");
        return;
    }
    char words[DRMAA_ERROR_STRING_BUFFER] = "";
    int made = -1;
    pthread_mutex_unlock(&to->lock);
    int code = reach(to, true, reader->limit, &made, (diagnosis_buffer){words, sizeof words});
    pthread_mutex_lock(&to->lock);
    if (code == ENGINE_SILENT)
        return;
    if (code != DRMAA_ERRNO_SUCCESS) {
        finish_all(to, DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE, words);
        return;
    }
    to->socket = made;
    forget_noted();
    for (request *of = to->first, *next; of != NULL; of = next) {
        next = of->next;
        of->frame.bytes[AT_FLAGS] |= FLAG_RETRY;
        queue_request(to, of);
    }
    send_some(to);
}

/* The connection is dropped, since what came cannot be read: on another one all is asked, and
 * answered, again. `reason` is what all are told if that does not help either. */
static void drop(connection *to, int code, const char *reason)
{
    hang_up(to);
    if (++to->unread < MOST_UNREAD)
        return;
    to->unread = 0;
    finish_all(to, code, reason);
}

/* Gives each whole answer that has arrived to its request. */
static void deliver(connection *to)
{
    size_t at = 0, size;
    while (wire_stream_frame(&to->in, at, &size)) {
        uint32_t number, code;
        if (size < ANSWER_HEADER) {
            size = NO_SIZE;
            break;
        }
        memcpy(&number, to->in.bytes + at + 4, 4);
        memcpy(&code, to->in.bytes + at + 8, 4);
        if (!answer_request(to, number, (int)code, to->in.bytes + at + 4 + ANSWER_HEADER,
                            size - ANSWER_HEADER)) {
            drop(to, DRMAA_ERRNO_NO_MEMORY, "out of memory");
            return;
        }
        to->unread = 0;
        at += 4 + size;
    }
    if (size > WIRE_LARGEST_FRAME)
        drop(to, DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE,
             "the answers of " ENGINE_TITLE " make no sense");
    else
        wire_stream_drop(&to->in, at);
}

/* Reads once for all, without the lock while it blocks. */
static void read_for_all(connection *to, const request *reader)
{
    if (to->socket < 0) {
        reconnect(to, reader);
        return;
    }
    struct pollfd events[2] = {
        {.fd = to->socket, .events = POLLIN | (to->out.size > 0 ? POLLOUT : 0)},
        {.fd = to->bell, .events = POLLIN},
    };
    pthread_mutex_unlock(&to->lock);
    int ready = poll(events, 2, poll_until(reader->limit));
    pthread_mutex_lock(&to->lock);
    uint64_t rings;
    if (ready > 0 && events[1].revents != 0 && read(to->bell, &rings, sizeof rings) < 0)
        return;
    send_some(to);
    if (ready <= 0 || (events[0].revents & ~POLLOUT) == 0)
        return;
    const size_t room = 65536;
    char *place = wire_stream_grow(&to->in, room);
    if (place == NULL) {
        drop(to, DRMAA_ERRNO_NO_MEMORY, "out of memory");
        return;
    }
    ssize_t got = recv(to->socket, place, room, MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0) {
        hang_up(to);
        return;
    }
    to->in.size += (size_t)got;
    deliver(to);
}

static void let_another_read(connection *to)
{
    to->reading = false;
    for (request *of = to->first; of != NULL; of = of->next)
        if (!of->left) {
            pthread_cond_signal(&of->wake);
            return;
        }
}

static void sleep_until_done(connection *to, request *of)
{
    if (of->limit < 0) {
        pthread_cond_wait(&of->wake, &to->lock);
        return;
    }
    struct timespec at = {.tv_sec = (time_t)(of->limit / 1000),
                          .tv_nsec = (long)(of->limit % 1000) * 1000000};
    pthread_cond_timedwait(&of->wake, &to->lock, &at);
}

/* Queues a request; what it was asked with must be sent before its answer is awaited. */
static void begin_asking(connection *to, request *of)
{
    of->number = ++to->last_number;
    of->done = of->left = false;
    of->next = NULL;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&of->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    if (to->last == NULL)
        to->first = of;
    else
        to->last->next = of;
    to->last = of;
    if (!take_kept(to, of))
        queue_request(to, of);
}

static void await_answer(connection *to, request *of)
{
    while (!of->done) {
        if (is_over(of->limit)) {
            give_up(to, of);
        } else if (to->reading) {
            sleep_until_done(to, of);
        } else {
            to->reading = true;
            while (!of->done && !is_over(of->limit))
                read_for_all(to, of);
            let_another_read(to);
        }
    }
    pthread_cond_destroy(&of->wake);
}

static void ask_engine_locked(connection *to, request *of)
{
    begin_asking(to, of);
    send_all(to);
    await_answer(to, of);
}

static int fail_no_frame(diagnosis_buffer diagnosis)
{
    return fail(diagnosis, DRMAA_ERRNO_NO_MEMORY,
                "out of memory, or the request is larger than 64 MiB");
}

static int fail_closing(diagnosis_buffer diagnosis)
{
    return fail(diagnosis, DRMAA_ERRNO_NO_ACTIVE_SESSION, "the session is being closed");
}

/* Gives the answer's code and, of a failure, its words. */
static int result_of(const request *of, diagnosis_buffer diagnosis)
{
    if (of->code != DRMAA_ERRNO_SUCCESS && diagnosis.text != NULL && diagnosis.size > 0) {
        size_t size = of->answer.size < diagnosis.size - 1 ? of->answer.size : diagnosis.size - 1;
        if (size > 0)
            memcpy(diagnosis.text, of->answer.bytes, size);
        diagnosis.text[size] = '\0';
    }
    return of->code;
}

int ask_engine(connection *to, request *of, diagnosis_buffer diagnosis)
{
    if (of->frame.failed)
        return fail_no_frame(diagnosis);
    of->deadline = -1;
    of->limit = deadline_in(CALL_SECONDS * 1000);
    if (of->has_timeout) {
        int64_t timeout;
        memcpy(&timeout, of->frame.bytes + REQUEST_HEADER, sizeof timeout);
        of->deadline = timeout < 0 ? -1 : deadline_in(timeout);
        of->limit = timeout < 0 ? -1 : deadline_in(timeout + SLACK_SECONDS * 1000);
    }
    pthread_mutex_lock(&to->lock);
    bool closing = to->closing;
    if (!closing)
        ask_engine_locked(to, of);
    pthread_mutex_unlock(&to->lock);
    return closing ? fail_closing(diagnosis) : result_of(of, diagnosis);
}

void ask_engine_many(connection *to, request *requests, size_t count, char *texts,
                     size_t text_size)
{
    pthread_mutex_lock(&to->lock);
    for (size_t i = 0; i < count; i++) {
        diagnosis_buffer diagnosis = {texts + i * text_size, text_size};
        request *of = &requests[i];
        if (of->frame.size == 0 && !of->frame.failed)
            continue;
        of->deadline = -1;
        of->limit = deadline_in(CALL_SECONDS * 1000);
        if (!of->frame.failed && !to->closing) {
            begin_asking(to, of);
        } else {
            of->code = to->closing ? fail_closing(diagnosis) : fail_no_frame(diagnosis);
            of->done = true;
        }
    }
    send_all(to);
    for (size_t i = 0; i < count; i++)
        if (requests[i].number != 0) {
            await_answer(to, &requests[i]);
            result_of(&requests[i], (diagnosis_buffer){texts + i * text_size, text_size});
        }
    pthread_mutex_unlock(&to->lock);
}

void close_connection(connection *to)
{
    request leave = {.limit = deadline_in(SLACK_SECONDS * 1000)};
    begin_request(&leave.frame, REQUEST_EXIT);
    finish_request(&leave.frame);
    pthread_mutex_lock(&to->lock);
    to->closing = true;
    if (!leave.frame.failed)
        ask_engine_locked(to, &leave);
    /* No memory, or no answer: hanging up says the same, and ends the others' waits. */
    if (to->socket >= 0 && (leave.frame.failed || leave.code != DRMAA_ERRNO_SUCCESS))
        shutdown(to->socket, SHUT_RDWR);
    pthread_mutex_unlock(&to->lock);
    free_request(&leave);
}

void free_connection(connection *to)
{
    hang_up(to);
    free_pending(to);
    wire_stream_free(&to->in);
    wire_stream_free(&to->out);
    close_descriptor(&to->bell);
    close_descriptor(&to->status);
    close_home(&to->home);
    pthread_mutex_destroy(&to->lock);
}
