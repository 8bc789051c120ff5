/* All processes of a job: whatever groups and sessions they have made for themselves.
 *
 * A job is a session, and /proc tells of each process its session and its parent. What has left the
 * session is found as long as its parents live; when they die it becomes our child, since we are
 * the subreaper, and its environment says whose it was. Nothing is allocated: a lack of memory
 * lets nobody escape.
 */
#include "runner_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The same on all machines, and younger than the headers that we may be compiled with. */
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#define MOST_PROCESSES ((size_t)1 << 17)
#define MOST_ROUNDS 100
#define MOST_PARENTS 1000

enum { NOBODYS = -1, LEFT_OVER = -2, UNMARKED = -3 };

typedef struct {
    pid_t pid, parent, group, session;
    char state;
    unsigned long long started; /* in ticks: with the pid it names a process for ever */
} process;

typedef struct {
    process *at; /* by pid */
    size_t count;
} table;

/* What SYS_getdents64 writes. */
typedef struct {
    uint64_t number;
    int64_t next;
    uint16_t size;
    uint8_t type;
    char name[];
} entry;

/* What a look at all processes has found. */
typedef struct {
    bool any; /* some are there */
    bool more; /* some had not been signalled before */
} found;

static table now, signalled;

static process *new_table(void)
{
    void *place = mmap(NULL, MOST_PROCESSES * sizeof(process), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return place == MAP_FAILED ? NULL : place;
}

bool tree_open(void)
{
    now.at = new_table();
    signalled.at = new_table();
    return now.at != NULL && signalled.at != NULL;
}

static ssize_t read_file(const char *path, char *text, size_t size)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
    ssize_t got = read(file, text, size - 1);
    close(file);
    text[got > 0 ? got : 0] = '\0';
    return got;
}

static bool read_process(pid_t pid, process *to)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (read_file(path, text, sizeof text) <= 0)
        return false;
    /* The command's name may hold anything, but ')' at its end. */
    const char *fields = strrchr(text, ')');
    int parent, group, session;
    *to = (process){.pid = pid};
    if (fields == NULL
        || sscanf(fields + 1, " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
                              "%*d %*d %llu",
                  &to->state, &parent, &group, &session, &to->started) != 5)
        return false;
    to->parent = parent;
    to->group = group;
    to->session = session;
    return true;
}

static int by_pid(const void *one, const void *other)
{
    pid_t a = ((const process *)one)->pid, b = ((const process *)other)->pid;
    return (a > b) - (a < b);
}

static process *find(const table *in, pid_t pid)
{
    return bsearch(&(process){.pid = pid}, in->at, in->count, sizeof(process), by_pid);
}

static void look(void)
{
    static union {
        entry first;
        char bytes[1 << 15];
    } entries;
    now.count = 0;
    int folder = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return;
    /* As readdir() does, which allocates. */
    for (long size; (size = syscall(SYS_getdents64, folder, &entries, sizeof entries)) > 0;)
        for (long at = 0; at < size && now.count < MOST_PROCESSES;) {
            const entry *one = (const void *)(entries.bytes + at);
            at += one->size;
            if (*one->name >= '1' && *one->name <= '9'
                && read_process((pid_t)atoi(one->name), &now.at[now.count]))
                now.count++;
        }
    close(folder);
    qsort(now.at, now.count, sizeof(process), by_pid);
}

static int index_of(const tree_family *family, pid_t pid)
{
    size_t from = 0, to = family->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (family->jobs[middle].pid == pid)
            return (int)middle;
        if (family->jobs[middle].pid < pid)
            from = middle + 1;
        else
            to = middle;
    }
    return NOBODYS;
}

/* Reads a number behind NAME= from an environment, of which `text` is a part. */
static bool read_mark(const char *text, size_t size, const char *name, int64_t *value)
{
    size_t length = strlen(name);
    for (const char *at = text; at < text + size; at += strnlen(at, size) + 1)
        if (strncmp(at, name, length) == 0) {
            *value = strtoll(at + length, NULL, 10); /* "undefined" is task 0 */
            return true;
        }
    return false;
}

/* Whose orphan it is, by the variables that only we set. They are the last of an environment. */
static int marked(const tree_family *family, pid_t pid)
{
    static char text[1 << 16];
    const size_t overlap = 256;
    char path[64];
    int64_t job = 0, task = 0;
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return UNMARKED;
    size_t kept = 0;
    for (ssize_t got; (got = read(file, text + kept, sizeof text - 1 - kept)) > 0;) {
        size_t size = kept + (size_t)got;
        text[size] = '\0';
        found = read_mark(text, size, "JOB_ID=", &job) || found;
        read_mark(text, size, "TASK_ID=", &task);
        kept = size < overlap ? size : overlap;
        memmove(text, text + size - kept, kept);
    }
    close(file);
    if (!found)
        return UNMARKED;
    for (size_t i = 0; i < family->count; i++)
        if (family->jobs[i].job == job && family->jobs[i].task == task)
            return (int)i;
    return LEFT_OVER;
}

