/* Timeouts, and what may be waited for. */
#include "harness.h"

#include <time.h>

/* Ask with this timeout until the job has ended; it must have been refused at least once. */
static void poll_wait(place at, long timeout)
{
    job_id id;
    int asked = 0;
    int stat, exited = 0;

    begin();
    id = submit(sleeper("2"));
    for (;; asked++) {
        int code = drmaa_wait(id.text, NULL, 0, &stat, timeout, NULL, DIAGNOSIS);

        if (code == DRMAA_ERRNO_SUCCESS)
            break;
        expect_at(at, DRMAA_ERRNO_EXIT_TIMEOUT, DRMAA_ERRNO_EXIT_TIMEOUT, code, "drmaa_wait");
        if (!timeout)
            nap(50);
    }
    if (!asked)
        fail_at(at, "expected EXIT_TIMEOUT of a job of 2 s, came success at once");
    EXPECT_AT(at, DRMAA_ERRNO_SUCCESS, drmaa_wifexited(&exited, stat, DIAGNOSIS));
    if (!exited)
        fail_at(at, "expected the job to exit");
    nothing_left();
    end();
}

static void poll_synchronize(place at, long timeout)
{
    job_id ids[2];
    int asked = 0;

    begin();
    ids[0] = submit(sleeper("2"));
    ids[1] = submit(sleeper("1"));
    for (;; asked++) {
        int code = synchronize_ids(ids, 2, timeout, false);

        if (code == DRMAA_ERRNO_SUCCESS)
            break;
        expect_at(at, DRMAA_ERRNO_EXIT_TIMEOUT, DRMAA_ERRNO_EXIT_TIMEOUT, code,
                  "drmaa_synchronize");
        if (!timeout)
            nap(50);
    }
    if (!asked)
        fail_at(at, "expected EXIT_TIMEOUT of jobs of 2 s, came success at once");
    all_exit(ids, 2);
    nothing_left();
    end();
}

void ST_SUBMIT_POLLING_WAIT_TIMEOUT(void)
{
    poll_wait(HERE, 1);
}

void ST_SUBMIT_POLLING_WAIT_ZEROTIMEOUT(void)
{
    poll_wait(HERE, NO_WAIT);
}

void ST_SUBMIT_POLLING_SYNCHRONIZE_TIMEOUT(void)
{
    poll_synchronize(HERE, 1);
}

void ST_SUBMIT_POLLING_SYNCHRONIZE_ZEROTIMEOUT(void)
{
    poll_synchronize(HERE, NO_WAIT);
}

/* A job that was reaped and ids that never were: neither is worth waiting for. */
void ST_SYNCHRONIZE_NONEXISTANT(void)
{
    job_id ids[3] = {{"987654321"}, {"987654322.3"}, {""}};

    begin();
    ids[2] = submit(command("/bin/true"));
    exits(ids[2].text, 0);
    EXPECT(DRMAA_ERRNO_SUCCESS, synchronize_ids(ids, 3, FOREVER, false));
    EXPECT(DRMAA_ERRNO_SUCCESS, synchronize_ids(ids, 3, FOREVER, true));
    EXPECT(DRMAA_ERRNO_SUCCESS, synchronize_ids(ids, 0, FOREVER, false));
    end();
}

void ST_WAIT_UNKNOWN_JOB(void)
{
    begin();
    EXPECT(DRMAA_ERRNO_INVALID_JOB,
           drmaa_wait("987654321", NULL, 0, NULL, FOREVER, NULL, DIAGNOSIS));
    EXPECT(DRMAA_ERRNO_INVALID_JOB,
           drmaa_wait("987654321.1", NULL, 0, NULL, NO_WAIT, NULL, DIAGNOSIS));
    end();
}

void ST_WAIT_TWICE(void)
{
    job_id id;

    begin();
    id = submit(command("/bin/true"));
    exits(id.text, 0);
    EXPECT(DRMAA_ERRNO_INVALID_JOB,
           drmaa_wait(id.text, NULL, 0, NULL, FOREVER, NULL, DIAGNOSIS));
    end();
}

void ST_NEGATIVE_TIMEOUT(void)
{
    job_id id;

    begin();
    id = submit(held(sleeper("1")));
    EXPECT(DRMAA_ERRNO_INVALID_ARGUMENT,
           drmaa_wait(id.text, NULL, 0, NULL, -2, NULL, DIAGNOSIS));
    EXPECT(DRMAA_ERRNO_INVALID_ARGUMENT, synchronize_ids(&id, 1, -2, false));
    control(id.text, DRMAA_CONTROL_TERMINATE);
    reap_tolerantly(id.text);
    end();
}
