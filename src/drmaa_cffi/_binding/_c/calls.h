/*
 * One C call for one Python operation: the library's routine with the loops around it.
 *
 * Each returns the library's number, or a DRMAA number of its own with call->refusal. When that is
 * not 0, it has filled call->diagnosis. Lists go in as they come out: as one block of strings, each ended by a NUL.
 */
#ifndef DC_CALLS_H
#define DC_CALLS_H

#include "session.h"

/* [cdef begins] */

/* drmaa_strerror, to call->value; empty if the library has no words for it. */
void dc_strerror(int code, dc_call *call);

/* drmaa_get_contact, drmaa_get_DRM_system, drmaa_get_DRMAA_implementation: to call->value. */
int dc_get_contact(dc_call *call);
int dc_get_DRM_system(dc_call *call);
int dc_get_DRMAA_implementation(dc_call *call);

/* drmaa_version: to call->major and call->minor. */
int dc_version(dc_call *call);

/* drmaa_get_attribute_names, drmaa_get_vector_attribute_names: to call->block. */
int dc_get_attribute_names(dc_call *call);
int dc_get_vector_attribute_names(dc_call *call);

/* drmaa_set_attribute, drmaa_get_attribute: from value, to call->value. */
int dc_set_attribute(dc_template *t, const char *name, const char *value, dc_call *call);
int dc_get_attribute(dc_template *t, const char *name, dc_call *call);

/* drmaa_set_vector_attribute: count strings in size bytes. */
int dc_set_vector_attribute(dc_template *t, const char *name, const char *values, size_t size,
                            size_t count, dc_call *call);

/* drmaa_get_vector_attribute: to call->block, with pairs as dc_wait's usage. */
int dc_get_vector_attribute(dc_template *t, const char *name, int pairs, dc_call *call);

/* drmaa_run_job: the id to call->value. */
int dc_run_job(dc_template *t, dc_call *call);

/*
 * drmaa_run_bulk_jobs, for 1 <= begin <= end and 1 <= step: the ids to call->block, those there
 * are, also when reading them failed.
 */
int dc_run_bulk_jobs(dc_template *t, int begin, int end, int step, dc_call *call);

/* In place of a job's code: its template was deleted. */
#define DC_NOT_LIVE -1

/*
 * Submit a job for each template, by our own library's drmaa_run_jobs, else by one
 * drmaa_run_job after the other until the DRM can't be reached. call->block gets pairs: a job's
 * code as a number, and its id or the words of its refusal. Another code than 0: nothing was
 * submitted.
 */
int dc_run_jobs(dc_template *const ts[], size_t count, dc_call *call);

/* drmaa_control. */
int dc_control(const char *job_id, int action, dc_call *call);

/* 1 if the library has drmaa_control_jobs, as our own engines' have. */
int dc_controls_jobs(void);

/*
 * drmaa_control_jobs: count ids in size bytes. What was refused goes to call->block, an entry
 * "index code words" each.
 */
int dc_control_jobs(const char *job_ids, size_t size, size_t count, int action, dc_call *call);

/* drmaa_job_ps: to call->status. */
int dc_job_ps(const char *job_id, dc_call *call);

/* drmaa_synchronize: count ids in size bytes. */
int dc_synchronize(const char *job_ids, size_t size, size_t count, long timeout, int dispose,
                   dc_call *call);

/*
 * drmaa_wait and the drmaa_w... routines. The usage goes to call->block as pairs: a string with
 * a name, a string with its value, which is empty where the library's entry had no '='.
 * With check an end of "exited with 0" is taken for no end that is known if drmaa_job_ps says that
 * the job failed: slurm-drmaa says so of jobs that were cancelled, or that Slurm has forgotten.
 */
int dc_wait(const char *job_id, long timeout, int check, dc_call *call);

/* [cdef ends] */

#endif
