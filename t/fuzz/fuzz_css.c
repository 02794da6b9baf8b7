/*
 * Fuzzes the CSS filter with style attributes and, behind a first byte with
 * its lowest bit set, style blocks: what comes out holds nothing that an
 * independent check (css_check.h) knows as dangerous, and is its own result
 * again.
 */

#include <stdio.h>
#include <stdlib.h>

#include "css_check.h"
#include "css_sheet.h"
#include "html_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_same(jm_str_t once, jm_str_t twice)
{
    if (once.len != twice.len
        || (once.len != 0 && memcmp(once.data, twice.data, once.len) != 0))
    {
        fprintf(stderr, "%.*s\n%.*s\n", (int) once.len, once.data,
                (int) twice.len, twice.data);
        abort();
    }
}


static jm_str_t
fuzz_declarations(jm_arena_t *arena, jm_str_t source)
{
    jm_buf_t      out;
    jm_css_info_t info;

    jm_buf_init(&out, arena, SIZE_MAX);
    jm_css_declarations(&out, &info, source);

    return jm_buf_str(&out);
}


static jm_str_t
fuzz_sheet(jm_arena_t *arena, jm_str_t source)
{
    jm_sheet_t    *sheet;
    jm_css_scope_t scope;

    scope.class_names = jm_str("x body");
    scope.id = jm_str("i");

    sheet = jm_arena_alloc(arena, sizeof(jm_sheet_t));
    jm_sheet_init(sheet, arena, &scope);
    jm_sheet_add(sheet, source, jm_str(""));

    return jm_buf_str(&sheet->out);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    jm_str_t    source, out;
    jm_arena_t *arena;

    arena = jm_arena_create(64 * 1024 * 1024);

    if (arena == NULL || setjmp(*jm_arena_guard(arena)) != 0) {
        abort();
    }

    source.data = (u_char *) data;
    source.len = size;
    source = jm_html_preprocess(arena, source); /* as the caller has done */

    if (size != 0 && (data[0] & 1)) {
        source.data++;
        source.len--;
        out = fuzz_sheet(arena, source);
        css_check(out, 1);
        fuzz_same(out, fuzz_sheet(arena, out));

    } else {
        out = fuzz_declarations(arena, source);
        css_check(out, 0);
        fuzz_same(out, fuzz_declarations(arena, out));
    }

    jm_arena_destroy(arena);

    return 0;
}
