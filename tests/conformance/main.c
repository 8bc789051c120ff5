/*
 * Conformance of a libdrmaa with DRMAA 1.0, through its C ABI and nothing else.
 *
 *     conformance LIST        print the names of the cases
 *     conformance CASE...     run these, each in a process of its own
 *
 * The status is 0 if all passed and 1 if not; a failure says where, what was expected and
 * what came. CONFORMANCE_IDLE is the time in seconds for which two cases leave the session
 * alone: 5 if unset, 310 to test what the working group asks for (over five minutes).
 */
#include "harness.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shared.h"

#define CASE_LIMIT 180 /* seconds, the idle time apart */
#define CLEAN_LIMIT 60

#define CASE(name) void name(void);
#include "cases.h"
#undef CASE

static const struct { const char *name; void (*run)(void); } cases[] = {
#define CASE(name) {#name, name},
#include "cases.h"
#undef CASE
};
#define CASE_COUNT (sizeof cases / sizeof *cases)

struct shared *shared;

/* Call a function in a process of its own; true if it returned. */
static bool in_a_process(void (*function)(void), int limit, const char *name)
{
    int status;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        alarm((unsigned int)limit);
        function();
        fflush(NULL);
        _exit(EXIT_SUCCESS);
    }
    if (pid == -1 || waitpid(pid, &status, 0) == -1) {
        perror(name);
        exit(EXIT_FAILURE);
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        fprintf(stderr, "%s: expected to end, came no end in %d s\n", name, limit);
    else if (WIFSIGNALED(status))
        fprintf(stderr, "%s: expected no crash, came %s\n", name, strsignal(WTERMSIG(status)));
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

/* Asked apart from the cases, so that they find the library untouched. */
static void ask_drm(void)
{
    EXPECT(DRMAA_ERRNO_SUCCESS,
           drmaa_get_DRM_system(shared->drm, sizeof shared->drm - 1, DIAGNOSIS));
}

/* End all jobs of the case's sessions, if there still are any. */
static void end_jobs(void)
{
    for (int i = 0; i < shared->sessions; i++) {
        EXPECT(DRMAA_ERRNO_SUCCESS, drmaa_init(shared->contacts[i], DIAGNOSIS));
        drmaa_control(ALL, DRMAA_CONTROL_TERMINATE, DIAGNOSIS);
        EXPECT(DRMAA_ERRNO_SUCCESS, synchronize_all(CLEAN_LIMIT / 2, 1));
        EXPECT(DRMAA_ERRNO_SUCCESS, drmaa_exit(DIAGNOSIS));
    }
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)stat, (void)type, (void)walk;
    return remove(path);
}

static bool run_case(size_t i)
{
    struct timespec from, to;
    bool passed;

    shared->sessions = 0;
    *shared->folder = '\0';
    clock_gettime(CLOCK_MONOTONIC, &from);
    passed = in_a_process(cases[i].run, CASE_LIMIT + 2 * idle_seconds(), cases[i].name);
    if (shared->sessions)
        passed &= in_a_process(end_jobs, CLEAN_LIMIT, "cleaning up");
    if (*shared->folder)
        nftw(shared->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    clock_gettime(CLOCK_MONOTONIC, &to);
    printf("%s %s (%.1f s)\n", passed ? "pass" : "FAIL", cases[i].name,
           (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
    fflush(stdout);
    return passed;
}

int main(int argc, char **argv)
{
    bool passed = true;

    if (argc < 2) {
        fputs("usage: conformance LIST|CASE...\n", stderr);
        return 2;
    }
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("mmap");
        return 2;
    }
    for (int a = 1; a < argc; a++) {
        size_t i = 0;

        if (strcmp(argv[a], "LIST") == 0) {
            for (size_t n = 0; n < CASE_COUNT; n++)
                puts(cases[n].name);
            continue;
        }
        if (!*shared->drm && !in_a_process(ask_drm, CLEAN_LIMIT, "drmaa_get_DRM_system"))
            return EXIT_FAILURE;
        while (i < CASE_COUNT && strcmp(argv[a], cases[i].name) != 0)
            i++;
        if (i == CASE_COUNT) {
            fprintf(stderr, "conformance: no case %s\n", argv[a]);
            return 2;
        }
        passed &= run_case(i);
    }
    return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
