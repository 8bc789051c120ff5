/* Reads what the library tells of a finished job. */
#include "record.h"

#include <string.h>

#include "lists.h"

/*
 * Take a drmaa_wait's stat apart. wcoredump and wtermsig may fail where they do not apply. So may
 * wexitstatus, but many libraries tell there of a job that was killed, as 128 + the signal, and
 * programs that look at nothing else must not take 0 for success.
 */
static int decode(int stat, dc_call *call)
{
    int code = libdrmaa.drmaa_wifexited(&call->exited, stat, DC_DIAGNOSIS(call));
    if (code == DRMAA_ERRNO_SUCCESS)
        code = libdrmaa.drmaa_wifaborted(&call->aborted, stat, DC_DIAGNOSIS(call));
    if (code == DRMAA_ERRNO_SUCCESS)
        code = libdrmaa.drmaa_wifsignaled(&call->signaled, stat, DC_DIAGNOSIS(call));
    if (code == DRMAA_ERRNO_SUCCESS && !call->exited)
        code = libdrmaa.drmaa_wcoredump(&call->core_dumped, stat, DC_DIAGNOSIS(call));
    if (code == DRMAA_ERRNO_SUCCESS) {
        code = libdrmaa.drmaa_wexitstatus(&call->exit_status, stat, DC_DIAGNOSIS(call));
        if (code != DRMAA_ERRNO_SUCCESS && !call->exited) {
            call->exit_status = 0;
            code = DRMAA_ERRNO_SUCCESS;
        }
    }
    if (code == DRMAA_ERRNO_SUCCESS && call->signaled)
        code = libdrmaa.drmaa_wtermsig(call->signal, DC_SIGNAL_SIZE - 1, stat,
                                       DC_DIAGNOSIS(call));
    return code;
}

int dc_read_record(int stat, drmaa_attr_values_t *usage, dc_call *call)
{
    int code = decode(stat, call);
    if (usage != NULL) {
        char words[DC_DIAGNOSIS_SIZE];
        memcpy(words, call->diagnosis, sizeof words);
        int read = dc_read_values(usage, 1, call);
        if (code != DRMAA_ERRNO_SUCCESS)
            memcpy(call->diagnosis, words, sizeof words);
        else
            code = read;
    }
    return code;
}
