/*
 * The URL parser and serialiser of url.h, after https://url.spec.whatwg.org/
 * (states named in the comments), without a base URL.
 */

#include "url.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <strings.h>

#include "html_token.h"

#define JM_HOST_MAX   253
#define JM_LABEL_MAX  63
#define JM_LABELS_MAX 64

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

/* Top-level domains that make a bare "name.tld" in a text a web address. */
static const char *const jm_url_common_tlds[] = {
    "app", "at",   "be",   "biz", "ca", "cc", "ch",  "cn",   "co",     "com",
    "de",  "dev",  "edu",  "es",  "eu", "fr", "gov", "in",   "info",   "io",
    "it",  "jp",   "me",   "net", "nl", "no", "org", "pl",   "online", "ru",
    "se",  "shop", "site", "tv",  "uk", "us", "xyz", "bank",
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


static jm_str_t
jm_percent_decode(jm_arena_t *arena, jm_str_t str)
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


/* Basic URL parser, steps 1 to 3: outer C0 and space, inner tab and LF. */
static jm_str_t
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
        url->rest = jm_percent_decode(arena, rest);

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


/* RFC 3492, 6.3; `out` has room for a label.  Returns its length or 0. */
static size_t
jm_punycode(char *out, const uint32_t *in, size_t len)
{
    size_t   i, n;
    uint32_t c, delta, bias, handled, basic, least, q, k, t, damp;

    n = 0;

    for (i = 0; i < len; i++) {
        if (in[i] < 0x80) {
            if (n == JM_LABEL_MAX) {
                return 0;
            }

            out[n++] = (char) in[i];
        }
    }

    basic = (uint32_t) n;
    handled = basic;

    if (basic != 0) {
        if (n == JM_LABEL_MAX) {
            return 0;
        }

        out[n++] = '-';
    }

    c = 128;
    delta = 0;
    bias = 72;

    while (handled < len) {
        least = UINT32_MAX;

        for (i = 0; i < len; i++) {
            if (in[i] >= c && in[i] < least) {
                least = in[i];
            }
        }

        delta += (least - c) * (handled + 1);
        c = least;

        for (i = 0; i < len; i++) {
            if (in[i] < c) {
                delta++;
            }

            if (in[i] != c) {
                continue;
            }

            for (q = delta, k = 36;; k += 36) {
                t = (k <= bias) ? 1 : (k >= bias + 26) ? 26 : k - bias;

                if (n == JM_LABEL_MAX) {
                    return 0;
                }

                if (q < t) {
                    out[n++] = (char) (q < 26 ? 'a' + q : '0' + q - 26);
                    break;
                }

                damp = t + (q - t) % (36 - t);
                out[n++] = (char) (damp < 26 ? 'a' + damp : '0' + damp - 26);
                q = (q - t) / (36 - t);
            }

            damp = (handled == basic) ? delta / 700 : delta / 2;
            damp += damp / (handled + 1);

            for (k = 0; damp > 455; k += 36) {
                damp /= 35;
            }

            bias = k + 36 * damp / (damp + 38);
            delta = 0;
            handled++;
        }

        delta++;
        c++;
    }

    return n;
}


/*
 * The part of UTS 46 that matters for seeing through a host name: width, dots,
 * invisible characters, and the case of Latin, Greek and Cyrillic letters.
 * Returns 0 for a character that is to be ignored.
 */
static uint32_t
jm_host_map(uint32_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c + 0x20;
    }

    if (c < 0x80) {
        return c;
    }

    if (c >= 0xFF01 && c <= 0xFF5E) {
        return jm_host_map(c - 0xFEE0);
    }

    if (c == 0x3002 || c == 0xFF61) {
        return '.';
    }

    if (c == 0xAD || (c >= 0x200B && c <= 0x200D) || c == 0x2060 || c == 0xFEFF
        || (c >= 0xFE00 && c <= 0xFE0F))
    {
        return 0;
    }

    if ((c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x391 && c <= 0x3A9)
        || (c >= 0x410 && c <= 0x42F))
    {
        return c + 0x20;
    }

    if (c >= 0x400 && c <= 0x40F) {
        return c + 0x50;
    }

    return c;
}


static int
jm_host_flush(jm_buf_t *buf, uint32_t *label, size_t len)
{
    int    ascii;
    char   out[JM_LABEL_MAX + 1];
    size_t i, n;

    ascii = 1;

    for (i = 0; i < len; i++) {
        ascii &= (label[i] < 0x80);
    }

    if (ascii) {
        if (len > JM_LABEL_MAX) {
            return -1;
        }

        for (i = 0; i < len; i++) {
            jm_buf_addc(buf, (int) label[i]);
        }

        return 0;
    }

    n = jm_punycode(out, label, len);

    if (n == 0 || n + 4 > JM_LABEL_MAX) {
        return -1;
    }

    jm_buf_adds(buf, "xn--");
    jm_buf_add(buf, out, n);

    return 0;
}


