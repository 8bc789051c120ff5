/* The three kinds of lists a program reads from the library: names, values and job ids. */
#include "lists.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_VALUES 1000

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

/* The ids `prefix`begin, `prefix`(begin + step), ... up to `end`; with a step of 0 one, `prefix`. */
typedef struct {
    const char *prefix;
    int begin;
    int end;
    int step;
} id_range;

/* One block: the struct with its ranges, then their prefixes, each with its NUL. */
struct drmaa_job_ids_s {
    int count;
    uint32_t ranges;
    uint32_t at; /* the range of the next id, and its index there */
    int64_t next;
    id_range range[];
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

drmaa_attr_values_t *take_values(wire_buffer *answer, wire_reader at)
{
    uint32_t count = wire_get_u32(&at);
    list *made = (list *)(void *)answer->bytes;
    /* What stands before a text, its size at least, is longer than what will. */
    if (at.failed || count > MOST_VALUES || answer->room < sizeof *made
        || (size_t)(at.at - answer->bytes) + sizeof(uint32_t) < sizeof *made)
        return NULL;
    char *to = made->texts;
    for (uint32_t i = 0; i < count; i++) {
        size_t size;
        const char *text = wire_get_block(&at, &size);
        if (at.failed || memchr(text, '\0', size) != NULL)
            return NULL;
        memmove(to, text, size);
        to[size] = '\0';
        to += size + 1;
    }
    made->count = (int)count;
    made->read = 0;
    made->next = made->texts;
    *answer = (wire_buffer){0};
    return (drmaa_attr_values_t *)made;
}

/* Reads one range, whose prefix goes to `to`; returns how many ids it has, 0 for rubbish. */
static int64_t read_range(wire_reader *answer, id_range *range, char *to)
{
    size_t size;
    const char *prefix = wire_get_block(answer, &size);
    range->begin = (int)wire_get_u32(answer);
    range->end = (int)wire_get_u32(answer);
    range->step = (int)wire_get_u32(answer);
    answer->failed = answer->failed || size == 0 || memchr(prefix, '\0', size) != NULL
                     || range->step < 0 || range->end < range->begin;
    if (answer->failed)
        return 0;
    memcpy(to, prefix, size);
    to[size] = '\0';
    range->prefix = to;
    return range->step == 0 ? 1 : (range->end - (int64_t)range->begin) / range->step + 1;
}

drmaa_job_ids_t *new_job_ids(wire_reader *answer)
{
    uint32_t ranges = wire_get_u32(answer);
    /* Each takes 16 bytes and a prefix, in which the NUL takes the place of the size. */
    size_t left = (size_t)(answer->end - answer->at);
    answer->failed = answer->failed || ranges == 0 || ranges > left / 16;
    if (answer->failed)
        return NULL;
    drmaa_job_ids_t *ids = malloc(sizeof *ids + ranges * sizeof *ids->range + left);
    if (ids == NULL)
        return NULL;
    char *to = (char *)(ids->range + ranges);
    int64_t count = 0;
    for (uint32_t i = 0; i < ranges; i++) {
        count += read_range(answer, &ids->range[i], to);
        if (answer->failed || count > INT_MAX) {
            answer->failed = true;
            free(ids);
            return NULL;
        }
        to += strlen(to) + 1;
    }
    ids->count = (int)count;
    ids->ranges = ranges;
    ids->at = 0;
    ids->next = ids->range[0].begin;
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
    if (ids->at == ids->ranges)
        return DRMAA_ERRNO_NO_MORE_ELEMENTS;
    const id_range *range = &ids->range[ids->at];
    int size = range->step == 0 ? snprintf(job_id, job_id_len, "%s", range->prefix)
                                : snprintf(job_id, job_id_len, "%s%lld", range->prefix,
                                           (long long)ids->next);
    /* Half an id would be another job's: better none, and the same one again next time. */
    if (size < 0 || (size_t)size >= job_id_len)
        return DRMAA_ERRNO_INVALID_ARGUMENT;
    ids->next += range->step;
    if (range->step == 0 || ids->next > range->end) {
        ids->at++;
        ids->next = ids->at < ids->ranges ? ids->range[ids->at].begin : 0;
    }
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
