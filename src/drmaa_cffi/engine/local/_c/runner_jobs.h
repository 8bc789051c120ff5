/* The runner's jobs: started, signalled, reaped, and remembered until the engine knows the end. */
#ifndef DRMAA_LOCAL_RUNNER_JOBS_H
#define DRMAA_LOCAL_RUNNER_JOBS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "runner_child.h"
#include "runner_log.h"
#include "runner_tree.h"
#include "wire.h"

/* A job from its start until the engine has stored its end. */
typedef struct {
    int64_t job;
    int64_t task;
    pid_t pid; /* 0 once it has ended */
    int64_t started; /* microseconds since 1970 */
    int64_t started_monotonic;
    size_t report; /* its place in the shared reports */
    bool end_logged;
    char end[512]; /* the line of its end */
} runner_job;

typedef struct {
    uint32_t number;
    char *block; /* NAME=value texts, each with its NUL */
    size_t size;
} runner_environment;

typedef struct {
    runner_log log;
    runner_job *jobs;
    size_t count;
    size_t room;
    size_t running;
    runner_environment *environments;
    size_t environment_count;
    runner_report *reports;
    bool *report_used;
    tree_family family;
    wire_stream *out; /* lines for the engine; NULL while there is none */
    bool only_starts; /* `out` holds nothing but S lines */
    bool untold; /* there was no memory for such a line: the link is to be dropped */
} runner_jobs;

/* Prepares an empty table over the log in `home`. Returns false and leaves errno. */
bool runner_jobs_open(runner_jobs *jobs, int home);
void runner_jobs_start(runner_jobs *jobs, wire_reader *reader);
void runner_jobs_signal(runner_jobs *jobs, int64_t job, int64_t task, int signal);
/* The engine has stored this job's end: forget it. */
void runner_jobs_forget(runner_jobs *jobs, int64_t job, int64_t task);
void runner_jobs_add_environment(runner_jobs *jobs, wire_reader *reader);
void runner_jobs_drop_environment(runner_jobs *jobs, uint32_t number);
/* Takes the end of every process that has ended; returns true if `watched` was among them,
 * and then its wait status. */
bool runner_jobs_reap(runner_jobs *jobs, pid_t watched, int *status);
/* Writes all that a new engine must know to `out`. */
void runner_jobs_tell(runner_jobs *jobs);
/* Shortens the log where it has grown far beyond what it has to say, or tries to write again
 * the ends a full disk refused. Returns false while some end is not in the log. */
bool runner_jobs_tidy_log(runner_jobs *jobs);

#endif
