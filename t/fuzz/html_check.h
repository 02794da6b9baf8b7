/*
 * The grammar of the sanitiser's output, without the help of its writer,
 * parser and tables: which elements and attributes there are, what their
 * values look like, what is escaped, what may stand in what.  Included by
 * fuzz_html.c; a finding aborts.
 */

#ifndef HTML_CHECK_H
#define HTML_CHECK_H

#include <stdint.h>

#include "css_check.h"

#define HTML_CHECK_DEPTH 202

typedef struct {
    jm_str_t html;
    size_t   pos;
    size_t   depth;
    jm_str_t open[HTML_CHECK_DEPTH];
} html_check_t;

static const char html_check_elements[] =
    " a abbr acronym address area article aside b bdi bdo big blockquote br "
    "caption center cite code col colgroup dd del dfn dir div dl dt em "
    "figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd "
    "li main map mark menu nav ol p pre q rp rt ruby s samp section small "
    "span strike strong sub sup table tbody td tfoot th thead time tr tt u "
    "ul var wbr ";

static const char html_check_blocks[] =
    " address article aside blockquote center dd dir div dl dt figcaption "
    "figure footer h1 h2 h3 h4 h5 h6 header hr li main menu nav ol p pre "
    "section table ul ";

/*
 * c colour, e empty, f fixed, h address, i names of ours, l length, m "#name",
 * n number, s source, t text, w words, y style.
 */
static const struct {
    const char *name;
    char        type;
} html_check_attrs[] = {
    { "href", 'h' },        { "src", 's' },        { "data-jm-img", 'n' },
    { "data-jm-bg", 'n' },  { "class", 'i' },      { "id", 'i' },
    { "name", 'i' },        { "headers", 'i' },    { "dir", 'w' },
    { "lang", 'w' },        { "title", 't' },      { "alt", 't' },
    { "role", 'w' },        { "aria-label", 't' }, { "aria-hidden", 'w' },
    { "align", 'w' },       { "valign", 'w' },     { "width", 'l' },
    { "height", 'l' },      { "border", 'l' },     { "cellpadding", 'l' },
    { "cellspacing", 'l' }, { "bgcolor", 'c' },    { "bordercolor", 'c' },
    { "frame", 'w' },       { "rules", 'w' },      { "abbr", 't' },
    { "scope", 'w' },       { "colspan", 'n' },    { "rowspan", 'n' },
    { "nowrap", 'e' },      { "span", 'n' },       { "color", 'c' },
    { "face", 't' },        { "size", 'n' },       { "noshade", 'e' },
    { "start", 'n' },       { "value", 'n' },      { "type", 'w' },
    { "reversed", 'e' },    { "clear", 'w' },      { "datetime", 't' },
    { "shape", 'w' },       { "coords", 't' },     { "usemap", 'm' },
    { "hspace", 'l' },      { "vspace", 'l' },     { "style", 'y' },
    { "target", 'f' },      { "rel", 'f' },        { "referrerpolicy", 'f' },
};


static void
html_check_fail(const char *what, const html_check_t *c)
{
    fprintf(stderr, "%s at %zu:\n%.*s\n", what, c->pos, (int) c->html.len,
            c->html.data);
    abort();
}


/* Is the word in a list of words with spaces around? */
static int
html_check_in(jm_str_t word, const char *list)
{
    char text[24];

    if (word.len > 20) {
        return 0;
    }

    snprintf(text, sizeof(text), " %.*s ", (int) word.len, word.data);

    return strstr(list, text) != NULL;
}


static int
html_check_starts(jm_str_t value, const char *prefix)
{
    return value.len >= strlen(prefix)
           && memcmp(value.data, prefix, strlen(prefix)) == 0;
}


/* Only bytes of `set`, in which "a" and "A" stand for letters, "0" digits. */
static int
html_check_only(jm_str_t value, const char *set)
{
    size_t i;
    u_char c;

    for (i = 0; i < value.len; i++) {
        c = value.data[i];
        c = (c >= 'a' && c <= 'z') ? 'a' : (c >= 'A' && c <= 'Z') ? 'A' : c;
        c = (c >= '0' && c <= '9') ? '0' : c;

        if (c == '\0' || strchr(set, c) == NULL) {
            return 0;
        }
    }

    return value.len != 0;
}


static int
html_check_names(jm_str_t value)
{
    size_t   i, start;
    jm_str_t name;

    for (i = 0; i <= value.len; i++) {
        start = i;

        while (i < value.len && value.data[i] != ' ') {
            i++;
        }

        name.data = value.data + start;
        name.len = i - start;

        if (!html_check_in(name, " jm-body jm-img ")
            && (!html_check_starts(name, "jm-1-")
                || !html_check_only(name, "aA0-_.:")))
        {
            return 0;
        }
    }

    return 1;
}


