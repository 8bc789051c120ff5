/* What a job takes over from the process that submits it: environment, umask, resource limits,
 * niceness, CPUs. */
#include "context.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "requests.h"

extern char **environ;

/* The umask. Only /proc tells it without changing it, which other threads would notice: the file is
 * open since the session's begin, so that no lack of descriptors is in the way. */
static uint32_t read_umask(int status)
{
    char text[512];
    ssize_t size = status < 0 ? -1 : pread(status, text, sizeof text - 1, 0);
    if (size > 0) {
        text[size] = '\0';
        const char *line = strstr(text, "\nUmask:");
        if (line != NULL)
            return (uint32_t)strtoul(line + 7, NULL, 8) & 0777;
    }
    mode_t mask = umask(077);
    umask(mask);
    return (uint32_t)mask;
}

int open_status(void)
{
    return open("/proc/self/status", O_RDONLY | O_CLOEXEC);
}

/* Where and how the submitter runs: niceness, class of input and output, CPUs. Inherited, they would
 * be those of whoever has started the engine. */
static void put_placement(wire_buffer *frame)
{
    cpu_set_t cpus[8]; /* for 8192 of them */
    errno = 0;
    int nice = getpriority(PRIO_PROCESS, 0);
    wire_put_u32(frame, (uint32_t)(errno == 0 ? nice : 0));
    long io = syscall(SYS_ioprio_get, 1 /* IOPRIO_WHO_PROCESS */, 0);
    wire_put_u32(frame, (uint32_t)(io < 0 ? 0 : io));
    long size = syscall(SYS_sched_getaffinity, 0, sizeof cpus, cpus);
    wire_put_block(frame, (const char *)cpus, size < 0 ? 0 : (size_t)size);
}

static void put_home(wire_buffer *frame)
{
    const char *home = secure_getenv("HOME");
    if (home != NULL && *home == '/') {
        wire_put_text(frame, home);
        return;
    }
    char text[4096];
    struct passwd entry, *found = NULL;
    if (getpwuid_r(geteuid(), &entry, text, sizeof text, &found) == 0 && found != NULL)
        wire_put_text(frame, found->pw_dir);
    else
        wire_put_text(frame, "/");
}

static void write_context(wire_buffer *frame, int status)
{
    begin_request(frame, REQUEST_CONTEXT);
    wire_put_u32(frame, read_umask(status));
    put_home(frame);
    wire_put_u32(frame, RLIM_NLIMITS);
    for (int i = 0; i < RLIM_NLIMITS; i++) {
        struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
        getrlimit(i, &limit);
        wire_put_i64(frame, (int64_t)limit.rlim_cur);
        wire_put_i64(frame, (int64_t)limit.rlim_max);
    }
    size_t place = frame->size;
    wire_put_u32(frame, 0);
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
        wire_put_bytes(frame, *entry, strlen(*entry) + 1);
    wire_set_u32(frame, place, (uint32_t)(frame->size - place - 4));
    put_placement(frame);
    finish_request(frame);
}

context *take_context(context *latest, int status)
{
    wire_buffer frame = {0};
    write_context(&frame, status);
    if (!frame.failed && latest != NULL && latest->frame.size == frame.size
        && memcmp(latest->frame.bytes, frame.bytes, frame.size) == 0) {
        wire_free(&frame);
        atomic_fetch_add(&latest->users, 1);
        return latest;
    }
    context *made = frame.failed ? NULL : malloc(sizeof *made);
    if (made == NULL) {
        wire_free(&frame);
        return NULL;
    }
    atomic_init(&made->users, 1);
    made->frame = frame;
    return made;
}

void release_context(context *of)
{
    if (of == NULL || atomic_fetch_sub(&of->users, 1) != 1)
        return;
    wire_free(&of->frame);
    free(of);
}
