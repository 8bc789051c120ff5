/* Jobs: controlled, asked about and waited for, each by one request to the engine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lists.h"
#include "session.h"

static int refuse_answer(diagnosis_buffer diagnosis)
{
    return fail(diagnosis, DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE,
                "the answer of " ENGINE_TITLE " makes no sense");
}

/* Sends one finished request; the answer stays in it. */
static int finish_and_ask(request *of, diagnosis_buffer diagnosis)
{
    finish_request(&of->frame);
    connection *to;
    int code = enter_session(&to, diagnosis);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    code = ask_engine(to, of, diagnosis);
    leave_session();
    return code;
}

/* Writes how many ids there are before NULL, and each. */
static void put_ids(wire_buffer *frame, const char *job_ids[])
{
    uint32_t count = 0;
    while (job_ids[count] != NULL)
        count++;
    wire_put_u32(frame, count);
    for (uint32_t i = 0; i < count; i++)
        wire_put_text(frame, job_ids[i]);
}

static int check_action(int action, diagnosis_buffer diagnosis)
{
    if (action < DRMAA_CONTROL_SUSPEND || action > DRMAA_CONTROL_TERMINATE)
        return fail(diagnosis, DRMAA_ERRNO_INVALID_ARGUMENT,
                    "%d is not an action: 0 suspends, 1 resumes, 2 holds, 3 releases, 4 terminates",
                    action);
    return DRMAA_ERRNO_SUCCESS;
}

EXPORT int drmaa_control(const char *job_id, int action, char *words, size_t size)
{
    diagnosis_buffer diagnosis = {words, size};
    if (job_id == NULL)
        return refuse_null("the job id", diagnosis);
    int code = check_action(action, diagnosis);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    request of = {0};
    begin_request(&of.frame, REQUEST_CONTROL);
    wire_put_u32(&of.frame, (uint32_t)action);
    wire_put_text(&of.frame, job_id);
    code = finish_and_ask(&of, diagnosis);
    free_request(&of);
    return code;
}

/* The texts of an answer, as a list; NULL if there is no memory, or if the answer makes no sense,
 * which it then says. */
static drmaa_attr_values_t *read_texts(wire_reader *answer)
{
    uint32_t count = wire_get_u32(answer);
    /* Each takes at least its size's four bytes. */
    answer->failed = answer->failed || count > (size_t)(answer->end - answer->at) / 4;
    if (answer->failed)
        return NULL;
    char **texts = calloc((size_t)count + 1, sizeof *texts);
    bool whole = texts != NULL;
    for (uint32_t i = 0; whole && i < count; i++) {
        texts[i] = wire_get_text(answer);
        whole = texts[i] != NULL;
    }
    drmaa_attr_values_t *values = whole ? new_values((const char *const *)texts, count) : NULL;
    for (uint32_t i = 0; texts != NULL && i < count; i++)
        free(texts[i]);
    free(texts);
    return values;
}

/* One action on many jobs (their ids, then NULL), in one order: none of them starts because another
 * one ends. Not DRMAA's: whoever has our header's routines only calls drmaa_control for each. After
 * success `*refusals` is a list for drmaa_get_next_attr_value, with an entry "index code words" for
 * each job that the action does not apply to. */
EXPORT int drmaa_control_jobs(const char *job_ids[], int action, drmaa_attr_values_t **refusals,
                              char *words, size_t size)
{
    diagnosis_buffer diagnosis = {words, size};
    if (job_ids == NULL || refusals == NULL)
        return refuse_null(job_ids == NULL ? "the list of job ids" : "the place for the refusals",
                           diagnosis);
    int code = check_action(action, diagnosis);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    request of = {0};
    begin_request(&of.frame, REQUEST_CONTROL_JOBS);
    wire_put_u32(&of.frame, (uint32_t)action);
    put_ids(&of.frame, job_ids);
    code = finish_and_ask(&of, diagnosis);
    if (code == DRMAA_ERRNO_SUCCESS) {
        wire_reader answer = {of.answer.bytes, of.answer.bytes + of.answer.size, false};
        *refusals = read_texts(&answer);
        if (*refusals == NULL)
            code = answer.failed ? refuse_answer(diagnosis) : fail_no_memory(diagnosis);
    }
    free_request(&of);
    return code;
}