/* Domain to ASCII.  Returns 0, or -1 for what cannot be a host. */
static int
jm_host_ascii(jm_buf_t *buf, jm_str_t host)
{
    size_t        len, n;
    uint32_t      c, label[JM_LABEL_MAX + 1];
    const u_char *p, *end;

    p = host.data;
    end = p + host.len;
    n = 0;

    while (p < end) {
        len = jm_utf8_decode(p, end, &c);

        if (len == 0) {
            return -1;
        }

        p += len;

        if (c == 0) {
            return -1;
        }

        c = jm_host_map(c);

        if (c == 0) {
            continue;
        }

        if (c == '.') {
            if (jm_host_flush(buf, label, n) != 0) {
                return -1;
            }

            jm_buf_addc(buf, '.');
            n = 0;
            continue;
        }

        /* forbidden domain code points, and those of bidi trickery */
        if (c <= ' ' || c == 0x7F
            || (c < 0x80 && strchr("\"#%/:<>?@[\\]^`{|}", (int) c) != NULL)
            || (c >= 0x80 && c < 0xA1) || (c >= 0x200E && c <= 0x206F)
            || c == 0xFFFD || c >= 0xE0000)
        {
            return -1;
        }

        if (n == JM_LABEL_MAX) {
            return -1;
        }

        label[n++] = c;
    }

    return jm_host_flush(buf, label, n);
}


/* One number of an IPv4 address: decimal, 0x hexadecimal, 0 octal. */
static int
jm_host_number(jm_str_t str, uint64_t *number)
{
    int    digit, base;
    size_t i;

    base = 10;
    i = 0;

    if (str.len >= 2 && str.data[0] == '0' && (str.data[1] | 0x20) == 'x') {
        base = 16;
        i = 2;

    } else if (str.len >= 2 && str.data[0] == '0') {
        base = 8;
        i = 1;
    }

    *number = 0;

    if (str.len == 0) {
        return -1;
    }

    for (/* void */; i < str.len; i++) {
        digit = jm_hex(str.data[i]);

        if (digit < 0 || digit >= base || *number > UINT32_MAX) {
            return -1;
        }

        *number = *number * (unsigned) base + (unsigned) digit;
    }

    return 0;
}


/*
 * "Ends in a number" and the IPv4 parser.  Returns 1 and the dotted form in
 * `buf`, 0 if the host is a name, -1 if it is neither.
 */
static int
jm_host_ipv4(jm_buf_t *buf, jm_str_t host)
{
    char     dotted[16];
    size_t   i, n, start;
    uint64_t number[4], address;
    jm_str_t part;

    if (host.len != 0 && host.data[host.len - 1] == '.') {
        host.len--;
    }

    for (start = host.len; start > 0 && host.data[start - 1] != '.'; start--) {
        /* void */
    }

    part.data = host.data + start;
    part.len = host.len - start;

    for (i = 0; i < part.len; i++) {
        if (part.data[i] < '0' || part.data[i] > '9') {
            break;
        }
    }

    if (part.len == 0
        || (i != part.len && jm_host_number(part, &number[0]) != 0)) {
        return 0;
    }

    n = 0;
    start = 0;

    for (i = 0; i <= host.len; i++) {
        if (i < host.len && host.data[i] != '.') {
            continue;
        }

        part.data = host.data + start;
        part.len = i - start;
        start = i + 1;

        if (n == 4 || jm_host_number(part, &number[n++]) != 0) {
            return -1;
        }
    }

    for (i = 0; i + 1 < n; i++) {
        if (number[i] > 255) {
            return -1;
        }
    }

    if (number[n - 1] >= (uint64_t) 1 << (8 * (5 - n))) {
        return -1;
    }

    address = number[n - 1];

    for (i = 0; i + 1 < n; i++) {
        address |= number[i] << (8 * (3 - i));
    }

    snprintf(dotted, sizeof(dotted), "%u.%u.%u.%u",
             (unsigned) (address >> 24 & 255),
             (unsigned) (address >> 16 & 255), (unsigned) (address >> 8 & 255),
             (unsigned) (address & 255));
    jm_buf_adds(buf, dotted);

    return 1;
}


