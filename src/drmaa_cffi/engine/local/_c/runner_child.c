/* What a job's process does between fork and exec: its session, files, limits and command. */
#include "runner_child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void free_texts(char **texts)
{
    for (char **text = texts; text != NULL && *text != NULL; text++)
        free(*text);
    free(texts);
}

static char **get_texts(wire_reader *reader)
{
    uint32_t count = wire_get_u32(reader);
    /* Each text takes at least its length's four bytes, so a larger count is rubbish. */
    if (reader->failed || count > (size_t)(reader->end - reader->at) / 4) {
        reader->failed = true;
        return NULL;
    }
    char **texts = calloc((size_t)count + 1, sizeof *texts);
    for (uint32_t i = 0; texts != NULL && i < count; i++) {
        texts[i] = wire_get_text(reader);
        if (texts[i] == NULL) {
            free_texts(texts);
            return NULL;
        }
    }
    return texts;
}

/* The last part of a frame, which engines before this one did not send. */
static void get_placement(runner_start *start, wire_reader *reader)
{
    start->is_placed = !reader->failed && reader->at < reader->end;
    if (!start->is_placed)
        return;
    start->base_nice = (int32_t)wire_get_u32(reader);
    start->io_priority = wire_get_u32(reader);
    const char *cpus = wire_get_block(reader, &start->cpus_size);
    if (start->cpus_size > sizeof start->cpus)
        reader->failed = true;
    else if (start->cpus_size > 0)
        memcpy(start->cpus, cpus, start->cpus_size);
}

bool runner_start_parse(runner_start *start, wire_reader *reader)
{
    *start = (runner_start){0};
    start->job = wire_get_i64(reader);
    start->task = wire_get_i64(reader);
    start->environment = wire_get_u32(reader);
    start->umask = wire_get_u32(reader);
    start->nice = (int32_t)wire_get_u32(reader);
    start->join = wire_get_u8(reader) != 0;
    start->limit_count = wire_get_u32(reader);
    if (start->limit_count > RLIM_NLIMITS) {
        reader->failed = true;
        return false;
    }
    for (uint32_t i = 0; i < start->limit_count; i++) {
        start->limits[i].rlim_cur = (rlim_t)wire_get_i64(reader);
        start->limits[i].rlim_max = (rlim_t)wire_get_i64(reader);
    }
    /* No further than to the first that is missing: after it the next would begin anywhere. */
    bool whole = (start->directory = wire_get_text(reader)) != NULL
                 && (start->input = wire_get_text(reader)) != NULL
                 && (start->output = wire_get_text(reader)) != NULL
                 && (start->error = wire_get_text(reader)) != NULL
                 && (start->output_name = wire_get_text(reader)) != NULL
                 && (start->error_name = wire_get_text(reader)) != NULL
                 && (start->settings = get_texts(reader)) != NULL
                 && (start->arguments = get_texts(reader)) != NULL;
    if (whole && start->arguments[0] == NULL)
        reader->failed = true;
    if (whole)
        get_placement(start, reader);
    return whole && !reader->failed;
}

void runner_start_free(runner_start *start)
{
    free(start->directory);
    free(start->input);
    free(start->output);
    free(start->error);
    free(start->output_name);
    free(start->error_name);
    free_texts(start->settings);
    free_texts(start->arguments);
}

/* Opens `path` as descriptor `as`; where it is a folder, `name` in it, as Grid Engine does. */
static bool open_as(int as, const char *path, int flags, const char *name)
{
    int file = open(path, flags | O_NOCTTY, 0666);
    if (file < 0 && errno == EISDIR && name != NULL) {
        char longer[PATH_MAX];
        int size = snprintf(longer, sizeof longer, "%s/%s", path, name);
        if (size < 0 || (size_t)size >= sizeof longer) {
            errno = ENAMETOOLONG;
            return false;
        }
        file = open(longer, flags | O_NOCTTY, 0666);
    }
    if (file < 0)
        return false;
    if (file == as)
        return true;
    bool done = dup2(file, as) == as;
    close(file);
    return done;
}

static _Noreturn void give_up(const runner_start *start, runner_report *report, int stage,
                              bool has_error_file, const char *what, const char *path)
{
    int reason = errno;
    report->reason = reason;
    report->stage = stage;
    if (has_error_file) {
        dprintf(STDERR_FILENO, "drmaa-cffi local engine: job %lld", (long long)start->job);
        if (start->task != 0)
            dprintf(STDERR_FILENO, ".%lld", (long long)start->task);
        dprintf(STDERR_FILENO, ": cannot %s '%s': %s\n", what, path, strerror(reason));
        if (stage == STAGE_EXEC && reason == ENOEXEC)
            dprintf(STDERR_FILENO, "A script needs a first line such as #!/bin/sh, since no "
                                   "shell stands between the engine and the command.\n");
    }
    _exit(127);
}

