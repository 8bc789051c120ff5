/* Times and durations as DRMAA attributes write them. */
#ifndef DRMAA_LOCAL_TIMES_H
#define DRMAA_LOCAL_TIMES_H

#include <stdint.h>
#include <time.h>

enum time_reading { TIME_READ, TIME_BAD_FORMAT, TIME_BAD_VALUE };

/* Reads `[[h:]m:]s` into seconds. */
enum time_reading read_duration(const char *text, int64_t *seconds);
/* Reads `[[[[CC]YY/]MM/]DD] hh:mm[:ss] [{-|+}UU:uu]` into seconds since 1970. What is left out
 * is taken from `now`, or from the next day, month, year or century if that time has passed.
 * The caller holds the environment, where the time zone is. */
enum time_reading read_time(const char *text, time_t now, int64_t *seconds);

#endif