static int
html_check_address(jm_str_t value)
{
    size_t             i;
    static const char *schemes[] = { "http://", "https://", "mailto:",
                                     "tel:",    "sms:",     "#jm-1-" };

    for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (html_check_starts(value, schemes[i])) {
            return memchr(value.data, '\n', value.len) == NULL;
        }
    }

    return 0;
}


/* A style attribute's value without its escapes. */
static void
html_check_style(jm_str_t value)
{
    size_t   i, n, k;
    jm_str_t css;

    static const struct {
        const char *escape;
        char        c;
    } escapes[] = { { "&amp;", '&' },  { "&lt;", '<' },   { "&gt;", '>' },
                    { "&#39;", '\'' }, { "&quot;", '"' }, { "&#96;", '`' } };

    css.data = malloc(value.len + 1);
    n = 0;

    for (i = 0; i < value.len; i++) {
        css.data[n] = value.data[i];

        for (k = 0; k < 6 && value.data[i] == '&'; k++) {
            if (value.len - i >= strlen(escapes[k].escape)
                && memcmp(value.data + i, escapes[k].escape,
                          strlen(escapes[k].escape))
                       == 0)
            {
                css.data[n] = (u_char) escapes[k].c;
                i += strlen(escapes[k].escape) - 1;
                break;
            }
        }

        n++;
    }

    css.len = n;
    css_check(css, 0);
    free(css.data);
}


static int
html_check_value(char type, jm_str_t value)
{
    jm_str_t rest;

    rest.data = value.data + 1;
    rest.len = value.len - 1;

    switch (type) {

    case 'c':
        return value.len == 7 && value.data[0] == '#'
               && html_check_only(rest, "a0");

    case 'e':
        return value.len == 0;

    case 'f':
        return html_check_in(value, " _blank no-referrer ")
               || (value.len == 28
                   && memcmp(value.data, "noopener noreferrer nofollow", 28)
                          == 0);

    case 'h':
        return html_check_address(value);

    case 'i':
        return html_check_names(value);

    case 'l':
        return html_check_only(value, "0.%");

    case 'm':
        return value.len > 1 && value.data[0] == '#' && html_check_names(rest);

    case 'n':
        return html_check_only(value, "0+-");

    case 's':
        return html_check_starts(value, "data:image/png;base64,")
               || html_check_starts(value, "data:image/jpeg;base64,")
               || html_check_starts(value, "data:image/gif;base64,")
               || html_check_starts(value, "data:image/webp;base64,")
               || (html_check_starts(value, "attachments/")
                   && html_check_only(value, "a/0"));

    case 'w':
        return html_check_only(value, "aA0-");

    case 'y':
        html_check_style(value);
        return 1;

    default:
        return 1;
    }
}


/* A reference that is one of the six, or a byte that needs none. */
static void
html_check_char(html_check_t *c, int attribute)
{
    size_t   i;
    jm_str_t rest;

    static const char *const references[] = { "&amp;",  "&lt;",  "&gt;",
                                              "&quot;", "&#39;", "&#96;" };

    rest.data = c->html.data + c->pos;
    rest.len = c->html.len - c->pos;

    if (strchr(attribute ? "<>'`" : "<>", rest.data[0]) != NULL
        || (rest.data[0] < ' ' && rest.data[0] != '\t'
            && rest.data[0] != '\n'))
    {
        html_check_fail("a byte that is to be escaped", c);
    }

    if (rest.data[0] != '&') {
        return;
    }

    for (i = 0; i < (attribute ? 6u : 3u); i++) {
        if (html_check_starts(rest, references[i])) {
            return;
        }
    }

    html_check_fail("a reference", c);
}


/* ` name="value"`, each name once. */
static void
html_check_attr(html_check_t *c, uint64_t *seen)
{
    size_t   i, start;
    jm_str_t name, value;

    start = ++c->pos;

    while (c->pos < c->html.len
           && strchr("=\"<> ", c->html.data[c->pos]) == NULL) {
        c->pos++;
    }

    name.data = c->html.data + start;
    name.len = c->pos - start;

    if (c->html.len - c->pos < 3 || c->html.data[c->pos] != '='
        || c->html.data[c->pos + 1] != '"')
    {
        html_check_fail("an attribute without quotes", c);
    }

    c->pos += 2;
    start = c->pos;

    while (c->pos < c->html.len && c->html.data[c->pos] != '"') {
        html_check_char(c, 1);
        c->pos++;
    }

    value.data = c->html.data + start;
    value.len = c->pos - start;
    c->pos++;

    for (i = 0; i < sizeof(html_check_attrs) / sizeof(html_check_attrs[0]);
         i++) {
        if (strlen(html_check_attrs[i].name) == name.len
            && memcmp(html_check_attrs[i].name, name.data, name.len) == 0)
        {
            if (*seen >> i & 1) {
                html_check_fail("an attribute twice", c);
            }

            *seen |= (uint64_t) 1 << i;

            if (!html_check_value(html_check_attrs[i].type, value)) {
                html_check_fail("a value", c);
            }

            return;
        }
    }

    html_check_fail("an attribute", c);
}


