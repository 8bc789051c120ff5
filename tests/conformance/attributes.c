/* Attributes of templates: which there are, how they are kept, what they do. */
#include "harness.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef int (*listing)(drmaa_attr_names_t **, char *, size_t);

/* The list has as many names as it says, the wanted ones among them, then no more. */
static void check_names(place at, listing list, const char *const *wanted, int wanted_count)
{
    drmaa_attr_names_t *names = NULL;
    list_count number = {0};
    char name[DRMAA_ATTR_BUFFER] = "";
    int came = 0, found = 0;

    begin();
    EXPECT_AT(at, DRMAA_ERRNO_SUCCESS, list(&names, DIAGNOSIS));
    EXPECT_AT(at, DRMAA_ERRNO_SUCCESS, drmaa_get_num_attr_names(names, &number.narrow));
    while (drmaa_get_next_attr_name(names, name, sizeof name - 1) == DRMAA_ERRNO_SUCCESS) {
        for (int i = 0; i < wanted_count; i++)
            found += strcmp(name, wanted[i]) == 0;
        memset(name, 0, sizeof name);
        came++;
    }
    EXPECT_AT(at, DRMAA_ERRNO_NO_MORE_ELEMENTS,
              drmaa_get_next_attr_name(names, name, sizeof name - 1));
    drmaa_release_attr_names(names);
    if (came != COUNT(number))
        fail_at(at, "expected %d names, came %d", COUNT(number), came);
    if (found != wanted_count)
        fail_at(at, "expected each of the %d names that all have, came %d", wanted_count, found);
    end();
}

void ST_SUPPORTED_ATTR(void)
{
    static const char *const wanted[] = {
        DRMAA_REMOTE_COMMAND, DRMAA_JS_STATE,    DRMAA_WD,          DRMAA_JOB_CATEGORY,
        DRMAA_JOB_NAME,       DRMAA_BLOCK_EMAIL, DRMAA_START_TIME,  DRMAA_NATIVE_SPECIFICATION,
        DRMAA_INPUT_PATH,     DRMAA_OUTPUT_PATH, DRMAA_ERROR_PATH,  DRMAA_JOIN_FILES,
    };

    check_names(HERE, drmaa_get_attribute_names, wanted, sizeof wanted / sizeof *wanted);
}

void ST_SUPPORTED_VATTR(void)
{
    static const char *const wanted[] = {DRMAA_V_ARGV, DRMAA_V_ENV, DRMAA_V_EMAIL};

    check_names(HERE, drmaa_get_vector_attribute_names, wanted, 3);
}

static int code_of_unknown_read(void)
{
    return deviates(UNKNOWN_ATTRIBUTE_READ_IS_INVALID_VALUE)
               ? DRMAA_ERRNO_INVALID_ATTRIBUTE_VALUE
               : DRMAA_ERRNO_INVALID_ARGUMENT;
}

void ST_UNSUPPORTED_ATTR(void)
{
    drmaa_job_template_t *jt;
    char value[DRMAA_ATTR_BUFFER];

    begin();
    jt = command("/bin/true");
    EXPECT(DRMAA_ERRNO_INVALID_ARGUMENT, drmaa_set_attribute(jt, "blah", "blah", DIAGNOSIS));
    EXPECT(code_of_unknown_read(),
           drmaa_get_attribute(jt, "blah", value, sizeof value - 1, DIAGNOSIS));
    discard(jt);
    end();
}

void ST_UNSUPPORTED_VATTR(void)
{
    drmaa_job_template_t *jt;
    drmaa_attr_values_t *values = NULL;

    begin();
    jt = command("/bin/true");
    EXPECT(DRMAA_ERRNO_INVALID_ARGUMENT,
           drmaa_set_vector_attribute(jt, "blah", (const char *[]){"blah", NULL}, DIAGNOSIS));
    EXPECT(code_of_unknown_read(), drmaa_get_vector_attribute(jt, "blah", &values, DIAGNOSIS));
    discard(jt);
    end();
}

/* The attribute has this value. */
#define reads(jt, name, value) reads_at(HERE, jt, name, value)
static void reads_at(place at, drmaa_job_template_t *jt, const char *name, const char *value)
{
    char came[DRMAA_ATTR_BUFFER] = "";

    EXPECT_AT(at, DRMAA_ERRNO_SUCCESS,
              drmaa_get_attribute(jt, name, came, sizeof came - 1, DIAGNOSIS));
    if (strcmp(came, value) != 0)
        fail_at(at, "%s: expected %s, came %s", name, value, came);
}

/* The vector attribute has these elements, in any order. */
#define reads_vector(jt, name, ...) \
    reads_vector_at(HERE, jt, name, (const char *[]){__VA_ARGS__, NULL})
