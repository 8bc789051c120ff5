/* Until when to wait: milliseconds of the clock that nobody sets; -1 is for ever. */
#include "deadline.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <time.h>

static int64_t now_milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t deadline_in(int64_t milliseconds)
{
    return now_milliseconds() + milliseconds;
}

bool is_over(int64_t deadline)
{
    return deadline >= 0 && now_milliseconds() >= deadline;
}

int64_t left_until(int64_t deadline)
{
    if (deadline < 0)
        return -1;
    int64_t left = deadline - now_milliseconds();
    return left < 0 ? 0 : left;
}

int poll_until(int64_t deadline)
{
    int64_t left = left_until(deadline);
    return left > INT_MAX ? INT_MAX : (int)left;
}

bool await_event(int descriptor, short events, int64_t deadline)
{
    struct pollfd event = {.fd = descriptor, .events = events};
    for (;;) {
        int ready = poll(&event, 1, poll_until(deadline));
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
        if (is_over(deadline))
            return false;
    }
}

void sleep_a_moment(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}
