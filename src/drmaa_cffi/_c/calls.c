/* The library's routines with the loops around them: lists, and all about a finished job. */
#include "calls.h"

#include <stdlib.h>
#include <string.h>

/*
 * The largest string read from a list, whose iterators give no second chance: 1 MiB, more than a
 * Linux process can be given in one argument. Pages that no value reaches are never touched.
 */
#define VALUE_SIZE ((size_t)1 << 20)

/* What a list of names, values or usage entries may come to before it is called endless. */
#define MOST_VALUES ((size_t)1000000)
#define MOST_BYTES ((size_t)256 << 20)

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
        if (call->block.count == most || call->block.size > MOST_BYTES)
            return dc_refuse(DRMAA_ERRNO_INTERNAL_ERROR, call,
                             "the library's list goes on after %zu entries, %zu bytes",
                             call->block.count, call->block.size);
        code = append(length, pairs, call);
    }
    return code == DRMAA_ERRNO_NO_MORE_ELEMENTS ? DRMAA_ERRNO_SUCCESS : code;
}

/* Begin a list in call->block. */
static void clear_block(dc_call *call)
{
    call->block.size = 0;
    call->block.count = 0;
}

/*
 * Make an array of pointers to the strings of a block, with NULL at its end. Every string has to
 * have `least` bytes; one with a NUL of its own makes them more than `count`.
 */
static int point_into(const char *block, size_t size, size_t count, size_t least,
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
        if (size >= MOST_BYTES)
            return dc_refuse(DRMAA_ERRNO_INTERNAL_ERROR, call,
                             "the library's text has over %zu bytes", size);
        size *= 16;
        clear_block(call);
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
    clear_block(call);
    int code = dc_enter(call);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    code = routine(&list, DC_DIAGNOSIS(call));
    if (code == DRMAA_ERRNO_SUCCESS) {
        code = collect(list, next_name, MOST_VALUES, 0, call);
        if (list != NULL)
            libdrmaa.drmaa_release_attr_names(list);
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
    code = point_into(values, size, count, 0, &strings, call);
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
    clear_block(call);
    int code = dc_enter_template(t, call);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    code = libdrmaa.drmaa_get_vector_attribute(dc_job_template(t), name, &list,
                                               DC_DIAGNOSIS(call));
    if (code == DRMAA_ERRNO_SUCCESS) {
        code = collect(list, next_value, MOST_VALUES, pairs, call);
        if (list != NULL)
            libdrmaa.drmaa_release_attr_values(list);
    }
    dc_leave(t);
    return code;
}

int dc_run_job(dc_template *t, dc_call *call)
{
    call->value = call->text;
    int code = dc_enter_template(t, call);
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
    clear_block(call);
    int code = dc_enter_template(t, call);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    code = libdrmaa.drmaa_run_bulk_jobs(&list, dc_job_template(t), begin, end, step,
                                        DC_DIAGNOSIS(call));
    dc_leave(t);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    size_t tasks = (size_t)(((long long)end - begin) / step + 1);
    code = collect(list, next_job_id, tasks, 0, call);
    if (list != NULL)
        libdrmaa.drmaa_release_job_ids(list);
    return code;
}

int dc_control(const char *job_id, int action, dc_call *call)
{
    int code = dc_enter_session(call);
    if (code == DRMAA_ERRNO_SUCCESS)
        code = libdrmaa.drmaa_control(job_id, action, DC_DIAGNOSIS(call));
    return code;
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
    code = point_into(job_ids, size, count, 1, &strings, call);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    code = libdrmaa.drmaa_synchronize(strings, timeout, dispose, DC_DIAGNOSIS(call));
    free(strings);
    return dc_leave_wait(code, session, call);
}

/*
 * Take a drmaa_wait's stat apart. wcoredump and wtermsig may fail where they do not apply. So may
 * wexitstatus, but many libraries tell there of a job that was killed, as 128 + the signal, and
 * programs that look at nothing else must not take 0 for success.
 */
static int decode(int stat, dc_call *call)
{
    int code = libdrmaa.drmaa_wifexited(&call->exited, stat, DC_DIAGNOSIS(call));
    if (code == DRMAA_ERRNO_SUCCESS)
        code = libdrmaa.drmaa_wifaborted(&call->aborted, stat, DC_DIAGNOSIS(call));
    if (code == DRMAA_ERRNO_SUCCESS)
        code = libdrmaa.drmaa_wifsignaled(&call->signaled, stat, DC_DIAGNOSIS(call));
    if (code == DRMAA_ERRNO_SUCCESS && !call->exited)
        code = libdrmaa.drmaa_wcoredump(&call->core_dumped, stat, DC_DIAGNOSIS(call));
    if (code == DRMAA_ERRNO_SUCCESS) {
        code = libdrmaa.drmaa_wexitstatus(&call->exit_status, stat, DC_DIAGNOSIS(call));
        if (code != DRMAA_ERRNO_SUCCESS && !call->exited) {
            call->exit_status = 0;
            code = DRMAA_ERRNO_SUCCESS;
        }
    }
    if (code == DRMAA_ERRNO_SUCCESS && call->signaled)
        code = libdrmaa.drmaa_wtermsig(call->signal, DC_SIGNAL_SIZE - 1, stat,
                                       DC_DIAGNOSIS(call));
    return code;
}

/* Read all of a record that the library has given away: no error may hide what is known. */
static int read_record(int stat, drmaa_attr_values_t *usage, dc_call *call)
{
    int code = decode(stat, call);
    if (usage != NULL) {
        char words[DC_DIAGNOSIS_SIZE];
        memcpy(words, call->diagnosis, sizeof words);
        int read = collect(usage, next_value, MOST_VALUES, 1, call);
        libdrmaa.drmaa_release_attr_values(usage);
        if (code != DRMAA_ERRNO_SUCCESS)
            memcpy(call->diagnosis, words, sizeof words);
        else
            code = read;
    }
    return code;
}

int dc_wait(const char *job_id, long timeout, dc_call *call)
{
    int stat = 0;
    unsigned long session;
    drmaa_attr_values_t *usage = NULL;
    clear_block(call);
    call->value = call->text;
    call->exited = call->exit_status = call->signaled = call->core_dumped = call->aborted = 0;
    call->reaped = 0;
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
        return read_record(stat, usage, call);
    }
    if (code == DRMAA_ERRNO_NO_RUSAGE) {
        char words[DC_DIAGNOSIS_SIZE];
        memcpy(words, call->diagnosis, sizeof words);
        call->reaped = 1;
        read_record(stat, NULL, call); /* how it ended may be known all the same */
        memcpy(call->diagnosis, words, sizeof words);
    }
    return code;
}
