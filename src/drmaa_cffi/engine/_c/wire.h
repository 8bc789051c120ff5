/* The bytes of a message: what the client and the runner both need to write and read frames. */
#ifndef DRMAA_LOCAL_WIRE_H
#define DRMAA_LOCAL_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No frame is larger than this; a length beyond it is rubbish, not a message. */
#define WIRE_LARGEST_FRAME ((uint32_t)64 << 20)

/* A message that is built at once. After a failed allocation `failed` stays true, so that a
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

/* The bytes that a link has received, or has still to send. It lives as long as the link, so each
 * failure is its caller's to see, at once: to go on without these bytes would garble all that
 * follow, so the link must be dropped. */
typedef struct {
    char *bytes;
    size_t size;
    size_t room;
} wire_stream;

void wire_stream_free(wire_stream *stream);
/* Makes room for `size` bytes more behind those there are, and returns where they go, or NULL. */
char *wire_stream_grow(wire_stream *stream, size_t size);
/* Adds bytes; false if there is no room for them. */
bool wire_stream_put(wire_stream *stream, const void *bytes, size_t size);
/* Takes the first `size` bytes away. */
void wire_stream_drop(wire_stream *stream, size_t size);
/* The size of the frame that comes next, without its own four bytes. False while it is not all
 * there; `*size` is then 0, or more than WIRE_LARGEST_FRAME for rubbish. */
bool wire_stream_frame(const wire_stream *stream, size_t at, size_t *size);

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
/* Copies the text into a new string. Returns NULL, with `failed` for a bad frame or a NUL inside,
 * without it if there is no memory. */
char *wire_get_text(wire_reader *reader);

#endif
