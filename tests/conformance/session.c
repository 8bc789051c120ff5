/* Opening, closing and asking about a session. */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#define SMALL 255 /* the working group's size of a buffer for these texts */

typedef int (*asking)(char *, size_t, char *, size_t);

void ST_ERROR_CODES(void)
{
    static const int codes[] = {
        DRMAA_ERRNO_SUCCESS,
        DRMAA_ERRNO_INTERNAL_ERROR,
        DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE,
        DRMAA_ERRNO_AUTH_FAILURE,
        DRMAA_ERRNO_INVALID_ARGUMENT,
        DRMAA_ERRNO_NO_ACTIVE_SESSION,
        DRMAA_ERRNO_NO_MEMORY,
        DRMAA_ERRNO_INVALID_CONTACT_STRING,
        DRMAA_ERRNO_DEFAULT_CONTACT_STRING_ERROR,
        DRMAA_ERRNO_NO_DEFAULT_CONTACT_STRING_SELECTED,
        DRMAA_ERRNO_DRMS_INIT_FAILED,
        DRMAA_ERRNO_ALREADY_ACTIVE_SESSION,
        DRMAA_ERRNO_DRMS_EXIT_ERROR,
        DRMAA_ERRNO_INVALID_ATTRIBUTE_FORMAT,
        DRMAA_ERRNO_INVALID_ATTRIBUTE_VALUE,
        DRMAA_ERRNO_CONFLICTING_ATTRIBUTE_VALUES,
        DRMAA_ERRNO_TRY_LATER,
        DRMAA_ERRNO_DENIED_BY_DRM,
        DRMAA_ERRNO_INVALID_JOB,
        DRMAA_ERRNO_RESUME_INCONSISTENT_STATE,
        DRMAA_ERRNO_SUSPEND_INCONSISTENT_STATE,
        DRMAA_ERRNO_HOLD_INCONSISTENT_STATE,
        DRMAA_ERRNO_RELEASE_INCONSISTENT_STATE,
        DRMAA_ERRNO_EXIT_TIMEOUT,
        DRMAA_ERRNO_NO_RUSAGE,
        DRMAA_ERRNO_NO_MORE_ELEMENTS,
    };
    int count = sizeof codes / sizeof *codes;

    CHECK(count == 26, "expected 26 codes, came %d", count);
    for (int code = 0; code < count; code++) {
        const char *text = drmaa_strerror(code);

        CHECK(codes[code] == code, "expected code %d, came %d", code, codes[code]);
        CHECK(text && *text, "expected words for code %d, came none", code);
        for (int other = 0; other < code; other++)
            CHECK(strcmp(text, drmaa_strerror(other)) != 0,
                  "expected words of their own for %d and %d, came: %s", other, code, text);
    }
}

void ST_MULT_INIT(void)
{
    begin();
    EXPECT(DRMAA_ERRNO_ALREADY_ACTIVE_SESSION, drmaa_init(NULL, DIAGNOSIS));
    end();
}

void ST_MULT_EXIT(void)
{
    begin();
    end();
    EXPECT(DRMAA_ERRNO_NO_ACTIVE_SESSION, drmaa_exit(DIAGNOSIS));
    begin();
    end();
}

void ST_VERSION(void)
{
    for (int active = 0; active < 2; active++) {
        unsigned int major = 99, minor = 99;

        if (active)
            begin();
        EXPECT(DRMAA_ERRNO_SUCCESS, drmaa_version(&major, &minor, DIAGNOSIS));
        CHECK(major == 1 && minor == 0, "expected version 1.0, came %u.%u", major, minor);
    }
    end();
}

/* Ask before a session, in it and after it; what comes must be text, of any length if told so. */
static void ask_around(place at, asking ask, const char *name, bool always_some)
{
    static const char *const times[] = {"before a session", "in a session", "after a session"};

    for (int i = 0; i < 3; i++) {
        char text[SMALL + 1];

        memset(text, '#', sizeof text);
        if (i == 1)
            begin();
        else if (i == 2)
            end();
        EXPECT_AT(at, DRMAA_ERRNO_SUCCESS, ask(text, SMALL, DIAGNOSIS));
        if (!memchr(text, '\0', SMALL) || text[SMALL] != '#')
            fail_at(at, "%s: expected text of less than %d bytes %s", name, SMALL, times[i]);
        if (!*text && (always_some || i == 1))
            fail_at(at, "%s: expected some text %s, came none", name, times[i]);
    }
}

void ST_DRM_SYSTEM(void)
{
    ask_around(HERE, drmaa_get_DRM_system, "drmaa_get_DRM_system", true);
}

void ST_DRMAA_IMPL(void)
{
    ask_around(HERE, drmaa_get_DRMAA_implementation, "drmaa_get_DRMAA_implementation", true);
}

void ST_CONTACT(void)
{
    ask_around(HERE, drmaa_get_contact, "drmaa_get_contact", false);
}

