/* All processes of a job: whatever groups and sessions they have made for themselves. */
#ifndef DRMAA_LOCAL_RUNNER_TREE_H
#define DRMAA_LOCAL_RUNNER_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A job that runs: its first process, which leads its session, and its numbers. */
typedef struct {
    pid_t pid;
    int64_t job;
    int64_t task;
} tree_job;

/* What we have to know of our own children to tell the jobs' orphans among them. */
typedef struct {
    tree_job *jobs; /* those that run, and those that were not reaped yet; by pid */
    size_t count;
    pid_t engine; /* 0: none */
    pid_t restarting; /* 0: none */
} tree_family;

/* Prepares the tables. Returns false and leaves errno. */
bool tree_open(void);
/* Sends a signal to all processes of a job. */
void tree_signal(const tree_family *family, const tree_job *of, int signal);
/* Kills what a job whose first process has ended has left, which is not reaped yet. */
void tree_kill_left(const tree_family *family, const tree_job *of);

#endif
