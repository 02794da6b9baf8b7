/*
 * The URL parser and serialiser of url.h, after https://url.spec.whatwg.org/
 * (states named in the comments), without a base URL.
 */

#include "url.h"

#include <stdint.h>
#include <stdio.h>
#include <strings.h>

#include "url_private.h"

static int jm_url_web(jm_url_t *url, jm_arena_t *arena, jm_str_t source);
static int jm_url_opaque(jm_url_t *url, jm_arena_t *arena, jm_str_t source);

typedef struct {
    jm_str_t        name;
    jm_url_scheme_t scheme;
    int (*parse)(jm_url_t *url, jm_arena_t *arena, jm_str_t rest);
} jm_url_rule_t;

#define JM_URL_NAME(s)                                                        \
    {                                                                         \
        (u_char *) (s), sizeof(s) - 1                                         \
    }

static const jm_url_rule_t jm_url_rules[] = {
    { JM_URL_NAME("http:"), JM_URL_HTTP, jm_url_web },
    { JM_URL_NAME("https:"), JM_URL_HTTPS, jm_url_web },
    { JM_URL_NAME("mailto:"), JM_URL_MAILTO, jm_url_opaque },
    { JM_URL_NAME("tel:"), JM_URL_TEL, jm_url_opaque },
    { JM_URL_NAME("sms:"), JM_URL_SMS, jm_url_opaque },
    { JM_URL_NAME("cid:"), JM_URL_CID, jm_url_opaque },
    { JM_URL_NAME("data:"), JM_URL_DATA, NULL },
};

/*
 * What a mailto: may preset.  "attach" and header names such as "from" have
 * been used to send files and forge mail.
 */
static const char *const jm_url_mailto_fields[] = {
    "to", "cc", "bcc", "subject", "body", "in-reply-to",
};