void ST_EMPTY_SESSION_WAIT(void)
{
    begin();
    EXPECT(DRMAA_ERRNO_INVALID_JOB, drmaa_wait(ANY, NULL, 0, NULL, FOREVER, NULL, DIAGNOSIS));
    nothing_left();
    end();
}

void ST_EMPTY_SESSION_SYNCHRONIZE_DISPOSE(void)
{
    begin();
    EXPECT(DRMAA_ERRNO_SUCCESS, synchronize_all(FOREVER, 1));
    end();
}

void ST_EMPTY_SESSION_SYNCHRONIZE_NODISPOSE(void)
{
    begin();
    EXPECT(DRMAA_ERRNO_SUCCESS, synchronize_all(FOREVER, 0));
    end();
}

void ST_EMPTY_SESSION_CONTROL(void)
{
    begin();
    for (int action = DRMAA_CONTROL_SUSPEND; action <= DRMAA_CONTROL_TERMINATE; action++)
        control(ALL, action);
    end();
}

/*
 * A session is left and found again: its long job can be waited for, jobs that ended before it was
 * left or while it was not open have gone or have no usage, the held task is there still and can be
 * controlled.
 */
void ST_RECOVERABLE_SESSION(void)
{
    char contact[DRMAA_CONTACT_BUFFER] = "";
    char seconds[16];
    job_id ended, between, tasks[2], longer;

    begin();
    ended = submit(command("/bin/true"));
    EXPECT(DRMAA_ERRNO_SUCCESS, synchronize_ids(&ended, 1, FOREVER, false));
    submit_bulk(held(sleeper("1")), tasks, 1, 2, 1);
    snprintf(seconds, sizeof seconds, "%d", idle_seconds() + 10);
    longer = submit(sleeper(seconds));
    between = submit(sleeper("3"));
    EXPECT(DRMAA_ERRNO_SUCCESS, drmaa_get_contact(contact, sizeof contact - 1, DIAGNOSIS));
    end();

    nap(idle_seconds() * 1000);

    begin_again(contact);
    EXPECT_EITHER(DRMAA_ERRNO_INVALID_JOB, DRMAA_ERRNO_NO_RUSAGE,
                  drmaa_wait(ended.text, NULL, 0, NULL, FOREVER, NULL, DIAGNOSIS));
    if (deviates(RECORD_OF_JOB_THAT_ENDED_BETWEEN_SESSIONS))
        exits(between.text, 0);
    else
        EXPECT_EITHER(DRMAA_ERRNO_INVALID_JOB, DRMAA_ERRNO_NO_RUSAGE,
                      drmaa_wait(between.text, NULL, 0, NULL, FOREVER, NULL, DIAGNOSIS));
    EXPECT(DRMAA_ERRNO_EXIT_TIMEOUT,
           drmaa_wait(tasks[0].text, NULL, 0, NULL, 2, NULL, DIAGNOSIS));
    is_in(tasks[0].text, DRMAA_PS_USER_ON_HOLD);
    is_in(tasks[1].text, DRMAA_PS_USER_ON_HOLD);
    control(tasks[0].text, DRMAA_CONTROL_RELEASE);
    control(tasks[1].text, DRMAA_CONTROL_TERMINATE);
    exits(tasks[0].text, 0);
    exits(longer.text, 0);
    reap_tolerantly(tasks[1].text);
    nothing_left();
    end();
}

void ST_NO_ACTIVE_SESSION(void)
{
    drmaa_job_template_t *jt = NULL;
    drmaa_attr_names_t *names = NULL;
    int state;

    for (int after = 0; after < 2; after++) {
        EXPECT(DRMAA_ERRNO_NO_ACTIVE_SESSION, drmaa_allocate_job_template(&jt, DIAGNOSIS));
        EXPECT(DRMAA_ERRNO_NO_ACTIVE_SESSION, drmaa_get_attribute_names(&names, DIAGNOSIS));
        EXPECT(DRMAA_ERRNO_NO_ACTIVE_SESSION,
               drmaa_get_vector_attribute_names(&names, DIAGNOSIS));
        EXPECT(DRMAA_ERRNO_NO_ACTIVE_SESSION,
               drmaa_control(ALL, DRMAA_CONTROL_TERMINATE, DIAGNOSIS));
        EXPECT(DRMAA_ERRNO_NO_ACTIVE_SESSION, drmaa_job_ps("1", &state, DIAGNOSIS));
        EXPECT(DRMAA_ERRNO_NO_ACTIVE_SESSION, synchronize_all(FOREVER, 0));
        EXPECT(DRMAA_ERRNO_NO_ACTIVE_SESSION,
               drmaa_wait(ANY, NULL, 0, NULL, FOREVER, NULL, DIAGNOSIS));
        EXPECT(DRMAA_ERRNO_NO_ACTIVE_SESSION, drmaa_exit(DIAGNOSIS));
        if (!after) {
            begin();
            end();
        }
    }
}
