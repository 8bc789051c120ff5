/* The requests that wait for an answer, and the records that came for waits that had given up. */
#include "pending.h"

#include <stdlib.h>
#include <string.h>

void free_request(request *of)
{
    wire_free(&of->frame);
    wire_free(&of->answer);
    release_context(of->context);
    of->context = NULL;
}

void finish_with(request *of, int code, const char *words, size_t size)
{
    of->code = code;
    of->answer.size = 0;
    wire_put_bytes(&of->answer, words, size);
    if (of->answer.failed)
        of->code = DRMAA_ERRNO_NO_MEMORY;
    of->done = true;
    pthread_cond_signal(&of->wake);
}

request *take_request(connection *to, uint32_t number)
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

/* Puts a request in the place of another, whose number and frame it gets. */
static void replace_request(connection *to, request *old, request *with)
{
    with->number = old->number;
    with->frame = old->frame;
    old->frame = (wire_buffer){0};
    with->next = old->next;
    if (to->last == old)
        to->last = with;
    request **place = &to->first;
    while (*place != old)
        place = &(*place)->next;
    *place = with;
}

static void free_if_left(request *of)
{
    if (!of->left)
        return; /* its caller frees it */
    free_request(of);
    free(of);
}

static bool is_wait(const request *of)
{
    return of->frame.bytes != NULL && of->frame.bytes[AT_KIND] == REQUEST_WAIT;
}

/* Whether a record, which begins with its job's id, is one that a wait asks for. */
static bool wants(const request *of, const char *record, size_t size)
{
    if (of->left || of->done || !is_wait(of))
        return false;
    size_t wanted, given;
    wire_reader asked = {of->frame.bytes + REQUEST_HEADER + 8, of->frame.bytes + of->frame.size,
                         false};
    wire_reader answer = {record, record + size, false};
    const char *job = wire_get_block(&asked, &wanted);
    const char *ended = wire_get_block(&answer, &given);
    return !asked.failed && !answer.failed
           && (wanted == 0 || (wanted == given && memcmp(job, ended, given) == 0));
}

/* A record has come whose wait had given up: the next that asks for it has it. Its own question
 * goes on, for nobody, so that what it is answered is not lost either. */
static void pass_on(connection *to, request *left, const char *record, size_t size)
{
    for (request *other = to->first; other != NULL; other = other->next)
        if (wants(other, record, size)) {
            wire_free(&left->frame);
            replace_request(to, other, left);
            finish_with(other, DRMAA_ERRNO_SUCCESS, record, size);
            return;
        }
    wire_put_bytes(&left->answer, record, size);
    left->next = to->kept;
    to->kept = left;
}

void answer_request(connection *to, uint32_t number, int code, const char *words, size_t size)
{
    request *of = take_request(to, number);
    if (of == NULL)
        return;
    if (!of->left)
        finish_with(of, code, words, size);
    else if (code == DRMAA_ERRNO_SUCCESS)
        pass_on(to, of, words, size);
    else
        free_if_left(of);
}

bool take_kept(connection *to, request *of)
{
    for (request **at = &to->kept; *at != NULL; at = &(*at)->next) {
        request *kept = *at;
        if (!wants(of, kept->answer.bytes, kept->answer.size))
            continue;
        *at = kept->next;
        take_request(to, of->number);
        finish_with(of, DRMAA_ERRNO_SUCCESS, kept->answer.bytes, kept->answer.size);
        free_if_left(kept);
        return true;
    }
    return false;
}

/* What waits that have given up may have reaped is asked for by the next connection. */
void finish_all(connection *to, int code, const char *words)
{
    for (request *of = to->first, *next; of != NULL; of = next) {
        next = of->next;
        if (of->left)
            continue;
        take_request(to, of->number);
        bool is_exit = of->frame.bytes[AT_KIND] == REQUEST_EXIT;
        finish_with(of, is_exit ? DRMAA_ERRNO_SUCCESS : code, words, strlen(words));
    }
}

/* The engine has not answered in time. What a wait may have reaped must not be lost with it. */
void give_up(connection *to, request *of)
{
    char words[DRMAA_ERROR_STRING_BUFFER] = "";
    say_silent(to, (diagnosis_buffer){words, sizeof words});
    request *left = is_wait(of) ? malloc(sizeof *left) : NULL;
    if (left != NULL) {
        *left = (request){.has_timeout = true, .left = true};
        replace_request(to, of, left);
    } else
        take_request(to, of->number);
    finish_with(of, DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE, words, strlen(words));
}

void free_pending(connection *to)
{
    while (to->first != NULL)
        free_if_left(take_request(to, to->first->number)); /* the others are done */
    while (to->kept != NULL) {
        request *next = to->kept->next;
        free_if_left(to->kept);
        to->kept = next;
    }
}
