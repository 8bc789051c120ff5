/* Loads a libdrmaa and fills the table of its routines. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr */
#endif

#include "library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static int dc_no_library(char *diagnosis, size_t diagnosis_len)
{
    if (diagnosis != NULL && diagnosis_len > 0)
        snprintf(diagnosis, diagnosis_len, "no libdrmaa is loaded");
    return DRMAA_ERRNO_INTERNAL_ERROR;
}

/* The stand-ins: a routine called too early says so, where a null pointer would crash. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#define DC_STAND_IN(result, name, parameters, stand_in)                                            \
    static result stand_in_##name parameters                                                       \
    {                                                                                              \
        stand_in;                                                                                  \
    }
DC_ROUTINES(DC_STAND_IN)
#undef DC_STAND_IN
#pragma GCC diagnostic pop

/* A wrong entry in DC_ROUTINES would be a wrong call: hold each against its prototype. */
#define DC_CHECK(result, name, parameters, stand_in)                                               \
    _Static_assert(__builtin_types_compatible_p(__typeof__(name), __typeof__(stand_in_##name)),    \
                   #name " is not declared as in drmaa.h");
DC_ROUTINES(DC_CHECK)
#undef DC_CHECK

struct dc_routines libdrmaa = {
#define DC_INITIAL(result, name, parameters, stand_in) stand_in_##name,
    DC_ROUTINES(DC_INITIAL)
#undef DC_INITIAL
};

/* Where DC_ROUTINES puts each pointer, so that one loop can fill them all. */
static const struct {
    const char *name;
    size_t offset;
} places[] = {
#define DC_PLACE(result, name, parameters, stand_in) {#name, offsetof(struct dc_routines, name)},
    DC_ROUTINES(DC_PLACE)
#undef DC_PLACE
};

/* Append word to the list in text; what does not fit is left out. */
static void list(char *text, size_t size, const char *word)
{
    size_t length = strlen(text);
    snprintf(text + length, size - length, "%s%s", length > 0 ? ", " : "", word);
}

/* Fill table from the library behind handle; the names that are missing go to text. */
static int find_routines(void *handle, struct dc_routines *table, char *text, size_t size)
{
    text[0] = '\0';
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        void *routine = dlsym(handle, places[i].name);
        if (routine == NULL)
            list(text, size, places[i].name);
        else /* ISO C has no cast from an object's to a function's pointer; POSIX has the copy. */
            memcpy((char *)table + places[i].offset, &routine, sizeof routine);
    }
    return text[0] == '\0' ? DC_LOADED : DC_NOT_A_DRMAA;
}

/* The library that was loaded; for good. */
static void *loaded;

void *dc_own_routine(const char *name) { return loaded != NULL ? dlsym(loaded, name) : NULL; }

int dc_load(const char *path, char *text, size_t size)
{
    struct dc_routines table;
    Dl_info where;
    /* Local first: a library that turns out to be no libdrmaa must not lend its symbols. */
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        const char *reason = dlerror();
        snprintf(text, size, "%s", reason != NULL ? reason : "the loader gives no reason");
        return DC_NOT_OPENED;
    }
    if (find_routines(handle, &table, text, size) != DC_LOADED) {
        dlclose(handle);
        return DC_NOT_A_DRMAA;
    }
    /* Now global, as slurm-drmaa's plugins need it; the handle is kept until the process ends. */
    dlopen(path, RTLD_NOW | RTLD_GLOBAL | RTLD_NOLOAD);
    libdrmaa = table;
    loaded = handle;
    void *routine;
    memcpy(&routine, &table.drmaa_init, sizeof routine);
    int known = dladdr(routine, &where) != 0 && where.dli_fname != NULL;
    snprintf(text, size, "%s", known ? where.dli_fname : path);
    return DC_LOADED;
}
