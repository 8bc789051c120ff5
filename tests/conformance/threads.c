/* Many threads, one session. */
#include "harness.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#define THREADS 8
#define JOBS 3
#define MANY 50

static pthread_t threads[MANY];
static job_id ids[MANY * JOBS];
static atomic_int refused, submitted;

static void start(int count, void *(*routine)(void *))
{
    for (intptr_t i = 0; i < count; i++)
        CHECK(pthread_create(&threads[i], NULL, routine, (void *)i) == 0, "no thread");
}

static void join(int count)
{
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

/* Wait until a counter of the threads has come to a number. */
static void come_to(atomic_int *counter, int number)
{
    time_t deadline = time(NULL) + 30;

    while (atomic_load(counter) < number) {
        CHECK(time(NULL) < deadline, "expected %d acts of threads, came %d", number,
              atomic_load(counter));
        nap(10);
    }
}

static void *submit_some(void *number)
{
    for (intptr_t i = 0; i < JOBS; i++)
        ids[(intptr_t)number * JOBS + i] = submit(command("/bin/true"));
    return NULL;
}

void MT_SUBMIT_WAIT(void)
{
    begin();
    start(THREADS, submit_some);
    join(THREADS);
    all_exit(ids, THREADS * JOBS);
    nothing_left();
    end();
}

static void *submit_when_possible(void *number)
{
    drmaa_job_template_t *jt = NULL;

    EXPECT_EITHER(DRMAA_ERRNO_NO_ACTIVE_SESSION,
                  deviates(FIRST_CALLS_OF_THREADS_RACE) ? DRMAA_ERRNO_INTERNAL_ERROR
                                                        : DRMAA_ERRNO_NO_ACTIVE_SESSION,
                  drmaa_allocate_job_template(&jt, DIAGNOSIS));
    atomic_fetch_add(&refused, 1);
    while (EXPECT_EITHER(DRMAA_ERRNO_NO_ACTIVE_SESSION, DRMAA_ERRNO_SUCCESS,
                         drmaa_allocate_job_template(&jt, DIAGNOSIS)) != DRMAA_ERRNO_SUCCESS)
        nap(1);
    discard(jt);
    ids[(intptr_t)number] = submit(command("/bin/true"));
    return NULL;
}

void MT_SUBMIT_BEFORE_INIT_WAIT(void)
{
    start(THREADS, submit_when_possible);
    come_to(&refused, THREADS);
    begin();
    join(THREADS);
    all_exit(ids, THREADS);
    nothing_left();
    end();
}

/* Submit until the session is closed. */
static void *submit_until_exit(void *number)
{
    drmaa_job_template_t *jt = command("/bin/true");
    job_id id;

    (void)number;
    while (EXPECT_EITHER(DRMAA_ERRNO_SUCCESS, DRMAA_ERRNO_NO_ACTIVE_SESSION,
                         drmaa_run_job(id.text, sizeof id.text - 1, jt, DIAGNOSIS)) ==
           DRMAA_ERRNO_SUCCESS) {
        atomic_fetch_add(&submitted, 1);
        nap(20);
    }
    return NULL;
}

void MT_EXIT_DURING_SUBMIT(void)
{
    begin();
    start(THREADS, submit_until_exit);
    come_to(&submitted, THREADS);
    end();
    join(THREADS);
}

static void *submit_and_wait(void *number)
{
    (void)number;
    exits(submit(command("/bin/true")).text, 0);
    return NULL;
}

void MT_SUBMIT_MT_WAIT(void)
{
    begin();
    start(THREADS, submit_and_wait);
    join(THREADS);
    nothing_left();
    end();
}

void MT_FIFTY_THREADS(void)
{
    begin();
    start(MANY, submit_and_wait);
    join(MANY);
    nothing_left();
    end();
}

/* A third of the threads submits, the others wait for a job that lasts longer than the session. */
static void *submit_or_wait_until_exit(void *number)
{
    int code = deviates(WAIT_TIMES_OUT_AT_EXIT) ? DRMAA_ERRNO_EXIT_TIMEOUT
                                                : DRMAA_ERRNO_NO_ACTIVE_SESSION;

    if ((intptr_t)number % 3 == 0)
        return submit_until_exit(number);
    atomic_fetch_add(&submitted, 1);
    if ((intptr_t)number % 3 == 1)
        EXPECT(code, drmaa_wait(ids[0].text, NULL, 0, NULL, FOREVER, NULL, DIAGNOSIS));
    else
        EXPECT(code, synchronize_all(FOREVER, 0));
    return NULL;
}

void MT_EXIT_DURING_SUBMIT_OR_WAIT(void)
{
    begin();
    ids[0] = submit(sleeper("60"));
    start(THREADS, submit_or_wait_until_exit);
    come_to(&submitted, THREADS);
    nap(500); /* so that the waiters do wait */
    end();
    join(THREADS);
}

static atomic_int synchronized;

static void *synchronize_session(void *number)
{
    (void)number;
    EXPECT(DRMAA_ERRNO_SUCCESS, synchronize_all(FOREVER, 0));
    atomic_store(&synchronized, 1);
    return NULL;
}

void MT_SYNCHRONIZE_IGNORES_LATER_JOBS(void)
{
    job_id early, later;

    begin();
    early = submit(sleeper("3"));
    start(1, synchronize_session);
    nap(500); /* so that it has begun */
    later = submit(held(sleeper("1")));
    come_to(&synchronized, 1);
    join(1);
    is_in(later.text, DRMAA_PS_USER_ON_HOLD);
    exits(early.text, 0);
    control(later.text, DRMAA_CONTROL_TERMINATE);
    reap_tolerantly(later.text);
    end();
}
