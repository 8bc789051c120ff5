/* The attributes of a job template: their names, what is legal in them, and their defaults. */
#include "attributes.h"

#include <string.h>

#include "environment.h"
#include "times.h"

typedef int check(const char *name, const char *value, diagnosis_buffer diagnosis);

static int bad_format(const char *name, const char *value, const char *legal,
                      diagnosis_buffer diagnosis)
{
    return fail(diagnosis, DRMAA_ERRNO_INVALID_ATTRIBUTE_FORMAT, "%s: '%.200s' is not %s", name,
                value, legal);
}

static int bad_value(const char *name, const char *value, const char *legal,
                     diagnosis_buffer diagnosis)
{
    return fail(diagnosis, DRMAA_ERRNO_INVALID_ATTRIBUTE_VALUE, "%s: '%.200s' is not %s", name,
                value, legal);
}

static int check_anything(const char *name, const char *value, diagnosis_buffer diagnosis)
{
    (void)name, (void)value, (void)diagnosis;
    return DRMAA_ERRNO_SUCCESS;
}

static int check_command(const char *name, const char *value, diagnosis_buffer diagnosis)
{
    if (*value == '\0')
        return bad_value(name, value, "a command: give the path of a program", diagnosis);
    return DRMAA_ERRNO_SUCCESS;
}

/* Home and working directory may stand at a path's start only. */
static int check_placeholders(const char *name, const char *value, const char *path,
                              diagnosis_buffer diagnosis)
{
    const char *home = strstr(path, DRMAA_PLACEHOLDER_HD);
    const char *directory = strstr(path, DRMAA_PLACEHOLDER_WD);
    if ((home != NULL && home != path) || (directory != NULL && directory != path))
        return bad_format(name, value,
                          "a path that has $drmaa_hd_ph$ or $drmaa_wd_ph$ at its start only",
                          diagnosis);
    return DRMAA_ERRNO_SUCCESS;
}

static int check_directory(const char *name, const char *value, diagnosis_buffer diagnosis)
{
    if (*value == '\0')
        return bad_value(name, value, "the path of a folder", diagnosis);
    if (strstr(value, DRMAA_PLACEHOLDER_WD) != NULL)
        return bad_format(name, value,
                          "a folder's path: only $drmaa_hd_ph$ and $drmaa_incr_ph$ are known here",
                          diagnosis);
    return check_placeholders(name, value, value, diagnosis);
}

static int check_path(const char *name, const char *value, diagnosis_buffer diagnosis)
{
    const char *colon = strchr(value, ':');
    if (colon == NULL || memchr(value, '/', (size_t)(colon - value)) != NULL)
        return bad_format(name, value, "[host]:path; put a ':' before the path", diagnosis);
    if (colon[1] == '\0')
        return bad_format(name, value, "[host]:path: there is no path after the ':'", diagnosis);
    return check_placeholders(name, value, colon + 1, diagnosis);
}

static int check_name(const char *name, const char *value, diagnosis_buffer diagnosis)
{
    int bad = *value == '\0';
    for (const char *c = value; *c != '\0'; c++)
        bad = bad || *c == '/' || (unsigned char)*c < ' ';
    if (bad || strlen(value) > 200)
        return bad_value(name, value,
                         "a job's name: 1 to 200 bytes without '/' and control characters, since "
                         "the default output files are named after it",
                         diagnosis);
    return DRMAA_ERRNO_SUCCESS;
}

static int check_state(const char *name, const char *value, diagnosis_buffer diagnosis)
{
    if (strcmp(value, DRMAA_SUBMISSION_STATE_ACTIVE) != 0
        && strcmp(value, DRMAA_SUBMISSION_STATE_HOLD) != 0)
        return bad_value(name, value, "'drmaa_active' or 'drmaa_hold'", diagnosis);
    return DRMAA_ERRNO_SUCCESS;
}

static int check_yes_no(const char *name, const char *value, diagnosis_buffer diagnosis)
{
    if (strcmp(value, "y") != 0 && strcmp(value, "n") != 0)
        return bad_value(name, value, "'y' or 'n'", diagnosis);
    return DRMAA_ERRNO_SUCCESS;
}

static int check_one_zero(const char *name, const char *value, diagnosis_buffer diagnosis)
{
    if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0)
        return bad_value(name, value, "'0' or '1'", diagnosis);
    return DRMAA_ERRNO_SUCCESS;
}

static int check_transfer(const char *name, const char *value, diagnosis_buffer diagnosis)
{
    if (value[strspn(value, "ioe")] != '\0')
        return bad_value(name, value, "made of the letters 'i', 'o' and 'e'", diagnosis);
    return DRMAA_ERRNO_SUCCESS;
}

