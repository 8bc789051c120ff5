/* The process's environment, kept as it is while we read it.
 *
 * C itself has no lock for it: a C program must not call setenv while other threads are in this
 * library, as little as in any code that calls getenv. In a program of another language, its
 * runtime may know when the environment changes.
 */
#include "environment.h"

#include <stdatomic.h>
#include <stddef.h>

#include "errors.h"

static int (*_Atomic hold)(void);
static void (*_Atomic release)(int);

/* For drmaa_cffi, before it calls anything else: `hold_it` keeps others from changing the
 * environment until `release_it`, which gets what it returned, unless that is negative. */
EXPORT void drmaa_local_guard_environment(int (*hold_it)(void), void (*release_it)(int));
EXPORT void drmaa_local_guard_environment(int (*hold_it)(void), void (*release_it)(int))
{
    release = release_it;
    hold = hold_it;
}

int hold_environment(void)
{
    int (*call)(void) = hold;
    return call != NULL ? call() : -1;
}

void release_environment(int held)
{
    if (held >= 0)
        release(held);
}
