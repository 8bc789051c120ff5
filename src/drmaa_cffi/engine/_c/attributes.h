/* The attributes of a job template: their names, what is legal in them, and their defaults. */
#ifndef DRMAA_LOCAL_ATTRIBUTES_H
#define DRMAA_LOCAL_ATTRIBUTES_H

#include "errors.h"

/* The numbers by which the protocol knows the attributes; core/spec.py has the same ones,
 * which tests/local/test_rules.py compares. */
enum scalar {
    REMOTE_COMMAND,
    JS_STATE,
    WD,
    JOB_CATEGORY,
    NATIVE_SPECIFICATION,
    BLOCK_EMAIL,
    START_TIME,
    JOB_NAME,
    INPUT_PATH,
    OUTPUT_PATH,
    ERROR_PATH,
    JOIN_FILES,
    TRANSFER_FILES,
    DEADLINE_TIME,
    WCT_HLIMIT,
    WCT_SLIMIT,
    DURATION_HLIMIT,
    DURATION_SLIMIT,
    SCALARS
};

enum vector { V_ARGV, V_ENV, V_EMAIL, VECTORS };

/* The attribute of that name, or -1. */
int find_scalar(const char *name);
int find_vector(const char *name);
const char *scalar_name(int scalar);
/* Why this DRM has no such attribute, which the standard lets it leave out; NULL if it has. */
const char *why_absent(int scalar);
const char *vector_name(int vector);
/* What an attribute is where nothing was set, or NULL. */
const char *scalar_default(int scalar);
/* Checks one value; returns success, or 13 or 14 with words that name it. */
int check_scalar(int scalar, const char *value, diagnosis_buffer diagnosis);
int check_element(int vector, const char *value, diagnosis_buffer diagnosis);

#endif
