/* Submitting one job and many, and waiting for them one by one and together. */
#include "harness.h"

#include <string.h>

void ST_SUBMIT_WAIT(void)
{
    begin();
    exits(submit(sleeper("1")).text, 0);
    nothing_left();
    end();
}

/* A job that never runs ends all the same, with or without a record. */
void ST_SUBMIT_NO_RUN_WAIT(void)
{
    job_id id;
    job_end e;

    begin();
    id = submit(held(sleeper("1")));
    control(id.text, DRMAA_CONTROL_TERMINATE);
    e = reap_tolerantly(id.text);
    CHECK(!e.exited, "expected no exit of a job that never ran, came status %d", e.status);
    nothing_left();
    end();
}

void ST_BULK_SUBMIT_WAIT(void)
{
    job_id ids[MAX_JOBS];
    size_t count = 0;

    begin();
    count += submit_bulk(command("/bin/true"), ids + count, 1, 4, 1);
    count += submit_bulk(command("/bin/true"), ids + count, 2, 9, 3);
    count += submit_bulk(command("/bin/true"), ids + count, 5, 5, 1);
    all_exit(ids, count);
    nothing_left();
    end();
}

void ST_BULK_SINGLESUBMIT_WAIT_INDIVIDUAL(void)
{
    job_id ids[MAX_JOBS];
    size_t count = 0;

    begin();
    count += submit_bulk(command("/bin/true"), ids + count, 1, 3, 1);
    count += submit_bulk(command("/bin/true"), ids + count, 1, 3, 2);
    ids[count++] = submit(command("/bin/true"));
    ids[count++] = submit(sleeper("1"));
    for (size_t i = 0; i < count; i++)
        exits(ids[i].text, 0);
    nothing_left();
    end();
}

/* Two bulk jobs and two single ones; the number of ids. */
static size_t submit_mixture(job_id *ids)
{
    size_t count = 0;

    count += submit_bulk(command("/bin/true"), ids + count, 1, 2, 1);
    count += submit_bulk(command("/bin/true"), ids + count, 10, 30, 20);
    ids[count++] = submit(command("/bin/true"));
    ids[count++] = submit(sleeper("1"));
    return count;
}

static void mixture(bool by_ids, bool dispose)
{
    job_id ids[MAX_JOBS];
    size_t count;

    begin();
    count = submit_mixture(ids);
    if (by_ids)
        EXPECT(DRMAA_ERRNO_SUCCESS, synchronize_ids(ids, count, FOREVER, dispose));
    else
        EXPECT(DRMAA_ERRNO_SUCCESS, synchronize_all(FOREVER, dispose));
    if (!dispose)
        all_exit(ids, count);
    for (size_t i = 0; i < count; i++)
        EXPECT(DRMAA_ERRNO_INVALID_JOB,
               drmaa_wait(ids[i].text, NULL, 0, NULL, FOREVER, NULL, DIAGNOSIS));
    nothing_left();
    end();
}

void ST_SUBMITMIXTURE_SYNC_ALL_DISPOSE(void)
{
    mixture(false, true);
}

void ST_SUBMITMIXTURE_SYNC_ALL_NODISPOSE(void)
{
    mixture(false, false);
}

void ST_SUBMITMIXTURE_SYNC_ALLIDS_DISPOSE(void)
{
    mixture(true, true);
}

void ST_SUBMITMIXTURE_SYNC_ALLIDS_NODISPOSE(void)
{
    mixture(true, false);
}

/* A session lives through a time in which nobody calls it. */
void ST_SUBMIT_PAUSE_SUBMIT_SYNC(void)
{
    job_id ids[2];

    begin();
    ids[0] = submit(command("/bin/true"));
    nap(idle_seconds() * 1000);
    ids[1] = submit(command("/bin/true"));
    EXPECT(DRMAA_ERRNO_SUCCESS, synchronize_ids(ids, 2, FOREVER, false));
    all_exit(ids, 2);
    nothing_left();
    end();
}

void ST_GET_NUM_JOBIDS(void)
{
    drmaa_job_template_t *jt;
    drmaa_job_ids_t *list = NULL;
    list_count number = {0};
    job_id id;
    int came = 0;

    begin();
    jt = command("/bin/true");
    EXPECT(DRMAA_ERRNO_SUCCESS, drmaa_run_bulk_jobs(&list, jt, 1, 5, 1, DIAGNOSIS));
    discard(jt);
    EXPECT(DRMAA_ERRNO_SUCCESS, drmaa_get_num_job_ids(list, &number.narrow));
    CHECK(COUNT(number) == 5, "expected 5 ids, came the number %d", COUNT(number));
    while (drmaa_get_next_job_id(list, id.text, sizeof id.text - 1) == DRMAA_ERRNO_SUCCESS)
        came++;
    CHECK(came == 5, "expected 5 ids, came %d", came);
    EXPECT(DRMAA_ERRNO_NO_MORE_ELEMENTS,
           drmaa_get_next_job_id(list, id.text, sizeof id.text - 1));
    drmaa_release_job_ids(list);
    EXPECT(DRMAA_ERRNO_SUCCESS, synchronize_all(FOREVER, 1));
    end();
}

void ST_BULK_INVALID_RANGE(void)
{
    static const int ranges[][3] = {{5, 1, 1}, {1, 5, 0}, {1, 5, -1}, {0, 3, 1}, {-3, -1, 1}};
    drmaa_job_template_t *jt;

    begin();
    jt = command("/bin/true");
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        drmaa_job_ids_t *list = NULL;
        bool denied = ranges[i][0] < 0 && deviates(NEGATIVE_BULK_RANGE_IS_DENIED);

        EXPECT(denied ? DRMAA_ERRNO_DENIED_BY_DRM : DRMAA_ERRNO_INVALID_ARGUMENT,
               drmaa_run_bulk_jobs(&list, jt, ranges[i][0], ranges[i][1], ranges[i][2],
                                   DIAGNOSIS));
    }
    discard(jt);
    nothing_left();
    end();
}

void ST_NATIVE_SPECIFICATION_BLANKS(void)
{
    drmaa_job_template_t *jt;

    begin();
    jt = command("/bin/true");
    set(jt, DRMAA_NATIVE_SPECIFICATION, "   ");
    exits(run(jt).text, 0);
    discard(jt);
    end();
}
