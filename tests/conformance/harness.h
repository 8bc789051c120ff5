/*
 * What the cases stand on: checks that say where and what, and a word for each common act.
 * To be included first in every file.
 *
 * A check that fails ends the process of the case; the parent then ends the case's jobs. So
 * nothing here returns an error, and no case cleans up after a failure.
 */
#ifndef CONFORMANCE_HARNESS_H
#define CONFORMANCE_HARNESS_H

#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE

#include <stdbool.h>
#include <stddef.h>

#include "deviations.h"
#include "drmaa.h"

#define ANY DRMAA_JOB_IDS_SESSION_ANY
#define ALL DRMAA_JOB_IDS_SESSION_ALL
#define FOREVER DRMAA_TIMEOUT_WAIT_FOREVER
#define NO_WAIT DRMAA_TIMEOUT_NO_WAIT
#define MAX_JOBS 512

typedef struct { const char *file; int line; } place;
#define HERE ((place){__FILE__, __LINE__})

/* The last routine's own words; each thread has its own. */
extern _Thread_local char diagnosis[DRMAA_ERROR_STRING_BUFFER];
#define DIAGNOSIS diagnosis, (sizeof diagnosis - 1) /* some libraries write no NUL at the end */

/* FAIL(format, ...): the case has failed. */
#define FAIL(...) fail_at(HERE, __VA_ARGS__)
_Noreturn void fail_at(place at, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* CHECK(condition, format, ...): fail with these words unless the condition holds. */
#define CHECK(condition, ...) ((condition) ? (void)0 : fail_at(HERE, __VA_ARGS__))
/* EXPECT(code, call): the call must return this DRMAA code; EXPECT_EITHER: one of two. */
#define EXPECT(code, call) EXPECT_AT(HERE, code, call)
#define EXPECT_AT(at, code, call) \
    (*diagnosis = '\0', expect_at(at, code, code, call, #call))
#define EXPECT_EITHER(code, other, call) \
    (*diagnosis = '\0', expect_at(HERE, code, other, call, #call))
int expect_at(place at, int code, int other, int came, const char *call);

/* Session. begin_again: with the contact of an earlier session. */
#define begin() begin_at(HERE, NULL)
#define begin_again(contact) begin_at(HERE, contact)
void begin_at(place at, const char *contact);
#define end() EXPECT(DRMAA_ERRNO_SUCCESS, drmaa_exit(DIAGNOSIS))

/* Templates: a command and its arguments, in the home directory, without output. */
#define command(...) command_at(HERE, (const char *[]){__VA_ARGS__, NULL})
#define shell(script) command("/bin/sh", "-c", script)
#define sleeper(seconds) command("/bin/sleep", seconds)
drmaa_job_template_t *command_at(place at, const char **words);
#define set(jt, name, value) \
    EXPECT(DRMAA_ERRNO_SUCCESS, drmaa_set_attribute(jt, name, value, DIAGNOSIS))
#define set_vector(jt, name, ...) \
    EXPECT(DRMAA_ERRNO_SUCCESS, \
           drmaa_set_vector_attribute(jt, name, (const char *[]){__VA_ARGS__, NULL}, DIAGNOSIS))
#define held(jt) held_at(HERE, jt)
drmaa_job_template_t *held_at(place at, drmaa_job_template_t *jt);
#define discard(jt) EXPECT(DRMAA_ERRNO_SUCCESS, drmaa_delete_job_template(jt, DIAGNOSIS))

/* Jobs. run keeps the template, submit deletes it. */
typedef struct { char text[DRMAA_JOBNAME_BUFFER]; } job_id;
#define run(jt) run_at(HERE, jt, false)
#define submit(jt) run_at(HERE, jt, true)
job_id run_at(place at, drmaa_job_template_t *jt, bool last);
/* submit_bulk(jt, ids, begin, end, step): the number of tasks, whose ids are stored. */
#define submit_bulk(jt, ids, begin, end, step) bulk_at(HERE, jt, ids, begin, end, step)
size_t bulk_at(place at, drmaa_job_template_t *jt, job_id *ids, int begin, int end, int step);

#define control(id, action) EXPECT(DRMAA_ERRNO_SUCCESS, drmaa_control(id, action, DIAGNOSIS))
#define state_of(id) state_at(HERE, id)
int state_at(place at, const char *id);
/* becomes: the job reaches this state in good time. is_in: it is in it, now. */
#define becomes(id, state) becomes_at(HERE, id, state)
void becomes_at(place at, const char *id, int state);
#define is_in(id, state) is_in_at(HERE, id, state)
void is_in_at(place at, const char *id, int state);

/* Ends. */
typedef struct {
    job_id id;
    int code; /* of drmaa_wait: success, or a tolerated one; then the rest is 0 */
    int exited, status, signaled, core, aborted;
    char signal[DRMAA_SIGNAL_BUFFER];
} job_end;
/* reap: wait for the job or for ANY. reap_tolerantly: NO_RUSAGE is as good. */
#define reap(id) reap_at(HERE, id, DRMAA_ERRNO_SUCCESS)
#define reap_tolerantly(id) reap_at(HERE, id, DRMAA_ERRNO_NO_RUSAGE)
job_end reap_at(place at, const char *id, int tolerated);
#define exits(id, status) exits_at(HERE, id, status)
void exits_at(place at, const char *id, int status);
#define aborts(id) aborts_at(HERE, id)
void aborts_at(place at, const char *id);
/* all_exit: wait(ANY) yields these jobs, each once, in any order, each with status 0. */
#define all_exit(ids, count) all_exit_at(HERE, ids, count)
void all_exit_at(place at, const job_id *ids, size_t count);
#define nothing_left() \
    EXPECT(DRMAA_ERRNO_INVALID_JOB, \
           drmaa_wait(ANY, NULL, 0, NULL, NO_WAIT, NULL, DIAGNOSIS))
#define synchronize_all(timeout, dispose) \
    drmaa_synchronize((const char *[]){ALL, NULL}, timeout, dispose, DIAGNOSIS)
int synchronize_ids(const job_id *ids, size_t count, long timeout, bool dispose);

/* Lists: the library's own count, whatever the width of the integer it writes. */
typedef union { size_t wide; int narrow; } list_count;
#define COUNT(number) (number.narrow ? number.narrow : (int)number.wide)

/* Files of the case: a folder that the parent removes, and paths in it. */
const char *folder(void);
void path_in_folder(char path[], size_t size, const char *prefix, const char *name);
void read_text(const char *path, char text[], size_t size);

/* Time. */
void nap(int milliseconds);
int idle_seconds(void); /* from CONFORMANCE_IDLE */

#endif
