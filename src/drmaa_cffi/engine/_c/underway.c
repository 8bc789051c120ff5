/* What is open while an engine is reached. A fork at the wrong moment may find a descriptor open
 * that is not noted, which costs the child a number; it never finds one noted that is not open,
 * whose number might be another file's. */
#include "underway.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

/* Each descriptor plus one; 0 for none. */
static atomic_int noted[MOST_OPEN];

int above_standard_streams(int descriptor)
{
    if (descriptor < 0 || descriptor > STDERR_FILENO)
        return descriptor;
    int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    int reason = errno;
    close(descriptor);
    errno = reason;
    return moved;
}

void close_descriptor(int *descriptor)
{
    int number = *descriptor;
    *(volatile int *)descriptor = -1;
    if (number >= 0)
        close(number);
}

int note_open(enum under_way what, int descriptor)
{
    descriptor = above_standard_streams(descriptor);
    noted[what] = descriptor + 1;
    return descriptor;
}

void close_noted(enum under_way what)
{
    int number = atomic_exchange(&noted[what], 0);
    if (number > 0)
        close(number - 1);
}

void forget_noted(void)
{
    for (int what = 0; what < MOST_OPEN; what++)
        noted[what] = 0;
}

void close_all_noted(void)
{
    for (int what = 0; what < MOST_OPEN; what++)
        close_noted((enum under_way)what);
}
