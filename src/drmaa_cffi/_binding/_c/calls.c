/* The library's routines, each with what has to be done before and after it. */
#include "calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lists.h"
#include "record.h"

/* A routine that writes a text, with what it needs besides the buffers. */
typedef int text_routine(const void *needs, char *value, size_t size, dc_call *call);

/* Read a text into call->text or, where it may not have fitted, into ever larger blocks. */
static int read_text(text_routine *routine, const void *needs, dc_call *call)
{
    size_t size = DC_TEXT_SIZE;
    call->value = call->text;
    for (;;) {
        memset(call->value, 0, size);
        int code = routine(needs, call->value, size - 1, call);
        /* A value that fills its buffer (all of it, or all but a NUL) may have been cut. */
        if (code != DRMAA_ERRNO_SUCCESS || strlen(call->value) + 2 < size)
            return code;
        if (size >= DC_MOST_BYTES)
            return dc_refuse(DRMAA_ERRNO_INTERNAL_ERROR, call,
                             "the library's text has over %zu bytes", size);
        size *= 16;
        dc_begin_list(call);
        if (!dc_reserve(&call->block, size))
            return dc_refuse(DRMAA_ERRNO_NO_MEMORY, call, "no memory for a text of %zu bytes",
                             size);
        call->value = call->block.data;
    }
}

void dc_strerror(int code, dc_call *call)
{
    const char *words = libdrmaa.drmaa_strerror(code);
    size_t length = words == NULL ? 0 : strnlen(words, DC_TEXT_SIZE - 1);
    call->value = call->text;
    if (length > 0)
        memcpy(call->text, words, length);
    call->text[length] = '\0';
}

