/*
 * Fuzzes the sanitiser: whatever comes in, what goes out is of the grammar of
 * html_check.h, and cleaning it again changes nothing.
 */

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "html.h"
#include "html_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static uint32_t
fuzz_cid(void *data, jm_str_t id)
{
    return (uint32_t) (id.len % 3);
}


static void
fuzz_fail(const char *what, jm_str_t html)
{
    fprintf(stderr, "%s:\n%.*s\n", what, (int) html.len, html.data);
    abort();
}


static void
fuzz_again(jm_arena_t *arena, jm_str_t html)
{
    jm_html_t again;

    html_check(html);
    jm_html_clean(&again, arena, html, NULL, NULL, NULL);

    if (again.html.len != html.len
        || memcmp(again.html.data, html.data, html.len) != 0)
    {
        fprintf(stderr, "first: %.*s\n", (int) html.len, html.data);
        fuzz_fail("not the same again", again.html);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    jm_str_t    source;
    jm_html_t   out;
    jm_arena_t *arena;

    static int ready;

    if (!ready) {
        jm_html_init();
        ready = 1;
    }

    arena = jm_arena_create(256 * 1024 * 1024);

    if (arena == NULL || setjmp(*jm_arena_guard(arena)) != 0) {
        abort();
    }

    source.data = (u_char *) data;
    source.len = size;

    jm_html_clean(&out, arena, source, fuzz_cid, NULL, NULL);
    fuzz_again(arena, out.html);

    jm_html_from_text(&out, arena, source, NULL);
    fuzz_again(arena, out.html);

    jm_arena_destroy(arena);

    return 0;
}
