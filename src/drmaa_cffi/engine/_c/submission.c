/* Submissions: one job, a bulk of them, or many different ones with one crossing. */
#include "submission.h"

#include <stdlib.h>
#include <string.h>

#include "environment.h"
#include "lists.h"
#include "session.h"
#include "template.h"
#include "times.h"

#define FIRST_VECTOR_FIELD 32

/* Reads the duration in an attribute that was checked when it was set; -1 if it is not set. */
static int64_t limit_of(const drmaa_job_template_t *jt, int scalar)
{
    int64_t seconds;
    const char *text = jt->scalars[scalar];
    return text != NULL && read_duration(text, &seconds) == TIME_READ ? seconds : -1;
}

/* Reads the time in an attribute; returns false if it is not set. */
static bool time_of(const drmaa_job_template_t *jt, int scalar, time_t now, int64_t *seconds)
{
    const char *text = jt->scalars[scalar];
    return text != NULL && read_time(text, now, seconds) == TIME_READ;
}

/* On the wire -1 says that nothing is asked; a time before 1970 is over, as 1970 is. */
static void put_time(wire_buffer *frame, bool is_set, int64_t seconds)
{
    wire_put_i64(frame, !is_set ? -1 : seconds < 0 ? 0 : seconds);
}

static int conflict(const drmaa_job_template_t *jt, int one, int other, const char *rule,
                    diagnosis_buffer diagnosis)
{
    return fail(diagnosis, DRMAA_ERRNO_CONFLICTING_ATTRIBUTE_VALUES, "%s '%s' %s %s '%s'",
                scalar_name(one), jt->scalars[one], rule, scalar_name(other),
                jt->scalars[other]);
}

/* Writes what the template says about time, after checking that it does not contradict
 * itself. */
static int put_times(wire_buffer *frame, const drmaa_job_template_t *jt,
                     diagnosis_buffer diagnosis)
{
    time_t now = time(NULL);
    int64_t start = 0, deadline = 0;
    bool starts = time_of(jt, START_TIME, now, &start);
    bool ends = time_of(jt, DEADLINE_TIME, now, &deadline);
    int64_t limits[] = {limit_of(jt, WCT_HLIMIT), limit_of(jt, WCT_SLIMIT),
                        limit_of(jt, DURATION_HLIMIT), limit_of(jt, DURATION_SLIMIT)};
    if (starts && ends && deadline <= start)
        return conflict(jt, DEADLINE_TIME, START_TIME, "is not after", diagnosis);
    if (limits[0] >= 0 && limits[1] > limits[0])
        return conflict(jt, WCT_SLIMIT, WCT_HLIMIT, "is more than", diagnosis);
    if (limits[2] >= 0 && limits[3] > limits[2])
        return conflict(jt, DURATION_SLIMIT, DURATION_HLIMIT, "is more than", diagnosis);
    put_time(frame, starts, start);
    put_time(frame, ends, deadline);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        wire_put_i64(frame, limits[i]);
    return DRMAA_ERRNO_SUCCESS;
}

static void put_field(wire_buffer *frame, int field, const char *value)
{
    wire_put_u8(frame, (uint8_t)field);
    wire_put_text(frame, value);
}

static void put_attributes(wire_buffer *frame, const drmaa_job_template_t *jt)
{
    for (int i = 0; i < SCALARS; i++) {
        bool is_time = i == START_TIME || i >= DEADLINE_TIME;
        if (jt->scalars[i] != NULL && !is_time)
            put_field(frame, i, jt->scalars[i]);
    }
    for (int i = 0; i < VECTORS; i++)
        for (char **value = jt->vectors[i]; value != NULL && *value != NULL; value++)
            put_field(frame, FIRST_VECTOR_FIELD + i, *value);
}

/* Writes what is submitted. The environment is held, and the templates are locked. */
static int put_submission(wire_buffer *frame, const drmaa_job_template_t *jt, int begin, int end,
                          int step, diagnosis_buffer diagnosis)
{
    if (jt->scalars[REMOTE_COMMAND] == NULL)
        return fail(diagnosis, DRMAA_ERRNO_DENIED_BY_DRM,
                    "the job has no command: set remoteCommand (in C " DRMAA_REMOTE_COMMAND ") in its "
                    "template");
    begin_request(frame, REQUEST_SUBMIT);
    int code = put_times(frame, jt, diagnosis);
    wire_put_u32(frame, (uint32_t)begin);
    wire_put_u32(frame, (uint32_t)end);
    wire_put_u32(frame, (uint32_t)step);
    put_attributes(frame, jt);
    finish_request(frame);
    return code;
}

static int code_of_unread(const wire_reader *answer)
{
    return answer->failed ? DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE : DRMAA_ERRNO_NO_MEMORY;
}

/* Submits one job (`step` 0) or a bulk; `*ids` is then a new list. */
static int submit(const drmaa_job_template_t *jt, int begin, int end, int step,
                  drmaa_job_ids_t **ids, diagnosis_buffer diagnosis)
{
    connection *to;
    int code = enter_session(&to, diagnosis);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    int held = hold_environment();
    request of = {.context = session_context()};
    lock_templates();
    code = put_submission(&of.frame, jt, begin, end, step, diagnosis);
    unlock_templates();
    release_environment(held);
    if (of.context == NULL)
        code = fail_no_memory(diagnosis);
    if (code == DRMAA_ERRNO_SUCCESS)
        code = ask_engine(to, &of, diagnosis);
    if (code == DRMAA_ERRNO_SUCCESS) {
        wire_reader answer = {of.answer.bytes, of.answer.bytes + of.answer.size, false};
        *ids = new_job_ids(&answer);
        if (*ids == NULL)
            code = fail(diagnosis, code_of_unread(&answer), "%s; the job may have been submitted",
                        answer.failed ? "the answer of " ENGINE_TITLE " makes no sense"
                                      : "out of memory");
    }
    free_request(&of);
    leave_session();
    return code;
}

