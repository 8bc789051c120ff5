/* The runner's log: one line for each start and end, so that neither is ever forgotten. */
#ifndef DRMAA_LOCAL_RUNNER_LOG_H
#define DRMAA_LOCAL_RUNNER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct {
    int home; /* the engine's folder, an open directory */
    int file;
    off_t size;
} runner_log;

/* Opens `runner.log` in `home`, keeping what it holds. Returns false and leaves errno. */
bool runner_log_open(runner_log *log, int home);
/* Appends whole lines, all or nothing. Returns false and leaves errno. */
bool runner_log_append(runner_log *log, const char *lines, size_t size);
/* Replaces the whole log by `lines`; on failure the old log stays as it is. */
bool runner_log_replace(runner_log *log, const char *lines, size_t size);

#endif
