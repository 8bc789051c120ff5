/* The requests that wait for an answer, and the records that came for waits that had given up.
 * All is called with the connection's lock held. */
#ifndef DRMAA_LOCAL_PENDING_H
#define DRMAA_LOCAL_PENDING_H

#include "connection.h"

/* Takes the request of that number out of those that wait for an answer; NULL if there is none. */
request *take_request(connection *to, uint32_t number);
/* Tells the caller of a request, which was taken out, that it has failed. */
void fail_request(request *of, int code, const char *words);
/* Gives the engine's answer to the request of that number, if there still is one. False without
 * memory: then the request waits on. */
bool answer_request(connection *to, uint32_t number, int code, const char *words, size_t size);
/* Whether a record was kept that this wait asks for; then it is its answer. */
bool take_kept(connection *to, request *of);
/* Gives all who wait the same failure; an exit is content with it. */
void finish_all(connection *to, int code, const char *words);
/* Says to a request's caller that the engine has not answered in time; without memory a little
 * later. */
void give_up(connection *to, request *of);
void free_pending(connection *to);

#endif