/* The index of the job that a process belongs to. */
static int owner_of(const tree_family *family, const process *of, pid_t self)
{
    for (int parents = 0; of != NULL && parents < MOST_PARENTS; parents++) {
        if (of->pid == self || of->pid == family->engine || of->pid == family->restarting)
            return NOBODYS;
        int job = index_of(family, of->session);
        if (job < 0)
            job = index_of(family, of->pid);
        if (job >= 0)
            return job;
        if (of->parent == self)
            return marked(family, of->pid);
        of = of->parent > 1 ? find(&now, of->parent) : NULL;
    }
    return NOBODYS;
}

/* Signals just this process: not one that has got its number meanwhile. */
static void send_to(const process *to, int signal)
{
    int handle = (int)syscall(SYS_pidfd_open, to->pid, 0);
    process still;
    if (!read_process(to->pid, &still) || still.started != to->started) {
        if (handle >= 0)
            close(handle);
        return;
    }
    if (handle < 0) {
        kill(to->pid, signal);
        return;
    }
    syscall(SYS_pidfd_send_signal, handle, signal, NULL, 0);
    close(handle);
}

static bool was_signalled(const process *of)
{
    for (size_t i = 0; i < signalled.count; i++)
        if (signalled.at[i].pid == of->pid && signalled.at[i].started == of->started)
            return true;
    return false;
}

/* Signals those that `wanted` chooses and that were not yet. */
static found signal_more(const tree_family *family, const tree_job *of, int signal,
                         bool (*wanted)(const tree_family *, const tree_job *, int))
{
    pid_t self = getpid();
    found there = {0};
    look();
    for (size_t i = 0; i < now.count; i++) {
        const process *each = &now.at[i];
        if (each->state == 'Z' || each->pid == of->pid
            || !wanted(family, of, owner_of(family, each, self)))
            continue;
        there.any = true;
        if (each->group == of->pid || was_signalled(each))
            continue;
        send_to(each, signal);
        if (signalled.count < MOST_PROCESSES)
            signalled.at[signalled.count++] = *each;
        there.more = true;
    }
    return there;
}

static bool is_of_job(const tree_family *family, const tree_job *of, int owner)
{
    return owner >= 0 && &family->jobs[owner] == of;
}

static bool is_left(const tree_family *family, const tree_job *of, int owner)
{
    /* What bears no mark may be another's, as long as there is another. */
    return is_of_job(family, of, owner) || owner == LEFT_OVER
           || (owner == UNMARKED && family->count == 1);
}

static void signal_group(const tree_job *of, int signal)
{
    /* While it is not reaped, its number belongs to nobody else. Before it has its session there is
     * no group, and nothing in it but itself. */
    if (kill(-of->pid, signal) != 0)
        kill(of->pid, signal);
}

void tree_signal(const tree_family *family, const tree_job *of, int signal)
{
    signal_group(of, signal);
    signalled.count = 0;
    /* Those that go on may have children while we look, and these are to stop, too. */
    bool again = signal == SIGKILL || signal == SIGSTOP;
    for (int round = 0; round < MOST_ROUNDS; round++)
        if (!signal_more(family, of, signal, is_of_job).more || !again)
            break;
}

/* Whether a child of ours is no job's first process: those of a job that has ended are our
 * children by now. Not all kernels have the list. */
static bool has_orphans(const tree_family *family)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *list = fopen(path, "re");
    if (list == NULL)
        return true;
    bool found = false;
    for (int pid; !found && fscanf(list, "%d", &pid) == 1;)
        found = pid != family->engine && pid != family->restarting
                && index_of(family, pid) == NOBODYS;
    fclose(list);
    return found;
}

void tree_kill_left(const tree_family *family, const tree_job *of)
{
    signal_group(of, SIGKILL);
    if (!has_orphans(family))
        return;
    signalled.count = 0;
    /* None that is killed goes on for long, unless it hangs in the kernel. */
    for (int round = 0; round < MOST_ROUNDS; round++) {
        found there = signal_more(family, of, SIGKILL, is_left);
        if (!there.any)
            break;
        if (!there.more)
            nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
}
