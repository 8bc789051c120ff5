/* Lets single calls of the C library fail in a program or library, as another process says.
 *
 * Preloaded. FAULTS_IN has the ends, parted by colons, of the names of the files whose calls are
 * meant; FAULTS is a file of four ints: which call, how many go well before, how many fail then, how many there were.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

enum {
    MALLOC = 1, CALLOC, REALLOC, STRDUP, SOCKET, ACCEPT, FORK, SEND, RECV,
    CONNECT, PIPE, EVENTFD, SPAWN, OPENAT, ANY_MEMORY
};

static struct {
    atomic_int call, before, failing, seen;
} *control;

static __thread int inside;

__attribute__((constructor)) static void set_up(void)
{
    const char *path = getenv("FAULTS");
    int file = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (file < 0)
        return;
    void *place = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (place != MAP_FAILED)
        control = place;
}

static int is_meant(const void *caller)
{
    const char *name = getenv("FAULTS_IN");
    Dl_info where;
    if (name == NULL || dladdr(caller, &where) == 0 || where.dli_fname == NULL)
        return 0;
    size_t size = strlen(where.dli_fname);
    for (const char *end; *name != '\0'; name = *end == '\0' ? end : end + 1) {
        end = strchrnul(name, ':');
        size_t tail = (size_t)(end - name);
        if (size >= tail && memcmp(where.dli_fname + size - tail, name, tail) == 0)
            return 1;
    }
    return 0;
}

static int fails(int call, const void *caller)
{
    if (control == NULL || inside || control->failing <= 0)
        return 0;
    if (control->call != call && !(control->call == ANY_MEMORY && call <= STRDUP))
        return 0;
    inside = 1;
    int meant = is_meant(caller);
    inside = 0;
    if (!meant || atomic_fetch_add(&control->seen, 1) < control->before)
        return 0;
    return atomic_fetch_sub(&control->failing, 1) > 0;
}

#define CALLER __builtin_extract_return_addr(__builtin_return_address(0))
#define REPLACE(number, reason, failure, result, name, parameters, ...)                       \
    result name parameters                                                                         \
    {                                                                                              \
        static result (*next) parameters;                                                          \
        if (next == NULL)                                                                          \
            *(void **)&next = dlsym(RTLD_NEXT, #name);                                             \
        if (fails(number, CALLER)) {                                                               \
            errno = reason;                                                                        \
            return failure;                                                                        \
        }                                                                                          \
        return next(__VA_ARGS__);                                                                  \
    }

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *place, size_t size);

void *malloc(size_t size)
{
    if (fails(MALLOC, CALLER)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    if (fails(CALLOC, CALLER)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_calloc(count, size);
}

void *realloc(void *place, size_t size)
{
    if (fails(REALLOC, CALLER)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_realloc(place, size);
}

char *strdup(const char *text)
{
    if (fails(STRDUP, CALLER)) {
        errno = ENOMEM;
        return NULL;
    }
    size_t size = strlen(text) + 1;
    char *copy = __libc_malloc(size);
    return copy == NULL ? NULL : memcpy(copy, text, size);
}

REPLACE(SOCKET, EMFILE, -1, int, socket, (int domain, int type, int protocol), domain, type,
        protocol)
REPLACE(ACCEPT, EMFILE, -1, int, accept4,
        (int of, struct sockaddr *address, socklen_t *size, int flags), of, address, size, flags)
REPLACE(FORK, EAGAIN, -1, pid_t, fork, (void))
REPLACE(SEND, EPIPE, -1, ssize_t, send, (int of, const void *bytes, size_t size, int flags), of,
        bytes, size, flags)
REPLACE(RECV, ECONNRESET, -1, ssize_t, recv, (int of, void *bytes, size_t size, int flags), of,
        bytes, size, flags)
REPLACE(CONNECT, ECONNREFUSED, -1, int, connect,
        (int of, const struct sockaddr *address, socklen_t size), of, address, size)
REPLACE(PIPE, EMFILE, -1, int, pipe2, (int ends[2], int flags), ends, flags)
REPLACE(EVENTFD, EMFILE, -1, int, eventfd, (unsigned start, int flags), start, flags)
REPLACE(SPAWN, EAGAIN, EAGAIN, int, posix_spawnp,
        (pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
         const posix_spawnattr_t *attributes, char *const words[], char *const environment[]),
        pid, file, actions, attributes, words, environment)

int openat(int folder, const char *name, int flags, ...)
{
    static int (*next)(int, const char *, int, ...);
    va_list list;
    va_start(list, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(list, mode_t) : 0;
    va_end(list);
    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "openat");
    if (fails(OPENAT, CALLER)) {
        errno = EMFILE;
        return -1;
    }
    return next(folder, name, flags, mode);
}
