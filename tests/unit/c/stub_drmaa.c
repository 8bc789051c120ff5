/* A libdrmaa that has all routines and does nothing: what is installed for linking only. */
#include "library.h"

#define STUB(result, name, parameters, unused)                                                    \
    __attribute__((visibility("default"))) result name parameters { return (result)0; }

DC_ROUTINES(STUB)
