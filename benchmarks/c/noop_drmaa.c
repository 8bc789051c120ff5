/*
 * A libdrmaa whose every routine succeeds at once, to measure what stands above it.
 *
 * Ids look as Grid Engine's, and a finished job has 35 usage entries. job_ps sleeps for
 * NOOP_DELAY_US microseconds, if that is in the environment when the session begins.
 */
#define _GNU_SOURCE
#include "drmaa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OK(diagnosis, diagnosis_len) ((void)(diagnosis), (void)(diagnosis_len), 0)
#define USAGE 35
#define TEMPLATE_VALUES 24

struct drmaa_job_template_s {
    char *values[TEMPLATE_VALUES]; /* by the attribute's name, hashed */
    char **vector;
};
struct drmaa_attr_names_s { int next; };
struct drmaa_attr_values_s { int next, usage; char **vector; };
struct drmaa_job_ids_s { int at, end, step; };

static useconds_t delay;

static char **slot(drmaa_job_template_t *jt, const char *name)
{
    unsigned hash = 0;
    while (*name != '\0')
        hash = hash * 31 + (unsigned char)*name++;
    return &jt->values[hash % TEMPLATE_VALUES];
}

static void put(char *buffer, size_t size, const char *value)
{
    size_t length = strlen(value);
    if (length >= size)
        length = size - 1;
    memcpy(buffer, value, length);
    buffer[length] = '\0';
}

static void free_vector(char **vector)
{
    for (char **at = vector; at != NULL && *at != NULL; at++)
        free(*at);
    free(vector);
}

int drmaa_init(const char *contact, char *diagnosis, size_t diagnosis_len)
{
    const char *text = getenv("NOOP_DELAY_US");
    (void)contact;
    delay = text != NULL ? (useconds_t)atoi(text) : 0;
    return OK(diagnosis, diagnosis_len);
}

int drmaa_exit(char *diagnosis, size_t diagnosis_len) { return OK(diagnosis, diagnosis_len); }

int drmaa_get_contact(char *contact, size_t contact_len, char *diagnosis, size_t diagnosis_len)
{
    put(contact, contact_len, "noop");
    return OK(diagnosis, diagnosis_len);
}

int drmaa_get_DRM_system(char *drm_system, size_t drm_system_len, char *diagnosis,
                         size_t diagnosis_len)
{
    put(drm_system, drm_system_len, "NOOP");
    return OK(diagnosis, diagnosis_len);
}

int drmaa_get_DRMAA_implementation(char *implementation, size_t implementation_len,
                                   char *diagnosis, size_t diagnosis_len)
{
    put(implementation, implementation_len, "NOOP");
    return OK(diagnosis, diagnosis_len);
}

int drmaa_version(unsigned int *major, unsigned int *minor, char *diagnosis,
                  size_t diagnosis_len)
{
    *major = 1;
    *minor = 0;
    return OK(diagnosis, diagnosis_len);
}

const char *drmaa_strerror(int drmaa_errno)
{
    (void)drmaa_errno;
    return "";
}

int drmaa_allocate_job_template(drmaa_job_template_t **jt, char *diagnosis,
                                size_t diagnosis_len)
{
    *jt = calloc(1, sizeof **jt);
    return OK(diagnosis, diagnosis_len);
}

int drmaa_delete_job_template(drmaa_job_template_t *jt, char *diagnosis, size_t diagnosis_len)
{
    for (int i = 0; i < TEMPLATE_VALUES; i++)
        free(jt->values[i]);
    free_vector(jt->vector);
    free(jt);
    return OK(diagnosis, diagnosis_len);
}

int drmaa_set_attribute(drmaa_job_template_t *jt, const char *name, const char *value,
                        char *diagnosis, size_t diagnosis_len)
{
    char **place = slot(jt, name);
    free(*place);
    *place = strdup(value);
    return OK(diagnosis, diagnosis_len);
}

int drmaa_get_attribute(drmaa_job_template_t *jt, const char *name, char *value,
                        size_t value_len, char *diagnosis, size_t diagnosis_len)
{
    const char *found = *slot(jt, name);
    put(value, value_len, found != NULL ? found : "");
    return OK(diagnosis, diagnosis_len);
}

int drmaa_set_vector_attribute(drmaa_job_template_t *jt, const char *name, const char *value[],
                               char *diagnosis, size_t diagnosis_len)
{
    size_t count = 0;
    (void)name;
    while (value[count] != NULL)
        count++;
    free_vector(jt->vector);
    jt->vector = calloc(count + 1, sizeof *jt->vector);
    for (size_t i = 0; i < count; i++)
        jt->vector[i] = strdup(value[i]);
    return OK(diagnosis, diagnosis_len);
}

static drmaa_attr_values_t *values_of(char **vector, int usage)
{
    drmaa_attr_values_t *values = malloc(sizeof *values);
    values->next = 0;
    values->usage = usage;
    values->vector = vector;
    return values;
}

int drmaa_get_vector_attribute(drmaa_job_template_t *jt, const char *name,
                               drmaa_attr_values_t **values, char *diagnosis,
                               size_t diagnosis_len)
{
    (void)name;
    *values = values_of(jt->vector, 0);
    return OK(diagnosis, diagnosis_len);
}

int drmaa_get_attribute_names(drmaa_attr_names_t **names, char *diagnosis, size_t diagnosis_len)
{
    *names = calloc(1, sizeof **names);
    return OK(diagnosis, diagnosis_len);
}

