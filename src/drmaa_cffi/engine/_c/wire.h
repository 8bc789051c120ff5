/* The bytes of a message: what the client and the runner both need to write and read frames. */
#ifndef DRMAA_LOCAL_WIRE_H
#define DRMAA_LOCAL_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No frame is larger than this; a length beyond it is rubbish, not a message. */
#define WIRE_LARGEST_FRAME ((uint32_t)64 << 20)

/* A growing block of bytes. After a failed allocation `failed` stays true, so that a
 * writer need check once, at the end. */
typedef struct {
    char *bytes;
    size_t size;
    size_t room;
    bool failed;
} wire_buffer;

void wire_free(wire_buffer *buffer);
/* Makes room for `size` more bytes and returns where they go, or NULL. */
char *wire_grow(wire_buffer *buffer, size_t size);
void wire_put_u8(wire_buffer *buffer, uint8_t value);
void wire_put_u32(wire_buffer *buffer, uint32_t value);
void wire_put_i64(wire_buffer *buffer, int64_t value);
void wire_put_bytes(wire_buffer *buffer, const void *bytes, size_t size);
/* A text is its length and its bytes, without a NUL. */
void wire_put_text(wire_buffer *buffer, const char *text);
void wire_put_block(wire_buffer *buffer, const char *bytes, size_t size);
/* Writes `value` over the four bytes at `offset`. */
void wire_set_u32(wire_buffer *buffer, size_t offset, uint32_t value);
void wire_set_i64(wire_buffer *buffer, size_t offset, int64_t value);

/* A place in a received frame. Reading past the end sets `failed` and yields zeros. */
typedef struct {
    const char *at;
    const char *end;
    bool failed;
} wire_reader;

uint8_t wire_get_u8(wire_reader *reader);
uint32_t wire_get_u32(wire_reader *reader);
int64_t wire_get_i64(wire_reader *reader);
/* Returns where the text stands in the frame (not NUL-terminated), and its size. */
const char *wire_get_block(wire_reader *reader, size_t *size);
/* Copies the text into a new string, or returns NULL (bad frame, a NUL inside, no memory). */
char *wire_get_text(wire_reader *reader);

#endif