static int
jm_hex(u_char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


jm_str_t
jm_url_percent_decode(jm_arena_t *arena, jm_str_t str)
{
    size_t   i, n;
    jm_str_t out;

    out = jm_arena_str(arena, str.data, str.len);
    n = 0;

    for (i = 0; i < str.len; i++) {
        if (str.data[i] == '%' && i + 2 < str.len
            && jm_hex(str.data[i + 1]) >= 0 && jm_hex(str.data[i + 2]) >= 0)
        {
            out.data[n++] = (u_char) (jm_hex(str.data[i + 1]) * 16
                                      + jm_hex(str.data[i + 2]));
            i += 2;
            continue;
        }

        out.data[n++] = str.data[i];
    }

    out.len = n;

    return out;
}


static void
jm_percent_encode(jm_buf_t *buf, jm_str_t str, const char *also)
{
    size_t i;
    u_char c;

    for (i = 0; i < str.len; i++) {
        c = str.data[i];

        if (c <= ' ' || c >= 0x7F || strchr(also, c) != NULL) {
            jm_buf_addc(buf, '%');
            jm_buf_addc(buf, "0123456789ABCDEF"[c >> 4]);
            jm_buf_addc(buf, "0123456789ABCDEF"[c & 15]);
        } else {
            jm_buf_addc(buf, c);
        }
    }
}


jm_str_t
jm_url_trim(jm_arena_t *arena, jm_str_t str)
{
    size_t   i, n;
    jm_str_t out;

    while (str.len != 0 && str.data[0] <= ' ') {
        str.data++;
        str.len--;
    }

    while (str.len != 0 && str.data[str.len - 1] <= ' ') {
        str.len--;
    }

    out = jm_arena_str(arena, str.data, str.len);
    n = 0;

    for (i = 0; i < str.len; i++) {
        if (str.data[i] != '\t' && str.data[i] != '\n' && str.data[i] != '\r')
        {
            out.data[n++] = str.data[i];
        }
    }

    out.len = n;

    return out;
}


int
jm_url_parse(jm_url_t *url, jm_arena_t *arena, jm_str_t source)
{
    size_t               i;
    jm_buf_t             buf;
    jm_str_t             rest;
    const jm_url_rule_t *rule;

    memset(url, 0, sizeof(jm_url_t));

    if (source.len >= 5 && source.len > JM_URL_MAX
        && strncasecmp((char *) source.data, "data:", 5) == 0)
    {
        url->scheme = JM_URL_DATA;
        return 0;
    }

    if (source.len > JM_URL_MAX) {
        return -1;
    }

    source = jm_url_trim(arena, source);

    if (source.len != 0 && source.data[0] == '#') {
        rest.data = source.data + 1;
        rest.len = source.len - 1;

        url->scheme = JM_URL_FRAGMENT;
        url->rest = jm_url_percent_decode(arena, rest);

        jm_buf_init(&buf, arena, SIZE_MAX);
        jm_buf_addc(&buf, '#');
        jm_percent_encode(&buf, rest, "\"<>`");
        url->href = jm_buf_str(&buf);

        return 0;
    }

    for (i = 0; i < sizeof(jm_url_rules) / sizeof(jm_url_rules[0]); i++) {
        rule = &jm_url_rules[i];

        if (source.len < rule->name.len
            || strncasecmp((char *) source.data, (char *) rule->name.data,
                           rule->name.len)
                   != 0)
        {
            continue;
        }

        url->scheme = rule->scheme;
        rest.data = source.data + rule->name.len;
        rest.len = source.len - rule->name.len;

        return (rule->parse == NULL) ? 0 : rule->parse(url, arena, rest);
    }

    return -1;
}


static int
jm_segment_dots(jm_str_t segment)
{
    size_t i;
    int    dots;

    dots = 0;

    for (i = 0; i < segment.len; i++) {
        if (segment.data[i] == '.') {
            dots++;

        } else if (i + 2 < segment.len && segment.data[i] == '%'
                   && segment.data[i + 1] == '2'
                   && (segment.data[i + 2] | 0x20) == 'e')
        {
            dots++;
            i += 2;

        } else {
            return 0;
        }
    }

    return (dots <= 2) ? dots : 0;
}


/* Path state: "\" is "/", dot segments are resolved.  Begins with "/". */
static void
jm_url_path(jm_buf_t *buf, jm_str_t path)
{
    int      dots;
    size_t   i, base, start;
    jm_str_t segment;

    base = buf->len;
    start = 0;

    if (path.len == 0) {
        jm_buf_addc(buf, '/');
        return;
    }

    for (i = 1; i <= path.len; i++) {
        if (i < path.len && path.data[i] != '/' && path.data[i] != '\\') {
            continue;
        }

        segment.data = path.data + start + 1;
        segment.len = i - start - 1;
        start = i;
        dots = jm_segment_dots(segment);

        if (dots == 2) {
            while (buf->len > base && buf->data[--buf->len] != '/') {
                /* void */
            }
        }

        if (dots == 0 || i == path.len) {
            jm_buf_addc(buf, '/');
        }

        if (dots == 0) {
            jm_percent_encode(buf, segment, "\"#<>?`{}");
        }
    }
}


/* Where the first of `stop` stands, or the end. */
static size_t
jm_url_until(jm_str_t str, size_t from, const char *stop)
{
    while (from < str.len
           && (str.data[from] == '\0' || strchr(stop, str.data[from]) == NULL))
    {
        from++;
    }

    return from;
}


static jm_str_t
jm_substr(jm_str_t str, size_t from, size_t to)
{
    str.data += from;
    str.len = to - from;

    return str;
}


/* The port with its colon, "" if it is the scheme's own; -1 if it is none. */
static int
jm_url_port(jm_buf_t *buf, jm_str_t port, jm_url_scheme_t scheme)
{
    size_t   i;
    unsigned number;

    number = 0;

    for (i = 0; i < port.len; i++) {
        if (port.data[i] < '0' || port.data[i] > '9') {
            return -1;
        }

        number = number * 10 + (port.data[i] - '0');

        if (number > 65535) {
            return -1;
        }
    }

    if (port.len != 0 && number != (scheme == JM_URL_HTTP ? 80 : 443)) {
        jm_buf_addc(buf, ':');
        jm_buf_number(buf, number);
    }

    return 0;
}


/* Behind "http:" or "https:". */
static int
jm_url_web(jm_url_t *url, jm_arena_t *arena, jm_str_t source)
{
    size_t   slashes, start, colon, path, query, fragment;
    jm_buf_t buf;
    jm_str_t authority;

    for (slashes = 0;
         slashes < source.len
         && (source.data[slashes] == '/' || source.data[slashes] == '\\');
         slashes++)
    {
        /* void */
    }

    /* without a base "http:host" would be taken too; no honest mail does it */
    if (slashes < 2) {
        return -1;
    }

    path = jm_url_until(source, slashes, "/\\?#");
    authority = jm_substr(source, slashes, path);

    /* user information makes "http://bank.example@evil.example/" */
    if (memchr(authority.data, '@', authority.len) != NULL) {
        return -1;
    }

    colon = 0;

    if (authority.len != 0 && authority.data[0] == '[') {
        colon = jm_url_until(authority, 0, "]");
    }

    colon = jm_url_until(authority, colon, ":");

    if (jm_url_host(arena, jm_substr(authority, 0, colon), &url->host) != 0) {
        return -1;
    }

    jm_buf_init(&buf, arena, SIZE_MAX);
    jm_buf_adds(&buf, url->scheme == JM_URL_HTTP ? "http://" : "https://");
    jm_buf_add(&buf, url->host.data, url->host.len);

    if (colon < authority.len
        && jm_url_port(&buf, jm_substr(authority, colon + 1, authority.len),
                       url->scheme)
               != 0)
    {
        return -1;
    }

    start = buf.len;
    query = jm_url_until(source, path, "?#");
    fragment = jm_url_until(source, query, "#");

    jm_url_path(&buf, jm_substr(source, path, query));

    if (query < fragment) {
        jm_buf_addc(&buf, '?');
        jm_percent_encode(&buf, jm_substr(source, query + 1, fragment),
                          "\"#<>'");
    }

    if (fragment < source.len) {
        jm_buf_addc(&buf, '#');
        jm_percent_encode(&buf, jm_substr(source, fragment + 1, source.len),
                          "\"<>`");
    }

    if (buf.len > JM_URL_MAX) {
        return -1;
    }

    url->href = jm_buf_str(&buf);
    url->rest = jm_substr(url->href, start, url->href.len);

    return 0;
}


static int
jm_mailto_allowed(jm_str_t field)
{
    size_t   i, n;
    jm_str_t name;

    name = jm_substr(field, 0, jm_url_until(field, 0, "="));
    n = sizeof(jm_url_mailto_fields) / sizeof(jm_url_mailto_fields[0]);

    for (i = 0; i < n; i++) {
        if (strlen(jm_url_mailto_fields[i]) == name.len
            && strncasecmp(jm_url_mailto_fields[i], (char *) name.data,
                           name.len)
                   == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* The fields behind "?", those that are not allowed left out. */
static void
jm_url_mailto(jm_buf_t *buf, jm_str_t source, size_t query)
{
    int      mark;
    size_t   end;
    jm_str_t field;

    mark = '?';

    while (query < source.len) {
        end = jm_url_until(source, query + 1, "&");
        field = jm_substr(source, query + 1, end);
        query = end;

        if (jm_mailto_allowed(field)) {
            jm_buf_addc(buf, mark);
            jm_percent_encode(buf, field, "\"#<>'`?{}");
            mark = '&';
        }
    }
}


/* Behind "mailto:", "tel:", "sms:", "cid:". */
static int
jm_url_opaque(jm_url_t *url, jm_arena_t *arena, jm_str_t source)
{
    size_t   query;
    jm_buf_t buf;

    if (url->scheme == JM_URL_CID) {
        url->rest = jm_url_percent_decode(arena, source);
        return 0;
    }

    jm_buf_init(&buf, arena, SIZE_MAX);
    jm_buf_adds(&buf, url->scheme == JM_URL_MAILTO ? "mailto:"
                      : url->scheme == JM_URL_TEL  ? "tel:"
                                                   : "sms:");

    source.len = jm_url_until(source, 0, "#");
    query = jm_url_until(source, 0, "?");
    jm_percent_encode(&buf, jm_substr(source, 0, query), "\"#<>'`?{}");

    if (query < source.len && url->scheme == JM_URL_SMS) {
        jm_buf_addc(&buf, '?');
        jm_percent_encode(&buf, jm_substr(source, query + 1, source.len),
                          "\"#<>'`{}");
    }

    if (query < source.len && url->scheme == JM_URL_MAILTO) {
        jm_url_mailto(&buf, source, query);
    }

    if (buf.len > JM_URL_MAX) {
        return -1;
    }

    url->href = jm_buf_str(&buf);

    return 0;
}
