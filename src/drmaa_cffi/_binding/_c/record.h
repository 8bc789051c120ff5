/*
 * The record of a finished job.
 */
#ifndef DC_RECORD_H
#define DC_RECORD_H

#include "call.h"

/*
 * Read all of a record that drmaa_wait has given away, into call->exited and its neighbours and,
 * as pairs, call->block. No error hides what is known. Releases the usage, which may be NULL.
 */
int dc_read_record(int stat, drmaa_attr_values_t *usage, dc_call *call);

#endif