/* Host parser.  Returns 0 and the host in `out`, or -1. */
static int
jm_url_host(jm_arena_t *arena, jm_str_t host, jm_str_t *out)
{
    int             rc;
    char            text[INET6_ADDRSTRLEN];
    size_t          i;
    jm_buf_t        buf, ipv4;
    struct in6_addr in6;

    jm_buf_init(&buf, arena, SIZE_MAX);

    if (host.len >= 2 && host.data[0] == '[') {
        if (host.data[host.len - 1] != ']' || host.len >= sizeof(text)) {
            return -1;
        }

        memcpy(text, host.data + 1, host.len - 2);
        text[host.len - 2] = '\0';

        if (inet_pton(AF_INET6, text, &in6) != 1) {
            return -1;
        }

        inet_ntop(AF_INET6, &in6, text, sizeof(text));
        jm_buf_addc(&buf, '[');
        jm_buf_adds(&buf, text);
        jm_buf_addc(&buf, ']');
        *out = jm_buf_str(&buf);

        return 0;
    }

    if (jm_host_ascii(&buf, jm_percent_decode(arena, host)) != 0
        || buf.len == 0 || buf.len > JM_HOST_MAX || buf.data[0] == '.')
    {
        return -1;
    }

    for (i = 1; i < buf.len; i++) {
        if (buf.data[i] == '.' && buf.data[i - 1] == '.') {
            return -1;
        }
    }

    jm_buf_init(&ipv4, arena, SIZE_MAX);
    rc = jm_host_ipv4(&ipv4, jm_buf_str(&buf));

    if (rc < 0) {
        return -1;
    }

    *out = (rc == 1) ? jm_buf_str(&ipv4) : jm_buf_str(&buf);

    return 0;
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
        jm_buf_printf(buf, ":%u", number);
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
        url->rest = jm_percent_decode(arena, source);
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


static int
jm_is_common_tld(jm_str_t host)
{
    size_t i, n, start;

    for (start = host.len; start > 0 && host.data[start - 1] != '.'; start--) {
        /* void */
    }

    if (start == 0) {
        return 0;
    }

    n = sizeof(jm_url_common_tlds) / sizeof(jm_url_common_tlds[0]);

    for (i = 0; i < n; i++) {
        if (strlen(jm_url_common_tlds[i]) == host.len - start
            && memcmp(jm_url_common_tlds[i], host.data + start,
                      host.len - start)
                   == 0)
        {
            return 1;
        }
    }

    return 0;
}


jm_str_t
jm_url_claimed_host(jm_arena_t *arena, jm_str_t text)
{
    int      plain;
    size_t   i;
    jm_buf_t buf;
    jm_url_t url;
    jm_str_t none;

    none.data = NULL;
    none.len = 0;
    text = jm_url_trim(arena, text);

    if (text.len < 4 || text.len > 2048) {
        return none;
    }

    for (i = 0; i < text.len; i++) {
        if (text.data[i] <= ' ' || text.data[i] == '@') {
            return none;
        }
    }

    plain = strncasecmp((char *) text.data, "http:", 5) != 0
            && strncasecmp((char *) text.data, "https:", 6) != 0;

    if (plain) {
        jm_buf_init(&buf, arena, SIZE_MAX);
        jm_buf_adds(&buf, "http://");
        jm_buf_add(&buf, text.data, text.len);
        text = jm_buf_str(&buf);
    }

    if (jm_url_parse(&url, arena, text) != 0
        || memchr(url.host.data, '.', url.host.len) == NULL)
    {
        return none;
    }

    if (plain && !jm_is_common_tld(url.host)
        && (url.host.len < 4 || memcmp(url.host.data, "www.", 4) != 0))
    {
        return none;
    }

    return url.host;
}


/*
 * The registrable domain as far as it can be told without the Public Suffix
 * List: the last two labels, three below "co.uk" and its like.
 */
static jm_str_t
jm_registrable(jm_str_t host)
{
    size_t   i, n, dot[3];
    jm_str_t site;

    if (host.len != 0 && host.data[host.len - 1] == '.') {
        host.len--;
    }

    /* an IPv4 address is nobody's subdomain */
    if (host.len != 0 && host.data[host.len - 1] <= '9') {
        return host;
    }

    n = 0;

    for (i = host.len; i > 0 && n < 3; i--) {
        if (host.data[i - 1] == '.') {
            dot[n++] = i;
        }
    }

    site = host;

    if (n >= 2) {
        i = 1;

        if (host.len - dot[0] == 2 && dot[0] - dot[1] <= 4) {
            i = 2;
        }

        if (i < n) {
            site = jm_substr(host, dot[i], host.len);
        }
    }

    return site;
}


int
jm_url_same_site(jm_str_t a, jm_str_t b)
{
    a = jm_registrable(a);
    b = jm_registrable(b);

    return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}
