/* The bytes of a message: growing buffers and checked readers, in the machine's byte order,
 * since both ends are always on one machine. */
#include "wire.h"

#include <stdlib.h>
#include <string.h>

void wire_free(wire_buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (wire_buffer){0};
}

/* Lets `*bytes` hold `size` bytes; false, and all is as before, if it cannot. */
static bool enlarge(char **bytes, size_t *room, size_t size)
{
    if (size <= *room)
        return true;
    size_t more = *room < 256 ? 256 : *room;
    while (more < size)
        more *= 2;
    char *moved = realloc(*bytes, more);
    if (moved == NULL)
        return false;
    *bytes = moved;
    *room = more;
    return true;
}

char *wire_grow(wire_buffer *buffer, size_t size)
{
    if (buffer->failed)
        return NULL;
    if (size > WIRE_LARGEST_FRAME || buffer->size + size > (size_t)WIRE_LARGEST_FRAME + 16
        || !enlarge(&buffer->bytes, &buffer->room, buffer->size + size)) {
        buffer->failed = true;
        return NULL;
    }
    char *place = buffer->bytes + buffer->size;
    buffer->size += size;
    return place;
}

void wire_stream_free(wire_stream *stream)
{
    free(stream->bytes);
    *stream = (wire_stream){0};
}

char *wire_stream_grow(wire_stream *stream, size_t size)
{
    /* A frame that is not whole yet, and one more read. */
    size_t most = (size_t)WIRE_LARGEST_FRAME + ((size_t)1 << 20);
    if (size > most || stream->size > most - size
        || !enlarge(&stream->bytes, &stream->room, stream->size + size))
        return NULL;
    return stream->bytes + stream->size;
}

bool wire_stream_put(wire_stream *stream, const void *bytes, size_t size)
{
    char *place = wire_stream_grow(stream, size);
    if (place == NULL)
        return false;
    memcpy(place, bytes, size);
    stream->size += size;
    return true;
}

void wire_stream_drop(wire_stream *stream, size_t size)
{
    if (size == 0)
        return;
    stream->size -= size;
    memmove(stream->bytes, stream->bytes + size, stream->size);
}

bool wire_stream_frame(const wire_stream *stream, size_t at, size_t *size)
{
    uint32_t told = 0;
    *size = 0;
    if (stream->size - at < sizeof told)
        return false;
    memcpy(&told, stream->bytes + at, sizeof told);
    *size = told;
    return told <= WIRE_LARGEST_FRAME && stream->size - at - sizeof told >= told;
}

void wire_put_bytes(wire_buffer *buffer, const void *bytes, size_t size)
{
    char *place = wire_grow(buffer, size);
    if (place != NULL && size > 0)
        memcpy(place, bytes, size);
}

void wire_put_u8(wire_buffer *buffer, uint8_t value)
{
    wire_put_bytes(buffer, &value, sizeof value);
}

void wire_put_u32(wire_buffer *buffer, uint32_t value)
{
    wire_put_bytes(buffer, &value, sizeof value);
}

void wire_put_i64(wire_buffer *buffer, int64_t value)
{
    wire_put_bytes(buffer, &value, sizeof value);
}

void wire_put_block(wire_buffer *buffer, const char *bytes, size_t size)
{
    if (size > WIRE_LARGEST_FRAME) {
        buffer->failed = true;
        return;
    }
    wire_put_u32(buffer, (uint32_t)size);
    wire_put_bytes(buffer, bytes, size);
}

void wire_put_text(wire_buffer *buffer, const char *text)
{
    wire_put_block(buffer, text, strlen(text));
}

void wire_set_u32(wire_buffer *buffer, size_t offset, uint32_t value)
{
    if (offset + sizeof value <= buffer->size)
        memcpy(buffer->bytes + offset, &value, sizeof value);
}

void wire_set_i64(wire_buffer *buffer, size_t offset, int64_t value)
{
    if (offset + sizeof value <= buffer->size)
        memcpy(buffer->bytes + offset, &value, sizeof value);
}

static void get(wire_reader *reader, void *value, size_t size)
{
    if (reader->failed || (size_t)(reader->end - reader->at) < size) {
        reader->failed = true;
        memset(value, 0, size);
        return;
    }
    memcpy(value, reader->at, size);
    reader->at += size;
}

uint8_t wire_get_u8(wire_reader *reader)
{
    uint8_t value;
    get(reader, &value, sizeof value);
    return value;
}

uint32_t wire_get_u32(wire_reader *reader)
{
    uint32_t value;
    get(reader, &value, sizeof value);
    return value;
}

int64_t wire_get_i64(wire_reader *reader)
{
    int64_t value;
    get(reader, &value, sizeof value);
    return value;
}

const char *wire_get_block(wire_reader *reader, size_t *size)
{
    *size = wire_get_u32(reader);
    if (reader->failed || (size_t)(reader->end - reader->at) < *size) {
        reader->failed = true;
        *size = 0;
        return "";
    }
    const char *block = reader->at;
    reader->at += *size;
    return block;
}

char *wire_get_text(wire_reader *reader)
{
    size_t size;
    const char *block = wire_get_block(reader, &size);
    if (!reader->failed && memchr(block, '\0', size) != NULL)
        reader->failed = true;
    if (reader->failed)
        return NULL;
    char *text = malloc(size + 1);
    if (text != NULL) {
        memcpy(text, block, size);
        text[size] = '\0';
    }
    return text;
}
