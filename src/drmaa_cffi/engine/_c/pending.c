/* The requests that wait for an answer, and the records that came for waits that had given up. */
#include "pending.h"

#include <stdlib.h>
#include <string.h>

#include "deadline.h"

#define TRY_AGAIN_MILLISECONDS 50

void free_request(request *of)
{
    wire_free(&of->frame);
    wire_free(&of->answer);
    release_context(of->context);
    of->context = NULL;
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

static request *find_request(const connection *to, uint32_t number)
{
    request *at = to->first;
    while (at != NULL && at->number != number)
        at = at->next;
    return at;
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

/* Puts the engine's answer down; false without memory: then there is none of it. */
static bool put_answer(request *of, const char *words, size_t size)
{
    wire_put_bytes(&of->answer, words, size);
    if (!of->answer.failed)
        return true;
    wire_free(&of->answer);
    return false;
}

static void wake(request *of, int code)
{
    of->code = code;
    of->done = true;
    pthread_cond_signal(&of->wake);
}

void fail_request(request *of, int code, const char *words)
{
    put_answer(of, words, strlen(words)); /* without memory the code must do */
    wake(of, code);
}

/* A record has come whose wait had given up: the next that asks for it has it. Its own question
 * goes on, for nobody, so that what it is answered is not lost either. */
static bool pass_on(connection *to, request *left, const char *record, size_t size)
{
    for (request *other = to->first; other != NULL; other = other->next) {
        if (!wants(other, record, size))
            continue;
        if (!put_answer(other, record, size))
            return false;
        take_request(to, left->number);
        wire_free(&left->frame);
        replace_request(to, other, left);
        wake(other, DRMAA_ERRNO_SUCCESS);
        return true;
    }
    if (!put_answer(left, record, size))
        return false;
    take_request(to, left->number);
    left->next = to->kept;
    to->kept = left;
    return true;
}

bool answer_request(connection *to, uint32_t number, int code, const char *words, size_t size)
{
    request *of = find_request(to, number);
    if (of == NULL)
        return true;
    if (of->left && code == DRMAA_ERRNO_SUCCESS)
        return pass_on(to, of, words, size);
    if (!of->left && !put_answer(of, words, size))
        return false;
    take_request(to, number);
    if (of->left)
        free_if_left(of);
    else
        wake(of, code);
    return true;
}

bool take_kept(connection *to, request *of)
{
    for (request **at = &to->kept; *at != NULL; at = &(*at)->next) {
        request *kept = *at;
        if (!wants(of, kept->answer.bytes, kept->answer.size))
            continue;
        *at = kept->next;
        take_request(to, of->number);
        of->answer = kept->answer;
        kept->answer = (wire_buffer){0};
        wake(of, DRMAA_ERRNO_SUCCESS);
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
        fail_request(of, is_exit ? DRMAA_ERRNO_SUCCESS : code, words);
    }
}

/* The engine has not answered in time. What a wait may have reaped must not be lost with it. */
void give_up(connection *to, request *of)
{
    char words[DRMAA_ERROR_STRING_BUFFER] = "";
    say_silent(to, (diagnosis_buffer){words, sizeof words});
    if (is_wait(of)) {
        request *left = malloc(sizeof *left);
        if (left == NULL) {
            of->limit = deadline_in(TRY_AGAIN_MILLISECONDS);
            return;
        }
        *left = (request){.has_timeout = true, .left = true};
        replace_request(to, of, left);
    } else
        take_request(to, of->number);
    fail_request(of, DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE, words);
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
