/*
 * A libdrmaa that does as it is told, for faults that no scheduler produces on demand.
 *
 * Untold, it is a small honest one: templates keep their attributes, jobs end when a test calls
 * fake_finish, waits block until then. Told by the fake_ functions, any routine returns any
 * code, writes any text (unterminated, too), gives any list (endless, too), or takes its time.
 * It counts calls and live objects, and stops the process when it is handed a stale one.
 */
#define _GNU_SOURCE /* strdup */
#include "fake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ATTRIBUTES 24

/* A list with its iterator. `magic` tells a live object from a stale or foreign one. */
#define LIVE 0x5eed
struct list {
    int magic;
    enum kind kind;
    const char *script; /* whose words it gives */
    char **strings;
    size_t count, next;
    int endless;
};
struct drmaa_attr_names_s { struct list list; };
struct drmaa_attr_values_s { struct list list; };
struct drmaa_job_ids_s { struct list list; };

struct drmaa_job_template_s {
    int magic;
    char *values[ATTRIBUTES];
    char **vectors[ATTRIBUTES];
};

static int active;

static const char *const scalars[] = {
    DRMAA_REMOTE_COMMAND, DRMAA_JS_STATE,     DRMAA_WD,            DRMAA_JOB_CATEGORY,
    DRMAA_NATIVE_SPECIFICATION, DRMAA_BLOCK_EMAIL, DRMAA_START_TIME, DRMAA_JOB_NAME,
    DRMAA_INPUT_PATH, DRMAA_OUTPUT_PATH,  DRMAA_ERROR_PATH,    DRMAA_JOIN_FILES,
    DRMAA_TRANSFER_FILES, DRMAA_DEADLINE_TIME, DRMAA_WCT_HLIMIT, DRMAA_WCT_SLIMIT,
    DRMAA_DURATION_HLIMIT, DRMAA_DURATION_SLIMIT, NULL};
static const char *const vectors[] = {DRMAA_V_ARGV, DRMAA_V_ENV, DRMAA_V_EMAIL, NULL};

