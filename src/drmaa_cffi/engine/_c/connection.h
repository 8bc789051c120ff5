/* One connection to the engine, shared by all threads of the program: requests go out with a
 * number, answers come back in any order. */
#ifndef DRMAA_LOCAL_CONNECTION_H
#define DRMAA_LOCAL_CONNECTION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "context.h"
#include "home.h"
#include "requests.h"

/* A request and, once it is done, its answer. */
typedef struct request {
    wire_buffer frame;
    context *context; /* what must have been sent before it, or NULL */
    bool has_timeout; /* its payload begins with one, in milliseconds */
    /* From here on the connection's own. */
    uint32_t number;
    int64_t deadline; /* when its time is over, for the engine; -1: never */
    int64_t limit; /* when we give up waiting for the engine; -1: never */
    bool left; /* its caller has given up: the connection owns it */
    bool done;
    int code;
    wire_buffer answer; /* the payload; after a failure, the words */
    pthread_cond_t wake;
    struct request *next;
} request;

typedef struct {
    pthread_mutex_t lock;
    engine_home home;
    unsigned char nonce[16]; /* by which the engine knows this client after a restart */
    char contact[512];
    int socket; /* -1: lost, to be found again */
    int status; /* tells the umask; -1: nothing does */
    int bell; /* wakes who reads for all, when there is more to send */
    atomic_int engine; /* its process */
    bool closing;
    bool reading; /* some thread reads for all */
    int unread; /* times in a row that what came could not be read */
    uint32_t last_number;
    request *first; /* those that wait for an answer, oldest first */
    request *last;
    request *kept; /* records that came after the waits for them had given up */
    context *sent; /* the context the engine has from us */
    wire_stream in;
    wire_stream out;
    size_t out_sent; /* so much of it */
} connection;

/* Reaches the engine and opens the session `contact` ("" for a new one). Returns a code. Call
 * forget_noted once a fork would find the connection by itself. */
int open_connection(connection *to, const char *contact, diagnosis_buffer diagnosis);
/* Tells the engine that the session is left, which answers every waiting thread with
 * NO_ACTIVE_SESSION. New calls fail the same way. */
void close_connection(connection *to);
/* Once no thread uses the connection any more, and it is closed. */
void free_connection(connection *to);
/* After a fork, in the child: let go of it without touching the parent's. */
void abandon_connection(connection *to);
/* Sends the request and waits for its answer; lost engines are started again and asked again. An
 * engine that does not answer in time, its own and ten seconds, or a minute where there is none, is
 * DRM_COMMUNICATION_FAILURE; what a wait so given up reaps is given to the next one.
 * Returns the answer's code, the words in `diagnosis`. Free the request in any case. */
int ask_engine(connection *to, request *of, diagnosis_buffer diagnosis);
/* The same for many requests without timeouts: all are sent before the first answer is awaited.
 * Those without a frame are left out; the others are done, with their codes, and of a failure
 * `texts`, text_size bytes for each, gets the words. */
void ask_engine_many(connection *to, request *requests, size_t count, char *texts,
                     size_t text_size);
void free_request(request *of);

/* For dialogue.c: reaches the engine and says hello, with what the connection was opened with. Returns
 * success, a code with words, or ENGINE_SILENT if it has not answered by the limit. */
int reach(connection *to, bool again, int64_t limit, int *socket, diagnosis_buffer diagnosis);
/* Says that the engine is there and does not answer. Returns ENGINE_SILENT. */
int say_silent(const connection *to, diagnosis_buffer diagnosis);

#endif
