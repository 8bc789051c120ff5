/* Holding, releasing, suspending, resuming and ending jobs. */
#include "harness.h"

#define TASKS 4

/* A job that never ran has ended: its record tells so, if there is one. */
static void never_ran(place at, const char *id)
{
    if (deviates(NO_RECORD_OF_JOB_THAT_NEVER_RAN))
        reap_at(at, id, DRMAA_ERRNO_NO_RUSAGE);
    else
        aborts_at(at, id);
}

void ST_SUBMIT_IN_HOLD_RELEASE(void)
{
    job_id id;

    begin();
    id = submit(held(sleeper("1")));
    is_in(id.text, DRMAA_PS_USER_ON_HOLD);
    nap(1500);
    is_in(id.text, DRMAA_PS_USER_ON_HOLD);
    control(id.text, DRMAA_CONTROL_RELEASE);
    EXPECT(DRMAA_ERRNO_SUCCESS, synchronize_ids(&id, 1, FOREVER, false));
    is_in(id.text, DRMAA_PS_DONE);
    exits(id.text, 0);
    end();
}

void ST_SUBMIT_IN_HOLD_DELETE(void)
{
    job_id id;

    begin();
    id = submit(held(sleeper("1")));
    is_in(id.text, DRMAA_PS_USER_ON_HOLD);
    control(id.text, DRMAA_CONTROL_TERMINATE);
    EXPECT(DRMAA_ERRNO_SUCCESS, synchronize_ids(&id, 1, FOREVER, false));
    is_in(id.text, DRMAA_PS_FAILED);
    never_ran(HERE, id.text);
    nothing_left();
    end();
}

/* Submit held tasks, act on the session or on each of them, wait. */
static void bulk_in_hold(place at, bool by_session, int action)
{
    job_id ids[TASKS];

    begin();
    submit_bulk(held(command("/bin/true")), ids, 1, TASKS, 1);
    for (int i = 0; i < TASKS; i++)
        is_in_at(at, ids[i].text, DRMAA_PS_USER_ON_HOLD);
    if (by_session)
        EXPECT_AT(at, DRMAA_ERRNO_SUCCESS, drmaa_control(ALL, action, DIAGNOSIS));
    for (int i = 0; i < TASKS && !by_session; i++)
        EXPECT_AT(at, DRMAA_ERRNO_SUCCESS, drmaa_control(ids[i].text, action, DIAGNOSIS));
    EXPECT_AT(at, DRMAA_ERRNO_SUCCESS, synchronize_all(FOREVER, 0));
    for (int i = 0; i < TASKS; i++) {
        bool released = action == DRMAA_CONTROL_RELEASE;

        is_in_at(at, ids[i].text, released ? DRMAA_PS_DONE : DRMAA_PS_FAILED);
        if (released)
            exits_at(at, ids[i].text, 0);
        else
            never_ran(at, ids[i].text);
    }
    nothing_left();
    end();
}

void ST_BULK_SUBMIT_IN_HOLD_SESSION_RELEASE(void)
{
    bulk_in_hold(HERE, true, DRMAA_CONTROL_RELEASE);
}

void ST_BULK_SUBMIT_IN_HOLD_SINGLE_RELEASE(void)
{
    bulk_in_hold(HERE, false, DRMAA_CONTROL_RELEASE);
}

void ST_BULK_SUBMIT_IN_HOLD_SESSION_DELETE(void)
{
    bulk_in_hold(HERE, true, DRMAA_CONTROL_TERMINATE);
}

void ST_BULK_SUBMIT_IN_HOLD_SINGLE_DELETE(void)
{
    bulk_in_hold(HERE, false, DRMAA_CONTROL_TERMINATE);
}

void ST_SUBMIT_SUSPEND_RESUME_WAIT(void)
{
    job_id id;

    begin();
    id = submit(sleeper("5"));
    becomes(id.text, DRMAA_PS_RUNNING);
    control(id.text, DRMAA_CONTROL_SUSPEND);
    becomes(id.text, DRMAA_PS_USER_SUSPENDED);
    /* Grid Engine says so before it stops the job; a resume that overtakes that is lost. */
    nap(3000);
    control(id.text, DRMAA_CONTROL_RESUME);
    becomes(id.text, DRMAA_PS_RUNNING);
    exits(id.text, 0);
    end();
}

