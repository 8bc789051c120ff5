/*
 * Keeps os.environ as it is while the local engine's library reads the environment.
 *
 * setenv moves what getenv reads, and Python calls it with its lock (GIL) held, but calls C with
 * the lock released: so the library takes it again for that moment. This file is the only one
 * that needs Python.
 */
#ifndef Py_GIL_DISABLED
#define Py_LIMITED_API 0x03090000
#endif
#include <Python.h>

#include <string.h>

#include "../library.h"

/* Negative if there is no lock to release: Python has ended. */
static int hold(void) { return Py_IsInitialized() ? (int)PyGILState_Ensure() : -1; }

static void release(int held) { PyGILState_Release((PyGILState_STATE)held); }

void dc_guard_environment(void)
{
    void (*guard)(int (*)(void), void (*)(int));
    void *routine = dc_own_routine("drmaa_local_guard_environment");
    if (routine == NULL)
        return;
    memcpy(&guard, &routine, sizeof guard);
    guard(hold, release);
}
