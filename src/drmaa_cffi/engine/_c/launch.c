/* The way to a running engine: connect to it, or start it and connect. */
#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "deadline.h"
#include "environment.h"
#include "underway.h"

#define SOCKET_NAME "engine.sock"
#define ENGINE_PROGRAM "drmaa-" ENGINE_NAME "-engine"
#define START_SECONDS 60

extern char **environ;

/* Tries once; returns a descriptor, or -1 with errno. */
static int try_connect(const engine_home *home, int64_t limit)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/" SOCKET_NAME,
                          home->path);
    /* A socket's path has 107 bytes at most. The open folder has a short name in /proc. */
    if ((size_t)length >= sizeof address.sun_path)
        snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" SOCKET_NAME,
                 home->folder);
    int made = note_open(SOCKET_OPEN, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (made < 0)
        return -1;
    while (connect(made, (struct sockaddr *)&address, sizeof address) != 0) {
        if (errno == EINTR)
            continue;
        int reason = errno;
        /* Too many wait there for an engine that is slow, or stopped. */
        if (reason == EAGAIN && !is_over(limit)) {
            sleep_a_moment();
            continue;
        }
        close_noted(SOCKET_OPEN);
        errno = reason;
        return -1;
    }
    return made;
}

static int check_peer(int made, pid_t *pid, diagnosis_buffer diagnosis)
{
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    if (getsockopt(made, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid()) {
        *pid = peer.pid;
        return DRMAA_ERRNO_SUCCESS;
    }
    close_noted(SOCKET_OPEN);
    return fail(diagnosis, DRMAA_ERRNO_AUTH_FAILURE,
                ENGINE_TITLE "'s socket is held by user %lu, not by you (%lu)",
                (unsigned long)peer.uid, (unsigned long)geteuid());
}

/* The environment, which is held, with DRMAA_LOCAL_HOME as we resolved it; `setting` must live as
 * long. */
static char **engine_environment(char *setting)
{
    size_t count = 0;
    while (environ[count] != NULL)
        count++;
    char **made = calloc(count + 2, sizeof *made);
    size_t used = 0;
    for (size_t i = 0; made != NULL && i < count; i++)
        if (strncmp(environ[i], ENGINE_PREFIX "HOME=",
                    sizeof ENGINE_PREFIX "HOME=" - 1) != 0)
            made[used++] = environ[i];
    if (made != NULL)
        made[used] = setting;
    return made;
}

/* Starts our own program, or a command of the user's, which a shell reads and becomes, with its
 * output in `output`; returns 0 or why not. The environment is held. */
static int spawn(const engine_home *home, const char *command, int output, pid_t *pid)
{
    char setting[PATH_MAX + 32];
    snprintf(setting, sizeof setting, ENGINE_PREFIX "HOME=%s", home->path);
    char *ours[] = {ENGINE_PROGRAM, NULL};
    char *shell[] = {"/bin/sh", "-c", (char *)command, NULL};
    char **words = strcmp(command, ENGINE_PROGRAM) == 0 ? ours : shell;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int reason = posix_spawn_file_actions_init(&files);
    if (reason != 0)
        return reason;
    reason = posix_spawnattr_init(&attributes);
    if (reason == 0) {
        /* A process group of its own (the attributes' default is 0: its own): Ctrl-C in the
         * client's terminal must not end the start. */
        short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP;
        char **environment = engine_environment(setting);
        (void)((reason = environment == NULL ? ENOMEM : 0) != 0
               || (reason = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null",
                                                             O_RDONLY, 0)) != 0
               || (reason = posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO)) != 0
               || (reason = posix_spawn_file_actions_adddup2(&files, output, STDERR_FILENO)) != 0
               || (reason = posix_spawnattr_setsigmask(&attributes, &none)) != 0
               || (reason = posix_spawnattr_setsigdefault(&attributes, &all)) != 0
               || (reason = posix_spawnattr_setflags(&attributes, flags)) != 0
               || (reason = posix_spawnp(pid, words[0], &files, &attributes, words,
                                         environment)) != 0);
        free(environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return reason;
}

/* Reads what the starting engine says until it closes its end: it is ready, or it is dead.
 * Keeps the last words. Returns false if it has not by the limit. */
static bool listen_to(int input, char *words, size_t size, int64_t limit)
{
    size_t used = 0;
    for (;;) {
        if (!await_event(input, POLLIN, limit))
            return false;
        if (used == size - 1) {
            memmove(words, words + size / 2, used - size / 2);
            used -= size / 2;
        }
        ssize_t got = read(input, words + used, size - 1 - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    while (used > 0 && (words[used - 1] == '\n' || words[used - 1] == ' '))
        used--;
    words[used] = '\0';
    return true;
}

static int start_with(const engine_home *home, int64_t limit, const char *command,
                      diagnosis_buffer diagnosis)
{
    int ends[2];
    pid_t pid = -1;
    /* In Python this also keeps a child from being forked before the pipe's input is noted: for
     * such a child we would wait as for the engine. */
    int held = hold_environment();
    int made = pipe2(ends, O_CLOEXEC) == 0;
    int output = made ? note_open(PIPE_OPEN, ends[0]) : -1;
    int input = made ? note_open(PIPE_INPUT_OPEN, ends[1]) : -1;
    if (output < 0 || input < 0) {
        int reason = errno;
        close_noted(PIPE_INPUT_OPEN);
        close_noted(PIPE_OPEN);
        release_environment(held);
        return fail(diagnosis, DRMAA_ERRNO_DRMS_INIT_FAILED,
                    ENGINE_TITLE " could not be started: %s", strerror(reason));
    }
    int reason = spawn(home, command, input, &pid);
    close_noted(PIPE_INPUT_OPEN);
    release_environment(held);
    if (reason != 0) {
        close_noted(PIPE_OPEN);
        return fail(diagnosis, DRMAA_ERRNO_DRMS_INIT_FAILED,
                    ENGINE_TITLE " could not be started: '%.300s': %s; set " ENGINE_PREFIX "ENGINE to "
                    "the command that starts it (such as 'python3 -m drmaa_cffi." ENGINE_NAME
                    " engine'), or put " ENGINE_PROGRAM " on PATH",
                    command, strerror(reason));
    }
    char said[1500];
    int64_t patience = deadline_in(START_SECONDS * 1000);
    bool hurried = limit >= 0 && limit < patience;
    bool ended = listen_to(output, said, sizeof said, hurried ? limit : patience);
    close_noted(PIPE_OPEN);
    if (!ended && hurried) {
        /* It may be ready for the next call: who has no time does not say that it is too late. */
        fail(diagnosis, DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE,
             ENGINE_TITLE " (process %d, '%.300s') is not ready yet", (int)pid, command);
        return ENGINE_SILENT;
    }
    if (!ended) {
        /* Whoever waits in its group for the engine waits in vain. If it still is our child,
         * the number is nobody else's. */
        if (waitpid(pid, NULL, WNOHANG) == 0) {
            kill(-pid, SIGKILL);
            while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        }
        return fail(diagnosis, DRMAA_ERRNO_DRMS_INIT_FAILED,
                    ENGINE_TITLE " ('%.300s') was not ready after %d seconds", command,
                    START_SECONDS);
    }
    int status = 0;
    pid_t waited;
    while ((waited = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
        ;
    /* Killed while it started: that says nothing against another try. */
    if (waited == pid && (WIFSIGNALED(status) || WEXITSTATUS(status) == EX_TEMPFAIL)) {
        fail(diagnosis, DRMAA_ERRNO_DRMS_INIT_FAILED,
             ENGINE_TITLE " ('%.300s') was killed while it started", command);
        return ENGINE_GONE;
    }
    /* A program that ignores SIGCHLD, or reaps all children itself, leaves us no status: then
     * the connection tells. */
    if (waited == pid && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
        return fail(diagnosis, DRMAA_ERRNO_DRMS_INIT_FAILED,
                    ENGINE_TITLE " ('%.300s') could not start: %s", command,
                    *said != '\0' ? said : "it said nothing");
    return DRMAA_ERRNO_SUCCESS;
}

static int start_engine(const engine_home *home, int64_t limit, diagnosis_buffer diagnosis)
{
    int held = hold_environment();
    const char *given = secure_getenv(ENGINE_PREFIX "ENGINE");
    char *command = NULL;
    if (given == NULL || *given == '\0')
        command = strdup(ENGINE_PROGRAM);
    else if (asprintf(&command, "exec %s", given) < 0)
        command = NULL;
    release_environment(held);
    int code = command != NULL ? start_with(home, limit, command, diagnosis)
                               : fail_no_memory(diagnosis);
    free(command);
    return code;
}

/* Clients that start at once queue here, so that one of them starts one engine. Its number is in the
 * file, for those who wait in vain. Returns the lock, or -1 with `*made` connected, or else `*code`. */
static int take_start_lock(const engine_home *home, int64_t limit, int *made, int *code,
                           diagnosis_buffer diagnosis)
{
    int lock = note_open(
        LOCK_OPEN, openat(home->folder, "start.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (lock < 0) {
        *code = fail(diagnosis, DRMAA_ERRNO_DRMS_INIT_FAILED,
                     ENGINE_TITLE "'s folder '%s' cannot be written: %s; set " ENGINE_PREFIX "HOME "
                     "to the path of a folder of your own",
                     home->path, strerror(errno));
        return -1;
    }
    while (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        if (!is_over(limit)) {
            sleep_a_moment();
            *made = try_connect(home, limit);
            if (*made < 0)
                continue;
            close_noted(LOCK_OPEN);
            return -1;
        }
        char holder[24] = "?";
        ssize_t size = pread(lock, holder, sizeof holder - 1, 0);
        holder[size > 0 ? strspn(holder, "0123456789") : 1] = '\0';
        close_noted(LOCK_OPEN);
        fail(diagnosis, DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE,
             "process %s is about to start " ENGINE_TITLE " in '%s' (it holds start.lock there), and "
             "does not come to an end: see whether it is stopped",
             holder, home->path);
        *code = ENGINE_SILENT;
        return -1;
    }
    /* Only words: whatever fails here, it is locked. */
    if (ftruncate(lock, 0) != 0 || dprintf(lock, "%d\n", (int)getpid()) < 0)
        errno = 0;
    return lock;
}

int reach_engine(const engine_home *home, int64_t limit, int *made, pid_t *pid,
                 diagnosis_buffer diagnosis)
{
    *made = try_connect(home, limit);
    if (*made >= 0)
        return check_peer(*made, pid, diagnosis);
    int code = DRMAA_ERRNO_SUCCESS;
    int lock = take_start_lock(home, limit, made, &code, diagnosis);
    if (lock < 0)
        return *made >= 0 ? check_peer(*made, pid, diagnosis) : code;
    *made = try_connect(home, limit);
    if (*made < 0) {
        code = start_engine(home, limit, diagnosis);
        if (code == DRMAA_ERRNO_SUCCESS)
            *made = try_connect(home, limit);
    }
    int reason = errno;
    /* Not by closing it alone: a child that was forked meanwhile may have a copy. */
    flock(lock, LOCK_UN);
    close_noted(LOCK_OPEN);
    if (code != DRMAA_ERRNO_SUCCESS)
        return code;
    if (*made >= 0)
        return check_peer(*made, pid, diagnosis);
    fail(diagnosis, DRMAA_ERRNO_DRMS_INIT_FAILED,
         ENGINE_TITLE "'s socket in '%s' cannot be reached: %s", home->path, strerror(reason));
    return ENGINE_GONE;
}
