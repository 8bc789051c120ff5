/*
 * Threads that make every call of the C side at once, while the session is closed and opened.
 *
 * stress LIBRARY THREADS ROUNDS: for ThreadSanitizer and valgrind, which tell what went wrong.
 */
#include "calls.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int rounds;

/* A code that a call may give when another thread closes the session or deletes the template. */
static void expect(int code, const char *what, const dc_call *call)
{
    switch (code) {
    case DRMAA_ERRNO_SUCCESS:
    case DRMAA_ERRNO_NO_ACTIVE_SESSION:
    case DRMAA_ERRNO_ALREADY_ACTIVE_SESSION:
    case DRMAA_ERRNO_EXIT_TIMEOUT:
    case DRMAA_ERRNO_INVALID_JOB:
    case DRMAA_ERRNO_INVALID_ATTRIBUTE_VALUE:
    case DRMAA_ERRNO_HOLD_INCONSISTENT_STATE:
        return;
    default:
        if (call->refusal == DC_DELETED)
            return;
        fprintf(stderr, "%s: code %d: %s\n", what, code, call->diagnosis);
        exit(1);
    }
}
#define EXPECT(made) expect(made, #made, call)

static void use_template(dc_template *t, dc_call *call)
{
    static const char arguments[] = "one\0\0three";
    char job_id[DC_TEXT_SIZE];
    EXPECT(dc_set_attribute(t, DRMAA_REMOTE_COMMAND, "/bin/true", call));
    EXPECT(dc_set_attribute(t, DRMAA_OUTPUT_PATH, ":/dev/null", call));
    EXPECT(dc_set_attribute(t, DRMAA_JOIN_FILES, "y", call));
    EXPECT(dc_set_attribute(t, DRMAA_JOB_NAME, "a_long_name", call));
    EXPECT(dc_get_attribute(t, DRMAA_JOB_NAME, call));
    EXPECT(dc_set_vector_attribute(t, DRMAA_V_ARGV, arguments, sizeof arguments, 3, call));
    EXPECT(dc_get_vector_attribute(t, DRMAA_V_ARGV, 1, call));
    if (dc_set_vector_attribute(t, DRMAA_V_ARGV, arguments, sizeof arguments, 2, call) == 0)
        exit(1); /* a block with a string too many has to be refused */
    EXPECT(dc_run_bulk_jobs(t, 1, 7, 2, call));
    dc_block ids = call->block;
    memset(&call->block, 0, sizeof call->block);
    EXPECT(dc_synchronize(ids.data, ids.size, ids.count, 0, 0, call));
    free(ids.data);
    if (dc_run_job(t, call) == DRMAA_ERRNO_SUCCESS) {
        snprintf(job_id, sizeof job_id, "%s", call->value);
        EXPECT(dc_job_ps(job_id, call));
        EXPECT(dc_control(job_id, DRMAA_CONTROL_HOLD, call));
        EXPECT(dc_wait(job_id, 0, 1, call));
    }
    EXPECT(dc_wait(DRMAA_JOB_IDS_SESSION_ANY, 0, 0, call));
    dc_trim(call);
}

static void *work(void *shared)
{
    dc_call *call = dc_new_call();
    (void)shared;
    for (int i = 0; i < rounds; i++) {
        EXPECT(dc_get_contact(call));
        EXPECT(dc_version(call));
        EXPECT(dc_get_attribute_names(call));
        EXPECT(dc_init(NULL, call));
        int code = dc_allocate_job_template(call);
        EXPECT(code);
        if (code == DRMAA_ERRNO_SUCCESS) {
            dc_template *t = call->made;
            use_template(t, call);
            if (i % 2 == 0)
                EXPECT(dc_delete_job_template(t, call));
            use_template(t, call);
            dc_forget(t);
        }
        if (i % 5 == 0)
            EXPECT(dc_exit(call));
    }
    dc_free_call(call);
    return NULL;
}

int main(int argc, char **argv)
{
    char text[4096];
    dc_call *call = dc_new_call();
    pthread_t threads[64];
    int count = argc == 4 ? atoi(argv[2]) : 0;
    if (count < 1 || count > 64) {
        fprintf(stderr, "usage: stress LIBRARY THREADS(1-64) ROUNDS\n");
        return 2;
    }
    rounds = atoi(argv[3]);
    if (call == NULL || dc_version(call) != DRMAA_ERRNO_INTERNAL_ERROR ||
        strcmp(call->diagnosis, "no libdrmaa is loaded") != 0) {
        fprintf(stderr, "a call before the library is loaded\n");
        return 1;
    }
    if (dc_load(argv[1], text, sizeof text) != DC_LOADED) {
        fprintf(stderr, "%s\n", text);
        return 1;
    }
    for (int i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            return 1;
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    if (dc_is_active())
        EXPECT(dc_exit(call));
    dc_free_call(call);
    return 0;
}
