/* What the fake libdrmaa's script and its routines share; see fake_drmaa.c. */
#ifndef FAKE_H
#define FAKE_H

#include "drmaa.h"

#include <pthread.h>
#include <stddef.h>

#define EXPORT __attribute__((visibility("default")))
#define JOBS 2000000

/* Text of any length, with or without a NUL at its end. */
struct text {
    char *data;
    size_t length;
    int terminated;
};

struct script {
    char name[48];
    long calls;
    int code;        /* what to return ... */
    long from, to;   /* ... in these calls, counted from 1 */
    int delay_ms;
    int holds; /* the lock during the delay, as a library with one of its own does */
    struct text said; /* instead of an honest value */
    struct text list; /* `count` strings, each ended by a NUL, instead of an honest list */
    size_t count;
    int scripted, endless;
};

enum kind { TEMPLATES, NAMES, VALUES, IDS, KINDS };
enum state { RUNNING, ENDED, REAPED };

/* Guards all below: a routine holds it from enter() to leave(). */
extern pthread_mutex_t lock;
extern pthread_cond_t changed;
extern long live[KINDS];
extern enum state jobs[JOBS];
extern int job_count;
/* How jobs end. */
extern struct end {
    int exited, status, signaled, core, aborted;
    char signal[32];
} end;

/* Stop the process: the binding did what it must not do. */
void die(const char *why) __attribute__((noreturn));

/* The script of a routine; made at first use. */
struct script *script_of(const char *routine);

/* As Grid Engine does: write what fits, and a NUL only if there is room. */
void put(char *buffer, size_t size, const char *data, size_t length, int terminated);
void put_string(char *buffer, size_t size, const char *string);

/* Begin a routine: count, delay, and return the scripted code. The lock is held afterwards. */
int enter(const char *routine, char *diagnosis, size_t diagnosis_len);

/* End a routine that returns code. */
int leave(int code);

#define ENTER(routine)                                                                             \
    do {                                                                                           \
        int scripted_code = enter(routine, diagnosis, diagnosis_len);                              \
        if (scripted_code != 0)                                                                    \
            return leave(scripted_code);                                                           \
    } while (0)
#define ENTER_SESSION(routine)                                                                     \
    do {                                                                                           \
        ENTER(routine);                                                                            \
        if (!active)                                                                               \
            return leave(DRMAA_ERRNO_NO_ACTIVE_SESSION);                                           \
    } while (0)

#endif
