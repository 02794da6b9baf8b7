/*
 * Fuzzes the URL parser and what is made of links: a URL that is written
 * parses to itself; a cleaned link is an absolute http or https URL without
 * user information or control characters, and cleaning it again changes
 * nothing.  The first line is the URL, the second the link's text, the rest a
 * header.
 */

#include <stdio.h>
#include <stdlib.h>

#include "html.h"
#include "link_clean.h"
#include "pixel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_fail(const char *what, jm_str_t href)
{
    fprintf(stderr, "%s: %.*s\n", what, (int) href.len, href.data);
    abort();
}


static int
fuzz_same(jm_str_t a, jm_str_t b)
{
    return a.len == b.len
           && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}


/* Printable ASCII, none of what HTML or a shell takes for its own. */
static void
fuzz_check(jm_arena_t *arena, const jm_url_t *url)
{
    size_t   i;
    jm_url_t again;

    for (i = 0; i < url->href.len; i++) {
        if (url->href.data[i] <= ' ' || url->href.data[i] >= 0x7F
            || url->href.data[i] == '"' || url->href.data[i] == '<'
            || url->href.data[i] == '>')
        {
            fuzz_fail("character", url->href);
        }
    }

    if (jm_url_parse(&again, arena, url->href) != 0
        || again.scheme != url->scheme || !fuzz_same(again.href, url->href)
        || !fuzz_same(again.host, url->host))
    {
        fuzz_fail("parses to something else", url->href);
    }
}


static void
fuzz_link(jm_arena_t *arena, const jm_url_t *url, jm_str_t text,
          const jm_sender_t *sender)
{
    size_t          start;
    jm_str_t        href;
    jm_link_clean_t link, again;

    jm_link_clean(&link, arena, url, text, sender);
    fuzz_check(arena, &link.url);
    href = link.url.href;
    start = (link.url.scheme == JM_URL_HTTP) ? 7 : 8;

    if ((link.url.scheme != JM_URL_HTTP && link.url.scheme != JM_URL_HTTPS)
        || href.len <= start || link.url.host.len == 0 || link.host.len == 0
        || memcmp(href.data + start, link.url.host.data, link.url.host.len)
               != 0)
    {
        fuzz_fail("not absolute", href);
    }

    jm_link_clean(&again, arena, &link.url, text, sender);

    if (!fuzz_same(again.url.href, href)) {
        fuzz_fail("cleaned again", again.url.href);
    }
}


static jm_str_t
fuzz_line(jm_str_t *rest)
{
    jm_str_t      line;
    const u_char *lf;

    lf = memchr(rest->data, '\n', rest->len);
    line.data = rest->data;
    line.len = (lf == NULL) ? rest->len : (size_t) (lf - rest->data);
    rest->data += line.len + (lf != NULL);
    rest->len -= line.len + (lf != NULL);

    return line;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    jm_str_t           rest, source, text;
    jm_url_t           url;
    jm_pixel_t         pixel;
    jm_sender_t        sender;
    jm_pixel_look_t    look;
    static jm_arena_t *arena;

    if (arena == NULL) {
        jm_html_init();
        arena = jm_arena_create(256 * 1024 * 1024);
    }

    jm_arena_reset(arena);
    rest = jm_arena_str(arena, data, size);
    source = fuzz_line(&rest);
    text = fuzz_line(&rest);
    jm_sender_read(&sender, arena, rest);

    if (jm_url_parse(&url, arena, source) != 0) {
        return 0;
    }

    if (url.href.len != 0) {
        fuzz_check(arena, &url);
    }

    jm_url_claimed_host(arena, text);

    if (url.host.len != 0) {
        memset(&look, 0, sizeof(jm_pixel_look_t));
        jm_pixel_judge(&pixel, &look, &url, &sender);
        fuzz_link(arena, &url, text, &sender);
    }

    return 0;
}
