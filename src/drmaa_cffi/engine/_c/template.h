/* Job templates: what a program says about a job before it submits it. */
#ifndef DRMAA_LOCAL_TEMPLATE_H
#define DRMAA_LOCAL_TEMPLATE_H

#include "attributes.h"

struct drmaa_job_template_s {
    char *scalars[SCALARS]; /* NULL: not set */
    char **vectors[VECTORS]; /* NULL: not set; else ended by NULL */
};

/* Between these two the calling thread alone reads or changes what templates hold. Not for
 * longer than it takes to copy: there is one lock for all. */
void lock_templates(void);
void unlock_templates(void);
/* For a fork, by the thread that forks: the child finds all templates whole, and none locked. */
void renew_template_lock(void);

#endif
