/*
 * What the calls of benchmarks/binding.py cost in C: a line "operation microseconds" for each.
 *
 * plain LIBRARY: the same library, loaded in the same way, called the same number of times.
 */
#define _GNU_SOURCE
#include "library.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define IDS 10000
#define SAY diagnosis, sizeof diagnosis

static char diagnosis[DRMAA_ERROR_STRING_BUFFER];
static char text[1024];
static drmaa_job_template_t *jt;
static const char *ids[IDS + 1];
static const char *arguments[11];
static const char *environment[101];

static void op_wait(void)
{
    int stat, answer;
    drmaa_attr_values_t *usage = NULL;
    libdrmaa.drmaa_wait("1234567", text, sizeof text, &stat, -1, &usage, SAY);
    libdrmaa.drmaa_wifexited(&answer, stat, SAY);
    libdrmaa.drmaa_wifaborted(&answer, stat, SAY);
    libdrmaa.drmaa_wifsignaled(&answer, stat, SAY);
    libdrmaa.drmaa_wexitstatus(&answer, stat, SAY);
    while (libdrmaa.drmaa_get_next_attr_value(usage, text, sizeof text) == 0)
        continue;
    libdrmaa.drmaa_release_attr_values(usage);
}

static void op_bulk(void)
{
    drmaa_job_ids_t *list = NULL;
    libdrmaa.drmaa_run_bulk_jobs(&list, jt, 1, IDS, 1, SAY);
    while (libdrmaa.drmaa_get_next_job_id(list, text, sizeof text) == 0)
        continue;
    libdrmaa.drmaa_release_job_ids(list);
}

static void op_synchronize(void) { libdrmaa.drmaa_synchronize(ids, -1, 0, SAY); }
static void op_environment(void)
{
    libdrmaa.drmaa_set_vector_attribute(jt, DRMAA_V_ENV, environment, SAY);
}
static void op_args(void)
{
    libdrmaa.drmaa_set_vector_attribute(jt, DRMAA_V_ARGV, arguments, SAY);
}
static void op_read(void)
{
    libdrmaa.drmaa_get_attribute(jt, DRMAA_JOB_NAME, text, sizeof text, SAY);
}
static void op_write(void) { libdrmaa.drmaa_set_attribute(jt, DRMAA_JOB_NAME, "a name", SAY); }
static void op_run(void) { libdrmaa.drmaa_run_job(text, sizeof text, jt, SAY); }
static void op_status(void)
{
    int status;
    libdrmaa.drmaa_job_ps("1234567", &status, SAY);
}
static void op_template(void)
{
    drmaa_job_template_t *made;
    libdrmaa.drmaa_allocate_job_template(&made, SAY);
    libdrmaa.drmaa_set_attribute(made, DRMAA_REMOTE_COMMAND, "/bin/true", SAY);
    libdrmaa.drmaa_set_vector_attribute(made, DRMAA_V_ARGV, arguments, SAY);
    libdrmaa.drmaa_set_attribute(made, DRMAA_JOB_NAME, "name", SAY);
    libdrmaa.drmaa_set_attribute(made, DRMAA_WD, "/tmp", SAY);
    libdrmaa.drmaa_set_attribute(made, DRMAA_JOIN_FILES, "y", SAY);
    libdrmaa.drmaa_run_job(text, sizeof text, made, SAY);
    libdrmaa.drmaa_delete_job_template(made, SAY);
}

static const struct {
    const char *name;
    void (*run)(void);
    int times;
} operations[] = {
    {"wait", op_wait, 20000},           {"runBulkJobs of 10,000", op_bulk, 20},
    {"synchronize of 10,000 ids", op_synchronize, 200},
    {"jobEnvironment of 100", op_environment, 2000}, {"args of 10", op_args, 20000},
    {"attribute read", op_read, 100000}, {"attribute write", op_write, 100000},
    {"runJob", op_run, 100000},         {"jobStatus", op_status, 100000},
    {"template, 5 attributes, run", op_template, 20000},
};

static const char *numbered(const char *format, int number)
{
    char *made = NULL;
    if (asprintf(&made, format, number) < 0)
        exit(1);
    return made;
}

int main(int argc, char **argv)
{
    char reason[4096];
    if (argc != 2 || dc_load(argv[1], reason, sizeof reason) != DC_LOADED) {
        fprintf(stderr, "usage: plain LIBRARY\n");
        return 2;
    }
    for (int i = 0; i < IDS; i++)
        ids[i] = numbered("1234567.%d", i);
    for (int i = 0; i < 10; i++)
        arguments[i] = numbered("argument %d", i);
    for (int i = 0; i < 100; i++)
        environment[i] = numbered("VARIABLE_%d=some value some value some value ", i);
    libdrmaa.drmaa_init(NULL, SAY);
    libdrmaa.drmaa_allocate_job_template(&jt, SAY);
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        struct timespec begin, end;
        clock_gettime(CLOCK_MONOTONIC, &begin);
        for (int n = 0; n < operations[i].times; n++)
            operations[i].run();
        clock_gettime(CLOCK_MONOTONIC, &end);
        double ns = (double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec);
        printf("%s\t%.4f\n", operations[i].name, ns / operations[i].times / 1000);
    }
    return 0;
}
