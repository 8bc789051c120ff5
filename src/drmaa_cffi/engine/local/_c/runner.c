/* The runner: the small process that is the parent of every job.
 *
 * It outlives the engine, so that a job's true end is known even if the engine was killed.
 * The engine sends it frames (start, signal, ...); it answers with lines, the same lines that
 * it appends to its log. It leaves when no engine is connected and no job runs. If an engine
 * goes without saying so, it starts a new one. See protocol.md.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runner_jobs.h"

#define LISTENING 3 /* the engine hands the listening socket down under this number */
#define MOST_RESTARTS 5 /* of an engine that dies within SHORT_LIFE seconds each time */
#define SHORT_LIFE 5
#define FIRST_ENGINE_MS 60000
#define RETRY_LOG_MS 2000 /* while the disk is full */

enum request { HELLO = 1, ENVIRONMENT, DROP_ENVIRONMENT, START, SIGNAL, FORGET, BYE };

typedef struct {
    runner_jobs jobs;
    int home;
    int signals;
    int engine; /* -1: none connected */
    bool said_bye;
    wire_buffer in;
    wire_buffer out;
    char **restart; /* the command that starts an engine */
    pid_t restarting;
    time_t connected_at;
    int short_lives;
} runner;

static time_t seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void hello(runner *self, wire_reader *reader)
{
    for (char **word = self->restart; word != NULL && *word != NULL; word++)
        free(*word);
    free(self->restart);
    uint32_t count = wire_get_u32(reader);
    self->restart = count > 64 ? NULL : calloc((size_t)count + 1, sizeof(char *));
    for (uint32_t i = 0; self->restart != NULL && i < count; i++)
        self->restart[i] = wire_get_text(reader);
    char line[64];
    int size = snprintf(line, sizeof line, "H %d\n", (int)getpid());
    wire_put_bytes(&self->out, line, (size_t)size);
    runner_jobs_tell(&self->jobs);
    wire_put_bytes(&self->out, "R\n", 2);
}

static void handle(runner *self, wire_reader *reader)
{
    switch (wire_get_u8(reader)) {
    case HELLO:
        hello(self, reader);
        break;
    case ENVIRONMENT:
        runner_jobs_add_environment(&self->jobs, reader);
        break;
    case DROP_ENVIRONMENT:
        runner_jobs_drop_environment(&self->jobs, wire_get_u32(reader));
        break;
    case START:
        runner_jobs_start(&self->jobs, reader);
        break;
    case SIGNAL: {
        int64_t job = wire_get_i64(reader), task = wire_get_i64(reader);
        runner_jobs_signal(&self->jobs, job, task, (int)wire_get_u32(reader));
        break;
    }
    case FORGET:
        while (!reader->failed && reader->at < reader->end) {
            int64_t job = wire_get_i64(reader), task = wire_get_i64(reader);
            runner_jobs_forget(&self->jobs, job, task);
        }
        break;
    case BYE:
        self->said_bye = true;
        break;
    }
}

/* Handles each whole frame that has arrived. */
static void handle_frames(runner *self)
{
    size_t at = 0;
    while (self->in.size - at >= 4) {
        uint32_t size;
        memcpy(&size, self->in.bytes + at, 4);
        if (size > WIRE_LARGEST_FRAME || self->in.size - at - 4 < size)
            break;
        wire_reader reader = {self->in.bytes + at + 4, self->in.bytes + at + 4 + size, false};
        handle(self, &reader);
        at += 4 + (size_t)size;
    }
    if (at > 0) {
        memmove(self->in.bytes, self->in.bytes + at, self->in.size - at);
        self->in.size -= at;
    }
}

/* Reads what the engine has sent; returns false when it is gone. */
static bool receive(runner *self)
{
    for (;;) {
        char *place = wire_grow(&self->in, 65536);
        if (place == NULL)
            return false;
        ssize_t size = recv(self->engine, place, 65536, MSG_DONTWAIT);
        int reason = errno;
        self->in.size -= 65536 - (size_t)(size > 0 ? size : 0);
        if (size > 0) {
            handle_frames(self);
            if (size < 65536)
                return true; /* poll tells if there is more */
            continue;
        }
        if (size < 0 && reason == EINTR)
            continue;
        return size < 0 && (reason == EAGAIN || reason == EWOULDBLOCK);
    }
}

