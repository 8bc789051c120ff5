/* Job templates: made, filled, read and deleted in this process; the engine sees them at
 * submission. */
#include "template.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lists.h"
#include "session.h"

/* One lock, not one in each template: a fork has to take it, and has no list of templates. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void lock_templates(void)
{
    pthread_mutex_lock(&lock);
}

void unlock_templates(void)
{
    pthread_mutex_unlock(&lock);
}

void renew_template_lock(void)
{
    pthread_mutex_init(&lock, NULL);
}

static int check_template(const drmaa_job_template_t *jt, const char *name,
                          diagnosis_buffer diagnosis)
{
    if (jt == NULL)
        return fail(diagnosis, DRMAA_ERRNO_INVALID_ARGUMENT,
                    "the job template is NULL: make one with drmaa_allocate_job_template");
    if (name == NULL)
        return refuse_null("the attribute's name", diagnosis);
    return check_session(diagnosis);
}

static int unknown(const char *name, const char *kind, const char *names_routine,
                   diagnosis_buffer diagnosis)
{
    return fail(diagnosis, DRMAA_ERRNO_INVALID_ARGUMENT,
                "there is no %s attribute '%.200s'; %s lists the known ones", kind, name,
                names_routine);
}

static void free_vector(char **vector)
{
    for (char **element = vector; element != NULL && *element != NULL; element++)
        free(*element);
    free(vector);
}

static char **copy_vector(const char *const *values, size_t count)
{
    char **copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < count; i++) {
        copy[i] = strdup(values[i]);
        if (copy[i] == NULL) {
            free_vector(copy);
            return NULL;
        }
    }
    return copy;
}

EXPORT int drmaa_allocate_job_template(drmaa_job_template_t **jt, char *words, size_t size)
{
    diagnosis_buffer diagnosis = {words, size};
    if (jt == NULL)
        return refuse_null("the place for the job template", diagnosis);
    int code = check_session(diagnosis);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    *jt = calloc(1, sizeof **jt);
    return *jt == NULL ? fail_no_memory(diagnosis) : DRMAA_ERRNO_SUCCESS;
}

EXPORT int drmaa_delete_job_template(drmaa_job_template_t *jt, char *words, size_t size)
{
    if (jt == NULL)
        return fail((diagnosis_buffer){words, size}, DRMAA_ERRNO_INVALID_ARGUMENT,
                    "the job template is NULL");
    for (int i = 0; i < SCALARS; i++)
        free(jt->scalars[i]);
    for (int i = 0; i < VECTORS; i++)
        free_vector(jt->vectors[i]);
    free(jt);
    return DRMAA_ERRNO_SUCCESS;
}

EXPORT int drmaa_set_attribute(drmaa_job_template_t *jt, const char *name, const char *value,
                               char *words, size_t size)
{
    diagnosis_buffer diagnosis = {words, size};
    int code = check_template(jt, name, diagnosis);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    int scalar = find_scalar(name);
    if (scalar < 0)
        return unknown(name, "scalar", "drmaa_get_attribute_names", diagnosis);
    if (why_absent(scalar) != NULL)
        return fail(diagnosis, DRMAA_ERRNO_INVALID_ARGUMENT, "%s: %s", name, why_absent(scalar));
    if (value == NULL)
        return fail(diagnosis, DRMAA_ERRNO_INVALID_ARGUMENT, "%s: the value is NULL", name);
    code = check_scalar(scalar, value, diagnosis);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    char *copy = strdup(value);
    if (copy == NULL)
        return fail_no_memory(diagnosis);
    lock_templates();
    char *before = jt->scalars[scalar];
    jt->scalars[scalar] = copy;
    unlock_templates();
    free(before);
    return DRMAA_ERRNO_SUCCESS;
}

EXPORT int drmaa_get_attribute(drmaa_job_template_t *jt, const char *name, char *value,
                               size_t value_len, char *words, size_t size)
{
    diagnosis_buffer diagnosis = {words, size};
    int code = check_template(jt, name, diagnosis);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    if (value == NULL || value_len == 0)
        return fail(diagnosis, DRMAA_ERRNO_INVALID_ARGUMENT,
                    "%.200s: there is no room for the value", name);
    int scalar = find_scalar(name);
    if (scalar < 0)
        return unknown(name, "scalar", "drmaa_get_attribute_names", diagnosis);
    lock_templates();
    const char *text = jt->scalars[scalar];
    if (text == NULL)
        text = scalar_default(scalar);
    if (text != NULL)
        copy_text(value, value_len, text);
    unlock_templates();
    return text != NULL ? DRMAA_ERRNO_SUCCESS
                        : fail(diagnosis, DRMAA_ERRNO_INVALID_ATTRIBUTE_VALUE, "%s is not set",
                               name);
}

EXPORT int drmaa_set_vector_attribute(drmaa_job_template_t *jt, const char *name,
                                      const char *value[], char *words, size_t size)
{
    diagnosis_buffer diagnosis = {words, size};
    int code = check_template(jt, name, diagnosis);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    int vector = find_vector(name);
    if (vector < 0)
        return unknown(name, "vector", "drmaa_get_vector_attribute_names", diagnosis);
    if (value == NULL)
        return fail(diagnosis, DRMAA_ERRNO_INVALID_ARGUMENT, "%s: the value is NULL", name);
    size_t count = 0;
    for (; value[count] != NULL; count++) {
        code = check_element(vector, value[count], diagnosis);
        if (code != DRMAA_ERRNO_SUCCESS)
            return code;
    }
    char **copy = copy_vector(value, count);
    if (copy == NULL)
        return fail_no_memory(diagnosis);
    lock_templates();
    char **before = jt->vectors[vector];
    jt->vectors[vector] = copy;
    unlock_templates();
    free_vector(before);
    return DRMAA_ERRNO_SUCCESS;
}

EXPORT int drmaa_get_vector_attribute(drmaa_job_template_t *jt, const char *name,
                                      drmaa_attr_values_t **values, char *words, size_t size)
{
    diagnosis_buffer diagnosis = {words, size};
    int code = check_template(jt, name, diagnosis);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    if (values == NULL)
        return fail(diagnosis, DRMAA_ERRNO_INVALID_ARGUMENT,
                    "%.200s: the place for the values is NULL", name);
    int vector = find_vector(name);
    if (vector < 0)
        return unknown(name, "vector", "drmaa_get_vector_attribute_names", diagnosis);
    lock_templates();
    char **set = jt->vectors[vector];
    size_t count = 0;
    while (set != NULL && set[count] != NULL)
        count++;
    if (set != NULL)
        *values = new_values((const char *const *)set, count);
    unlock_templates();
    if (set == NULL)
        return fail(diagnosis, DRMAA_ERRNO_INVALID_ATTRIBUTE_VALUE, "%s is not set", name);
    return *values == NULL ? fail_no_memory(diagnosis) : DRMAA_ERRNO_SUCCESS;
}

static const char *present_name(int scalar)
{
    return why_absent(scalar) == NULL ? scalar_name(scalar) : NULL;
}

static int get_names(drmaa_attr_names_t **names, const char *(*name_of)(int), int count,
                     diagnosis_buffer diagnosis)
{
    if (names == NULL)
        return refuse_null("the place for the names", diagnosis);
    int code = check_session(diagnosis);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    const char *texts[SCALARS];
    size_t known = 0;
    for (int i = 0; i < count; i++) {
        texts[known] = name_of(i);
        known += texts[known] != NULL;
    }
    *names = new_names(texts, known);
    return *names == NULL ? fail_no_memory(diagnosis) : DRMAA_ERRNO_SUCCESS;
}

EXPORT int drmaa_get_attribute_names(drmaa_attr_names_t **names, char *words, size_t size)
{
    return get_names(names, present_name, SCALARS, (diagnosis_buffer){words, size});
}

EXPORT int drmaa_get_vector_attribute_names(drmaa_attr_names_t **names, char *words, size_t size)
{
    return get_names(names, vector_name, VECTORS, (diagnosis_buffer){words, size});
}
