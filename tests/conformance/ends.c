/* How jobs end, and what is told of it. */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#define STATUSES 255

/* All at once, so that the DRM can run as many side by side as it has room for. */
void ST_EXIT_STATUS(void)
{
    static job_id ids[STATUSES];

    begin();
    for (int status = 0; status < STATUSES; status++) {
        char script[32];

        snprintf(script, sizeof script, "exit %d", status);
        ids[status] = submit(shell(script));
    }
    for (int status = 0; status < STATUSES; status++)
        exits(ids[status].text, status);
    nothing_left();
    end();
}

/* A job that cannot have its file does not run. */
static void file_failure(place at, const char *attribute)
{
    drmaa_job_template_t *jt;
    job_id id;

    begin();
    jt = command("/bin/true");
    set(jt, DRMAA_JOIN_FILES, "n");
    set(jt, attribute, ":/no/such/folder/file");
    id = run(jt);
    discard(jt);
    EXPECT_AT(at, DRMAA_ERRNO_SUCCESS, synchronize_ids(&id, 1, FOREVER, false));
    is_in_at(at, id.text, DRMAA_PS_FAILED);
    aborts_at(at, id.text);
    end();
}

void ST_INPUT_FILE_FAILURE(void)
{
    file_failure(HERE, DRMAA_INPUT_PATH);
}

void ST_OUTPUT_FILE_FAILURE(void)
{
    file_failure(HERE, DRMAA_OUTPUT_PATH);
}

void ST_ERROR_FILE_FAILURE(void)
{
    file_failure(HERE, DRMAA_ERROR_PATH);
}

void ST_USAGE_CHECK(void)
{
    job_id id;
    drmaa_attr_values_t *usage = NULL;
    list_count number = {0};
    char entry[DRMAA_ATTR_BUFFER] = "";
    int stat, came = 0;

    begin();
    id = submit(command("/bin/true"));
    EXPECT(DRMAA_ERRNO_SUCCESS,
           drmaa_wait(id.text, NULL, 0, &stat, FOREVER, &usage, DIAGNOSIS));
    CHECK(usage, "expected usage, came none");
    EXPECT(DRMAA_ERRNO_SUCCESS, drmaa_get_num_attr_values(usage, &number.narrow));
    while (drmaa_get_next_attr_value(usage, entry, sizeof entry - 1) == DRMAA_ERRNO_SUCCESS) {
        CHECK(strchr(entry, '=') > entry, "expected name=value, came %s", entry);
        memset(entry, 0, sizeof entry);
        came++;
    }
    EXPECT(DRMAA_ERRNO_NO_MORE_ELEMENTS,
           drmaa_get_next_attr_value(usage, entry, sizeof entry - 1));
    CHECK(came == COUNT(number), "expected %d entries, came %d", COUNT(number), came);
    CHECK(came > 0, "expected usage, came no entry");
    drmaa_release_attr_values(usage);
    end();
}

void ST_SUBMIT_KILL_SIG(void)
{
    static const char *const signals[] = {"USR1", "TERM", "ALRM", "USR2", "SEGV", "HUP",
                                          "QUIT", "ILL",  "ABRT", "FPE",  "KILL", "INT"};
    enum { count = sizeof signals / sizeof *signals };
    job_id ids[count];

    begin();
    for (int i = 0; i < count; i++) {
        char script[64];

        snprintf(script, sizeof script, "ulimit -c 0; kill -%s $$; exit 7", signals[i]);
        ids[i] = submit(shell(script));
    }
    for (int i = 0; i < count; i++) {
        job_end e = reap(ids[i].text);

        if (strcmp(signals[i], "INT") == 0 && deviates(INTERRUPT_IS_AN_EXIT)) {
            CHECK(e.exited && e.status == 130, "expected 130 of SIGINT, came %d", e.status);
            continue;
        }
        CHECK(e.signaled && !e.exited && !e.aborted,
              "%s: expected an end by a signal, came signaled %d, exited %d, aborted %d",
              signals[i], e.signaled, e.exited, e.aborted);
        CHECK(strncmp(e.signal, "SIG", 3) == 0 && strcmp(e.signal + 3, signals[i]) == 0,
              "expected SIG%s, came %s", signals[i], e.signal);
        CHECK(!e.core, "expected no core with ulimit -c 0, came one with SIG%s", signals[i]);
    }
    nothing_left();
    end();
}