static int find(const char *const *names, const char *name)
{
    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

/* ---- lists ---- */

static struct list *new_list(enum kind kind, const char *routine, size_t count)
{
    struct list *list = calloc(1, sizeof *list);
    struct script *script = script_of(routine);
    if (list == NULL)
        die("no memory");
    list->magic = LIVE;
    list->kind = kind;
    list->count = script->scripted ? script->count : count;
    list->endless = script->endless;
    list->strings = calloc(list->count + 1, sizeof *list->strings);
    const char *at = script->list.data;
    for (size_t i = 0; script->scripted && i < list->count; i++) {
        list->strings[i] = strdup(at);
        at += strlen(at) + 1;
    }
    live[kind]++;
    return list;
}

static int next(struct list *list, enum kind kind, const char *routine, char *value, size_t size)
{
    if (list == NULL || list->magic != LIVE || list->kind != kind)
        die("a stale or foreign list is iterated");
    int code = enter(routine, NULL, 0);
    if (code == 0 && list->next == list->count && list->endless && list->count > 0)
        list->next = 0;
    if (code == 0 && list->next == list->count)
        code = DRMAA_ERRNO_NO_MORE_ELEMENTS;
    if (code == 0) {
        struct text *said = &script_of(routine)->said;
        if (said->data != NULL)
            put(value, size, said->data, said->length, said->terminated);
        else
            put_string(value, size, list->strings[list->next]);
        list->next++;
    }
    return leave(code);
}

static void release(struct list *list, enum kind kind, const char *routine)
{
    if (list == NULL)
        die("NULL is released, which crashes old libraries");
    if (list->magic != LIVE || list->kind != kind)
        die("a stale or foreign list is released");
    enter(routine, NULL, 0);
    for (size_t i = 0; i < list->count; i++)
        free(list->strings[i]);
    free(list->strings);
    list->magic = 0;
    live[kind]--;
    free(list);
    leave(0);
}

EXPORT int drmaa_get_next_attr_name(drmaa_attr_names_t *names, char *name, size_t name_len)
{
    return next(&names->list, NAMES, "drmaa_get_next_attr_name", name, name_len);
}

EXPORT int drmaa_get_next_attr_value(drmaa_attr_values_t *values, char *value, size_t value_len)
{
    return next(&values->list, VALUES, "drmaa_get_next_attr_value", value, value_len);
}

EXPORT int drmaa_get_next_job_id(drmaa_job_ids_t *job_ids, char *job_id, size_t job_id_len)
{
    return next(&job_ids->list, IDS, "drmaa_get_next_job_id", job_id, job_id_len);
}

EXPORT void drmaa_release_attr_names(drmaa_attr_names_t *names)
{
    release(&names->list, NAMES, "drmaa_release_attr_names");
}

EXPORT void drmaa_release_attr_values(drmaa_attr_values_t *values)
{
    release(&values->list, VALUES, "drmaa_release_attr_values");
}

EXPORT void drmaa_release_job_ids(drmaa_job_ids_t *job_ids)
{
    release(&job_ids->list, IDS, "drmaa_release_job_ids");
}

/* ---- session ---- */

EXPORT int drmaa_init(const char *contact, char *diagnosis, size_t diagnosis_len)
{
    ENTER("drmaa_init");
    (void)contact;
    if (active)
        return leave(DRMAA_ERRNO_ALREADY_ACTIVE_SESSION);
    active = 1;
    return leave(0);
}

EXPORT int drmaa_exit(char *diagnosis, size_t diagnosis_len)
{
    ENTER_SESSION("drmaa_exit");
    active = 0;
    pthread_cond_broadcast(&changed);
    return leave(0);
}

static int say(const char *routine, const char *honest, char *value, size_t size, char *diagnosis,
               size_t diagnosis_len)
{
    ENTER(routine);
    struct text *said = &script_of(routine)->said;
    if (said->data != NULL)
        put(value, size, said->data, said->length, said->terminated);
    else
        put_string(value, size, honest);
    return leave(0);
}

EXPORT int drmaa_get_contact(char *contact, size_t contact_len, char *diagnosis,
                             size_t diagnosis_len)
{
    return say("drmaa_get_contact", "fake", contact, contact_len, diagnosis, diagnosis_len);
}

/* What it says where no test tells it, in another process for instance. */
#ifndef FAKE_SYSTEM
#define FAKE_SYSTEM "FAKE 1"
#endif

EXPORT int drmaa_get_DRM_system(char *drm_system, size_t drm_system_len, char *diagnosis,
                                size_t diagnosis_len)
{
    return say("drmaa_get_DRM_system", FAKE_SYSTEM, drm_system, drm_system_len, diagnosis,
               diagnosis_len);
}

EXPORT int drmaa_get_DRMAA_implementation(char *implementation, size_t implementation_len,
                                          char *diagnosis, size_t diagnosis_len)
{
    return say("drmaa_get_DRMAA_implementation", "fake_drmaa", implementation, implementation_len,
               diagnosis, diagnosis_len);
}

EXPORT int drmaa_version(unsigned int *major, unsigned int *minor, char *diagnosis,
                         size_t diagnosis_len)
{
    ENTER("drmaa_version");
    *major = 1;
    *minor = 0;
    return leave(0);
}

EXPORT const char *drmaa_strerror(int drmaa_errno)
{
    enter("drmaa_strerror", NULL, 0);
    const char *words = script_of("drmaa_strerror")->said.data;
    leave(0);
    return words != NULL ? words : drmaa_errno == DRMAA_ERRNO_INVALID_JOB ? "no such job" : NULL;
}

/* ---- templates ---- */

static void check_template(const drmaa_job_template_t *jt)
{
    if (jt == NULL || jt->magic != LIVE)
        die("a stale job template is used");
}

static void free_vector(char **vector)
{
    for (char **at = vector; at != NULL && *at != NULL; at++)
        free(*at);
    free(vector);
}

EXPORT int drmaa_allocate_job_template(drmaa_job_template_t **jt, char *diagnosis,
                                       size_t diagnosis_len)
{
    ENTER_SESSION("drmaa_allocate_job_template");
    if (script_of("drmaa_allocate_job_template")->said.data != NULL)
        return leave(0); /* success, with nothing filled in */
    *jt = calloc(1, sizeof **jt);
    if (*jt == NULL)
        die("no memory");
    (*jt)->magic = LIVE;
    live[TEMPLATES]++;
    return leave(0);
}

EXPORT int drmaa_delete_job_template(drmaa_job_template_t *jt, char *diagnosis,
                                     size_t diagnosis_len)
{
    check_template(jt);
    ENTER("drmaa_delete_job_template");
    for (int i = 0; i < ATTRIBUTES; i++) {
        free(jt->values[i]);
        free_vector(jt->vectors[i]);
    }
    jt->magic = 0;
    live[TEMPLATES]--;
    free(jt);
    return leave(0);
}

EXPORT int drmaa_set_attribute(drmaa_job_template_t *jt, const char *name, const char *value,
                               char *diagnosis, size_t diagnosis_len)
{
    check_template(jt);
    ENTER("drmaa_set_attribute");
    int i = find(scalars, name);
    if (i < 0)
        return leave(DRMAA_ERRNO_INVALID_ARGUMENT);
    free(jt->values[i]);
    jt->values[i] = strdup(value);
    return leave(0);
}

EXPORT int drmaa_get_attribute(drmaa_job_template_t *jt, const char *name, char *value,
                               size_t value_len, char *diagnosis, size_t diagnosis_len)
{
    check_template(jt);
    ENTER("drmaa_get_attribute");
    int i = find(scalars, name);
    struct text *said = &script_of("drmaa_get_attribute")->said;
    if (said->data != NULL)
        put(value, value_len, said->data, said->length, said->terminated);
    else if (i < 0 || jt->values[i] == NULL)
        return leave(DRMAA_ERRNO_INVALID_ATTRIBUTE_VALUE);
    else
        put_string(value, value_len, jt->values[i]);
    return leave(0);
}

EXPORT int drmaa_set_vector_attribute(drmaa_job_template_t *jt, const char *name,
                                      const char *value[], char *diagnosis, size_t diagnosis_len)
{
    check_template(jt);
    ENTER("drmaa_set_vector_attribute");
    int i = find(vectors, name);
    if (i < 0)
        return leave(DRMAA_ERRNO_INVALID_ARGUMENT);
    size_t count = 0;
    while (value[count] != NULL)
        count++;
    free_vector(jt->vectors[i]);
    jt->vectors[i] = calloc(count + 1, sizeof(char *));
    for (size_t k = 0; k < count; k++)
        jt->vectors[i][k] = strdup(value[k]);
    return leave(0);
}

EXPORT int drmaa_get_vector_attribute(drmaa_job_template_t *jt, const char *name,
                                      drmaa_attr_values_t **values, char *diagnosis,
                                      size_t diagnosis_len)
{
    check_template(jt);
    ENTER("drmaa_get_vector_attribute");
    int i = find(vectors, name);
    if (i < 0)
        return leave(DRMAA_ERRNO_INVALID_ARGUMENT);
    struct script *script = script_of("drmaa_get_vector_attribute");
    if (script->scripted && script->count == 0)
        return leave(0); /* an empty list as NULL */
    size_t count = 0;
    while (jt->vectors[i] != NULL && jt->vectors[i][count] != NULL)
        count++;
    struct list *list = new_list(VALUES, "drmaa_get_vector_attribute", count);
    for (size_t k = 0; !script->scripted && k < count; k++)
        list->strings[k] = strdup(jt->vectors[i][k]);
    *values = (drmaa_attr_values_t *)list;
    return leave(0);
}

static int names_of(const char *routine, const char *const *all, drmaa_attr_names_t **names,
                    char *diagnosis, size_t diagnosis_len)
{
    ENTER(routine);
    size_t count = 0;
    while (all[count] != NULL)
        count++;
    struct list *list = new_list(NAMES, routine, count);
    for (size_t i = 0; !script_of(routine)->scripted && i < count; i++)
        list->strings[i] = strdup(all[i]);
    *names = (drmaa_attr_names_t *)list;
    return leave(0);
}

EXPORT int drmaa_get_attribute_names(drmaa_attr_names_t **names, char *diagnosis,
                                     size_t diagnosis_len)
{
    return names_of("drmaa_get_attribute_names", scalars, names, diagnosis, diagnosis_len);
}

EXPORT int drmaa_get_vector_attribute_names(drmaa_attr_names_t **names, char *diagnosis,
                                            size_t diagnosis_len)
{
    return names_of("drmaa_get_vector_attribute_names", vectors, names, diagnosis, diagnosis_len);
}

/* ---- jobs ---- */

static int new_job(void)
{
    if (job_count == JOBS)
        die("too many jobs");
    jobs[job_count] = RUNNING;
    return ++job_count;
}

EXPORT int drmaa_run_job(char *job_id, size_t job_id_len, const drmaa_job_template_t *jt,
                         char *diagnosis, size_t diagnosis_len)
{
    check_template(jt);
    ENTER_SESSION("drmaa_run_job");
    struct text *said = &script_of("drmaa_run_job")->said;
    char id[32];
    check_template(jt); /* it must also outlive the delay */
    if (said->data != NULL) {
        put(job_id, job_id_len, said->data, said->length, said->terminated);
    } else {
        snprintf(id, sizeof id, "%d", new_job());
        put_string(job_id, job_id_len, id);
    }
    return leave(0);
}

EXPORT int drmaa_run_bulk_jobs(drmaa_job_ids_t **job_ids, const drmaa_job_template_t *jt,
                               int start, int last, int step, char *diagnosis,
                               size_t diagnosis_len)
{
    check_template(jt);
    ENTER_SESSION("drmaa_run_bulk_jobs");
    struct script *script = script_of("drmaa_run_bulk_jobs");
    size_t count = (size_t)((last - start) / step + 1);
    if (script->scripted && script->count == 0)
        return leave(0); /* success, with nothing filled in */
    struct list *list = new_list(IDS, "drmaa_run_bulk_jobs", count);
    char id[32];
    for (size_t i = 0; !script->scripted && i < count; i++) {
        snprintf(id, sizeof id, "%d", new_job());
        list->strings[i] = strdup(id);
    }
    *job_ids = (drmaa_job_ids_t *)list;
    return leave(0);
}

EXPORT int drmaa_control(const char *job_id, int action, char *diagnosis, size_t diagnosis_len)
{
    ENTER_SESSION("drmaa_control");
    (void)job_id;
    (void)action;
    return leave(0);
}

EXPORT int drmaa_job_ps(const char *job_id, int *status, char *diagnosis, size_t diagnosis_len)
{
    ENTER_SESSION("drmaa_job_ps");
    struct text *said = &script_of("drmaa_job_ps")->said;
    int job = atoi(job_id);
    if (said->data != NULL)
        *status = atoi(said->data);
    else if (job < 1 || job > job_count)
        return leave(DRMAA_ERRNO_INVALID_JOB);
    else
        *status = jobs[job - 1] == RUNNING ? DRMAA_PS_RUNNING : DRMAA_PS_DONE;
    return leave(0);
}

/* The number of the job to reap, 0 to wait on, -1 if there is none. */
static int ready(const char *job_id)
{
    int running = 0;
    if (strcmp(job_id, DRMAA_JOB_IDS_SESSION_ANY) != 0) {
        int job = atoi(job_id);
        if (job < 1 || job > job_count || jobs[job - 1] == REAPED)
            return -1;
        return jobs[job - 1] == ENDED ? job : 0;
    }
    for (int i = 0; i < job_count; i++) {
        if (jobs[i] == ENDED)
            return i + 1;
        running = running || jobs[i] == RUNNING;
    }
    return running ? 0 : -1;
}

/* Sleep until something changes; 0 if the time is over. */
static int sleep_until(const struct timespec *limit)
{
    return limit == NULL ? (pthread_cond_wait(&changed, &lock), 1)
                         : pthread_cond_timedwait(&changed, &lock, limit) != ETIMEDOUT;
}

static const struct timespec *time_limit(long timeout, struct timespec *limit)
{
    clock_gettime(CLOCK_REALTIME, limit);
    limit->tv_sec += timeout;
    return timeout < 0 ? NULL : limit;
}

EXPORT int drmaa_synchronize(const char *job_ids[], signed long timeout, int dispose,
                             char *diagnosis, size_t diagnosis_len)
{
    struct timespec at;
    ENTER_SESSION("drmaa_synchronize");
    const struct timespec *limit = time_limit(timeout, &at);
    for (size_t i = 0; job_ids[i] != NULL; i++) {
        int all = strcmp(job_ids[i], DRMAA_JOB_IDS_SESSION_ALL) == 0;
        for (int job = 1; job <= job_count; job++) {
            if (!all && job != atoi(job_ids[i]))
                continue;
            while (active && jobs[job - 1] == RUNNING)
                if (timeout == 0 || !sleep_until(limit))
                    return leave(DRMAA_ERRNO_EXIT_TIMEOUT);
            if (!active)
                return leave(DRMAA_ERRNO_NO_ACTIVE_SESSION);
            if (dispose)
                jobs[job - 1] = REAPED;
        }
    }
    return leave(0);
}

EXPORT int drmaa_wait(const char *job_id, char *job_id_out, size_t job_id_out_len, int *stat,
                      signed long timeout, drmaa_attr_values_t **usage, char *diagnosis,
                      size_t diagnosis_len)
{
    struct timespec at;
    char id[32];
    int job;
    ENTER_SESSION("drmaa_wait");
    const struct timespec *limit = time_limit(timeout, &at);
    int slept = 0;
    while ((job = ready(job_id)) == 0 && active) {
        if (timeout == 0 || !sleep_until(limit))
            return leave(DRMAA_ERRNO_EXIT_TIMEOUT);
        slept = 1;
    }
    /* Some libraries give a record to each of two waits that were there when the job ended. */
    if (job < 0 && slept && atoi(job_id) > 0 && script_of("twice")->code != 0)
        job = atoi(job_id);
    if (!active)
        return leave(DRMAA_ERRNO_NO_ACTIVE_SESSION);
    if (job < 0)
        return leave(DRMAA_ERRNO_INVALID_JOB);
    jobs[job - 1] = REAPED;
    struct script *script = script_of("drmaa_wait");
    snprintf(id, sizeof id, "%d", job);
    if (script->said.data != NULL)
        put(job_id_out, job_id_out_len, script->said.data, script->said.length,
            script->said.terminated);
    else
        put_string(job_id_out, job_id_out_len, id);
    *stat = job;
    if (script_of("no_usage")->code != 0)
        return leave(DRMAA_ERRNO_NO_RUSAGE);
    if (!script->scripted || script->count > 0) {
        struct list *list = new_list(VALUES, "drmaa_wait", 1);
        if (!script->scripted)
            list->strings[0] = strdup("cpu=1.5000");
        *usage = (drmaa_attr_values_t *)list;
    }
    return leave(0);
}

#define DECODE(routine, member)                                                                    \
    EXPORT int routine(int *out, int stat, char *diagnosis, size_t diagnosis_len)                  \
    {                                                                                              \
        (void)stat;                                                                                \
        ENTER(#routine);                                                                           \
        *out = end.member;                                                                         \
        return leave(0);                                                                           \
    }
DECODE(drmaa_wifexited, exited)
DECODE(drmaa_wexitstatus, status)
DECODE(drmaa_wifsignaled, signaled)
DECODE(drmaa_wcoredump, core)
DECODE(drmaa_wifaborted, aborted)

EXPORT int drmaa_wtermsig(char *signal, size_t signal_len, int stat, char *diagnosis,
                          size_t diagnosis_len)
{
    (void)stat;
    return say("drmaa_wtermsig", end.signal, signal, signal_len, diagnosis, diagnosis_len);
}
