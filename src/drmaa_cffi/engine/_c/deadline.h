/* Until when to wait: milliseconds of the clock that nobody sets; -1 is for ever. */
#ifndef DRMAA_ENGINE_DEADLINE_H
#define DRMAA_ENGINE_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

/* The deadline so many milliseconds from now. */
int64_t deadline_in(int64_t milliseconds);
bool is_over(int64_t deadline);
/* The milliseconds that are left. */
int64_t left_until(int64_t deadline);
/* The same as poll takes it, which may be less. */
int poll_until(int64_t deadline);
/* Waits for an event of poll's on a descriptor; false if the time is over. */
bool await_event(int descriptor, short events, int64_t deadline);
/* Sleeps for a moment. */
void sleep_a_moment(void);

#endif
