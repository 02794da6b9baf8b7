/*
 * Chunks behind jm_chunk.h.
 */

#include "jm_chunk.h"

#include "jm_smtp.h"


int
jm_chunk_parse(jm_chunk_t *chunk, jm_str_t arg)
{
    jm_str_t size, word;

    jm_smtp_split(arg, &size, &word);

    if (jm_smtp_number(size, &chunk->left) == -1) {
        return -1;
    }

    chunk->last = (word.len != 0);

    return chunk->last && !jm_smtp_is(word, "LAST") ? -1 : 0;
}


jm_str_t
jm_chunk_take(jm_chunk_t *chunk, const u_char **pos, const u_char *end)
{
    jm_str_t run;

    run.data = (u_char *) *pos;
    run.len = (size_t) (end - *pos);

    if (run.len > chunk->left) {
        run.len = (size_t) chunk->left;
    }

    chunk->left -= run.len;
    *pos += run.len;

    return run;
}
