/*
 * Fuzzes the declaration filter: its output is ASCII without `<`, `>`, `&`,
 * names no URL, and is its own output again.
 */

#include <stdio.h>
#include <stdlib.h>

#include "css.h"
#include "html_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t        i;
    jm_buf_t      once, twice;
    jm_str_t      source;
    jm_arena_t   *arena;
    jm_css_info_t info;

    arena = jm_arena_create(64 * 1024 * 1024);

    if (arena == NULL || setjmp(*jm_arena_guard(arena)) != 0) {
        abort();
    }

    source.data = (u_char *) data;
    source.len = size;
    source = jm_html_preprocess(arena, source); /* as the caller has done */

    jm_buf_init(&once, arena, SIZE_MAX);
    jm_buf_init(&twice, arena, SIZE_MAX);
    jm_css_declarations(&once, &info, source);
    jm_css_declarations(&twice, &info, jm_buf_str(&once));

    if (once.len != twice.len
        || (once.len != 0 && memcmp(once.data, twice.data, once.len) != 0))
    {
        fprintf(stderr, "%.*s\n%.*s\n", (int) once.len, once.data,
                (int) twice.len, twice.data);
        abort();
    }

    for (i = 0; i < once.len; i++) {
        if (once.data[i] < ' ' || once.data[i] >= 0x7F || once.data[i] == '<'
            || once.data[i] == '>' || once.data[i] == '&'
            || (i >= 4 && memcmp(once.data + i - 4, "url(", 4) == 0))
        {
            abort();
        }
    }

    jm_arena_destroy(arena);

    return 0;
}
