/* What a job's process does between fork and exec. */
#ifndef DRMAA_LOCAL_RUNNER_CHILD_H
#define DRMAA_LOCAL_RUNNER_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "wire.h"

/* How far a job came before its command ran; the engine (causes.py) has the words. */
enum runner_stage {
    STAGE_RAN = 0,
    STAGE_WORKING_DIRECTORY = 1,
    STAGE_OUTPUT = 2,
    STAGE_ERROR = 3,
    STAGE_INPUT = 4,
    STAGE_LIMITS = 5,
    STAGE_NICE = 6,
    STAGE_EXEC = 7,
};

/* Where a child tells, in memory shared with the runner, why its command did not run. */
typedef struct {
    int stage;
    int reason;
} runner_report;

/* Everything about one start, parsed from the engine's frame. */
typedef struct {
    int64_t job;
    int64_t task;
    uint32_t environment;
    uint32_t umask;
    int32_t nice;
    bool join;
    uint32_t limit_count;
    struct rlimit limits[RLIM_NLIMITS];
    char *directory;
    char *input;
    char *output;
    char *error;
    char *output_name; /* the file's name where `output` is a folder */
    char *error_name;
    char **settings; /* NAME=value, over the environment; NULL at the end */
    char **arguments; /* the command first; NULL at the end */
    bool is_placed; /* the engine says what follows */
    int32_t base_nice; /* the submitter's: `nice` is added to it */
    uint32_t io_priority;
    size_t cpus_size;
    unsigned char cpus[1024]; /* those it may use, as the kernel tells them */
} runner_start;

/* Parses a frame; returns false for rubbish, which the reader says, or for lack of memory. Free it
 * in either case. */
bool runner_start_parse(runner_start *start, wire_reader *reader);
void runner_start_free(runner_start *start);
/* Becomes the job: never returns. `environment` is what exec gets. */
_Noreturn void runner_child(const runner_start *start, char **environment,
                            runner_report *report, pid_t runner);

#endif
