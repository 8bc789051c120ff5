/* What our own library has beside DRMAA's routines for submissions. */
#ifndef DRMAA_ENGINE_SUBMISSION_H
#define DRMAA_ENGINE_SUBMISSION_H

#include "errors.h"

/* Submits many jobs, one for each template, all asked for before the first answer is awaited. Of each
 * `codes` gets its code, and `texts`, at text_size bytes for each, its id or the words of its refusal. Returns
 * another code than success if nothing was submitted. The same template may be given again; where there is NULL
 * nothing is done. */
EXPORT int drmaa_run_jobs(const drmaa_job_template_t *const jts[], size_t count,
                                 int codes[], char *texts, size_t text_size, char *words,
                                 size_t size);

#endif
