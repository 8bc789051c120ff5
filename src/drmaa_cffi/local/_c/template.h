/* Job templates: what a program says about a job before it submits it. */
#ifndef DRMAA_LOCAL_TEMPLATE_H
#define DRMAA_LOCAL_TEMPLATE_H

#include "attributes.h"

struct drmaa_job_template_s {
    char *scalars[SCALARS]; /* NULL: not set */
    char **vectors[VECTORS]; /* NULL: not set; else ended by NULL */
};

#endif
