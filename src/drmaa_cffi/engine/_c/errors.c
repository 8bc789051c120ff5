/* One way to fail, and drmaa_strerror. */
#include "errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int fail(diagnosis_buffer diagnosis, int code, const char *format, ...)
{
    if (diagnosis.text != NULL && diagnosis.size > 0) {
        va_list list;
        va_start(list, format);
        vsnprintf(diagnosis.text, diagnosis.size, format, list);
        va_end(list);
    }
    return code;
}

int fail_no_memory(diagnosis_buffer diagnosis)
{
    return fail(diagnosis, DRMAA_ERRNO_NO_MEMORY, "out of memory");
}

int refuse_null(const char *what, diagnosis_buffer diagnosis)
{
    return fail(diagnosis, DRMAA_ERRNO_INVALID_ARGUMENT, "%s is NULL", what);
}

void copy_text(char *to, size_t size, const char *text)
{
    if (to == NULL || size == 0)
        return;
    size_t length = strlen(text);
    if (length >= size)
        length = size - 1;
    memcpy(to, text, length);
    to[length] = '\0';
}

EXPORT const char *drmaa_strerror(int drmaa_errno)
{
    static const char *const words[] = {
        [DRMAA_ERRNO_SUCCESS] = "success",
        [DRMAA_ERRNO_INTERNAL_ERROR] = "unexpected or internal error",
        [DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE] = ENGINE_TITLE " could not be reached",
        [DRMAA_ERRNO_AUTH_FAILURE] = "not allowed",
        [DRMAA_ERRNO_INVALID_ARGUMENT] = "an argument's value is not legal",
        [DRMAA_ERRNO_NO_ACTIVE_SESSION] = "there is no active session",
        [DRMAA_ERRNO_NO_MEMORY] = "out of memory",
        [DRMAA_ERRNO_INVALID_CONTACT_STRING] = "the contact string is not valid",
        [DRMAA_ERRNO_DEFAULT_CONTACT_STRING_ERROR] = "the default contact string cannot be used",
        [DRMAA_ERRNO_NO_DEFAULT_CONTACT_STRING_SELECTED] =
            "no default contact string was selected",
        [DRMAA_ERRNO_DRMS_INIT_FAILED] = ENGINE_TITLE " could not be started",
        [DRMAA_ERRNO_ALREADY_ACTIVE_SESSION] = "a session is active already",
        [DRMAA_ERRNO_DRMS_EXIT_ERROR] = "the session could not be closed",
        [DRMAA_ERRNO_INVALID_ATTRIBUTE_FORMAT] = "the attribute's value is badly formed",
        [DRMAA_ERRNO_INVALID_ATTRIBUTE_VALUE] = "the attribute's value is not legal",
        [DRMAA_ERRNO_CONFLICTING_ATTRIBUTE_VALUES] = "the attributes' values contradict",
        [DRMAA_ERRNO_TRY_LATER] = "not possible now; try again later",
        [DRMAA_ERRNO_DENIED_BY_DRM] = ENGINE_TITLE " refuses this job",
        [DRMAA_ERRNO_INVALID_JOB] = "there is no such job",
        [DRMAA_ERRNO_RESUME_INCONSISTENT_STATE] = "the job is not suspended",
        [DRMAA_ERRNO_SUSPEND_INCONSISTENT_STATE] = "the job is not running",
        [DRMAA_ERRNO_HOLD_INCONSISTENT_STATE] = "the job cannot be held now",
        [DRMAA_ERRNO_RELEASE_INCONSISTENT_STATE] = "the job is not held",
        [DRMAA_ERRNO_EXIT_TIMEOUT] = "the time ran out before the job ended",
        [DRMAA_ERRNO_NO_RUSAGE] = "the job ended, its usage is not known",
        [DRMAA_ERRNO_NO_MORE_ELEMENTS] = "there are no more elements",
    };
    if (drmaa_errno < 0 || (size_t)drmaa_errno >= sizeof words / sizeof *words)
        return "unknown error number";
    return words[drmaa_errno];
}