static void reads_vector_at(place at, drmaa_job_template_t *jt, const char *name,
                            const char **expected)
{
    drmaa_attr_values_t *values = NULL;
    char came[DRMAA_ATTR_BUFFER] = "";
    int count = 0, found = 0;

    EXPECT_AT(at, DRMAA_ERRNO_SUCCESS,
              drmaa_get_vector_attribute(jt, name, &values, DIAGNOSIS));
    while (drmaa_get_next_attr_value(values, came, sizeof came - 1) == DRMAA_ERRNO_SUCCESS) {
        for (int i = 0; expected[i]; i++)
            found += strcmp(came, expected[i]) == 0;
        memset(came, 0, sizeof came);
        count++;
    }
    drmaa_release_attr_values(values);
    for (int i = 0; expected[i]; i++) {
        found--;
        count--;
    }
    if (found || count)
        fail_at(at, "%s: expected other elements: %+d in number, %+d equal", name, count, found);
}

/* Whether the library supports a scalar attribute that it need not support. */
static bool supports(const char *attribute)
{
    drmaa_attr_names_t *names = NULL;
    char name[DRMAA_ATTR_BUFFER] = "";
    bool found = false;

    EXPECT(DRMAA_ERRNO_SUCCESS, drmaa_get_attribute_names(&names, DIAGNOSIS));
    while (drmaa_get_next_attr_name(names, name, sizeof name - 1) == DRMAA_ERRNO_SUCCESS) {
        found |= strcmp(name, attribute) == 0;
        memset(name, 0, sizeof name);
    }
    drmaa_release_attr_names(names);
    return found;
}

static void check_values_are_kept(void)
{
    static const char *const optional[][2] = {
        {DRMAA_TRANSFER_FILES, "eio"},      {DRMAA_DEADLINE_TIME, "2035/01/02 03:04:05"},
        {DRMAA_WCT_HLIMIT, "1:00:00"},      {DRMAA_WCT_SLIMIT, "0:50:00"},
        {DRMAA_DURATION_HLIMIT, "1:00:00"}, {DRMAA_DURATION_SLIMIT, "0:50:00"},
    };
    static const char *const scalar[][2] = {
        {DRMAA_REMOTE_COMMAND, "/bin/true"},
        {DRMAA_JS_STATE, DRMAA_SUBMISSION_STATE_HOLD},
        {DRMAA_WD, "/tmp"},
        {DRMAA_JOB_CATEGORY, "conformance"},
        {DRMAA_NATIVE_SPECIFICATION, "-p 0"},
        {DRMAA_BLOCK_EMAIL, "1"},
        {DRMAA_START_TIME, "2035/01/02 03:04:05"},
        {DRMAA_JOB_NAME, "conformance"},
        {DRMAA_INPUT_PATH, ":/dev/null"},
        {DRMAA_OUTPUT_PATH, ":" DRMAA_PLACEHOLDER_HD "/out." DRMAA_PLACEHOLDER_INCR},
        {DRMAA_ERROR_PATH, ":" DRMAA_PLACEHOLDER_WD "/error"},
        {DRMAA_JOIN_FILES, "y"},
    };
    drmaa_job_template_t *jt = NULL;

    EXPECT(DRMAA_ERRNO_SUCCESS, drmaa_allocate_job_template(&jt, DIAGNOSIS));
    for (size_t i = 0; i < sizeof scalar / sizeof *scalar; i++) {
        set(jt, scalar[i][0], scalar[i][1]);
        reads(jt, scalar[i][0], scalar[i][1]);
    }
    for (size_t i = 0; i < sizeof optional / sizeof *optional; i++) {
        if (!supports(optional[i][0]))
            continue;
        set(jt, optional[i][0], optional[i][1]);
        reads(jt, optional[i][0], optional[i][1]);
    }
    set_vector(jt, DRMAA_V_ARGV, "one", "two words", "", "$HOME");
    reads_vector(jt, DRMAA_V_ARGV, "one", "two words", "", "$HOME");
    set_vector(jt, DRMAA_V_ENV, "ONE=1", "TWO=a=b c", "THREE=");
    reads_vector(jt, DRMAA_V_ENV, "ONE=1", "TWO=a=b c", "THREE=");
    set_vector(jt, DRMAA_V_EMAIL, "a@localhost", "b@localhost");
    reads_vector(jt, DRMAA_V_EMAIL, "a@localhost", "b@localhost");
    discard(jt);
}

