#include "harness.h"

#include <string.h>

#include "shared.h"

/*
 * The one list of what a libdrmaa is excused for. A check is relaxed for the DRM named here
 * and for no other; whatever is not named must be as the standard says.
 */
static const struct {
    const char *drm; /* how drmaa_get_DRM_system begins */
    enum deviation point;
    const char *reason;
} deviations[] = {
    {"SGE ", FIRST_CALLS_OF_THREADS_RACE,
     "before drmaa_init, first calls at one moment may be INTERNAL_ERROR: set-up without a lock"},
    {"SGE ", NO_RECORD_OF_JOB_THAT_NEVER_RAN,
     "drmaa_wait for a job deleted before it ran is NO_RUSAGE, without a word of its end"},
    {"SGE ", WAIT_TIMES_OUT_AT_EXIT,
     "a wait that drmaa_exit interrupts is EXIT_TIMEOUT, not NO_ACTIVE_SESSION"},
    {"SGE ", HOLD_OF_RUNNING_JOB_SUCCEEDS,
     "as qhold does: the job runs on, and its state is USER_ON_HOLD from then on"},
    {"SGE ", RELEASE_OF_RUNNING_JOB_SUCCEEDS, "as qrls does: it has nothing to do"},
    {"SGE ", UNKNOWN_ATTRIBUTE_READ_IS_INVALID_VALUE,
     "drmaa_get_attribute does not tell an unknown attribute from an unset one"},
    {"SGE ", ATTRIBUTES_ARE_CHECKED_AT_SUBMISSION,
     "drmaa_set_attribute takes any text as a time or a path; drmaa_run_job then refuses it"},
    {"SGE ", ENVIRONMENT_VALUE_ENDS_AT_EQUALS_SIGN,
     "of NAME=one=two in drmaa_v_env the job sees NAME=one"},
    {"SGE ", NEGATIVE_BULK_RANGE_IS_DENIED,
     "the range is handed on as text, whose parser takes the sign for the dash of a range"},
    {"drmaa-cffi local engine", RECORD_OF_JOB_THAT_ENDED_BETWEEN_SESSIONS,
     "drmaa_wait gives its whole record, where the case wants INVALID_JOB or NO_RUSAGE"},
    {"Slurm by drmaa-cffi", RECORD_OF_JOB_THAT_ENDED_BETWEEN_SESSIONS,
     "drmaa_wait gives its whole record, where the case wants INVALID_JOB or NO_RUSAGE"},
    {"Slurm by drmaa-cffi", INTERRUPT_IS_AN_EXIT,
     "sh, whose word the record is, says 130 of SIGINT as of an exit; dash prints nothing of it"},
    {"Slurm by drmaa-cffi", LIMITS_ARE_MINUTES,
     "sbatch --time counts in minutes, and Slurm looks twice a minute: a second becomes a minute"},
};

bool deviates(enum deviation point)
{
    for (size_t i = 0; i < sizeof deviations / sizeof *deviations; i++)
        if (deviations[i].point == point &&
            strncmp(shared->drm, deviations[i].drm, strlen(deviations[i].drm)) == 0)
            return true;
    return false;
}