EXPORT int drmaa_job_ps(const char *job_id, int *status, char *words, size_t size)
{
    diagnosis_buffer diagnosis = {words, size};
    if (job_id == NULL)
        return refuse_null("the job id", diagnosis);
    if (status == NULL)
        return refuse_null("the place for the status", diagnosis);
    request of = {0};
    begin_request(&of.frame, REQUEST_STATUS);
    wire_put_text(&of.frame, job_id);
    int code = finish_and_ask(&of, diagnosis);
    if (code == DRMAA_ERRNO_SUCCESS) {
        wire_reader answer = {of.answer.bytes, of.answer.bytes + of.answer.size, false};
        *status = (int)wire_get_u32(&answer);
        if (answer.failed)
            code = refuse_answer(diagnosis);
    }
    free_request(&of);
    return code;
}

/* Writes a timeout in seconds as milliseconds; -1 is for ever. */
static int put_timeout(request *of, long timeout, diagnosis_buffer diagnosis)
{
    if (timeout < DRMAA_TIMEOUT_WAIT_FOREVER)
        return fail(diagnosis, DRMAA_ERRNO_INVALID_ARGUMENT,
                    "a timeout of %ld seconds: -1 waits for ever, 0 does not wait, more is a "
                    "number of seconds",
                    timeout);
    const int64_t longest = INT64_C(1000) * 365 * 24 * 3600; /* a thousand years, in seconds */
    of->has_timeout = true;
    wire_put_i64(&of->frame, timeout < 0 ? -1 : (timeout < longest ? timeout : longest) * 1000);
    return DRMAA_ERRNO_SUCCESS;
}

EXPORT int drmaa_synchronize(const char *job_ids[], signed long timeout, int dispose,
                             char *words, size_t size)
{
    diagnosis_buffer diagnosis = {words, size};
    if (job_ids == NULL)
        return refuse_null("the list of job ids", diagnosis);
    request of = {0};
    begin_request(&of.frame, REQUEST_SYNCHRONIZE);
    int code = put_timeout(&of, timeout, diagnosis);
    bool all = false;
    for (const char **id = job_ids; *id != NULL && !all; id++)
        all = strcmp(*id, DRMAA_JOB_IDS_SESSION_ALL) == 0;
    wire_put_u8(&of.frame, dispose != 0);
    wire_put_u8(&of.frame, all);
    put_ids(&of.frame, all ? (const char *[]){NULL} : job_ids);
    if (code == DRMAA_ERRNO_SUCCESS)
        code = finish_and_ask(&of, diagnosis);
    free_request(&of);
    return code;
}

EXPORT int drmaa_wait(const char *job_id, char *job_id_out, size_t job_id_out_len, int *stat,
                      signed long timeout, drmaa_attr_values_t **usage, char *words, size_t size)
{
    diagnosis_buffer diagnosis = {words, size};
    if (job_id == NULL)
        return refuse_null("the job id", diagnosis);
    /* Once the engine has answered, the job's record is gone: what could fail, fails before. */
    if (job_id_out != NULL && job_id_out_len < 2 * LEAST_ID_ROOM)
        return fail(diagnosis, DRMAA_ERRNO_INVALID_ARGUMENT,
                    "there are %zu bytes for the job's id; DRMAA_JOBNAME_BUFFER (1024) is usual, "
                    "%d the least",
                    job_id_out_len, 2 * LEAST_ID_ROOM);
    bool any = strcmp(job_id, DRMAA_JOB_IDS_SESSION_ANY) == 0;
    request of = {0};
    begin_request(&of.frame, REQUEST_WAIT);
    int code = put_timeout(&of, timeout, diagnosis);
    wire_put_text(&of.frame, any ? "" : *job_id == '\0' ? " " : job_id);
    if (code == DRMAA_ERRNO_SUCCESS)
        code = finish_and_ask(&of, diagnosis);
    if (code == DRMAA_ERRNO_SUCCESS) {
        wire_reader answer = {of.answer.bytes, of.answer.bytes + of.answer.size, false};
        size_t length;
        const char *ended = wire_get_block(&answer, &length);
        int number = (int)wire_get_u32(&answer);
        bool bad_id = length == 0 || length >= 2 * LEAST_ID_ROOM
                      || memchr(ended, '\0', length) != NULL;
        if (job_id_out != NULL && !bad_id) {
            memcpy(job_id_out, ended, length);
            job_id_out[length] = '\0';
        }
        /* Made of the answer's own memory: now nothing may fail for lack of it. */
        drmaa_attr_values_t *values = take_values(&of.answer, answer);
        if (values == NULL || bad_id) {
            drmaa_release_attr_values(values);
            code = refuse_answer(diagnosis);
        } else {
            if (stat != NULL)
                *stat = number;
            if (usage != NULL)
                *usage = values;
            else
                drmaa_release_attr_values(values);
        }
    }
    free_request(&of);
    return code;
}
