/*
 * Fuzzes the sanitiser: whatever comes in, what goes out holds only tags of
 * the allow-list in canonical form, and cleaning it again changes nothing.
 */

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "css_check.h"
#include "html.h"
#include "html_table.h"

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


/* No handlers; sources are ours alone. */
static void
fuzz_attr(jm_str_t html, size_t i)
{
    size_t                   n;
    static const char *const bad[] = { " on", " srcset=", " background=",
                                       " action=", " poster=" };

    for (n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
        if (html.len - i > strlen(bad[n])
            && memcmp(html.data + i, bad[n], strlen(bad[n])) == 0)
        {
            fuzz_fail("attribute", html);
        }
    }

    if (html.len - i > 32 && memcmp(html.data + i, " src=\"", 6) == 0
        && memcmp(html.data + i + 6, "attachments/", 12) != 0
        && memcmp(html.data + i + 6, "data:image/", 11) != 0)
    {
        fuzz_fail("source", html);
    }
}


/*
 * One tag behind its "<": a name of the table, attributes in double quotes
 * with no "<", ">" or control character.  Knows nothing of the writer.
 */
static size_t
fuzz_tag(jm_str_t html, size_t i)
{
    int      quoted;
    size_t   start;
    jm_tag_t tag;
    jm_str_t name;

    i += (html.data[i] == '/');
    start = i;

    while (i < html.len && html.data[i] != ' ' && html.data[i] != '>') {
        i++;
    }

    name.data = html.data + start;
    name.len = i - start;
    tag = jm_tag_find(name);

    if (tag == JM_TAG_none || jm_tags[tag].action != KEEP) {
        fuzz_fail("element", html);
    }

    quoted = 0;
    start = i;

    for (/* void */; i < html.len; i++) {
        if (html.data[i] == '"') {
            quoted = !quoted;

        } else if (html.data[i] == '<'
                   || (html.data[i] < ' ' && html.data[i] != '\t'
                       && html.data[i] != '\n'))
        {
            fuzz_fail("byte in a tag", html);

        } else if (html.data[i] == '>') {
            if (quoted) {
                fuzz_fail("open quote", html);
            }

            return i;

        } else if (!quoted && html.data[i] == ' ') {
            fuzz_attr(html, i);
        }
    }

    fuzz_fail("open tag", html);

    return i;
}


/* The one style block, behind the wrapper's start tag. */
static size_t
fuzz_style(jm_str_t html, size_t i)
{
    size_t   start;
    jm_str_t css;

    start = i + 7;

    for (i = start; i < html.len && html.data[i] != '<'; i++) {
        /* void */
    }

    if (html.len - i < 8 || memcmp(html.data + i, "</style>", 8) != 0) {
        fuzz_fail("style", html);
    }

    css.data = html.data + start;
    css.len = i - start;
    css_check(css, 1);

    return i + 7;
}


static void
fuzz_grammar(jm_str_t html)
{
    size_t i, tags;

    tags = 0;

    for (i = 0; i < html.len; i++) {
        if (tags == 1 && html.len - i > 7
            && memcmp(html.data + i, "<style>", 7) == 0) {
            i = fuzz_style(html, i);
            tags++;

        } else if (html.data[i] == '<') {
            tags++;
            i = fuzz_tag(html, i + 1);

        } else if (html.data[i] == '>') {
            fuzz_fail("stray >", html);
        }
    }
}


static void
fuzz_again(jm_arena_t *arena, jm_str_t html)
{
    jm_html_t again;

    fuzz_grammar(html);
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
