/* The three kinds of lists a program reads from the library: names, values and job ids. */
#include "lists.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One block: the struct, then the texts, each with its NUL. */
typedef struct {
    int count;
    int read;
    char *next;
    char texts[];
} list;

struct drmaa_attr_names_s {
    list list;
};

struct drmaa_attr_values_s {
    list list;
};

struct drmaa_job_ids_s {
    int64_t job;
    int64_t next;
    int end;
    int step;
    int count;
};

static list *new_list(const char *const *texts, size_t count)
{
    if (count > INT_MAX)
        return NULL;
    size_t size = sizeof(list) + 1;
    for (size_t i = 0; i < count; i++)
        size += strlen(texts[i]) + 1;
    list *made = malloc(size);
    if (made == NULL)
        return NULL;
    made->count = (int)count;
    made->read = 0;
    made->next = made->texts;
    char *at = made->texts;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(texts[i]) + 1;
        memcpy(at, texts[i], length);
        at += length;
    }
    return made;
}

static int next_text(list *of, char *value, size_t size)
{
    if (of == NULL || value == NULL || size == 0)
        return DRMAA_ERRNO_INVALID_ARGUMENT;
    if (of->read == of->count)
        return DRMAA_ERRNO_NO_MORE_ELEMENTS;
    copy_text(value, size, of->next);
    of->next += strlen(of->next) + 1;
    of->read++;
    return DRMAA_ERRNO_SUCCESS;
}

drmaa_attr_names_t *new_names(const char *const *texts, size_t count)
{
    return (drmaa_attr_names_t *)new_list(texts, count);
}

drmaa_attr_values_t *new_values(const char *const *texts, size_t count)
{
    return (drmaa_attr_values_t *)new_list(texts, count);
}

drmaa_job_ids_t *new_job_ids(int64_t job, int begin, int end, int step)
{
    drmaa_job_ids_t *ids = malloc(sizeof *ids);
    if (ids != NULL)
        *ids = (drmaa_job_ids_t){job, begin, end, step, (int)((end - (int64_t)begin) / step) + 1};
    return ids;
}

EXPORT int drmaa_get_next_attr_name(drmaa_attr_names_t *names, char *name, size_t name_len)
{
    return next_text((list *)names, name, name_len);
}

EXPORT int drmaa_get_next_attr_value(drmaa_attr_values_t *values, char *value, size_t value_len)
{
    return next_text((list *)values, value, value_len);
}

EXPORT int drmaa_get_next_job_id(drmaa_job_ids_t *ids, char *job_id, size_t job_id_len)
{
    if (ids == NULL || job_id == NULL || job_id_len == 0)
        return DRMAA_ERRNO_INVALID_ARGUMENT;
    if (ids->next > ids->end)
        return DRMAA_ERRNO_NO_MORE_ELEMENTS;
    int size = snprintf(job_id, job_id_len, "%lld.%lld", (long long)ids->job,
                        (long long)ids->next);
    /* Half an id would be another job's: better none, and the same one again next time. */
    if (size < 0 || (size_t)size >= job_id_len)
        return DRMAA_ERRNO_INVALID_ARGUMENT;
    ids->next += ids->step;
    return DRMAA_ERRNO_SUCCESS;
}

EXPORT void drmaa_release_attr_names(drmaa_attr_names_t *names)
{
    free(names);
}

EXPORT void drmaa_release_attr_values(drmaa_attr_values_t *values)
{
    free(values);
}

EXPORT void drmaa_release_job_ids(drmaa_job_ids_t *job_ids)
{
    free(job_ids);
}

EXPORT int drmaa_get_num_attr_names(drmaa_attr_names_t *names, int *count)
{
    if (names == NULL || count == NULL)
        return DRMAA_ERRNO_INVALID_ARGUMENT;
    *count = names->list.count;
    return DRMAA_ERRNO_SUCCESS;
}

EXPORT int drmaa_get_num_attr_values(drmaa_attr_values_t *values, int *count)
{
    if (values == NULL || count == NULL)
        return DRMAA_ERRNO_INVALID_ARGUMENT;
    *count = values->list.count;
    return DRMAA_ERRNO_SUCCESS;
}

EXPORT int drmaa_get_num_job_ids(drmaa_job_ids_t *job_ids, int *count)
{
    if (job_ids == NULL || count == NULL)
        return DRMAA_ERRNO_INVALID_ARGUMENT;
    *count = job_ids->count;
    return DRMAA_ERRNO_SUCCESS;
}
