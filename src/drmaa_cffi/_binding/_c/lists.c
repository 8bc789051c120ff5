/* Reads the library's lists into a call's room, and makes lists for the library. */
#include "lists.h"

#include <stdlib.h>
#include <string.h>

/*
 * The largest string read from a list, whose iterators give no second chance: 1 MiB, more than a
 * Linux process can be given in one argument. Pages that no value reaches are never touched.
 */
#define VALUE_SIZE ((size_t)1 << 20)

/* What a list of names, values or usage entries may come to before it is called endless. */
#define MOST_VALUES ((size_t)1000000)

/* One step of an iterator over a list of the library. */
typedef int next_routine(void *list, char *value, size_t size);

static int next_name(void *list, char *value, size_t size)
{
    return libdrmaa.drmaa_get_next_attr_name(list, value, size);
}

static int next_value(void *list, char *value, size_t size)
{
    return libdrmaa.drmaa_get_next_attr_value(list, value, size);
}

static int next_job_id(void *list, char *value, size_t size)
{
    return libdrmaa.drmaa_get_next_job_id(list, value, size);
}

/* Read one entry into call->scratch; its length, or -1 with *code set. */
static long read_entry(void *list, next_routine *next, int *code, dc_call *call)
{
    *code = next(list, call->scratch, VALUE_SIZE - 1);
    if (*code != DRMAA_ERRNO_SUCCESS)
        return -1;
    size_t length = strlen(call->scratch);
    if (length < VALUE_SIZE - 2)
        return (long)length;
    memset(call->scratch, 0, VALUE_SIZE);
    *code = dc_refuse(DRMAA_ERRNO_INTERNAL_ERROR, call,
                      "entry %zu of the library's list has over a MiB and was cut",
                      call->block.count);
    return -1;
}

/* Append an entry of this length and clear the scratch again. */
static int append(long length, int pairs, dc_call *call)
{
    dc_block *block = &call->block;
    size_t size = (size_t)length + 1;
    if (!dc_reserve(block, size + 1))
        return dc_refuse(DRMAA_ERRNO_NO_MEMORY, call, "no memory for a list");
    char *entry = memcpy(block->data + block->size, call->scratch, size);
    block->size += size;
    block->count++;
    if (pairs) {
        char *equals = memchr(entry, '=', size);
        if (equals != NULL)
            *equals = '\0';
        else
            block->data[block->size++] = '\0';
    }
    memset(call->scratch, 0, size);
    return DRMAA_ERRNO_SUCCESS;
}

/* Read a whole list, at most `most` entries of it, into call->block. */
static int collect(void *list, next_routine *next, size_t most, int pairs, dc_call *call)
{
    if (list == NULL)
        return DRMAA_ERRNO_SUCCESS; /* some libraries have no object for an empty list */
    if (call->scratch == NULL && (call->scratch = calloc(1, VALUE_SIZE)) == NULL)
        return dc_refuse(DRMAA_ERRNO_NO_MEMORY, call, "no memory to read a list");
    int code = DRMAA_ERRNO_SUCCESS;
    long length;
    while (code == DRMAA_ERRNO_SUCCESS && (length = read_entry(list, next, &code, call)) >= 0) {
        if (call->block.count == most || call->block.size > DC_MOST_BYTES)
            return dc_refuse(DRMAA_ERRNO_INTERNAL_ERROR, call,
                             "the library's list goes on after %zu entries, %zu bytes",
                             call->block.count, call->block.size);
        code = append(length, pairs, call);
    }
    return code == DRMAA_ERRNO_NO_MORE_ELEMENTS ? DRMAA_ERRNO_SUCCESS : code;
}

void dc_begin_list(dc_call *call)
{
    call->block.size = 0;
    call->block.count = 0;
}

int dc_read_names(drmaa_attr_names_t *list, dc_call *call)
{
    int code = collect(list, next_name, MOST_VALUES, 0, call);
    if (list != NULL)
        libdrmaa.drmaa_release_attr_names(list);
    return code;
}

int dc_read_values(drmaa_attr_values_t *list, int pairs, dc_call *call)
{
    int code = collect(list, next_value, MOST_VALUES, pairs, call);
    if (list != NULL)
        libdrmaa.drmaa_release_attr_values(list);
    return code;
}

int dc_read_job_ids(drmaa_job_ids_t *list, size_t most, dc_call *call)
{
    int code = collect(list, next_job_id, most, 0, call);
    if (list != NULL)
        libdrmaa.drmaa_release_job_ids(list);
    return code;
}

int dc_point_into(const char *block, size_t size, size_t count, size_t least,
                      const char ***strings, dc_call *call)
{
    const char *end = block + size;
    *strings = calloc(count + 1, sizeof **strings);
    if (*strings == NULL)
        return dc_refuse(DRMAA_ERRNO_NO_MEMORY, call, "no memory for %zu strings", count);
    size_t i;
    for (i = 0; i < count && block < end; i++) {
        size_t length = strlen(block);
        if (length < least)
            break;
        (*strings)[i] = block;
        block += length + 1;
    }
    if (i == count && block == end)
        return DRMAA_ERRNO_SUCCESS;
    free(*strings);
    call->refusal = DC_UNFIT;
    return dc_refuse(DRMAA_ERRNO_INVALID_ARGUMENT, call,
                     "a string of the list has a NUL, or is empty");
}
