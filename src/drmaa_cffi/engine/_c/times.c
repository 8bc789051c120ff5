/* Times and durations as DRMAA attributes write them. */
#include "times.h"

#include <stdbool.h>
#include <string.h>

/* Reads between `least` and `most` digits; returns how many, or 0. */
static int read_digits(const char **text, int least, int most, int64_t *value)
{
    int count = 0;
    *value = 0;
    while (count < most && (*text)[count] >= '0' && (*text)[count] <= '9') {
        *value = *value * 10 + ((*text)[count] - '0');
        count++;
    }
    if (count < least)
        return 0;
    *text += count;
    return count;
}

enum time_reading read_duration(const char *text, int64_t *seconds)
{
    int64_t parts[3];
    int count = 0;
    do {
        if (count == 3 || read_digits(&text, 1, 9, &parts[count]) == 0)
            return TIME_BAD_FORMAT;
        count++;
    } while (*text == ':' && *text++ != '\0');
    if (*text != '\0')
        return TIME_BAD_FORMAT;
    *seconds = parts[0];
    for (int i = 1; i < count; i++) {
        if (parts[i] > 59)
            return TIME_BAD_VALUE;
        *seconds = *seconds * 60 + parts[i];
    }
    return *seconds > 0 ? TIME_READ : TIME_BAD_VALUE;
}

/* The parts of a time; -1 where the text leaves one out. */
typedef struct {
    int64_t century, year, month, day, hour, minute, second;
    bool has_offset;
    int64_t offset; /* seconds east of UTC */
} parts;

static void skip_blanks(const char **text)
{
    while (**text == ' ')
        (*text)++;
}

static enum time_reading read_parts(const char *text, parts *p)
{
    *p = (parts){.century = -1, .year = -1, .month = -1, .day = -1};
    skip_blanks(&text);
    /* A date is there if a slash or a blank comes before the first colon. */
    if (strcspn(text, "/ ") < strcspn(text, ":")) {
        int64_t numbers[3];
        int digits[3], count = 0;
        do {
            if (count == 3)
                return TIME_BAD_FORMAT;
            digits[count] = read_digits(&text, 2, count == 0 ? 4 : 2, &numbers[count]);
            if (digits[count++] == 0)
                return TIME_BAD_FORMAT;
        } while (*text == '/' && *text++ != '\0');
        if (*text != ' ' || digits[0] == 3 || (digits[0] == 4 && count != 3))
            return TIME_BAD_FORMAT;
        p->day = numbers[count - 1];
        if (count > 1)
            p->month = numbers[count - 2];
        if (count > 2) {
            p->year = numbers[0] % 100;
            if (digits[0] == 4)
                p->century = numbers[0] / 100;
        }
    }
    skip_blanks(&text);
    if (read_digits(&text, 2, 2, &p->hour) == 0 || *text++ != ':'
        || read_digits(&text, 2, 2, &p->minute) == 0)
        return TIME_BAD_FORMAT;
    if (*text == ':' && (text++, read_digits(&text, 2, 2, &p->second) == 0))
        return TIME_BAD_FORMAT;
    skip_blanks(&text);
    int64_t hours = 0, minutes = 0;
    if (*text == '-' || *text == '+') {
        int sign = *text++ == '-' ? -1 : 1;
        if (read_digits(&text, 2, 2, &hours) == 0 || *text++ != ':'
            || read_digits(&text, 2, 2, &minutes) == 0)
            return TIME_BAD_FORMAT;
        p->has_offset = true;
        p->offset = sign * (hours * 3600 + minutes * 60);
        skip_blanks(&text);
    }
    if (*text != '\0')
        return TIME_BAD_FORMAT;
    if (p->hour > 23 || p->minute > 59 || p->second > 61 || p->month == 0 || p->month > 12
        || p->day == 0 || p->day > 31 || hours > 23 || minutes > 59)
        return TIME_BAD_VALUE;
    return TIME_READ;
}

/* The time of a calendar day; false if there is no such day, as 31 April. */
static bool to_seconds(const parts *p, int year, int month, int day, int64_t *seconds)
{
    struct tm wanted = {
        .tm_year = year - 1900,
        .tm_mon = month,
        .tm_mday = day,
        .tm_hour = (int)p->hour,
        .tm_min = (int)p->minute,
        .tm_sec = (int)p->second,
        .tm_isdst = -1,
    };
    struct tm same = wanted;
    same.tm_hour = 12;
    if (timegm(&same) == -1 || (p->day >= 0 && same.tm_mday != day))
        return false;
    *seconds = p->has_offset ? (int64_t)timegm(&wanted) - p->offset : (int64_t)mktime(&wanted);
    return true;
}

enum time_reading read_time(const char *text, time_t now, int64_t *seconds)
{
    parts p;
    enum time_reading reading = read_parts(text, &p);
    if (reading != TIME_READ)
        return reading;
    struct tm today;
    time_t there = now + (time_t)p.offset;
    if (p.has_offset)
        gmtime_r(&there, &today);
    else
        localtime_r(&now, &today);
    /* The first part left out moves on until the time lies ahead; far enough for 29 February. */
    int steps = p.century >= 0 ? 1 : 12;
    bool found = false;
    for (int step = 0; step < steps; step++) {
        int year = today.tm_year + 1900, month = today.tm_mon, day = today.tm_mday;
        if (p.day < 0)
            day += step;
        else {
            day = (int)p.day;
            if (p.month < 0)
                month += step;
            else {
                month = (int)p.month - 1;
                if (p.year < 0)
                    year += step;
                else if (p.century < 0)
                    year = (year / 100 + step) * 100 + (int)p.year;
                else
                    year = (int)(p.century * 100 + p.year);
            }
        }
        year += month / 12;
        month %= 12;
        if (to_seconds(&p, year, month, day, seconds)) {
            found = true;
            if (*seconds >= now)
                break;
        }
    }
    return found ? TIME_READ : TIME_BAD_VALUE;
}
