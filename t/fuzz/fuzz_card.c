/*
 * Any valid UTF-8 as a calendar or a visiting card: its text is valid UTF-8,
 * and never more than what came in and our words.
 */

#include <stdint.h>
#include <stdlib.h>

#include "card.h"
#include "charset.h"

static jm_arena_t *arena;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    jm_buf_t out;
    jm_str_t photo;
    unsigned cut;

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

    jm_buf_init(&out, arena, SIZE_MAX);
    jm_card_text(&out,
                 jm_charset_body(arena, jm_arena_str(arena, data, size),
                                 JM_CHARSET_GUESS, 0, 256 * 1024, &cut),
                 &photo);

    if (out.len > size * 4 + 10000
        || (out.len != 0 && !jm_charset_valid(jm_buf_str(&out))))
    {
        abort();
    }

    return 0;
}
