/* The three kinds of lists a program reads from the library: names, values and job ids. */
#ifndef DRMAA_LOCAL_LISTS_H
#define DRMAA_LOCAL_LISTS_H

#include <stdint.h>

#include "errors.h"

/* A new list with copies of `count` texts, or NULL if there is no memory. */
drmaa_attr_names_t *new_names(const char *const *texts, size_t count);
drmaa_attr_values_t *new_values(const char *const *texts, size_t count);
/* The ids `job.begin`, `job.(begin + step)`, ... up to `end`: made when they are read. */
drmaa_job_ids_t *new_job_ids(int64_t job, int begin, int end, int step);

#endif
