/* The fake libdrmaa's script: what tests tell it to do, and what they ask of it. */
#define _GNU_SOURCE /* nanosleep */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUTINES 40

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
long live[KINDS];
enum state jobs[JOBS];
int job_count;
struct end end;

static struct script scripts[ROUTINES];
static struct text diagnosis_said;

void die(const char *why)
{
    fprintf(stderr, "fake libdrmaa: %s\n", why);
    abort();
}

struct script *script_of(const char *routine)
{
    for (int i = 0; i < ROUTINES; i++) {
        if (scripts[i].name[0] == '\0')
            snprintf(scripts[i].name, sizeof scripts[i].name, "%s", routine);
        if (strcmp(scripts[i].name, routine) == 0)
            return &scripts[i];
    }
    die("too many routines");
}

static void set_text(struct text *text, const char *data, size_t length, int terminated)
{
    free(text->data);
    text->data = malloc(length + 1);
    if (text->data == NULL)
        die("no memory");
    memcpy(text->data, data, length);
    text->data[length] = '\0';
    text->length = length;
    text->terminated = terminated;
}

void put(char *buffer, size_t size, const char *data, size_t length, int terminated)
{
    size_t n = length < size ? length : size;
    memcpy(buffer, data, n);
    if (terminated && n < size)
        buffer[n] = '\0';
}

void put_string(char *buffer, size_t size, const char *string)
{
    put(buffer, size, string, strlen(string), 1);
}

int enter(const char *routine, char *diagnosis, size_t diagnosis_len)
{
    pthread_mutex_lock(&lock);
    struct script *script = script_of(routine);
    long call = ++script->calls;
    int delay = script->delay_ms;
    if (delay > 0) {
        struct timespec time = {delay / 1000, delay % 1000 * 1000000L};
        int holds = script->holds;
        if (!holds)
            pthread_mutex_unlock(&lock);
        nanosleep(&time, NULL);
        if (!holds)
            pthread_mutex_lock(&lock);
    }
    int code = call >= script->from && call <= script->to ? script->code : 0;
    if (code != 0 && diagnosis != NULL && diagnosis_said.data != NULL)
        put(diagnosis, diagnosis_len, diagnosis_said.data, diagnosis_said.length,
            diagnosis_said.terminated);
    return code;
}

int leave(int code)
{
    pthread_mutex_unlock(&lock);
    return code;
}

EXPORT void fake_reset(void)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < ROUTINES; i++) {
        free(scripts[i].said.data);
        free(scripts[i].list.data);
    }
    memset(scripts, 0, sizeof scripts);
    free(diagnosis_said.data);
    memset(&diagnosis_said, 0, sizeof diagnosis_said);
    memset(&end, 0, sizeof end);
    end.exited = 1;
    for (int i = 0; i < job_count; i++)
        jobs[i] = REAPED;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

EXPORT void fake_return(const char *routine, int code, long from, long to)
{
    pthread_mutex_lock(&lock);
    struct script *script = script_of(routine);
    script->code = code;
    script->from = from;
    script->to = to;
    pthread_mutex_unlock(&lock);
}

EXPORT void fake_delay(const char *routine, int ms)
{
    pthread_mutex_lock(&lock);
    script_of(routine)->delay_ms = ms;
    pthread_mutex_unlock(&lock);
}

/* Let the routine hold the library's lock while it takes its time. */
EXPORT void fake_hold(const char *routine, int ms)
{
    pthread_mutex_lock(&lock);
    script_of(routine)->delay_ms = ms;
    script_of(routine)->holds = 1;
    pthread_mutex_unlock(&lock);
}

/* Let the library forget the job with this number, which waits hear of later. */
EXPORT void fake_lose(int job)
{
    pthread_mutex_lock(&lock);
    jobs[job - 1] = REAPED;
    pthread_mutex_unlock(&lock);
}

EXPORT void fake_diagnosis(const char *data, size_t length, int terminated)
{
    pthread_mutex_lock(&lock);
    set_text(&diagnosis_said, data, length, terminated);
    pthread_mutex_unlock(&lock);
}

EXPORT void fake_text(const char *routine, const char *data, size_t length, int terminated)
{
    pthread_mutex_lock(&lock);
    set_text(&script_of(routine)->said, data, length, terminated);
    pthread_mutex_unlock(&lock);
}

EXPORT void fake_list(const char *routine, const char *block, size_t length, size_t count,
                      int endless)
{
    pthread_mutex_lock(&lock);
    struct script *script = script_of(routine);
    set_text(&script->list, block, length, 1);
    script->count = count;
    script->scripted = 1;
    script->endless = endless;
    pthread_mutex_unlock(&lock);
}

EXPORT void fake_end(int exited, int status, int signaled, const char *signal, int core,
                     int aborted)
{
    pthread_mutex_lock(&lock);
    end.exited = exited;
    end.status = status;
    end.signaled = signaled;
    snprintf(end.signal, sizeof end.signal, "%s", signal);
    end.core = core;
    end.aborted = aborted;
    pthread_mutex_unlock(&lock);
}

/* End the job with this number, or all. */
EXPORT void fake_finish(int job)
{
    pthread_mutex_lock(&lock);
    int first = job == 0 ? 0 : job - 1, last = job == 0 ? job_count : job;
    for (int i = first; i < last && i < job_count; i++)
        if (jobs[i] == RUNNING)
            jobs[i] = ENDED;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

EXPORT long fake_calls(const char *routine)
{
    pthread_mutex_lock(&lock);
    long calls = script_of(routine)->calls;
    pthread_mutex_unlock(&lock);
    return calls;
}

/* Count the objects that a scripted failure left over no more. */
EXPORT void fake_forget(void)
{
    pthread_mutex_lock(&lock);
    memset(live, 0, sizeof live);
    pthread_mutex_unlock(&lock);
}

EXPORT long fake_live(int kind)
{
    pthread_mutex_lock(&lock);
    long count = live[kind];
    pthread_mutex_unlock(&lock);
    return count;
}
