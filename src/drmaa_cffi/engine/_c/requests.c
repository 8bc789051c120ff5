/* The requests of protocol.md: how a frame begins and ends. */
#include "requests.h"

void begin_request(wire_buffer *frame, uint8_t kind)
{
    static const char empty[REQUEST_HEADER];
    wire_put_bytes(frame, empty, sizeof empty);
    if (!frame->failed)
        frame->bytes[AT_KIND] = (char)kind;
}

void finish_request(wire_buffer *frame)
{
    if (!frame->failed)
        wire_set_u32(frame, 0, (uint32_t)(frame->size - 4));
}
