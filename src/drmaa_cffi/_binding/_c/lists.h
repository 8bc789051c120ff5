/*
 * The lists of a call: the library's, read into call->block, and those that it is given.
 */
#ifndef DC_LISTS_H
#define DC_LISTS_H

#include "call.h"

/* Begin a list in call->block. */
void dc_begin_list(dc_call *call);

/*
 * Read a list of the library into call->block, to its end or an error, and release it. NULL is
 * an empty one: some libraries have no object for it. With pairs each entry is parted at its '='
 * in a name and a value, as dc_wait gives usage. More than most job ids are an error.
 */
int dc_read_names(drmaa_attr_names_t *list, dc_call *call);
int dc_read_values(drmaa_attr_values_t *list, int pairs, dc_call *call);
int dc_read_job_ids(drmaa_job_ids_t *list, size_t most, dc_call *call);

/*
 * Make an array of pointers to the strings of a block, with NULL at its end. Every string has to
 * have `least` bytes; one with a NUL of its own makes them more than `count`.
 */
int dc_point_into(const char *block, size_t size, size_t count, size_t least,
                  const char ***strings, dc_call *call);

#endif