static void send_lines(runner *self)
{
    while (self->engine >= 0 && self->out.size > 0) {
        ssize_t size = send(self->engine, self->out.bytes, self->out.size,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (size < 0)
            return; /* full: poll tells when there is room; gone: receive will see it */
        memmove(self->out.bytes, self->out.bytes + size, self->out.size - (size_t)size);
        self->out.size -= (size_t)size;
    }
}

static void restart_engine(runner *self)
{
    self->short_lives = seconds() - self->connected_at < SHORT_LIFE ? self->short_lives + 1 : 0;
    if (self->restart == NULL || self->restart[0] == NULL || self->short_lives > MOST_RESTARTS)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execvp(self->restart[0], self->restart);
        _exit(127);
    }
    self->restarting = pid > 0 ? pid : 0;
}

static void drop_engine(runner *self)
{
    close(self->engine);
    self->engine = -1;
    self->jobs.out = NULL;
    self->in.size = 0;
    self->out.size = 0;
    self->out.failed = self->in.failed = false;
    /* The next engine sends its environments anew. */
    while (self->jobs.environment_count > 0)
        runner_jobs_drop_environment(&self->jobs, self->jobs.environments[0].number);
}

static void accept_engine(runner *self)
{
    int engine = accept4(LISTENING, NULL, NULL, SOCK_CLOEXEC);
    if (engine < 0)
        return;
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    if (getsockopt(engine, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.uid != geteuid()) {
        close(engine);
        return;
    }
    if (self->engine >= 0) {
        /* Its lock tells the new engine that the old one is dead. What the old one had asked
         * for is done first, so that the new one is told the whole truth. */
        receive(self);
        drop_engine(self);
    }
    self->engine = engine;
    self->jobs.out = &self->out;
    self->said_bye = false;
    self->connected_at = seconds();
}

/* The engine that started us connects at once, or has died. */
static bool await_first_engine(void)
{
    struct pollfd event = {.fd = LISTENING, .events = POLLIN};
    return poll(&event, 1, FIRST_ENGINE_MS) == 1;
}

static void loop(runner *self)
{
    bool logged = true;
    if (await_first_engine())
        accept_engine(self);
    for (;;) {
        bool awaited = self->restarting != 0;
        if (self->engine < 0 && self->jobs.running == 0 && logged && !awaited)
            return;
        struct pollfd events[3] = {
            {.fd = self->signals, .events = POLLIN},
            {.fd = LISTENING, .events = POLLIN},
            {.fd = self->engine, .events = POLLIN | (self->out.size > 0 ? POLLOUT : 0)},
        };
        if (poll(events, 3, logged ? -1 : RETRY_LOG_MS) < 0)
            continue;
        if (events[0].revents != 0) {
            struct signalfd_siginfo signals[16];
            while (read(self->signals, signals, sizeof signals) > 0)
                ;
            int status;
            if (runner_jobs_reap(&self->jobs, self->restarting, &status) && self->restarting) {
                self->restarting = 0;
                if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                    fprintf(stderr, "job-runner: the engine could not be started again\n");
                    self->connected_at = seconds(); /* a short life as any */
                    if (self->engine < 0)
                        restart_engine(self);
                }
            }
        }
        if (self->engine >= 0 && events[2].revents != 0 && !receive(self)) {
            bool crashed = !self->said_bye;
            drop_engine(self);
            if (crashed)
                restart_engine(self);
        }
        if (events[1].revents != 0)
            accept_engine(self);
        send_lines(self);
        logged = runner_jobs_tidy_log(&self->jobs);
    }
}

static bool take_lock(int home)
{
    int lock = openat(home, "runner.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return lock >= 0 && flock(lock, LOCK_EX) == 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: job-runner HOME (started by the local engine, not by hand; "
                        "descriptor %d is its listening socket)\n", LISTENING);
        return 2;
    }
    runner self = {.engine = -1};
    self.home = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self.home < 0 || fcntl(LISTENING, F_SETFD, FD_CLOEXEC) != 0) {
        perror("job-runner");
        return 1;
    }
    pid_t pid = fork(); /* so that it is no child of the engine */
    if (pid != 0)
        return pid < 0;
    setsid();
    /* Jobs start with every signal at its default, whatever the engine's parents ignored. */
    for (int signal = 1; signal < NSIG; signal++)
        sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
    sigset_t all, child;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    self.signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (self.signals < 0 || !take_lock(self.home) || !runner_jobs_open(&self.jobs, self.home)) {
        perror("job-runner");
        return 1;
    }
    loop(&self);
    if (self.jobs.count == 0)
        runner_log_replace(&self.jobs.log, "", 0);
    return 0;
}