/* A job tells of its arguments, environment, folder and streams; files tell the job's tale. */
static void check_values_are_heeded(void)
{
    static const char script[] = "printf '%s|' \"$@\" \"$GREETING\" \"${ALONE-none}\""
                                 " \"$(pwd -P)\" \"$(cat)\"; printf complaint >&2";
    drmaa_job_template_t *jt;
    char path[1024], out[1024], error[1024], text[4096], expected[4096], wd[1024];
    FILE *input;

    path_in_folder(path, sizeof path, "", "input");
    input = fopen(path, "w");
    CHECK(input, "cannot write %s", path);
    fputs("from a file", input);
    fclose(input);
    CHECK(chdir(folder()) == 0 && getcwd(wd, sizeof wd) && chdir("/") == 0, "no folder");

    jt = command("/bin/sh", "-c", script, "sh", "one", "two words", "", "*");
    set(jt, DRMAA_WD, wd);
    set(jt, DRMAA_JOIN_FILES, "n");
    set(jt, DRMAA_JOB_NAME, "conformance");
    set(jt, DRMAA_BLOCK_EMAIL, "1");
    set_vector(jt, DRMAA_V_EMAIL, "nobody@localhost");
    set_vector(jt, DRMAA_V_ENV, "GREETING=a=b c", "ALONE");
    path_in_folder(path, sizeof path, ":", "input");
    set(jt, DRMAA_INPUT_PATH, path);
    path_in_folder(path, sizeof path, ":", "out");
    set(jt, DRMAA_OUTPUT_PATH, path);
    set(jt, DRMAA_ERROR_PATH, ":" DRMAA_PLACEHOLDER_WD "/error");
    exits(run(jt).text, 0);

    snprintf(expected, sizeof expected, "one|two words||*|%s||%s|from a file|",
             deviates(ENVIRONMENT_VALUE_ENDS_AT_EQUALS_SIGN) ? "a" : "a=b c", wd);
    path_in_folder(out, sizeof out, "", "out");
    read_text(out, text, sizeof text);
    CHECK(strcmp(text, expected) == 0, "expected output %s, came %s", expected, text);
    path_in_folder(error, sizeof error, "", "error");
    read_text(error, text, sizeof text);
    CHECK(strcmp(text, "complaint") == 0, "expected errors: complaint, came %s", text);

    remove(out);
    remove(error);
    set(jt, DRMAA_JOIN_FILES, "y");
    exits(run(jt).text, 0);
    strcat(expected, "complaint");
    read_text(out, text, sizeof text);
    CHECK(strcmp(text, expected) == 0, "expected joined %s, came %s", expected, text);
    CHECK(access(error, F_OK) != 0, "expected no file %s where files are joined", error);
    discard(jt);
}

/* A job in a missing working directory fails; one of a later time waits for it. */
static void check_folder_and_time(void)
{
    drmaa_job_template_t *jt;
    job_id id;
    char moment[32];
    time_t start = time(NULL) + 4;
    struct timespec now;
    struct tm parts;

    jt = command("/bin/true");
    set(jt, DRMAA_WD, "/no/such/folder");
    aborts(run(jt).text);
    discard(jt);

    localtime_r(&start, &parts);
    strftime(moment, sizeof moment, "%Y/%m/%d %H:%M:%S", &parts);
    jt = command("/bin/true");
    set(jt, DRMAA_START_TIME, moment);
    id = run(jt);
    discard(jt);
    if (state_of(id.text) != DRMAA_PS_SYSTEM_ON_HOLD) /* the standard allows both */
        is_in(id.text, DRMAA_PS_QUEUED_ACTIVE);
    exits(id.text, 0);
    /* time() may be some milliseconds behind the clock that a DRM reads. */
    clock_gettime(CLOCK_REALTIME, &now);
    CHECK(now.tv_sec >= start, "expected a start at %s, came an end before", moment);
}

static void check_limits(void)
{
    static const char *const limits[] = {DRMAA_WCT_HLIMIT, DRMAA_DURATION_HLIMIT};

    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        drmaa_job_template_t *jt;
        job_end e;

        if (!supports(limits[i]))
            continue;
        jt = sleeper(deviates(LIMITS_ARE_MINUTES) ? "120" : "60");
        set(jt, limits[i], "0:00:01");
        e = reap(run(jt).text);
        CHECK(!e.exited, "expected %s to end the job, came an exit", limits[i]);
        discard(jt);
    }
}

void ST_ATTRIBUTE_CHECK(void)
{
    begin();
    check_values_are_kept();
    check_values_are_heeded();
    check_folder_and_time();
    check_limits();
    nothing_left();
    end();
}

