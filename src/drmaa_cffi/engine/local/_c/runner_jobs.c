/* The runner's jobs: started, signalled, reaped, and remembered until the engine knows the end. */
#include "runner_jobs.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* More jobs than this never run at once on one machine; the reports' pages cost nothing
 * before they are used. */
#define MOST_RUNNING ((size_t)65536)
#define LOG_WORTH_SHORTENING (1 << 18)

static int64_t microseconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t of_timeval(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

bool runner_jobs_open(runner_jobs *jobs, int home)
{
    *jobs = (runner_jobs){0};
    jobs->reports = mmap(NULL, MOST_RUNNING * sizeof *jobs->reports, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (jobs->reports == MAP_FAILED)
        return false;
    jobs->report_used = calloc(MOST_RUNNING, sizeof *jobs->report_used);
    void *family = mmap(NULL, MOST_RUNNING * sizeof *jobs->family.jobs, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (family == MAP_FAILED || jobs->report_used == NULL)
        return false;
    jobs->family.jobs = family;
    return tree_open() && runner_log_open(&jobs->log, home);
}

__attribute__((format(printf, 2, 3)))
static void report_line(runner_jobs *jobs, const char *format, ...)
{
    if (jobs->out == NULL)
        return;
    char line[600];
    va_list list;
    va_start(list, format);
    int size = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    jobs->only_starts = false;
    if (size < 0 || (size_t)size >= sizeof line
        || !wire_stream_put(jobs->out, line, (size_t)size))
        jobs->untold = true;
}

static runner_job *find_job(runner_jobs *jobs, int64_t job, int64_t task)
{
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->jobs[i].job == job && jobs->jobs[i].task == task)
            return &jobs->jobs[i];
    return NULL;
}

static runner_job *add_job(runner_jobs *jobs)
{
    if (jobs->count == jobs->room) {
        size_t room = jobs->room == 0 ? 64 : jobs->room * 2;
        runner_job *more = realloc(jobs->jobs, room * sizeof *more);
        if (more == NULL)
            return NULL;
        jobs->jobs = more;
        jobs->room = room;
    }
    size_t report = 0;
    while (report < MOST_RUNNING && jobs->report_used[report])
        report++;
    if (report == MOST_RUNNING) {
        errno = EAGAIN;
        return NULL;
    }
    jobs->report_used[report] = true;
    jobs->reports[report] = (runner_report){0};
    runner_job *job = &jobs->jobs[jobs->count++];
    *job = (runner_job){.report = report};
    return job;
}

static void drop(runner_jobs *jobs, runner_job *job)
{
    jobs->report_used[job->report] = false;
    *job = jobs->jobs[--jobs->count];
}

static runner_environment *find_environment(runner_jobs *jobs, uint32_t number)
{
    for (size_t i = 0; i < jobs->environment_count; i++)
        if (jobs->environments[i].number == number)
            return &jobs->environments[i];
    return NULL;
}

/* True if `settings` sets the variable that `entry` (NAME=value) sets. */
static bool is_overridden(const char *entry, char **settings)
{
    const char *end = strchr(entry, '=');
    size_t size = end == NULL ? strlen(entry) : (size_t)(end - entry) + 1;
    for (; *settings != NULL; settings++)
        if (strncmp(entry, *settings, size) == 0)
            return true;
    return false;
}

/* The next entry of a block from `entry` on; NULL after the last. */
static char *next_entry(const runner_environment *environment, char *entry)
{
    if (environment == NULL)
        return NULL;
    char *end = environment->block + environment->size;
    char *next = entry == NULL ? environment->block : entry + strlen(entry) + 1;
    return next < end ? next : NULL;
}

/* The submitter's environment with the job's settings over it; the caller frees the list. */
static char **merge(const runner_environment *environment, char **settings)
{
    size_t count = 1;
    for (char **setting = settings; *setting != NULL; setting++)
        count++;
    for (char *entry = NULL; (entry = next_entry(environment, entry)) != NULL;)
        count++;
    char **merged = malloc(count * sizeof *merged);
    if (merged == NULL)
        return NULL;
    size_t used = 0;
    for (char *entry = NULL; (entry = next_entry(environment, entry)) != NULL;)
        if (*entry != '\0' && !is_overridden(entry, settings))
            merged[used++] = entry;
    for (; *settings != NULL; settings++)
        merged[used++] = *settings;
    merged[used] = NULL;
    return merged;
}

static bool log_line(runner_jobs *jobs, const char *line)
{
    return runner_log_append(&jobs->log, line, strlen(line));
}

/* Starts a parsed job; returns 0, or why nothing was started. */
static int start_job(runner_jobs *jobs, const runner_start *start)
{
    char line[128];
    runner_environment *environment = find_environment(jobs, start->environment);
    if (environment == NULL && start->environment != 0)
        return ENOMEM; /* there was none for it when it came */
    char **merged = merge(environment, start->settings);
    if (merged == NULL)
        return ENOMEM;
    errno = ENOMEM;
    runner_job *job = add_job(jobs);
    if (job == NULL) {
        free(merged);
        return errno;
    }
    /* The intent is in the log before the process is there: whatever is killed in between, no
     * later runner starts this job again. */
    job->job = start->job;
    job->task = start->task;
    snprintf(line, sizeof line, "I %lld %lld\n", (long long)start->job, (long long)start->task);
    pid_t runner = getpid();
    pid_t pid = -1;
    if (log_line(jobs, line)) {
        job->started = microseconds(CLOCK_REALTIME);
        job->started_monotonic = microseconds(CLOCK_MONOTONIC);
        pid = fork();
        if (pid == 0)
            runner_child(start, merged, &jobs->reports[job->report], runner);
        if (pid < 0) {
            /* It never ran: take the intent back. */
            int reason = errno;
            snprintf(line, sizeof line, "N %lld %lld\n", (long long)start->job,
                     (long long)start->task);
            log_line(jobs, line);
            errno = reason;
        }
    }
    int reason = errno;
    free(merged);
    if (pid < 0) {
        drop(jobs, job);
        return reason;
    }
    job->pid = pid;
    jobs->running++;
    snprintf(line, sizeof line, "S %lld %lld %d %lld\n", (long long)job->job,
             (long long)job->task, (int)pid, (long long)job->started);
    log_line(jobs, line);
    bool only_starts = jobs->out != NULL && (jobs->out->size == 0 || jobs->only_starts);
    report_line(jobs, "%s", line);
    jobs->only_starts = only_starts;
    return 0;
}

void runner_jobs_start(runner_jobs *jobs, wire_reader *reader)
{
    runner_start start;
    int reason = ENOMEM;
    if (!runner_start_parse(&start, reader))
        reason = reader->failed ? EINVAL : ENOMEM;
    else {
        if (find_job(jobs, start.job, start.task) != NULL) {
            runner_start_free(&start);
            return; /* asked twice: it runs once */
        }
        reason = start_job(jobs, &start);
    }
    if (reason != 0)
        report_line(jobs, "N %lld %lld %d\n", (long long)start.job, (long long)start.task, reason);
    runner_start_free(&start);
}

static int by_pid(const void *one, const void *other)
{
    pid_t a = ((const tree_job *)one)->pid, b = ((const tree_job *)other)->pid;
    return (a > b) - (a < b);
}

/* Lists the jobs that are not reaped yet; returns the one whose pid is given. */
static const tree_job *gather(runner_jobs *jobs, pid_t pid)
{
    tree_job *at = jobs->family.jobs;
    size_t count = 0;
    for (size_t i = 0; i < jobs->count; i++)
        if (jobs->jobs[i].pid > 0)
            at[count++] = (tree_job){jobs->jobs[i].pid, jobs->jobs[i].job, jobs->jobs[i].task};
    qsort(at, count, sizeof *at, by_pid);
    jobs->family.count = count;
    return bsearch(&(tree_job){.pid = pid}, at, count, sizeof *at, by_pid);
}

void runner_jobs_signal(runner_jobs *jobs, int64_t number, int64_t task, int signal)
{
    runner_job *job = find_job(jobs, number, task);
    /* The pid is ours until we reap it, so the signal can reach no stranger. */
    if (job != NULL && job->pid > 0)
        tree_signal(&jobs->family, gather(jobs, job->pid), signal);
}

void runner_jobs_forget(runner_jobs *jobs, int64_t number, int64_t task)
{
    runner_job *job = find_job(jobs, number, task);
    if (job != NULL && job->pid == 0)
        drop(jobs, job);
}

void runner_jobs_add_environment(runner_jobs *jobs, wire_reader *reader)
{
    uint32_t number = wire_get_u32(reader);
    size_t size;
    const char *block = wire_get_block(reader, &size);
    if (reader->failed || find_environment(jobs, number) != NULL
        || (size > 0 && block[size - 1] != '\0'))
        return;
    runner_environment *more = realloc(jobs->environments,
                                       (jobs->environment_count + 1) * sizeof *more);
    char *copy = malloc(size + 1);
    if (more != NULL)
        jobs->environments = more;
    if (more == NULL || copy == NULL) {
        free(copy);
        return;
    }
    memcpy(copy, block, size);
    copy[size] = '\0';
    jobs->environments[jobs->environment_count++] = (runner_environment){number, copy, size};
}

void runner_jobs_drop_environment(runner_jobs *jobs, uint32_t number)
{
    runner_environment *environment = find_environment(jobs, number);
    if (environment == NULL)
        return;
    free(environment->block);
    *environment = jobs->environments[--jobs->environment_count];
}

static void end_job(runner_jobs *jobs, runner_job *job, int status, const struct rusage *usage)
{
    int64_t now = microseconds(CLOCK_REALTIME);
    int64_t ran = microseconds(CLOCK_MONOTONIC) - job->started_monotonic;
    const runner_report *report = &jobs->reports[job->report];
    snprintf(job->end, sizeof job->end,
             "E %lld %lld %lld %lld %lld %d %d %d %lld %lld %ld %ld %ld %ld %ld %ld %ld\n",
             (long long)job->job, (long long)job->task, (long long)job->started, (long long)now,
             (long long)ran, status, report->stage, report->reason,
             (long long)of_timeval(usage->ru_utime), (long long)of_timeval(usage->ru_stime),
             usage->ru_maxrss, usage->ru_minflt, usage->ru_majflt, usage->ru_inblock,
             usage->ru_oublock, usage->ru_nvcsw, usage->ru_nivcsw);
    job->pid = 0;
    jobs->running--;
    job->end_logged = log_line(jobs, job->end);
    report_line(jobs, "%s", job->end);
}

bool runner_jobs_reap(runner_jobs *jobs, pid_t watched, int *watched_status)
{
    bool seen = false;
    for (;;) {
        siginfo_t ended = {0};
        if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0)
            return seen;
        runner_job *job = NULL;
        for (size_t i = 0; i < jobs->count && job == NULL; i++)
            if (jobs->jobs[i].pid == ended.si_pid)
                job = &jobs->jobs[i];
        /* What a job leaves running ends with it, as on a cluster. */
        if (job != NULL)
            tree_kill_left(&jobs->family, gather(jobs, ended.si_pid));
        int status;
        struct rusage usage;
        if (wait4(ended.si_pid, &status, 0, &usage) != ended.si_pid)
            continue;
        if (job != NULL)
            end_job(jobs, job, status, &usage);
        if (ended.si_pid == watched) {
            seen = true;
            *watched_status = status;
        }
    }
}

void runner_jobs_tell(runner_jobs *jobs)
{
    for (size_t i = 0; i < jobs->count; i++) {
        const runner_job *job = &jobs->jobs[i];
        report_line(jobs, "S %lld %lld %d %lld\n", (long long)job->job, (long long)job->task,
             (int)job->pid, (long long)job->started);
        if (job->pid == 0)
            report_line(jobs, "%s", job->end);
    }
}

bool runner_jobs_tidy_log(runner_jobs *jobs)
{
    bool all_logged = true;
    for (size_t i = 0; i < jobs->count; i++)
        all_logged = all_logged && (jobs->jobs[i].pid != 0 || jobs->jobs[i].end_logged);
    if (all_logged && jobs->log.size < LOG_WORTH_SHORTENING)
        return true;
    wire_stream lines = {0}, *engine = jobs->out;
    bool untold = jobs->untold;
    jobs->out = &lines;
    jobs->untold = false;
    runner_jobs_tell(jobs);
    bool replaced = !jobs->untold && (off_t)lines.size * 2 < jobs->log.size + 4096
                    && runner_log_replace(&jobs->log, lines.bytes, lines.size);
    jobs->out = engine;
    jobs->untold = untold;
    wire_stream_free(&lines);
    for (size_t i = 0; replaced && i < jobs->count; i++)
        jobs->jobs[i].end_logged = true;
    return all_logged || replaced;
}