static int
html_check_heading(jm_str_t name)
{
    return html_check_in(name, " h1 h2 h3 h4 h5 h6 ");
}


/* May an element of the name begin here? */
static void
html_check_place(html_check_t *c, jm_str_t name)
{
    size_t      i;
    int         block;
    const char *parents;
    jm_str_t    parent;

    parent = c->open[c->depth - 1];
    parents = html_check_in(name, " td th ") ? " tr "
              : html_check_in(name, " tr ")  ? " tbody thead tfoot "
              : html_check_in(name, " col ") ? " colgroup "
              : html_check_in(name, " caption colgroup tbody thead tfoot ")
                  ? " table "
                  : NULL;

    if (parents != NULL ? !html_check_in(parent, parents)
                        : html_check_in(parent, " table tbody thead tfoot tr "
                                                "colgroup "))
    {
        html_check_fail("a part of a table out of its place", c);
    }

    if (html_check_heading(name) && html_check_heading(parent)) {
        html_check_fail("a heading in a heading", c);
    }

    block = html_check_in(name, html_check_blocks);

    for (i = c->depth; i > 0; i--) {
        if (name.len == 1 && name.data[0] == 'a' && c->open[i - 1].len == 1
            && c->open[i - 1].data[0] == 'a')
        {
            html_check_fail("a link in a link", c);
        }

        if (block && html_check_in(c->open[i - 1], " p ")) {
            html_check_fail("a block in a paragraph", c);
        }

        block &= !html_check_in(c->open[i - 1], " table td th caption ");
    }
}


static void
html_check_end(html_check_t *c, jm_str_t name)
{
    if (c->depth == 0 || c->open[c->depth - 1].len != name.len
        || memcmp(c->open[c->depth - 1].data, name.data, name.len) != 0)
    {
        html_check_fail("an end tag", c);
    }

    c->depth--;
    c->pos++;
}


/* The one style block, behind the wrapper's start tag. */
static void
html_check_sheet(html_check_t *c)
{
    jm_str_t      css;
    const u_char *end;

    css.data = c->html.data + c->pos + 7;
    end = memchr(css.data, '<', c->html.len - c->pos - 7);

    if (end == NULL || c->depth != 1 || c->html.data + c->html.len - end < 8
        || memcmp(end, "</style>", 8) != 0)
    {
        html_check_fail("a style block", c);
    }

    css.len = (size_t) (end - css.data);
    css_check(css, 1);
    c->pos = (size_t) (end - c->html.data) + 8;
}


/* At a "<". */
static void
html_check_tag(html_check_t *c)
{
    int      end;
    size_t   start;
    uint64_t seen;
    jm_str_t name, rest;

    rest.data = c->html.data + c->pos;
    rest.len = c->html.len - c->pos;

    if (html_check_starts(rest, "<style>")) {
        html_check_sheet(c);
        return;
    }

    c->pos++;
    end = (c->pos < c->html.len && c->html.data[c->pos] == '/');
    c->pos += (size_t) end;
    start = c->pos;

    while (c->pos < c->html.len && strchr(" >", c->html.data[c->pos]) == NULL)
    {
        c->pos++;
    }

    name.data = c->html.data + start;
    name.len = c->pos - start;

    if (!html_check_in(name, html_check_elements)) {
        html_check_fail("an element", c);
    }

    if (end) {
        html_check_end(c, name);
        return;
    }

    if (c->depth != 0) {
        html_check_place(c, name);
    }

    seen = 0;

    while (c->pos < c->html.len && c->html.data[c->pos] == ' ') {
        html_check_attr(c, &seen);
    }

    if (c->pos >= c->html.len || c->html.data[c->pos] != '>') {
        html_check_fail("a tag that does not end", c);
    }

    c->pos++;

    if (!html_check_in(name, " area br col hr img wbr ")) {
        if (c->depth == HTML_CHECK_DEPTH) {
            html_check_fail("too deep", c);
        }

        c->open[c->depth++] = name;
    }
}


/* One wrapper, and what may be in it. */
static void
html_check(jm_str_t html)
{
    html_check_t c;

    memset(&c, 0, sizeof(html_check_t));
    c.html = html;

    if (!html_check_starts(html, "<div class=\"jm-body")) {
        html_check_fail("no wrapper", &c);
    }

    while (c.pos < html.len) {
        if (html.data[c.pos] == '<') {
            html_check_tag(&c);

            if (c.depth == 0 && c.pos != html.len) {
                html_check_fail("something behind the wrapper", &c);
            }

        } else {
            html_check_char(&c, 0);
            c.pos++;
        }
    }

    if (c.depth != 0) {
        html_check_fail("an element that does not end", &c);
    }
}

#endif /* HTML_CHECK_H */