int drmaa_get_vector_attribute_names(drmaa_attr_names_t **names, char *diagnosis,
                                     size_t diagnosis_len)
{
    return drmaa_get_attribute_names(names, diagnosis, diagnosis_len);
}

int drmaa_run_job(char *job_id, size_t job_id_len, const drmaa_job_template_t *jt,
                  char *diagnosis, size_t diagnosis_len)
{
    (void)jt;
    put(job_id, job_id_len, "1234567");
    return OK(diagnosis, diagnosis_len);
}

/* The bulk job whose tasks a wait for any job gives, in one thread, one after the other. */
static drmaa_job_ids_t bulk = {.at = 1};

int drmaa_run_bulk_jobs(drmaa_job_ids_t **job_ids, const drmaa_job_template_t *jt, int start,
                        int end, int step, char *diagnosis, size_t diagnosis_len)
{
    (void)jt;
    bulk = (drmaa_job_ids_t){.at = start, .end = end, .step = step};
    *job_ids = malloc(sizeof **job_ids);
    (*job_ids)->at = start;
    (*job_ids)->end = end;
    (*job_ids)->step = step;
    return OK(diagnosis, diagnosis_len);
}

int drmaa_control(const char *job_id, int action, char *diagnosis, size_t diagnosis_len)
{
    (void)job_id;
    (void)action;
    return OK(diagnosis, diagnosis_len);
}

int drmaa_job_ps(const char *job_id, int *status, char *diagnosis, size_t diagnosis_len)
{
    (void)job_id;
    *status = DRMAA_PS_RUNNING;
    if (delay > 0)
        usleep(delay);
    return OK(diagnosis, diagnosis_len);
}

int drmaa_synchronize(const char *job_ids[], signed long timeout, int dispose, char *diagnosis,
                      size_t diagnosis_len)
{
    (void)job_ids;
    (void)timeout;
    (void)dispose;
    return OK(diagnosis, diagnosis_len);
}

int drmaa_wait(const char *job_id, char *job_id_out, size_t job_id_out_len, int *stat,
               signed long timeout, drmaa_attr_values_t **usage, char *diagnosis,
               size_t diagnosis_len)
{
    (void)timeout;
    if (strcmp(job_id, DRMAA_JOB_IDS_SESSION_ANY) != 0)
        put(job_id_out, job_id_out_len, job_id);
    else if (drmaa_get_next_job_id(&bulk, job_id_out, job_id_out_len) != 0)
        return DRMAA_ERRNO_INVALID_JOB;
    *stat = 0;
    *usage = values_of(NULL, 1);
    return OK(diagnosis, diagnosis_len);
}

#define DECODE(routine, answer)                                                                    \
    int routine(int *out, int stat, char *diagnosis, size_t diagnosis_len)                         \
    {                                                                                              \
        (void)stat;                                                                                \
        *out = answer;                                                                             \
        return OK(diagnosis, diagnosis_len);                                                       \
    }
DECODE(drmaa_wifexited, 1)
DECODE(drmaa_wexitstatus, 0)
DECODE(drmaa_wifsignaled, 0)
DECODE(drmaa_wcoredump, 0)
DECODE(drmaa_wifaborted, 0)

int drmaa_wtermsig(char *signal, size_t signal_len, int stat, char *diagnosis,
                   size_t diagnosis_len)
{
    (void)stat;
    put(signal, signal_len, "");
    return OK(diagnosis, diagnosis_len);
}

int drmaa_get_next_attr_name(drmaa_attr_names_t *names, char *name, size_t name_len)
{
    if (names->next == 18)
        return DRMAA_ERRNO_NO_MORE_ELEMENTS;
    names->next++;
    put(name, name_len, DRMAA_REMOTE_COMMAND);
    return 0;
}

int drmaa_get_next_attr_value(drmaa_attr_values_t *values, char *value, size_t value_len)
{
    static const char *const usage[] = {"submission_time=1760000000.0000", "ru_wallclock=12.0000",
                                        "acct_maxvmem=123456789.0000", "exit_status=0.0000",
                                        "cpu=0.0063"};
    if (values->usage ? values->next == USAGE
                      : values->vector == NULL || values->vector[values->next] == NULL)
        return DRMAA_ERRNO_NO_MORE_ELEMENTS;
    put(value, value_len, values->usage ? usage[values->next % 5] : values->vector[values->next]);
    values->next++;
    return 0;
}

int drmaa_get_next_job_id(drmaa_job_ids_t *job_ids, char *job_id, size_t job_id_len)
{
    if (job_ids->at > job_ids->end)
        return DRMAA_ERRNO_NO_MORE_ELEMENTS;
    snprintf(job_id, job_id_len, "1234567.%d", job_ids->at);
    job_ids->at += job_ids->step;
    return 0;
}

void drmaa_release_attr_names(drmaa_attr_names_t *names) { free(names); }
void drmaa_release_attr_values(drmaa_attr_values_t *values) { free(values); }
void drmaa_release_job_ids(drmaa_job_ids_t *job_ids) { free(job_ids); }

int drmaa_get_num_attr_names(drmaa_attr_names_t *names, int *count)
{
    (void)names;
    *count = 18;
    return 0;
}

int drmaa_get_num_attr_values(drmaa_attr_values_t *values, int *count)
{
    (void)values;
    *count = USAGE;
    return 0;
}

int drmaa_get_num_job_ids(drmaa_job_ids_t *job_ids, int *count)
{
    *count = (job_ids->end - job_ids->at) / job_ids->step + 1;
    return 0;
}
