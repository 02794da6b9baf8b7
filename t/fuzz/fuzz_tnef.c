/*
 * Any bytes as a winmail.dat, as packed and as plain rich text: what comes out
 * must lie in the data or the arena, and rich text be valid UTF-8.
 */

#include <stdint.h>
#include <stdlib.h>

#include "charset.h"
#include "rtf.h"
#include "tnef.h"

static jm_arena_t *arena;


/* Reads all of it, for the sanitizer to see. */
static void
touch(jm_str_t s)
{
    size_t          i;
    volatile u_char sum;

    for (i = 0, sum = 0; i < s.len; i++) {
        sum += s.data[i];
    }
}


static void
check_rtf(jm_str_t in)
{
    int      html;
    jm_str_t text;

    text = jm_rtf_read(arena, in, &html);

    if (text.len != 0 && !jm_charset_valid(text)) {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t    i;
    jm_str_t  in;
    jm_tnef_t tnef;

    if (arena == NULL) {
        arena = jm_arena_create(64 * 1024 * 1024);

        if (arena == NULL || jm_charset_init() != 0) {
            abort();
        }
    }

    jm_arena_reset(arena);

    if (setjmp(*jm_arena_guard(arena)) != 0) {
        return 0;
    }

    in = jm_arena_str(arena, data, size);

    if (jm_tnef_read(&tnef, arena, in) == 0) {
        touch(tnef.html);
        touch(tnef.text);

        for (i = 0; i < tnef.nfiles; i++) {
            touch(tnef.files[i].name);
            touch(tnef.files[i].type);
            touch(tnef.files[i].content_id);
            touch(tnef.files[i].data);
        }
    }

    check_rtf(in);
    check_rtf(jm_rtf_unpack(arena, in));

    return 0;
}
