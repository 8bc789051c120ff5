/*
 * The C side of benchmarks/gridengine.py: takes the orders that its Python peers take.
 *
 * gridengine LIBRARY: opens a session, reads lines "order count" and answers each with the seconds
 * it took. At the end of its input it terminates all jobs of its session.
 */
#define _GNU_SOURCE
#include "library.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SAY diagnosis, sizeof diagnosis

static char diagnosis[DRMAA_ERROR_STRING_BUFFER];
static char id[1024];
static char **ids;
static int in_hand, waited;

static void check(int code)
{
    if (code != DRMAA_ERRNO_SUCCESS) {
        fprintf(stderr, "code %d: %s\n", code, diagnosis);
        exit(1);
    }
}

static drmaa_job_template_t *template(const char *state)
{
    drmaa_job_template_t *jt;
    check(libdrmaa.drmaa_allocate_job_template(&jt, SAY));
    check(libdrmaa.drmaa_set_attribute(jt, DRMAA_REMOTE_COMMAND, "/bin/true", SAY));
    check(libdrmaa.drmaa_set_attribute(jt, DRMAA_OUTPUT_PATH, ":/dev/null", SAY));
    check(libdrmaa.drmaa_set_attribute(jt, DRMAA_JOIN_FILES, "y", SAY));
    /* Behind all others: a shared machine's other jobs come first. */
    check(libdrmaa.drmaa_set_attribute(jt, DRMAA_NATIVE_SPECIFICATION, "-p -1000", SAY));
    check(libdrmaa.drmaa_set_attribute(jt, DRMAA_JS_STATE, state, SAY));
    return jt;
}

static void submit(drmaa_job_template_t *jt, int count)
{
    for (int i = 0; i < count; i++)
        check(libdrmaa.drmaa_run_job(id, sizeof id, jt, SAY));
}

static void status(int count)
{
    int state;
    for (int i = 0; i < count; i++)
        check(libdrmaa.drmaa_job_ps(id, &state, SAY));
}

static void bulk(drmaa_job_template_t *jt, int count)
{
    drmaa_job_ids_t *list = NULL;
    in_hand = waited = 0;
    ids = calloc((size_t)count, sizeof *ids);
    check(libdrmaa.drmaa_run_bulk_jobs(&list, jt, 1, count, 1, SAY));
    while (in_hand < count && libdrmaa.drmaa_get_next_job_id(list, id, sizeof id) == 0)
        ids[in_hand++] = strdup(id);
    libdrmaa.drmaa_release_job_ids(list);
}

/* Run so many tasks to their ends, and keep their records; stop if nobody wants them. */
static void finish(drmaa_job_template_t *jt, int count)
{
    const char *all[] = {DRMAA_JOB_IDS_SESSION_ALL, NULL};
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    int code = DRMAA_ERRNO_EXIT_TIMEOUT;
    bulk(jt, count);
    while (code == DRMAA_ERRNO_EXIT_TIMEOUT && poll(&input, 1, 0) == 0)
        code = libdrmaa.drmaa_synchronize(all, 5, 0, SAY);
    if (code != DRMAA_ERRNO_EXIT_TIMEOUT)
        check(code);
}

/* All that a JobInfo of the Python packages holds. */
static void wait_for(int count)
{
    char text[1024];
    for (; count > 0 && waited < in_hand; count--) {
        int stat, answer;
        drmaa_attr_values_t *usage = NULL;
        check(libdrmaa.drmaa_wait(ids[waited++], text, sizeof text, &stat,
                                  DRMAA_TIMEOUT_WAIT_FOREVER, &usage, SAY));
        check(libdrmaa.drmaa_wifexited(&answer, stat, SAY));
        check(libdrmaa.drmaa_wifaborted(&answer, stat, SAY));
        check(libdrmaa.drmaa_wifsignaled(&answer, stat, SAY));
        check(libdrmaa.drmaa_wexitstatus(&answer, stat, SAY));
        while (libdrmaa.drmaa_get_next_attr_value(usage, text, sizeof text) == 0)
            continue;
        libdrmaa.drmaa_release_attr_values(usage);
    }
}

/* Terminate all jobs of this session, and forget them. There may be none: failures are no news. */
static void end(void)
{
    const char *all[] = {DRMAA_JOB_IDS_SESSION_ALL, NULL};
    libdrmaa.drmaa_control(DRMAA_JOB_IDS_SESSION_ALL, DRMAA_CONTROL_TERMINATE, SAY);
    libdrmaa.drmaa_synchronize(all, 60, 1, SAY);
}

int main(int argc, char **argv)
{
    char reason[4096], order[16];
    int count;
    if (argc != 2 || dc_load(argv[1], reason, sizeof reason) != DC_LOADED) {
        fprintf(stderr, "usage: gridengine LIBRARY\n");
        return 2;
    }
    check(libdrmaa.drmaa_init(NULL, SAY));
    atexit(end);
    drmaa_job_template_t *held = template(DRMAA_SUBMISSION_STATE_HOLD);
    drmaa_job_template_t *active = template(DRMAA_SUBMISSION_STATE_ACTIVE);
    while (scanf("%15s %d", order, &count) == 2) {
        struct timespec from, to;
        clock_gettime(CLOCK_MONOTONIC, &from);
        if (strcmp(order, "submit") == 0)
            submit(held, count);
        else if (strcmp(order, "status") == 0)
            status(count);
        else if (strcmp(order, "bulk") == 0)
            bulk(held, count);
        else if (strcmp(order, "finish") == 0)
            finish(active, count);
        else if (strcmp(order, "wait") == 0)
            wait_for(count);
        else
            end();
        clock_gettime(CLOCK_MONOTONIC, &to);
        double ns = (double)(to.tv_nsec - from.tv_nsec);
        printf("%.6f\n", (double)(to.tv_sec - from.tv_sec) + ns / 1e9);
        fflush(stdout);
    }
    end();
    libdrmaa.drmaa_exit(SAY);
    _exit(0);
}