static int check_time(const char *name, const char *value, diagnosis_buffer diagnosis)
{
    int64_t seconds;
    int held = hold_environment();
    enum time_reading reading = read_time(value, time(NULL), &seconds);
    release_environment(held);
    switch (reading) {
    case TIME_READ:
        return DRMAA_ERRNO_SUCCESS;
    case TIME_BAD_FORMAT:
        return bad_format(name, value,
                          "[[[[CC]YY/]MM/]DD] hh:mm[:ss] [{-|+}UU:uu], as in '2030/01/31 08:00' "
                          "or '08:00'",
                          diagnosis);
    default:
        return bad_value(name, value, "a time: there is no such day or hour", diagnosis);
    }
}

static int check_limit(const char *name, const char *value, diagnosis_buffer diagnosis)
{
    int64_t seconds;
    switch (read_duration(value, &seconds)) {
    case TIME_READ:
        return DRMAA_ERRNO_SUCCESS;
    case TIME_BAD_FORMAT:
        return bad_format(name, value, "[[h:]m:]s, as in '1:30:00' or '90'", diagnosis);
    default:
        return bad_value(name, value,
                         "a limit: it must be more than zero, and after a ':' at most 59",
                         diagnosis);
    }
}

static const struct {
    const char *name;
    check *check;
    const char *initial;
} scalars[SCALARS] = {
    [REMOTE_COMMAND] = {DRMAA_REMOTE_COMMAND, check_command, NULL},
    [JS_STATE] = {DRMAA_JS_STATE, check_state, DRMAA_SUBMISSION_STATE_ACTIVE},
    [WD] = {DRMAA_WD, check_directory, NULL},
    [JOB_CATEGORY] = {DRMAA_JOB_CATEGORY, check_anything, NULL},
    [NATIVE_SPECIFICATION] = {DRMAA_NATIVE_SPECIFICATION, check_anything, NULL},
    [BLOCK_EMAIL] = {DRMAA_BLOCK_EMAIL, check_one_zero, "0"},
    [START_TIME] = {DRMAA_START_TIME, check_time, NULL},
    [JOB_NAME] = {DRMAA_JOB_NAME, check_name, NULL},
    [INPUT_PATH] = {DRMAA_INPUT_PATH, check_path, NULL},
    [OUTPUT_PATH] = {DRMAA_OUTPUT_PATH, check_path, NULL},
    [ERROR_PATH] = {DRMAA_ERROR_PATH, check_path, NULL},
    [JOIN_FILES] = {DRMAA_JOIN_FILES, check_yes_no, "n"},
    [TRANSFER_FILES] = {DRMAA_TRANSFER_FILES, check_transfer, NULL},
    [DEADLINE_TIME] = {DRMAA_DEADLINE_TIME, check_time, NULL},
    [WCT_HLIMIT] = {DRMAA_WCT_HLIMIT, check_limit, NULL},
    [WCT_SLIMIT] = {DRMAA_WCT_SLIMIT, check_limit, NULL},
    [DURATION_HLIMIT] = {DRMAA_DURATION_HLIMIT, check_limit, NULL},
    [DURATION_SLIMIT] = {DRMAA_DURATION_SLIMIT, check_limit, NULL},
};

static const char *const vectors[VECTORS] = {
    [V_ARGV] = DRMAA_V_ARGV,
    [V_ENV] = DRMAA_V_ENV,
    [V_EMAIL] = DRMAA_V_EMAIL,
};

int find_scalar(const char *name)
{
    for (int i = 0; i < SCALARS; i++)
        if (strcmp(scalars[i].name, name) == 0)
            return i;
    return -1;
}

int find_vector(const char *name)
{
    for (int i = 0; i < VECTORS; i++)
        if (strcmp(vectors[i], name) == 0)
            return i;
    return -1;
}

const char *scalar_name(int scalar)
{
    return scalars[scalar].name;
}

const char *why_absent(int scalar)
{
    if (scalar == TRANSFER_FILES && !ENGINE_COPIES_FILES)
        return ENGINE_TITLE " copies no files: put them on a file system that the nodes share";
    return NULL;
}

const char *vector_name(int vector)
{
    return vectors[vector];
}

const char *scalar_default(int scalar)
{
    return scalars[scalar].initial;
}

int check_scalar(int scalar, const char *value, diagnosis_buffer diagnosis)
{
    return scalars[scalar].check(scalars[scalar].name, value, diagnosis);
}

int check_element(int vector, const char *value, diagnosis_buffer diagnosis)
{
    const char *name = vectors[vector];
    /* A name alone has an empty value, as on Grid Engine. */
    if (vector == V_ENV && (*value == '=' || *value == '\0'))
        return bad_format(name, value, "NAME=value", diagnosis);
    if (vector == V_EMAIL) {
        int bad = *value == '\0' || *value == '-';
        for (const char *c = value; *c != '\0'; c++)
            bad = bad || (unsigned char)*c < ' ';
        if (bad)
            return bad_value(name, value, "an e-mail address", diagnosis);
    }
    return DRMAA_ERRNO_SUCCESS;
}
