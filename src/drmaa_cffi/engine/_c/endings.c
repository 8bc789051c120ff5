/* What the number `stat` of drmaa_wait means: exited, signalled, dumped core, aborted. */
#include "endings.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/wait.h>

#include "errors.h"

static const char *const signal_names[] = {
    [SIGHUP] = "SIGHUP",       [SIGINT] = "SIGINT",       [SIGQUIT] = "SIGQUIT",
    [SIGILL] = "SIGILL",       [SIGTRAP] = "SIGTRAP",     [SIGABRT] = "SIGABRT",
    [SIGBUS] = "SIGBUS",       [SIGFPE] = "SIGFPE",       [SIGKILL] = "SIGKILL",
    [SIGUSR1] = "SIGUSR1",     [SIGSEGV] = "SIGSEGV",     [SIGUSR2] = "SIGUSR2",
    [SIGPIPE] = "SIGPIPE",     [SIGALRM] = "SIGALRM",     [SIGTERM] = "SIGTERM",
    [SIGSTKFLT] = "SIGSTKFLT", [SIGCHLD] = "SIGCHLD",     [SIGCONT] = "SIGCONT",
    [SIGSTOP] = "SIGSTOP",     [SIGTSTP] = "SIGTSTP",     [SIGTTIN] = "SIGTTIN",
    [SIGTTOU] = "SIGTTOU",     [SIGURG] = "SIGURG",       [SIGXCPU] = "SIGXCPU",
    [SIGXFSZ] = "SIGXFSZ",     [SIGVTALRM] = "SIGVTALRM", [SIGPROF] = "SIGPROF",
    [SIGWINCH] = "SIGWINCH",   [SIGIO] = "SIGIO",         [SIGPWR] = "SIGPWR",
    [SIGSYS] = "SIGSYS",
};

static bool is_aborted(int stat)
{
    return (stat & STAT_ABORTED) != 0;
}

static bool is_exited(int stat)
{
    return !is_aborted(stat) && WIFEXITED(stat & 0xffff);
}

static bool is_signaled(int stat)
{
    return WIFSIGNALED(stat & 0xffff);
}

static int give_number(int *to, int value, char *words, size_t size)
{
    if (to == NULL)
        return fail((diagnosis_buffer){words, size}, DRMAA_ERRNO_INVALID_ARGUMENT,
                    "the place for the answer is NULL");
    *to = value;
    return DRMAA_ERRNO_SUCCESS;
}

EXPORT int drmaa_wifexited(int *exited, int stat, char *words, size_t size)
{
    return give_number(exited, is_exited(stat), words, size);
}

EXPORT int drmaa_wexitstatus(int *exit_status, int stat, char *words, size_t size)
{
    int status = WEXITSTATUS(stat & 0xffff);
    /* The standard leaves this open for a job that did not exit. Many programs ask without
     * looking, so it must not be the zero of success. */
    if (is_signaled(stat))
        status = 128 + WTERMSIG(stat & 0xffff);
    else if (is_aborted(stat) && status == 0)
        status = 1;
    return give_number(exit_status, status, words, size);
}

EXPORT int drmaa_wifsignaled(int *signaled, int stat, char *words, size_t size)
{
    return give_number(signaled, is_signaled(stat), words, size);
}

EXPORT int drmaa_wtermsig(char *signal, size_t signal_len, int stat, char *words, size_t size)
{
    diagnosis_buffer diagnosis = {words, size};
    if (signal == NULL || signal_len == 0)
        return fail(diagnosis, DRMAA_ERRNO_INVALID_ARGUMENT,
                    "there is no room for the signal's name");
    *signal = '\0';
    if (!is_signaled(stat))
        return fail(diagnosis, DRMAA_ERRNO_INVALID_ARGUMENT,
                    "no signal ended this job: ask drmaa_wifsignaled first");
    int number = WTERMSIG(stat & 0xffff);
    size_t known = sizeof signal_names / sizeof *signal_names;
    if ((size_t)number < known && signal_names[number] != NULL) {
        copy_text(signal, signal_len, signal_names[number]);
        return DRMAA_ERRNO_SUCCESS;
    }
    char name[32];
    if (number >= SIGRTMIN && number <= SIGRTMAX)
        snprintf(name, sizeof name, "SIGRTMIN+%d", number - SIGRTMIN);
    else
        snprintf(name, sizeof name, "SIG%d", number);
    copy_text(signal, signal_len, name);
    return DRMAA_ERRNO_SUCCESS;
}

EXPORT int drmaa_wcoredump(int *core_dumped, int stat, char *words, size_t size)
{
    return give_number(core_dumped, is_signaled(stat) && WCOREDUMP(stat & 0xffff), words, size);
}

EXPORT int drmaa_wifaborted(int *aborted, int stat, char *words, size_t size)
{
    return give_number(aborted, is_aborted(stat), words, size);
}
