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
#define FIRST_ENGINE_SECONDS 60
#define NEWCOMER_SECONDS 10 /* that somebody may take for a hello */
#define STARTS_MILLISECONDS 20
#define RETRY_SECONDS 2 /* to write the log of a full disk, and to start an engine */
#define MOST_OF_NEWCOMER (1 << 20)

enum frame_kind { HELLO = 1, ENVIRONMENT, DROP_ENVIRONMENT, START, SIGNAL, FORGET, BYE };

/* Somebody who has connected. */
typedef struct {
    int socket; /* -1: nobody */
    pid_t pid;
    wire_stream in;
} peer;

typedef struct {
    runner_jobs jobs;
    int home;
    int signals;
    peer engine; /* the one we have greeted */
    peer newcomer; /* one that we have not */
    time_t newcomer_since;
    bool said_bye;
    wire_stream out; /* lines for the engine */
    char **restart; /* the command that starts an engine */
    time_t restart_at; /* when to try that again; 0: not */
    int64_t starts_since; /* when the first S line was held back, in milliseconds; 0: none is */
    time_t awaited_until; /* we stay for the engine that has started us */
    time_t connected_at;
    int short_lives;
} runner;

static int64_t milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static time_t seconds(void)
{
    return (time_t)(milliseconds() / 1000);
}

static void free_words(char **words)
{
    for (char **word = words; word != NULL && *word != NULL; word++)
        free(*word);
    free(words);
}

static void close_peer(peer *of)
{
    if (of->socket >= 0)
        close(of->socket);
    of->socket = -1;
    wire_stream_free(&of->in);
}

static bool hello(runner *self, wire_reader *reader)
{
    uint32_t count = wire_get_u32(reader);
    char **words = count > 64 ? NULL : calloc((size_t)count + 1, sizeof(char *));
    if (words == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        words[i] = wire_get_text(reader);
        if (words[i] == NULL) {
            free_words(words);
            return false;
        }
    }
    free_words(self->restart);
    self->restart = words;
    char line[64];
    int size = snprintf(line, sizeof line, "H %d\n", (int)getpid());
    bool told = wire_stream_put(&self->out, line, (size_t)size);
    runner_jobs_tell(&self->jobs);
    return told && wire_stream_put(&self->out, "R\n", 2);
}

/* Does what a frame says; false if the link to the engine is of no use any more. */
static bool handle(runner *self, wire_reader *reader)
{
    switch (wire_get_u8(reader)) {
    case HELLO:
        return hello(self, reader);
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
        int number = (int)wire_get_u32(reader);
        if (!reader->failed)
            runner_jobs_signal(&self->jobs, job, task, number);
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
        if (self->jobs.family.restarting > 0)
            kill(self->jobs.family.restarting, SIGKILL); /* it waits for this one's end, for nothing */
        break;
    }
    return true;
}

/* Handles each whole frame that has arrived; false for rubbish, or if one cannot be answered. */
static bool handle_frames(runner *self)
{
    wire_stream *in = &self->engine.in;
    size_t at = 0, size;
    bool useful = true;
    while (useful && wire_stream_frame(in, at, &size)) {
        wire_reader reader = {in->bytes + at + 4, in->bytes + at + 4 + size, false};
        useful = handle(self, &reader) && !self->jobs.untold;
        at += 4 + size;
    }
    wire_stream_drop(in, at);
    return useful && size <= WIRE_LARGEST_FRAME;
}

/* Reads once; false when the other end, or our memory, is gone. */
static bool receive(peer *from)
{
    const size_t room = 65536;
    char *place = wire_stream_grow(&from->in, room);
    if (place == NULL)
        return false;
    ssize_t size = recv(from->socket, place, room, MSG_DONTWAIT);
    if (size > 0)
        from->in.size += (size_t)size;
    return size > 0
           || (size < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK));
}

/* Whether there are only starts to tell, which wait for a moment: a short job's end goes with its
 * start, and the engine wakes up once for both. Returns for how many milliseconds; 0: they do not. */
static int starts_wait(runner *self)
{
    if (self->out.size == 0 || !self->jobs.only_starts) {
        self->starts_since = 0;
        return 0;
    }
    int64_t now = milliseconds();
    if (self->starts_since == 0)
        self->starts_since = now;
    int64_t left = self->starts_since + STARTS_MILLISECONDS - now;
    return left > 0 ? (int)left : 0;
}

