/* The requests of protocol.md: their kinds and how a frame begins and ends. */
#ifndef DRMAA_LOCAL_REQUESTS_H
#define DRMAA_LOCAL_REQUESTS_H

#include "wire.h"

#define PROTOCOL_VERSION 3

enum request_kind {
    REQUEST_HELLO = 1,
    REQUEST_EXIT,
    REQUEST_CONTEXT,
    REQUEST_SUBMIT,
    REQUEST_CONTROL,
    REQUEST_STATUS,
    REQUEST_WAIT,
    REQUEST_SYNCHRONIZE,
    REQUEST_CONTROL_JOBS = 12,
};

/* Where the fields of a request's header stand, and the flags: it is asked again; others are asked
 * with it, which the engine may take together. */
enum { AT_KIND = 4, AT_FLAGS = 5, AT_NUMBER = 8, AT_FLOOR = 12, REQUEST_HEADER = 16 };
#define FLAG_RETRY 1
#define FLAG_TOGETHER 2

/* What comes between the two is the payload. */
void begin_request(wire_buffer *frame, uint8_t kind);
void finish_request(wire_buffer *frame);

#endif
