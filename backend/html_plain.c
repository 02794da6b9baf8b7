/*
 * The plain text of html_plain.h, line by line.
 */

#include "html_plain.h"

#include "html_link.h"
#include "html_report.h"
#include "html_str.h"

#define JM_PLAIN_LINKS 1000 /* past so many, an address is text */


/* An address in the line, and how it is looked for. */
typedef struct {
    size_t (*find)(jm_str_t text, size_t from, size_t *start);
    const char *scheme; /* where it has none */
    size_t      start;
    size_t      len; /* 0: there is none from here on */
} jm_plain_address_t;


/* The first of those at or after `at`, or NULL. */
static jm_plain_address_t *
jm_plain_next(jm_plain_address_t *addresses, size_t n, jm_str_t line,
              size_t at)
{
    size_t              i;
    jm_plain_address_t *a, *first;

    first = NULL;

    for (i = 0; i < n; i++) {
        a = &addresses[i];

        /* what lies ahead still is not looked for again */
        if (a->len != 0 && a->start < at) {
            a->len = a->find(line, at, &a->start);
        }

        if (a->len != 0 && (first == NULL || a->start < first->start)) {
            first = a;
        }
    }

    return first;
}


/* One line without its quote marks, addresses made links. */
static void
jm_plain_line(jm_writer_t *w, jm_str_t line, size_t *links)
{
    size_t              i, at;
    jm_url_t            url;
    jm_buf_t            buf;
    jm_str_t            part;
    jm_link_clean_t     link;
    jm_plain_address_t *a;
    jm_plain_address_t  addresses[] = {
         { jm_text_find_url, "http://", 0, 0 },
         { jm_text_find_mail, "mailto:", 0, 0 },
    };

    for (i = 0; i < 2; i++) {
        a = &addresses[i];
        a->len = a->find(line, 0, &a->start);
    }

    at = 0;

    while (*links < JM_PLAIN_LINKS
           && (a = jm_plain_next(addresses, 2, line, at)) != NULL)
    {
        part.data = line.data + at;
        part.len = a->start - at;
        jm_write_text(w, part);
        ++*links;

        part.data = line.data + a->start;
        part.len = a->len;
        at = a->start + a->len;

        jm_buf_init(&buf, w->arena, SIZE_MAX);

        /* "www.a.example:8080" has none for all its colon */
        if (a->find == jm_text_find_mail || (part.data[0] | 0x20) == 'w') {
            jm_buf_adds(&buf, a->scheme);
        }

        jm_buf_add(&buf, part.data, part.len);

        if (jm_url_parse(&url, w->arena, jm_buf_str(&buf)) != 0) {
            jm_write_text(w, part);
            continue;
        }

        memset(&link, 0, sizeof(jm_link_clean_t));
        link.url = url;

        if (url.host.len != 0) {
            jm_link_clean(&link, w->arena, &url, jm_str(""), w->out->sender);
        }

        /* what is cleaned is shown as it is now */
        if (link.url.href.len != url.href.len
            || memcmp(link.url.href.data, url.href.data, url.href.len) != 0)
        {
            part = link.url.href;
        }

        jm_buf_adds(&w->html, "<a");
        jm_link_address(w, link.url.href);

        if (jm_link_is_told(w, part, link.host)) {
            jm_write_attr(w, "title", link.host);
        }

        jm_buf_addc(&w->html, '>');
        jm_write_escaped(w, part, 0);
        jm_buf_adds(&w->html, "</a>");
        jm_report_link(w->out, w->arena, &url, &link, part);
    }

    part.data = line.data + at;
    part.len = line.len - at;
    jm_write_text(w, part);
}


/* Takes "> > " off the front; returns how many marks. */
static unsigned
jm_plain_quotes(jm_str_t *line)
{
    unsigned n;

    n = 0;

    while (line->len != 0 && line->data[0] == '>' && n < JM_TEXT_MAX_QUOTES) {
        line->data++;
        line->len--;
        n++;

        if (line->len != 0 && line->data[0] == ' ') {
            line->data++;
            line->len--;
        }
    }

    return n;
}


void
jm_plain_write(jm_writer_t *w, jm_str_t text)
{
    int      signature, more;
    size_t   depth, quotes, links;
    jm_str_t line;

    jm_buf_adds(&w->html,
                "<div class=\"jm-body\" style=\"white-space:pre-wrap\">");
    depth = 0;
    links = 0;
    signature = 0;

    while (text.len != 0 && jm_write_room(w)) {
        line = jm_text_line(&text);
        more = text.data[-1] == '\n';
        quotes = jm_plain_quotes(&line);

        for (/* void */; depth < quotes; depth++) {
            jm_buf_adds(&w->html, "<blockquote>");
        }

        for (/* void */; depth > quotes; depth--) {
            jm_buf_adds(&w->html, "</blockquote>");
        }

        /* RFC 3676, 4.3: what follows is the sender's signature. */

        if (quotes == 0 && !signature && jm_str_is(line, "-- ")) {
            jm_buf_adds(&w->html, "<div style=\"color:#767676\">");
            signature = 1;
        }

        jm_plain_line(w, line, &links);

        if (more) {
            jm_buf_addc(&w->html, '\n');
        }
    }

    for (/* void */; depth > 0; depth--) {
        jm_buf_adds(&w->html, "</blockquote>");
    }

    jm_buf_adds(&w->html, signature ? "</div></div>" : "</div>");
}
