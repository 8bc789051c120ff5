/*
 * The room for one call: what goes out of C, and the buffers that the library writes to.
 *
 * Python takes one for each call and uses it again later, which saves most of what a call costs;
 * no two threads have the same one at the same time.
 */
#ifndef DC_CALL_H
#define DC_CALL_H

#include "library.h"

/* [cdef begins] */

#define DC_DIAGNOSIS_SIZE 2048
#define DC_TEXT_SIZE 4096
#define DC_SIGNAL_SIZE 256

/*
 * Why a call was refused before the library saw it, where DRMAA has no number of its own: the
 * template was deleted, or a string of a list has a NUL, or is empty where it must not be.
 */
#define DC_DELETED 1
#define DC_UNFIT 2

/* A job template of the library with what keeps it from being used too late. */
typedef struct dc_template dc_template;

/* A list of strings. */
typedef struct {
    char *data;   /* one string after the other, each ended by a NUL */
    size_t size;  /* bytes in use, NULs included */
    size_t count; /* strings */
    size_t room;  /* bytes allocated */
} dc_block;

typedef struct {
    /* The library's words after a failure. */
    char diagnosis[DC_DIAGNOSIS_SIZE];
    /* DC_DELETED, DC_UNFIT or 0. Not among the codes: a library may return any number. */
    int refusal;
    /* What the call gives: a text (in `text` if it fits there), a list, a template, numbers. */
    char *value;
    char text[DC_TEXT_SIZE];
    dc_block block;
    dc_template *made;
    int status;
    unsigned int major, minor;
    /* What drmaa_wait and the drmaa_w... routines tell; the job's id is `value`. */
    int exited, exit_status, signaled, core_dumped, aborted;
    char signal[DC_SIGNAL_SIZE];
    int reaped; /* 1 if the library gave the job's record away, whatever failed later */
    int doubted; /* 1 if the library says of the job both that it exited with 0 and that it failed */
    /* For the entries of lists; made when first needed. */
    char *scratch;
} dc_call;

/* NULL if there is no memory; dc_free_call ends it. */
dc_call *dc_new_call(void);
void dc_free_call(dc_call *call);

/* Free what a call with a large result left. */
void dc_trim(dc_call *call);

/* [cdef ends] */

/* The library's last two arguments: it may fill a buffer without writing a NUL. */
#define DC_DIAGNOSIS(call) (call)->diagnosis, DC_DIAGNOSIS_SIZE - 1

/* What a text or a list may come to before it is called endless. */
#define DC_MOST_BYTES ((size_t)256 << 20)

/* Write our own words to the diagnosis and return code. */
int dc_refuse(int code, dc_call *call, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Make room for size more bytes in a block; 0 if there is no memory. */
int dc_reserve(dc_block *block, size_t size);

#endif
