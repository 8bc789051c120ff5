/* The three kinds of lists a program reads from the library: names, values and job ids. */
#ifndef DRMAA_LOCAL_LISTS_H
#define DRMAA_LOCAL_LISTS_H

#include <stdint.h>

#include "errors.h"
#include "wire.h"

/* Room for any id: two numbers, a dot and a NUL. */
#define LEAST_ID_ROOM 12

/* A new list with copies of `count` texts, or NULL if there is no memory. */
drmaa_attr_names_t *new_names(const char *const *texts, size_t count);
drmaa_attr_values_t *new_values(const char *const *texts, size_t count);
/* Makes a list of the texts at a place in an answer, of the answer's own memory. NULL if the answer
 * makes no sense. */
drmaa_attr_values_t *take_values(wire_buffer *answer, wire_reader at);
/* The ids in the answer to a submission: made when they are read. NULL if the answer makes no
 * sense, which `answer` then says, or if there is no memory. */
drmaa_job_ids_t *new_job_ids(wire_reader *answer);

#endif