/* An action that does not apply to a job in hold. */
static void refused_in_hold(place at, int action, int code)
{
    job_id id;

    begin();
    id = submit(held(sleeper("1")));
    becomes_at(at, id.text, DRMAA_PS_USER_ON_HOLD);
    EXPECT_AT(at, code, drmaa_control(id.text, action, DIAGNOSIS));
    is_in_at(at, id.text, DRMAA_PS_USER_ON_HOLD);
    control(id.text, DRMAA_CONTROL_TERMINATE);
    reap_tolerantly(id.text);
    end();
}

/* An action that does not apply to a running job. */
static void refused_while_running(place at, int action, int code)
{
    job_id id;

    begin();
    id = submit(sleeper("60"));
    becomes_at(at, id.text, DRMAA_PS_RUNNING);
    EXPECT_AT(at, code, drmaa_control(id.text, action, DIAGNOSIS));
    if (code != DRMAA_ERRNO_SUCCESS)
        is_in_at(at, id.text, DRMAA_PS_RUNNING);
    control(id.text, DRMAA_CONTROL_TERMINATE);
    aborts_at(at, id.text);
    end();
}

void ST_SUSPEND_HELD(void)
{
    refused_in_hold(HERE, DRMAA_CONTROL_SUSPEND, DRMAA_ERRNO_SUSPEND_INCONSISTENT_STATE);
}

void ST_RESUME_HELD(void)
{
    refused_in_hold(HERE, DRMAA_CONTROL_RESUME, DRMAA_ERRNO_RESUME_INCONSISTENT_STATE);
}

void ST_RESUME_RUNNING(void)
{
    refused_while_running(HERE, DRMAA_CONTROL_RESUME, DRMAA_ERRNO_RESUME_INCONSISTENT_STATE);
}

void ST_HOLD_RUNNING(void)
{
    refused_while_running(HERE, DRMAA_CONTROL_HOLD,
                          deviates(HOLD_OF_RUNNING_JOB_SUCCEEDS)
                              ? DRMAA_ERRNO_SUCCESS
                              : DRMAA_ERRNO_HOLD_INCONSISTENT_STATE);
}

void ST_RELEASE_RUNNING(void)
{
    refused_while_running(HERE, DRMAA_CONTROL_RELEASE,
                          deviates(RELEASE_OF_RUNNING_JOB_SUCCEEDS)
                              ? DRMAA_ERRNO_SUCCESS
                              : DRMAA_ERRNO_RELEASE_INCONSISTENT_STATE);
}

void ST_CONTROL_UNKNOWN_JOB(void)
{
    begin();
    for (int action = DRMAA_CONTROL_SUSPEND; action <= DRMAA_CONTROL_TERMINATE; action++) {
        EXPECT(DRMAA_ERRNO_INVALID_JOB, drmaa_control("987654321", action, DIAGNOSIS));
        EXPECT(DRMAA_ERRNO_INVALID_JOB, drmaa_control("987654321.1", action, DIAGNOSIS));
    }
    end();
}

void ST_CONTROL_UNKNOWN_ACTION(void)
{
    job_id id;

    begin();
    id = submit(held(sleeper("1")));
    EXPECT(DRMAA_ERRNO_INVALID_ARGUMENT, drmaa_control(id.text, 5, DIAGNOSIS));
    EXPECT(DRMAA_ERRNO_INVALID_ARGUMENT, drmaa_control(id.text, -1, DIAGNOSIS));
    is_in(id.text, DRMAA_PS_USER_ON_HOLD);
    control(id.text, DRMAA_CONTROL_TERMINATE);
    reap_tolerantly(id.text);
    end();
}

void ST_STATUS_UNKNOWN_JOB(void)
{
    int state;

    begin();
    EXPECT(DRMAA_ERRNO_INVALID_JOB, drmaa_job_ps("987654321", &state, DIAGNOSIS));
    EXPECT(DRMAA_ERRNO_INVALID_JOB, drmaa_job_ps("987654321.1", &state, DIAGNOSIS));
    end();
}
