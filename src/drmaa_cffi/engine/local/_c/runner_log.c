/* The runner's log: appended with one write a line, and replaced as a whole when it has grown. */
#include "runner_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define LOG_NAME "runner.log"
#define NEW_LOG_NAME "runner.log.new"

bool runner_log_open(runner_log *log, int home)
{
    log->home = home;
    log->file = openat(home, LOG_NAME, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log->file < 0)
        return false;
    log->size = lseek(log->file, 0, SEEK_END);
    return log->size >= 0;
}

static bool write_all(int file, const char *lines, size_t size)
{
    while (size > 0) {
        ssize_t written = write(file, lines, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        lines += written;
        size -= (size_t)written;
    }
    return true;
}

bool runner_log_append(runner_log *log, const char *lines, size_t size)
{
    if (write_all(log->file, lines, size)) {
        log->size += (off_t)size;
        return true;
    }
    /* A full disk may have taken half a line: take it back, so that the next line is whole. */
    int reason = errno;
    if (ftruncate(log->file, log->size) != 0)
        perror("job-runner: cannot shorten runner.log");
    errno = reason;
    return false;
}

bool runner_log_replace(runner_log *log, const char *lines, size_t size)
{
    if (size == 0) {
        if (ftruncate(log->file, 0) != 0)
            return false;
        log->size = 0;
        return true;
    }
    int file = openat(log->home, NEW_LOG_NAME,
                      O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0)
        return false;
    if (!write_all(file, lines, size)
        || renameat(log->home, NEW_LOG_NAME, log->home, LOG_NAME) != 0) {
        int reason = errno;
        close(file);
        unlinkat(log->home, NEW_LOG_NAME, 0);
        errno = reason;
        return false;
    }
    close(log->file);
    log->file = file;
    log->size = (off_t)size;
    return true;
}
