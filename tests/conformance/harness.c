#include "harness.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shared.h"

#define IN_GOOD_TIME 30 /* seconds that a DRM may take for a change of state */

_Thread_local char diagnosis[DRMAA_ERROR_STRING_BUFFER];

static const char *const code_names[] = {
    "SUCCESS", "INTERNAL_ERROR", "DRM_COMMUNICATION_FAILURE", "AUTH_FAILURE",
    "INVALID_ARGUMENT", "NO_ACTIVE_SESSION", "NO_MEMORY", "INVALID_CONTACT_STRING",
    "DEFAULT_CONTACT_STRING_ERROR", "NO_DEFAULT_CONTACT_STRING_SELECTED", "DRMS_INIT_FAILED",
    "ALREADY_ACTIVE_SESSION", "DRMS_EXIT_ERROR", "INVALID_ATTRIBUTE_FORMAT",
    "INVALID_ATTRIBUTE_VALUE", "CONFLICTING_ATTRIBUTE_VALUES", "TRY_LATER", "DENIED_BY_DRM",
    "INVALID_JOB", "RESUME_INCONSISTENT_STATE", "SUSPEND_INCONSISTENT_STATE",
    "HOLD_INCONSISTENT_STATE", "RELEASE_INCONSISTENT_STATE", "EXIT_TIMEOUT", "NO_RUSAGE",
    "NO_MORE_ELEMENTS",
};

static const char *name_of(int code)
{
    return code >= 0 && code <= DRMAA_ERRNO_NO_MORE_ELEMENTS ? code_names[code] : "?";
}

void fail_at(place at, const char *format, ...)
{
    char what[4096];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    flockfile(stderr); /* for good: the first failure is the one that is told */
    fprintf(stderr, "%s:%d: %s\n", at.file, at.line, what);
    fflush(stderr);
    _exit(EXIT_FAILURE);
}

int expect_at(place at, int code, int other, int came, const char *call)
{
    if (came == code || came == other)
        return came;
    if (code == other)
        fail_at(at, "expected %d %s, came %d %s (%s) from %s", code, name_of(code), came,
                name_of(came), diagnosis, call);
    fail_at(at, "expected %d %s or %d %s, came %d %s (%s) from %s", code, name_of(code), other,
            name_of(other), came, name_of(came), diagnosis, call);
}

void begin_at(place at, const char *contact)
{
    char *noted = shared->contacts[shared->sessions];

    EXPECT_AT(at, DRMAA_ERRNO_SUCCESS, drmaa_init(contact, DIAGNOSIS));
    EXPECT_AT(at, DRMAA_ERRNO_SUCCESS,
              drmaa_get_contact(noted, sizeof shared->contacts[0] - 1, DIAGNOSIS));
    if (shared->sessions < MAX_SESSIONS - 1)
        shared->sessions++;
}

drmaa_job_template_t *command_at(place at, const char **words)
{
    static const char *const attributes[][2] = {
        {DRMAA_WD, DRMAA_PLACEHOLDER_HD},
        {DRMAA_OUTPUT_PATH, ":/dev/null"},
        {DRMAA_ERROR_PATH, ":/dev/null"},
        {DRMAA_JOIN_FILES, "y"},
    };
    drmaa_job_template_t *jt = NULL;

    EXPECT_AT(at, DRMAA_ERRNO_SUCCESS, drmaa_allocate_job_template(&jt, DIAGNOSIS));
    EXPECT_AT(at, DRMAA_ERRNO_SUCCESS,
              drmaa_set_attribute(jt, DRMAA_REMOTE_COMMAND, words[0], DIAGNOSIS));
    if (words[1])
        EXPECT_AT(at, DRMAA_ERRNO_SUCCESS,
                  drmaa_set_vector_attribute(jt, DRMAA_V_ARGV, words + 1, DIAGNOSIS));
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
        EXPECT_AT(at, DRMAA_ERRNO_SUCCESS,
                  drmaa_set_attribute(jt, attributes[i][0], attributes[i][1], DIAGNOSIS));
    return jt;
}