#define DC_TEXT_CALL(name)                                                                         \
    static int read_##name(const void *needs, char *value, size_t size, dc_call *call)             \
    {                                                                                              \
        (void)needs;                                                                               \
        return libdrmaa.drmaa_##name(value, size, DC_DIAGNOSIS(call));                             \
    }                                                                                              \
    int dc_##name(dc_call *call)                                                                   \
    {                                                                                              \
        int code = dc_enter(call);                                                                 \
        return code != DRMAA_ERRNO_SUCCESS ? code                                                  \
                                           : dc_leave_enquiry(read_text(read_##name, NULL, call)); \
    }
DC_TEXT_CALL(get_contact)
DC_TEXT_CALL(get_DRM_system)
DC_TEXT_CALL(get_DRMAA_implementation)

int dc_version(dc_call *call)
{
    call->major = call->minor = 0;
    int code = dc_enter(call);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    return dc_leave_enquiry(
        libdrmaa.drmaa_version(&call->major, &call->minor, DC_DIAGNOSIS(call)));
}

typedef int names_routine(drmaa_attr_names_t **names, char *diagnosis, size_t diagnosis_len);

static int read_names(names_routine *routine, dc_call *call)
{
    drmaa_attr_names_t *list = NULL;
    dc_begin_list(call);
    int code = dc_enter(call);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    code = routine(&list, DC_DIAGNOSIS(call));
    if (code == DRMAA_ERRNO_SUCCESS) {
        code = dc_read_names(list, call);
    }
    return dc_leave_enquiry(code);
}

int dc_get_attribute_names(dc_call *call)
{
    return read_names(libdrmaa.drmaa_get_attribute_names, call);
}

int dc_get_vector_attribute_names(dc_call *call)
{
    return read_names(libdrmaa.drmaa_get_vector_attribute_names, call);
}

int dc_set_attribute(dc_template *t, const char *name, const char *value, dc_call *call)
{
    int code = dc_enter_template(t, call);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    code = libdrmaa.drmaa_set_attribute(dc_job_template(t), name, value, DC_DIAGNOSIS(call));
    dc_leave(t);
    return code;
}

/* What reading an attribute needs. */
struct attribute {
    drmaa_job_template_t *jt;
    const char *name;
};

static int read_attribute(const void *needs, char *value, size_t size, dc_call *call)
{
    const struct attribute *attribute = needs;
    return libdrmaa.drmaa_get_attribute(attribute->jt, attribute->name, value, size,
                                        DC_DIAGNOSIS(call));
}

int dc_get_attribute(dc_template *t, const char *name, dc_call *call)
{
    int code = dc_enter_template(t, call);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    struct attribute attribute = {dc_job_template(t), name};
    code = read_text(read_attribute, &attribute, call);
    dc_leave(t);
    return code;
}

int dc_set_vector_attribute(dc_template *t, const char *name, const char *values, size_t size,
                            size_t count, dc_call *call)
{
    int code = dc_enter_template(t, call);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    const char **strings;
    code = dc_point_into(values, size, count, 0, &strings, call);
    if (code == DRMAA_ERRNO_SUCCESS) {
        code = libdrmaa.drmaa_set_vector_attribute(dc_job_template(t), name, strings,
                                                   DC_DIAGNOSIS(call));
        free(strings);
    }
    dc_leave(t);
    return code;
}

int dc_get_vector_attribute(dc_template *t, const char *name, int pairs, dc_call *call)
{
    drmaa_attr_values_t *list = NULL;
    dc_begin_list(call);
    int code = dc_enter_template(t, call);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    code = libdrmaa.drmaa_get_vector_attribute(dc_job_template(t), name, &list,
                                               DC_DIAGNOSIS(call));
    if (code == DRMAA_ERRNO_SUCCESS) {
        code = dc_read_values(list, pairs, call);
    }
    dc_leave(t);
    return code;
}

int dc_run_job(dc_template *t, dc_call *call)
{
    call->value = call->text;
    int code = dc_enter_submission(t, call);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    /* Not read_text: a job can't be submitted again for want of room. */
    memset(call->text, 0, DC_TEXT_SIZE);
    code = libdrmaa.drmaa_run_job(call->text, DC_TEXT_SIZE - 1, dc_job_template(t),
                                  DC_DIAGNOSIS(call));
    dc_leave(t);
    return code;
}

int dc_run_bulk_jobs(dc_template *t, int begin, int end, int step, dc_call *call)
{
    drmaa_job_ids_t *list = NULL;
    dc_begin_list(call);
    int code = dc_enter_submission(t, call);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    code = libdrmaa.drmaa_run_bulk_jobs(&list, dc_job_template(t), begin, end, step,
                                        DC_DIAGNOSIS(call));
    dc_leave(t);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    size_t tasks = (size_t)(((long long)end - begin) / step + 1);
    return dc_read_job_ids(list, tasks, call);
}

/* Our own library's, which takes all at once, and locks templates by itself. */
typedef int run_jobs_routine(const drmaa_job_template_t *const jts[], size_t count, int codes[],
                             char *texts, size_t text_size, char *diagnosis, size_t size);

/* Append a job's code and text to call->block, which has the room. */
static void tell_job(int code, const char *text, dc_call *call)
{
    dc_block *block = &call->block;
    size_t room = block->room - block->size;
    block->size += (size_t)snprintf(block->data + block->size, room, "%d%c%s", code, '\0', text)
                   + 1;
    block->count += 2;
}

/* What becomes of many jobs: arrays with a place for each. */
struct jobs {
    size_t count;
    const drmaa_job_template_t **jts; /* NULL: it can't be used, `codes` and `texts` say why */
    int *codes;
    char *texts;
};

#define ONE_TEXT DRMAA_ERROR_STRING_BUFFER

static void set_job(struct jobs *jobs, size_t i, int code, const char *text)
{
    jobs->codes[i] = code;
    snprintf(jobs->texts + i * ONE_TEXT, ONE_TEXT, "%.*s", ONE_TEXT - 1, text);
}

/* Keep the templates from being deleted, but for those that are. */
static void hold_templates(struct jobs *jobs, dc_template *const ts[], dc_call *call)
{
    for (size_t i = 0; i < jobs->count; i++) {
        int code = dc_hold(ts[i], call);
        if (code == DRMAA_ERRNO_SUCCESS)
            jobs->jts[i] = dc_job_template(ts[i]);
        else
            set_job(jobs, i, call->refusal == DC_DELETED ? DC_NOT_LIVE : code, call->diagnosis);
    }
}

/* Whether it is of no use to try the next job after one that was answered so. */
static int is_for_all(int code)
{
    return code == DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE || code == DRMAA_ERRNO_TRY_LATER
           || code == DRMAA_ERRNO_NO_ACTIVE_SESSION;
}

static int run_one_by_one(struct jobs *jobs, dc_template *const ts[], dc_call *call)
{
    int code = DRMAA_ERRNO_SUCCESS;
    for (size_t i = 0; i < jobs->count; i++) {
        if (jobs->jts[i] == NULL)
            continue;
        if (!is_for_all(code))
            code = dc_run_job(ts[i], call);
        set_job(jobs, i, code, code == DRMAA_ERRNO_SUCCESS ? call->value : call->diagnosis);
    }
    return DRMAA_ERRNO_SUCCESS;
}

static int run_held(struct jobs *jobs, dc_template *const ts[], dc_call *call)
{
    void *routine = dc_own_routine("drmaa_run_jobs");
    run_jobs_routine *run;
    if (routine == NULL)
        return run_one_by_one(jobs, ts, call);
    memcpy(&run, &routine, sizeof run);
    return run(jobs->jts, jobs->count, jobs->codes, jobs->texts, ONE_TEXT, DC_DIAGNOSIS(call));
}

int dc_run_jobs(dc_template *const ts[], size_t count, dc_call *call)
{
    dc_begin_list(call);
    int code = dc_enter_session(call);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    struct jobs jobs = {count, calloc(count + 1, sizeof *jobs.jts),
                        calloc(count + 1, sizeof *jobs.codes), calloc(count + 1, ONE_TEXT)};
    /* All answers have room before the first job is submitted. */
    if (jobs.jts == NULL || jobs.codes == NULL || jobs.texts == NULL
        || !dc_reserve(&call->block, count * (ONE_TEXT + 16)))
        code = dc_refuse(DRMAA_ERRNO_NO_MEMORY, call, "no memory for %zu submissions", count);
    if (code == DRMAA_ERRNO_SUCCESS) {
        hold_templates(&jobs, ts, call);
        code = run_held(&jobs, ts, call);
        for (size_t i = 0; i < count; i++)
            if (jobs.jts[i] != NULL)
                dc_let_go(ts[i]);
    }
    for (size_t i = 0; code == DRMAA_ERRNO_SUCCESS && i < count; i++)
        tell_job(jobs.codes[i], jobs.texts + i * ONE_TEXT, call);
    free(jobs.jts);
    free(jobs.codes);
    free(jobs.texts);
    return code;
}

int dc_control(const char *job_id, int action, dc_call *call)
{
    int code = dc_enter_session(call);
    if (code == DRMAA_ERRNO_SUCCESS)
        code = libdrmaa.drmaa_control(job_id, action, DC_DIAGNOSIS(call));
    return code;
}

typedef int control_jobs_routine(const char *job_ids[], int action,
                                 drmaa_attr_values_t **refusals, char *diagnosis,
                                 size_t diagnosis_len);

static control_jobs_routine *control_jobs(void)
{
    control_jobs_routine *routine;
    void *found = dc_own_routine("drmaa_control_jobs");
    memcpy(&routine, &found, sizeof routine);
    return routine;
}

int dc_controls_jobs(void) { return control_jobs() != NULL; }

int dc_control_jobs(const char *job_ids, size_t size, size_t count, int action, dc_call *call)
{
    drmaa_attr_values_t *refusals = NULL;
    dc_begin_list(call);
    int code = dc_enter_session(call);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    const char **strings;
    code = dc_point_into(job_ids, size, count, 1, &strings, call);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    code = control_jobs()(strings, action, &refusals, DC_DIAGNOSIS(call));
    free(strings);
    return code == DRMAA_ERRNO_SUCCESS ? dc_read_values(refusals, 0, call) : code;
}

int dc_job_ps(const char *job_id, dc_call *call)
{
    call->status = DRMAA_PS_UNDETERMINED;
    int code = dc_enter_session(call);
    if (code == DRMAA_ERRNO_SUCCESS)
        code = libdrmaa.drmaa_job_ps(job_id, &call->status, DC_DIAGNOSIS(call));
    return code;
}

int dc_synchronize(const char *job_ids, size_t size, size_t count, long timeout, int dispose,
                   dc_call *call)
{
    unsigned long session;
    int code = dc_enter_wait(&session, call);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    const char **strings;
    code = dc_point_into(job_ids, size, count, 1, &strings, call);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    code = libdrmaa.drmaa_synchronize(strings, timeout, dispose, DC_DIAGNOSIS(call));
    free(strings);
    return dc_leave_wait(code, session, call);
}

/* Ask once whether the library means it that a job has exited with 0. */
static void check_success(const char *job_id, dc_call *call)
{
    char words[DC_DIAGNOSIS_SIZE];
    int state = DRMAA_PS_UNDETERMINED;
    if (!call->exited || call->exit_status != 0 || call->signaled || call->aborted)
        return;
    int code = libdrmaa.drmaa_job_ps(job_id, &state, words, sizeof words - 1);
    if (code == DRMAA_ERRNO_SUCCESS && state == DRMAA_PS_FAILED) {
        call->doubted = 1;
        call->exited = 0;
        call->exit_status = 1; /* programs that look at nothing else must not see success */
    }
}

int dc_wait(const char *job_id, long timeout, int check, dc_call *call)
{
    int stat = 0;
    unsigned long session;
    drmaa_attr_values_t *usage = NULL;
    dc_begin_list(call);
    call->value = call->text;
    call->exited = call->exit_status = call->signaled = call->core_dumped = call->aborted = 0;
    call->reaped = call->doubted = 0;
    memset(call->signal, 0, sizeof call->signal);
    memset(call->text, 0, sizeof call->text);
    int code = dc_enter_wait(&session, call);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    code = libdrmaa.drmaa_wait(job_id, call->text, DC_TEXT_SIZE - 1, &stat, timeout, &usage,
                               DC_DIAGNOSIS(call));
    code = dc_leave_wait(code, session, call);
    if (code == DRMAA_ERRNO_SUCCESS) {
        call->reaped = 1;
        code = dc_read_record(stat, usage, call);
    } else if (code == DRMAA_ERRNO_NO_RUSAGE) {
        char words[DC_DIAGNOSIS_SIZE];
        memcpy(words, call->diagnosis, sizeof words);
        call->reaped = 1;
        dc_read_record(stat, NULL, call); /* how it ended may be known all the same */
        memcpy(call->diagnosis, words, sizeof words);
    }
    if (check && call->reaped)
        check_success(call->text[0] != '\0' ? call->text : job_id, call);
    return code;
}