void ST_ATTRIBUTE_CHANGE(void)
{
    drmaa_job_template_t *jt;

    begin();
    jt = command("/bin/false");
    set(jt, DRMAA_REMOTE_COMMAND, "/bin/sh");
    reads(jt, DRMAA_REMOTE_COMMAND, "/bin/sh");
    set_vector(jt, DRMAA_V_ARGV, "-c", "exit 1", "more", "than", "later");
    set_vector(jt, DRMAA_V_ARGV, "-c", "exit $(($# + CODE))");
    reads_vector(jt, DRMAA_V_ARGV, "-c", "exit $(($# + CODE))");
    set_vector(jt, DRMAA_V_ENV, "CODE=2", "OTHER=3");
    set_vector(jt, DRMAA_V_ENV, "CODE=4");
    reads_vector(jt, DRMAA_V_ENV, "CODE=4");
    set(jt, DRMAA_JS_STATE, DRMAA_SUBMISSION_STATE_HOLD);
    set(jt, DRMAA_JS_STATE, DRMAA_SUBMISSION_STATE_ACTIVE);
    exits(run(jt).text, 4);
    discard(jt);
    end();
}

void ST_INPUT_BECOMES_OUTPUT(void)
{
    static const char words[] = "one line\nanother line\n\xc3\xa9\n";
    drmaa_job_template_t *jt;
    char path[1024], text[1024];
    FILE *file;

    begin();
    path_in_folder(path, sizeof path, "", "in");
    file = fopen(path, "w");
    CHECK(file, "cannot write %s", path);
    fputs(words, file);
    fclose(file);
    jt = command("/bin/cat");
    path_in_folder(path, sizeof path, ":", "in");
    set(jt, DRMAA_INPUT_PATH, path);
    path_in_folder(path, sizeof path, ":", "out");
    set(jt, DRMAA_OUTPUT_PATH, path);
    exits(run(jt).text, 0);
    discard(jt);
    read_text(path + 1, text, sizeof text);
    CHECK(strcmp(text, words) == 0, "expected output %s, came %s", words, text);
    end();
}

void ST_BULK_SUBMIT_INCRPH(void)
{
    drmaa_job_template_t *jt;
    job_id ids[3];
    struct stat stat_of;

    begin();
    jt = shell("echo word; echo worse >&2");
    set(jt, DRMAA_JOIN_FILES, "n");
    set(jt, DRMAA_WD, folder());
    set(jt, DRMAA_OUTPUT_PATH,
        ":" DRMAA_PLACEHOLDER_WD "/out." DRMAA_PLACEHOLDER_INCR ".txt");
    set(jt, DRMAA_ERROR_PATH, ":" DRMAA_PLACEHOLDER_WD "/error." DRMAA_PLACEHOLDER_INCR);
    submit_bulk(jt, ids, 2, 6, 2);
    all_exit(ids, 3);
    for (int task = 2; task <= 6; task += 2) {
        char name[32], path[1024];

        snprintf(name, sizeof name, "out.%d.txt", task);
        path_in_folder(path, sizeof path, "", name);
        CHECK(stat(path, &stat_of) == 0 && stat_of.st_size == 5, "expected the file %s", path);
        snprintf(name, sizeof name, "error.%d", task);
        path_in_folder(path, sizeof path, "", name);
        CHECK(stat(path, &stat_of) == 0 && stat_of.st_size == 6, "expected the file %s", path);
    }
    end();
}

void ST_TEMPLATE_FORMATS(void)
{
    static const char *const wrong[][2] = {
        {DRMAA_START_TIME, "tomorrow"},      {DRMAA_START_TIME, "25:61:00"},
        {DRMAA_OUTPUT_PATH, "no/colon"},     {DRMAA_JOIN_FILES, "perhaps"},
        {DRMAA_JS_STATE, "drmaa_confused"},  {DRMAA_BLOCK_EMAIL, "2"},
    };
    bool late = deviates(ATTRIBUTES_ARE_CHECKED_AT_SUBMISSION);

    begin();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        drmaa_job_template_t *jt = command("/bin/true");
        int code = drmaa_set_attribute(jt, wrong[i][0], wrong[i][1], DIAGNOSIS);
        job_id id;

        if (late && code == DRMAA_ERRNO_SUCCESS)
            EXPECT_EITHER(DRMAA_ERRNO_DENIED_BY_DRM, DRMAA_ERRNO_INVALID_ARGUMENT,
                          drmaa_run_job(id.text, sizeof id.text - 1, jt, DIAGNOSIS));
        else
            CHECK(code == DRMAA_ERRNO_INVALID_ATTRIBUTE_FORMAT ||
                      code == DRMAA_ERRNO_INVALID_ATTRIBUTE_VALUE,
                  "%s=%s: expected 13 or 14 from drmaa_set_attribute, came %d (%s)",
                  wrong[i][0], wrong[i][1], code, diagnosis);
        discard(jt);
    }
    nothing_left();
    end();
}