EXPORT int drmaa_run_job(char *job_id, size_t job_id_len, const drmaa_job_template_t *jt,
                         char *words, size_t size)
{
    diagnosis_buffer diagnosis = {words, size};
    if (job_id == NULL || job_id_len < LEAST_ID_ROOM)
        return fail(diagnosis, DRMAA_ERRNO_INVALID_ARGUMENT,
                    "there are %zu bytes for the job's id; DRMAA_JOBNAME_BUFFER (1024) is usual, "
                    "%d the least",
                    job_id == NULL ? (size_t)0 : job_id_len, LEAST_ID_ROOM);
    if (jt == NULL)
        return refuse_null("the job template", diagnosis);
    drmaa_job_ids_t *ids;
    int code = submit(jt, 0, 0, 0, &ids, diagnosis);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    if (drmaa_get_next_job_id(ids, job_id, job_id_len) != DRMAA_ERRNO_SUCCESS)
        code = fail(diagnosis, DRMAA_ERRNO_INVALID_ARGUMENT,
                    "the job was submitted, and its id does not fit into %zu bytes", job_id_len);
    drmaa_release_job_ids(ids);
    return code;
}

EXPORT int drmaa_run_bulk_jobs(drmaa_job_ids_t **job_ids, const drmaa_job_template_t *jt,
                               int start, int end, int step, char *words, size_t size)
{
    diagnosis_buffer diagnosis = {words, size};
    if (job_ids == NULL)
        return refuse_null("the place for the job ids", diagnosis);
    if (jt == NULL)
        return refuse_null("the job template", diagnosis);
    if (start < 1 || end < start || step < 1)
        return fail(diagnosis, DRMAA_ERRNO_INVALID_ARGUMENT,
                    "a bulk job from %d to %d by steps of %d: the begin must be at least 1, the "
                    "end not less than the begin, the step at least 1",
                    start, end, step);
    return submit(jt, start, end, step, job_ids, diagnosis);
}

/* Makes the requests of many submissions; the environment is held. A template that cannot be submitted has its
 * code and words at once, and a request without a frame. */
static int put_many(request *requests, const drmaa_job_template_t *const jts[], size_t count,
                    int codes[], char *texts, size_t text_size, diagnosis_buffer diagnosis)
{
    context *now = session_context();
    if (now == NULL)
        return fail_no_memory(diagnosis);
    lock_templates();
    for (size_t i = 0; i < count; i++) {
        if (jts[i] == NULL)
            continue;
        codes[i] = put_submission(&requests[i].frame, jts[i], 0, 0, 0,
                                  (diagnosis_buffer){texts + i * text_size, text_size});
        if (codes[i] != DRMAA_ERRNO_SUCCESS) {
            wire_free(&requests[i].frame);
            continue;
        }
        if (!requests[i].frame.failed)
            requests[i].frame.bytes[AT_FLAGS] = FLAG_TOGETHER;
        atomic_fetch_add(&now->users, 1);
        requests[i].context = now;
    }
    unlock_templates();
    release_context(now);
    return DRMAA_ERRNO_SUCCESS;
}

/* Writes the id in the answer to a submission; returns its code. */
static int take_id(const request *of, char *text, size_t size)
{
    if (of->code != DRMAA_ERRNO_SUCCESS)
        return of->code;
    wire_reader answer = {of->answer.bytes, of->answer.bytes + of->answer.size, false};
    drmaa_job_ids_t *ids = new_job_ids(&answer);
    int code = ids == NULL ? code_of_unread(&answer) : drmaa_get_next_job_id(ids, text, size);
    drmaa_release_job_ids(ids);
    return code == DRMAA_ERRNO_SUCCESS ? code
                                       : fail((diagnosis_buffer){text, size}, code,
                                              "the job was submitted, but its id could not be returned");
}

EXPORT int drmaa_run_jobs(const drmaa_job_template_t *const jts[], size_t count,
                                 int codes[], char *texts, size_t text_size, char *words,
                                 size_t size)
{
    diagnosis_buffer diagnosis = {words, size};
    if (jts == NULL || codes == NULL || texts == NULL || text_size < LEAST_ID_ROOM)
        return fail(diagnosis, DRMAA_ERRNO_INVALID_ARGUMENT,
                    "there are no templates, or there is no room for the results");
    request *requests = calloc(count + 1, sizeof *requests);
    if (requests == NULL)
        return fail_no_memory(diagnosis);
    connection *to;
    int code = enter_session(&to, diagnosis);
    if (code == DRMAA_ERRNO_SUCCESS) {
        int held = hold_environment();
        code = put_many(requests, jts, count, codes, texts, text_size, diagnosis);
        release_environment(held);
        if (code == DRMAA_ERRNO_SUCCESS)
            ask_engine_many(to, requests, count, texts, text_size);
        for (size_t i = 0; i < count; i++) {
            if (requests[i].done)
                codes[i] = take_id(&requests[i], texts + i * text_size, text_size);
            free_request(&requests[i]);
        }
        leave_session();
    }
    free(requests);
    return code;
}