drmaa_job_template_t *held_at(place at, drmaa_job_template_t *jt)
{
    EXPECT_AT(at, DRMAA_ERRNO_SUCCESS,
              drmaa_set_attribute(jt, DRMAA_JS_STATE, DRMAA_SUBMISSION_STATE_HOLD, DIAGNOSIS));
    return jt;
}

job_id run_at(place at, drmaa_job_template_t *jt, bool last)
{
    job_id id = {""};

    EXPECT_AT(at, DRMAA_ERRNO_SUCCESS,
              drmaa_run_job(id.text, sizeof id.text - 1, jt, DIAGNOSIS));
    if (!*id.text)
        fail_at(at, "expected a job id, came an empty one");
    if (last)
        EXPECT_AT(at, DRMAA_ERRNO_SUCCESS, drmaa_delete_job_template(jt, DIAGNOSIS));
    return id;
}

size_t bulk_at(place at, drmaa_job_template_t *jt, job_id *ids, int begin, int end, int step)
{
    drmaa_job_ids_t *list = NULL;
    size_t count = 0;
    size_t expected = (size_t)((end - begin) / step + 1);

    EXPECT_AT(at, DRMAA_ERRNO_SUCCESS,
              drmaa_run_bulk_jobs(&list, jt, begin, end, step, DIAGNOSIS));
    for (job_id id = {""};
         drmaa_get_next_job_id(list, id.text, sizeof id.text - 1) == DRMAA_ERRNO_SUCCESS;
         id = (job_id){""}) {
        if (count == expected || count == MAX_JOBS)
            fail_at(at, "expected %zu ids of a bulk job, came more", expected);
        ids[count++] = id;
    }
    drmaa_release_job_ids(list);
    if (count != expected)
        fail_at(at, "expected %zu ids of a bulk job, came %zu", expected, count);
    EXPECT_AT(at, DRMAA_ERRNO_SUCCESS, drmaa_delete_job_template(jt, DIAGNOSIS));
    return count;
}

int state_at(place at, const char *id)
{
    int state = -1;

    EXPECT_AT(at, DRMAA_ERRNO_SUCCESS, drmaa_job_ps(id, &state, DIAGNOSIS));
    return state;
}

void becomes_at(place at, const char *id, int state)
{
    time_t deadline = time(NULL) + IN_GOOD_TIME;
    int came;

    while ((came = state_at(at, id)) != state) {
        if (time(NULL) > deadline)
            fail_at(at, "expected state 0x%02x of job %s within %d s, still 0x%02x", state, id,
                    IN_GOOD_TIME, came);
        nap(100);
    }
}

void is_in_at(place at, const char *id, int state)
{
    int came = state_at(at, id);

    if (came != state)
        fail_at(at, "expected state 0x%02x of job %s, came 0x%02x", state, id, came);
}

