/* Where a DRM's libdrmaa departs from the standard; the table is in deviations.c. */
#ifndef CONFORMANCE_DEVIATIONS_H
#define CONFORMANCE_DEVIATIONS_H

#include <stdbool.h>

enum deviation {
    FIRST_CALLS_OF_THREADS_RACE,
    NO_RECORD_OF_JOB_THAT_NEVER_RAN,
    WAIT_TIMES_OUT_AT_EXIT,
    HOLD_OF_RUNNING_JOB_SUCCEEDS,
    RELEASE_OF_RUNNING_JOB_SUCCEEDS,
    UNKNOWN_ATTRIBUTE_READ_IS_INVALID_VALUE,
    ATTRIBUTES_ARE_CHECKED_AT_SUBMISSION,
    ENVIRONMENT_VALUE_ENDS_AT_EQUALS_SIGN,
    NEGATIVE_BULK_RANGE_IS_DENIED,
    RECORD_OF_JOB_THAT_ENDED_BETWEEN_SESSIONS,
    INTERRUPT_IS_AN_EXIT,
    LIMITS_ARE_MINUTES,
};

/* Whether the loaded libdrmaa is known to depart from the standard in this point. */
bool deviates(enum deviation point);

#endif
