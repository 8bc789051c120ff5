/* Jobs: submitted, controlled, asked about and waited for, each by one request to the engine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "environment.h"
#include "lists.h"
#include "session.h"
#include "template.h"
#include "times.h"

/* Room for any id: two numbers, a dot and a NUL. */
#define LEAST_ID_ROOM 12
#define FIRST_VECTOR_FIELD 32

static int refuse_null(const char *what, diagnosis_buffer diagnosis)
{
    return fail(diagnosis, DRMAA_ERRNO_INVALID_ARGUMENT, "%s is NULL", what);
}

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
            code = answer.failed ? fail(diagnosis, DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE,
                                        "the answer of " ENGINE_TITLE " makes no sense; the job "
                                        "may have been submitted")
                                 : fail_no_memory(diagnosis);
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
                    "%d is no action: 0 suspends, 1 resumes, 2 holds, 3 releases, 4 terminates",
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

/* The texts of an answer, as a list; NULL if there is no memory. */
static drmaa_attr_values_t *read_texts(wire_reader *answer)
{
    uint32_t count = wire_get_u32(answer);
    /* Each takes at least its size's four bytes. */
    if (answer->failed || count > (size_t)(answer->end - answer->at) / 4)
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
            code = fail_no_memory(diagnosis);
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
        char *ended = wire_get_text(&answer);
        copy_text(job_id_out, job_id_out_len, ended == NULL ? "" : ended);
        free(ended);
        int number = (int)wire_get_u32(&answer);
        if (stat != NULL)
            *stat = number;
        if (usage != NULL) {
            *usage = read_texts(&answer);
            if (*usage == NULL)
                code = fail_no_memory(diagnosis);
        }
    }
    free_request(&of);
    return code;
}
