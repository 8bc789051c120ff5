/* Makes, fills and frees the room for a call. */
#include "call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

dc_call *dc_new_call(void) { return calloc(1, sizeof(dc_call)); }

void dc_trim(dc_call *call)
{
    free(call->block.data);
    memset(&call->block, 0, sizeof call->block);
    call->value = call->text;
}

void dc_free_call(dc_call *call)
{
    if (call == NULL)
        return;
    dc_trim(call);
    free(call->scratch);
    free(call);
}

int dc_refuse(int code, dc_call *call, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(call->diagnosis, DC_DIAGNOSIS_SIZE, format, arguments);
    va_end(arguments);
    return code;
}

int dc_reserve(dc_block *block, size_t size)
{
    if (block->room - block->size >= size)
        return 1;
    size_t room = 2 * block->room > block->size + size ? 2 * block->room : block->size + size;
    if (room < 4096)
        room = 4096;
    char *data = realloc(block->data, room);
    if (data == NULL)
        return 0;
    block->data = data;
    block->room = room;
    return 1;
}
