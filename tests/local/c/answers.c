/* Threads that make every call whose answer has something in it, and read all of that.
 *
 * answers ROUNDS: for a sanitizer, with an engine that answers rubbish. Codes do not matter.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drmaa.h"

enum { THREADS = 3, TEXT = 2048 };

static int rounds;
static size_t seen; /* so that reading is not left out; raced for by nobody but its own thread */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void see(const char *text)
{
    pthread_mutex_lock(&lock);
    seen += strlen(text);
    pthread_mutex_unlock(&lock);
}

static void submit(drmaa_job_template_t *jt, char *job)
{
    char words[TEXT], text[TEXT];
    drmaa_job_ids_t *ids = NULL;
    if (drmaa_run_job(job, TEXT, jt, words, sizeof words) != DRMAA_ERRNO_SUCCESS)
        strcpy(job, "1");
    see(job);
    if (drmaa_run_bulk_jobs(&ids, jt, 1, 9, 2, words, sizeof words) != DRMAA_ERRNO_SUCCESS) {
        see(words);
        return;
    }
    /* A damaged answer may promise thousands of millions. */
    for (int i = 0; i < 1000; i++)
        if (drmaa_get_next_job_id(ids, text, sizeof text) == DRMAA_ERRNO_SUCCESS)
            see(text);
    drmaa_release_job_ids(ids);
}

static void wait_for(const char *job)
{
    char words[TEXT], text[TEXT];
    int stat;
    drmaa_attr_values_t *usage = NULL;
    if (drmaa_wait(job, text, sizeof text, &stat, 1, &usage, words, sizeof words)
        != DRMAA_ERRNO_SUCCESS) {
        see(words);
        return;
    }
    if (*text == '\0')
        abort(); /* it ended, and nobody says which */
    see(text);
    while (drmaa_get_next_attr_value(usage, text, sizeof text) == DRMAA_ERRNO_SUCCESS)
        see(text);
    drmaa_release_attr_values(usage);
}

static void *work(void *template)
{
    for (int i = 0; i < rounds; i++) {
        char words[TEXT], job[TEXT];
        const char *all[] = {"1", "2", NULL};
        int state = 0;
        submit(template, job);
        drmaa_job_ps(job, &state, words, sizeof words);
        drmaa_control(job, DRMAA_CONTROL_HOLD, words, sizeof words);
        wait_for(job);
        wait_for(DRMAA_JOB_IDS_SESSION_ANY);
        drmaa_synchronize(all, 1, 0, words, sizeof words);
    }
    return NULL;
}

int main(int count, char **words)
{
    char why[TEXT], contact[TEXT];
    rounds = count > 1 ? atoi(words[1]) : 10;
    for (int session = 0; session < 3; session++) {
        while (drmaa_init(NULL, why, sizeof why) != DRMAA_ERRNO_SUCCESS)
            see(why);
        drmaa_get_contact(contact, sizeof contact, why, sizeof why);
        see(contact);
        drmaa_job_template_t *jt = NULL;
        drmaa_allocate_job_template(&jt, why, sizeof why);
        drmaa_set_attribute(jt, DRMAA_REMOTE_COMMAND, "/bin/true", why, sizeof why);
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++)
            if (pthread_create(&threads[i], NULL, work, jt) != 0)
                abort();
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        drmaa_delete_job_template(jt, why, sizeof why);
        drmaa_exit(why, sizeof why);
    }
    printf("%d\n", seen > 0);
    return 0;
}
