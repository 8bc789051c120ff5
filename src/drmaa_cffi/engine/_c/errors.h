/* One way to fail: a DRMAA error number and words of our own for it. */
#ifndef DRMAA_LOCAL_ERRORS_H
#define DRMAA_LOCAL_ERRORS_H

#include <stddef.h>

#include "../../_binding/_c/drmaa.h"
#include "drm.h"

/* What a caller of the library gave us to explain ourselves in; `text` may be NULL. */
typedef struct {
    char *text;
    size_t size;
} diagnosis_buffer;

/* Writes the words, cut to the buffer, and returns `code`. */
__attribute__((format(printf, 3, 4))) int fail(diagnosis_buffer diagnosis, int code,
                                               const char *format, ...);
int fail_no_memory(diagnosis_buffer diagnosis);
/* Refuses an argument: "`what` is NULL". */
int refuse_null(const char *what, diagnosis_buffer diagnosis);
/* Copies as much of `text` as fits, always with a NUL, as the C binding asks. */
void copy_text(char *to, size_t size, const char *text);

/* Only these leave the library: it is compiled with -fvisibility=hidden. */
#define EXPORT __attribute__((visibility("default")))

#endif