static void send_lines(runner *self)
{
    if (starts_wait(self) > 0)
        return;
    self->jobs.only_starts = false;
    while (self->engine.socket >= 0 && self->out.size > 0) {
        ssize_t size = send(self->engine.socket, self->out.bytes, self->out.size,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (size < 0)
            return; /* full: poll tells when there is room; gone: receive will see it */
        wire_stream_drop(&self->out, (size_t)size);
    }
}

static void restart_engine(runner *self)
{
    self->restart_at = 0;
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
    self->jobs.family.restarting = pid > 0 ? pid : 0;
    if (pid < 0)
        self->restart_at = seconds() + RETRY_SECONDS;
}

static void count_life(runner *self)
{
    self->short_lives = seconds() - self->connected_at < SHORT_LIFE ? self->short_lives + 1 : 0;
}

/* The link is gone, or of no use any more. The engine may be dead, or comes back by itself: the
 * command that starts one does nothing where there is one. */
static void lose_engine(runner *self)
{
    close_peer(&self->engine);
    self->jobs.out = NULL;
    self->jobs.untold = false;
    wire_stream_free(&self->out);
    /* The next engine sends its environments anew. */
    while (self->jobs.environment_count > 0)
        runner_jobs_drop_environment(&self->jobs, self->jobs.environments[0].number);
    count_life(self);
    if (!self->said_bye)
        restart_engine(self);
}

static void accept_newcomer(runner *self)
{
    int made = accept4(LISTENING, NULL, NULL, SOCK_CLOEXEC);
    if (made < 0)
        return;
    struct ucred whose = {0};
    socklen_t size = sizeof whose;
    if (getsockopt(made, SOL_SOCKET, SO_PEERCRED, &whose, &size) != 0 || whose.uid != geteuid()) {
        close(made);
        return;
    }
    close_peer(&self->newcomer); /* which was silent, or waits in vain */
    self->newcomer = (peer){.socket = made, .pid = whose.pid};
    self->newcomer_since = seconds();
}

/* Whether the newcomer has said what an engine says first. */
static bool has_said_hello(const runner *self)
{
    size_t size;
    return self->newcomer.socket >= 0 && wire_stream_frame(&self->newcomer.in, 0, &size)
           && size > 0 && self->newcomer.in.bytes[4] == HELLO;
}

/* Whoever has the engine's lock says hello, and the one before it is dead or has dropped its link.
 * What that one had asked for is read first, so that the new one is told the whole truth. */
static void greet_newcomer(runner *self)
{
    self->engine = self->newcomer;
    self->jobs.family.engine = self->engine.pid;
    self->newcomer = (peer){.socket = -1};
    self->jobs.out = &self->out;
    self->jobs.only_starts = false;
    self->said_bye = false;
    self->restart_at = self->awaited_until = 0;
    self->connected_at = seconds();
    if (!handle_frames(self))
        lose_engine(self);
}

static void tend_newcomer(runner *self, bool readable)
{
    if (self->newcomer.socket < 0)
        return;
    if (readable && (!receive(&self->newcomer) || self->newcomer.in.size > MOST_OF_NEWCOMER))
        close_peer(&self->newcomer);
    else if (has_said_hello(self)) {
        if (self->engine.socket < 0)
            greet_newcomer(self);
    } else if (seconds() - self->newcomer_since >= NEWCOMER_SECONDS)
        close_peer(&self->newcomer);
}

static void reap(runner *self)
{
    struct signalfd_siginfo signals[16];
    while (read(self->signals, signals, sizeof signals) > 0)
        ;
    int status;
    if (!runner_jobs_reap(&self->jobs, self->jobs.family.restarting, &status) || self->jobs.family.restarting == 0)
        return;
    self->jobs.family.restarting = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    fprintf(stderr, "job-runner: the engine could not be started again\n");
    self->connected_at = seconds(); /* a short life as any */
    count_life(self);
    if (self->engine.socket < 0)
        restart_engine(self);
}

/* How long to sleep if nothing happens, in milliseconds. */
static int patience(const runner *self, bool logged)
{
    time_t now = seconds(), at = logged ? 0 : now + RETRY_SECONDS;
    time_t others[] = {self->restart_at, self->awaited_until,
                       self->newcomer.socket >= 0 && !has_said_hello(self)
                           ? self->newcomer_since + NEWCOMER_SECONDS
                           : 0};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i] != 0 && (at == 0 || others[i] < at))
            at = others[i];
    return at == 0 ? -1 : at <= now ? 0 : (int)(at - now) * 1000;
}

static bool is_needed(const runner *self, bool logged)
{
    return self->engine.socket >= 0 || self->newcomer.socket >= 0 || self->jobs.running > 0
           || !logged || self->jobs.family.restarting != 0 || self->restart_at != 0
           || self->awaited_until != 0;
}

static void loop(runner *self)
{
    bool logged = true;
    /* The engine that started us connects at once, or has died. */
    self->awaited_until = seconds() + FIRST_ENGINE_SECONDS;
    while (is_needed(self, logged)) {
        int wait = starts_wait(self), most = patience(self, logged);
        struct pollfd events[4] = {
            {.fd = self->signals, .events = POLLIN},
            {.fd = LISTENING, .events = POLLIN},
            {.fd = self->engine.socket, .events = POLLIN | (self->out.size > 0 && wait == 0 ? POLLOUT : 0)},
            {.fd = self->newcomer.socket, .events = POLLIN},
        };
        if (poll(events, 4, wait > 0 && (most < 0 || wait < most) ? wait : most) < 0)
            continue;
        if (events[0].revents != 0)
            reap(self);
        if (events[2].revents != 0 && self->engine.socket >= 0
            && (!receive(&self->engine) || !handle_frames(self)))
            lose_engine(self);
        if (self->jobs.untold)
            lose_engine(self);
        tend_newcomer(self, events[3].revents != 0);
        if (events[1].revents != 0)
            accept_newcomer(self);
        if (self->restart_at != 0 && seconds() >= self->restart_at)
            restart_engine(self);
        if (self->awaited_until != 0 && seconds() >= self->awaited_until)
            self->awaited_until = 0;
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
    runner self = {.engine = {.socket = -1}, .newcomer = {.socket = -1}};
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