job_end reap_at(place at, const char *id, int tolerated)
{
    job_end e = {.code = 0};
    drmaa_attr_values_t *usage = NULL;
    int stat = 0;

    *diagnosis = '\0';
    e.code = drmaa_wait(id, e.id.text, sizeof e.id.text - 1, &stat, FOREVER, &usage, DIAGNOSIS);
    expect_at(at, DRMAA_ERRNO_SUCCESS, tolerated, e.code, "drmaa_wait for ever");
    if (strcmp(id, ANY) != 0 && e.code == DRMAA_ERRNO_SUCCESS && strcmp(e.id.text, id) != 0)
        fail_at(at, "expected the id %s from drmaa_wait, came %s", id, e.id.text);
    if (e.code != DRMAA_ERRNO_SUCCESS)
        return e;
    if (usage)
        drmaa_release_attr_values(usage);
    EXPECT_AT(at, DRMAA_ERRNO_SUCCESS, drmaa_wifexited(&e.exited, stat, DIAGNOSIS));
    EXPECT_AT(at, DRMAA_ERRNO_SUCCESS, drmaa_wifsignaled(&e.signaled, stat, DIAGNOSIS));
    EXPECT_AT(at, DRMAA_ERRNO_SUCCESS, drmaa_wifaborted(&e.aborted, stat, DIAGNOSIS));
    if (e.exited)
        EXPECT_AT(at, DRMAA_ERRNO_SUCCESS, drmaa_wexitstatus(&e.status, stat, DIAGNOSIS));
    if (e.signaled) {
        EXPECT_AT(at, DRMAA_ERRNO_SUCCESS,
                  drmaa_wtermsig(e.signal, sizeof e.signal - 1, stat, DIAGNOSIS));
        EXPECT_AT(at, DRMAA_ERRNO_SUCCESS, drmaa_wcoredump(&e.core, stat, DIAGNOSIS));
    }
    return e;
}

static void check_exit(place at, const job_end *e, int status)
{
    if (!e->exited || e->signaled || e->aborted || e->status != status)
        fail_at(at,
                "expected job %s to exit with %d, came exited %d, status %d, signaled %d (%s), "
                "aborted %d",
                e->id.text, status, e->exited, e->status, e->signaled, e->signal, e->aborted);
}

void exits_at(place at, const char *id, int status)
{
    job_end e = reap_at(at, id, DRMAA_ERRNO_SUCCESS);

    check_exit(at, &e, status);
}

void aborts_at(place at, const char *id)
{
    job_end e = reap_at(at, id, DRMAA_ERRNO_SUCCESS);

    if (!e.aborted || e.exited)
        fail_at(at, "expected job %s to be aborted, came aborted %d, exited %d, signaled %d", id,
                e.aborted, e.exited, e.signaled);
}

void all_exit_at(place at, const job_id *ids, size_t count)
{
    bool seen[MAX_JOBS] = {false};

    for (size_t left = count; left; left--) {
        job_end e = reap_at(at, ANY, DRMAA_ERRNO_SUCCESS);
        size_t i = 0;

        check_exit(at, &e, 0);
        while (i < count && (seen[i] || strcmp(ids[i].text, e.id.text) != 0))
            i++;
        if (i == count)
            fail_at(at, "expected each job once, came %s", e.id.text);
        seen[i] = true;
    }
}

int synchronize_ids(const job_id *ids, size_t count, long timeout, bool dispose)
{
    const char *list[MAX_JOBS + 1];

    for (size_t i = 0; i < count; i++)
        list[i] = ids[i].text;
    list[count] = NULL;
    return drmaa_synchronize(list, timeout, dispose, DIAGNOSIS);
}

const char *folder(void)
{
    const char *parent = getenv("TMPDIR");

    if (!*shared->folder) {
        snprintf(shared->folder, sizeof shared->folder, "%s/conformance-XXXXXX",
                 parent ? parent : "/tmp");
        CHECK(mkdtemp(shared->folder), "%s: %s", shared->folder, strerror(errno));
    }
    return shared->folder;
}

void path_in_folder(char path[], size_t size, const char *prefix, const char *name)
{
    int length = snprintf(path, size, "%s%s/%s", prefix, folder(), name);

    CHECK(length > 0 && (size_t)length < size, "too long a path: %s", name);
}

void read_text(const char *path, char text[], size_t size)
{
    FILE *file = fopen(path, "r");
    size_t length;

    CHECK(file, "expected the file %s: %s", path, strerror(errno));
    length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    fclose(file);
}

void nap(int milliseconds)
{
    struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000L};

    while (nanosleep(&left, &left) == -1 && errno == EINTR)
        continue;
}

int idle_seconds(void)
{
    const char *text = getenv("CONFORMANCE_IDLE");

    return text && *text ? atoi(text) : 5;
}