static const char *find_path(char **environment)
{
    for (; *environment != NULL; environment++)
        if (strncmp(*environment, "PATH=", 5) == 0)
            return *environment + 5;
    return "/usr/local/bin:/usr/bin:/bin";
}

/* Execs the command: as a path if it has a slash, else from PATH, else from the working
 * directory. Returns with errno only if nothing could be executed. */
static void execute(char **arguments, char **environment)
{
    const char *command = arguments[0];
    if (strchr(command, '/') != NULL) {
        execve(command, arguments, environment);
        return;
    }
    int reason = ENOENT;
    const char *part = find_path(environment);
    while (part != NULL) {
        const char *end = strchr(part, ':');
        int size = end == NULL ? (int)strlen(part) : (int)(end - part);
        char path[PATH_MAX];
        int length = snprintf(path, sizeof path, "%.*s%s%s", size, part, size > 0 ? "/" : "./",
                              command);
        if (length > 0 && (size_t)length < sizeof path) {
            execve(path, arguments, environment);
            if (errno != ENOENT && errno != ENOTDIR)
                reason = errno;
        }
        part = end == NULL ? NULL : end + 1;
    }
    execve(command, arguments, environment);
    if (errno == ENOENT)
        errno = reason;
}

static bool set_limits(const runner_start *start)
{
    for (uint32_t i = 0; i < start->limit_count; i++) {
        struct rlimit now, wanted = start->limits[i];
        if (getrlimit((int)i, &now) != 0)
            continue; /* a limit this kernel does not have */
        if (now.rlim_cur == wanted.rlim_cur && now.rlim_max == wanted.rlim_max)
            continue;
        if (setrlimit((int)i, &wanted) == 0)
            continue;
        /* The engine was started under tighter limits than this job's submitter has, and only
         * root may raise them: as much as the engine has is the most it can give. */
        if (wanted.rlim_max > now.rlim_max)
            wanted.rlim_max = now.rlim_max;
        if (wanted.rlim_cur > wanted.rlim_max)
            wanted.rlim_cur = wanted.rlim_max;
        if (setrlimit((int)i, &wanted) != 0)
            return false;
    }
    return true;
}

/* Gives the job its submitter's CPUs, niceness and class of input and output, as far as the kernel
 * lets us: only root can be less nice than we are. */
static bool set_placement(const runner_start *start)
{
    errno = 0;
    int own = getpriority(PRIO_PROCESS, 0);
    int wanted = (start->is_placed ? start->base_nice : own) + start->nice;
    if (start->is_placed) {
        if (start->cpus_size > 0)
            syscall(SYS_sched_setaffinity, 0, start->cpus_size, start->cpus);
        syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, start->io_priority);
    }
    return wanted == own || setpriority(PRIO_PROCESS, 0, wanted) == 0 || start->nice >= 0;
}

_Noreturn void runner_child(const runner_start *start, char **environment,
                            runner_report *report, pid_t runner)
{
    setsid();
    /* A job whose runner was killed has nobody to tell its end: it must not go on unseen. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != runner)
        _exit(127);
    umask(start->umask);
    int writing = O_WRONLY | O_CREAT | O_APPEND;
    if (chdir(start->directory) != 0) {
        give_up(start, report, STAGE_WORKING_DIRECTORY, false, "enter", start->directory);
    }
    if (!start->join && !open_as(STDERR_FILENO, start->error, writing, start->error_name))
        give_up(start, report, STAGE_ERROR, false, "write", start->error);
    if (!open_as(STDOUT_FILENO, start->output, writing, start->output_name))
        give_up(start, report, STAGE_OUTPUT, !start->join, "write", start->output);
    if (start->join && dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
        give_up(start, report, STAGE_ERROR, false, "write", start->output);
    if (!open_as(STDIN_FILENO, start->input, O_RDONLY, NULL))
        give_up(start, report, STAGE_INPUT, true, "read", start->input);
    if (!set_placement(start))
        give_up(start, report, STAGE_NICE, true, "set the niceness of", start->arguments[0]);
    if (!set_limits(start))
        give_up(start, report, STAGE_LIMITS, true, "set the resource limits of",
                start->arguments[0]);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execute(start->arguments, environment);
    give_up(start, report, STAGE_EXEC, true, "execute", start->arguments[0]);
}
