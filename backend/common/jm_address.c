/*
 * The address grammar: RFC 5321 4.1.2 and 4.1.3 (Path, Mailbox, Local-part,
 * Domain, address-literal) with the extensions of RFC 6531 3.3.
 *
 * Each jm_take_* function reads one rule at `p` and returns where it ends, or
 * NULL when the rule does not match there.  Called by the SMTP session, the
 * LMTP server and the REST endpoints; the slices point into the caller's text.
 */

#include "jm_address.h"

#include <arpa/inet.h>

#include "jm_idn.h"
#include "jm_utf8.h"

#define JM_LABEL_MAX 63

/*
 * RFC 5321 counts the brackets into the 256 octets of a path; we count what
 * stands between them and nothing of a source route, so that nobody who
 * counts otherwise is refused at the edge.
 */

static const u_char *jm_take_path(const u_char *p, const u_char *end,
                                  jm_address_t *out);
static const u_char *jm_take_route(const u_char *p, const u_char *end,
                                   unsigned *utf8);
static const u_char *jm_take_mailbox(const u_char *p, const u_char *end,
                                     jm_address_t *out);
static const u_char *jm_take_dot_string(const u_char *p, const u_char *end,
                                        unsigned *utf8);
static const u_char *jm_take_quoted(const u_char *p, const u_char *end,
                                    unsigned *utf8);
static const u_char *jm_take_domain(const u_char *p, const u_char *end,
                                    unsigned *utf8);
static const u_char *jm_take_label(const u_char *p, const u_char *end,
                                   unsigned *utf8);
static const u_char *jm_take_literal(const u_char *p, const u_char *end);
static const u_char *jm_take_utf8(const u_char *p, const u_char *end);
static size_t        jm_untagged(jm_str_t local, u_char *out);
static ssize_t       jm_domain_ascii(jm_str_t domain, u_char *out);


static int
jm_is_alnum(u_char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')
           || (c >= 'A' && c <= 'Z');
}


static int
jm_is_atext(u_char c)
{
    return jm_is_alnum(c)
           || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}


static u_char
jm_lower(u_char c)
{
    return c >= 'A' && c <= 'Z' ? (u_char) (c | 0x20) : c;
}


/* Compares with a lower-case word, ASCII case aside. */

static int
jm_is_word(const u_char *p, size_t len, const char *word)
{
    size_t i;

    if (len != strlen(word)) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (jm_lower(p[i]) != (u_char) word[i]) {
            return 0;
        }
    }

    return 1;
}


static jm_str_t
jm_slice(const u_char *from, const u_char *to)
{
    jm_str_t str;

    str.data = (u_char *) from;
    str.len = (size_t) (to - from);

    return str;
}


ssize_t
jm_path_parse(jm_str_t text, jm_address_t *out)
{
    const u_char *p;

    memset(out, 0, sizeof(jm_address_t));

    if (text.len == 0) {
        return -1;
    }

    p = jm_take_path(text.data, text.data + text.len, out);

    return p == NULL ? -1 : p - text.data;
}


int
jm_mailbox_parse(jm_str_t text, jm_address_t *out)
{
    const u_char *end;

    memset(out, 0, sizeof(jm_address_t));

    if (text.len == 0) {
        return -1;
    }

    end = text.data + text.len;

    return jm_take_mailbox(text.data, end, out) == end ? 0 : -1;
}


/* `<>`, `<postmaster>`, or `<` [A-d-l ":"] Mailbox `>`. */

static const u_char *
jm_take_path(const u_char *p, const u_char *end, jm_address_t *out)
{
    unsigned      utf8;
    const u_char *close;

    if (*p++ != '<') {
        return NULL;
    }

    if (p < end && *p == '>') {
        out->null = 1;
        out->path = jm_slice(p, p);
        return p + 1;
    }

    close = memchr(p, '>', (size_t) (end - p));

    if (close != NULL && jm_is_word(p, (size_t) (close - p), "postmaster")) {
        out->postmaster = 1;
        out->path = jm_slice(p, close);
        out->local = out->path;
        return close + 1;
    }

    utf8 = 0;

    p = jm_take_route(p, end, &utf8);
    if (p == NULL) {
        return NULL;
    }

    p = jm_take_mailbox(p, end, out);

    if (p == NULL || p == end || *p != '>') {
        return NULL;
    }

    out->utf8 |= utf8;

    return p + 1;
}


/*
 * RFC 5321 3.6.1 and C: a source route must be accepted, should be stripped
 * and is never followed.  Without one, returns `p` itself.
 */

static const u_char *
jm_take_route(const u_char *p, const u_char *end, unsigned *utf8)
{
    if (p == end || *p != '@') {
        return p;
    }

    do {
        if (p == end || *p != '@') {
            return NULL;
        }

        p = jm_take_domain(p + 1, end, utf8);

        if (p == NULL || p == end) {
            return NULL;
        }
    } while (*p++ == ',');

    return p[-1] == ':' ? p : NULL;
}


/* Local-part "@" ( Domain / address-literal ) */

static const u_char *
jm_take_mailbox(const u_char *p, const u_char *end, jm_address_t *out)
{
    unsigned      utf8;
    const u_char *start, *at;

    utf8 = 0;
    start = p;

    at = p < end && *p == '"' ? jm_take_quoted(p, end, &utf8)
                              : jm_take_dot_string(p, end, &utf8);

    if (at == NULL || at == end || *at != '@' || at - start > JM_LOCAL_MAX) {
        return NULL;
    }

    p = at + 1;

    if (p < end && *p == '[') {
        out->literal = 1;
        p = jm_take_literal(p, end);
    } else {
        p = jm_take_domain(p, end, &utf8);
    }

    if (p == NULL || p - start > JM_PATH_MAX) {
        return NULL;
    }

    out->path = jm_slice(start, p);
    out->local = jm_slice(start, at);
    out->domain = jm_slice(at + 1, p);
    out->utf8 = utf8;

    return p;
}


/* Dot-string = Atom *("." Atom) */

static const u_char *
jm_take_dot_string(const u_char *p, const u_char *end, unsigned *utf8)
{
    const u_char *atom, *next;

    for (;;) {
        atom = p;

        while (p < end) {
            if (*p >= 0x80) {
                next = jm_take_utf8(p, end);
                if (next == NULL) {
                    return NULL;
                }

                *utf8 = 1;
                p = next;

            } else if (jm_is_atext(*p)) {
                p++;

            } else {
                break;
            }
        }

        if (p == atom) {
            return NULL;
        }

        if (p == end || *p != '.') {
            return p;
        }

        p++;
    }
}


/* Quoted-string = DQUOTE *QcontentSMTP DQUOTE; no folding, no controls. */

static const u_char *
jm_take_quoted(const u_char *p, const u_char *end, unsigned *utf8)
{
    p++;

    while (p < end) {
        if (*p == '"') {
            return p + 1;
        }

        if (*p == '\\') {
            p++;

            /* quoted-pairSMTP: a backslash and one printable ASCII */

            if (p == end || *p < 0x20 || *p > 0x7e) {
                return NULL;
            }

            p++;

        } else if (*p >= 0x80) {
            p = jm_take_utf8(p, end);
            if (p == NULL) {
                return NULL;
            }

            *utf8 = 1;

        } else if (*p < 0x20 || *p == 0x7f) {
            return NULL;

        } else {
            p++;
        }
    }

    return NULL;
}


/* Domain = sub-domain *("." sub-domain) */

static const u_char *
jm_take_domain(const u_char *p, const u_char *end, unsigned *utf8)
{
    const u_char *start;

    start = p;

    for (;;) {
        p = jm_take_label(p, end, utf8);

        if (p == NULL || p - start > JM_DOMAIN_MAX) {
            return NULL;
        }

        if (p == end || *p != '.') {
            return p;
        }

        p++;
    }
}


/*
 * sub-domain = Let-dig [Ldh-str] / U-label; at most 63 octets (RFC 1035,
 * 2.3.4), but for a U-label, of which its A-label counts (RFC 5890, 4.2):
 * whether it has one is seen when it is looked up.
 */

static const u_char *
jm_take_label(const u_char *p, const u_char *end, unsigned *utf8)
{
    size_t        max;
    const u_char *start;

    start = p;
    max = JM_LABEL_MAX;

    while (p != NULL && p < end) {
        if (*p >= 0x80) {
            p = jm_take_utf8(p, end);
            max = JM_DOMAIN_MAX;
            *utf8 = 1;

        } else if (jm_is_alnum(*p) || (*p == '-' && p > start)) {
            p++;

        } else {
            break;
        }
    }

    if (p == NULL || p == start || p[-1] == '-' || (size_t) (p - start) > max)
    {
        return NULL;
    }

    return p;
}


/* IPv4-address-literal = Snum 3("." Snum), the whole of `text` */

static int
jm_is_ipv4(const u_char *p, const u_char *end)
{
    unsigned n, digits, value;

    for (n = 0; n < 4; n++) {
        value = 0;

        for (digits = 0; digits < 3 && p < end && *p >= '0' && *p <= '9';
             digits++) {
            value = value * 10 + (unsigned) (*p++ - '0');
        }

        if (digits == 0 || value > 255) {
            return 0;
        }

        if (n < 3 && (p == end || *p++ != '.')) {
            return 0;
        }
    }

    return p == end;
}


static int
jm_is_ipv6(const u_char *p, const u_char *end)
{
    char            text[INET6_ADDRSTRLEN];
    size_t          len;
    struct in6_addr addr;

    len = (size_t) (end - p);

    if (len >= sizeof(text) || memchr(p, '\0', len) != NULL) {
        return 0;
    }

    memcpy(text, p, len);
    text[len] = '\0';

    return inet_pton(AF_INET6, text, &addr) == 1;
}


/* General-address-literal = Standardized-tag ":" 1*dcontent */

static int
jm_is_general_literal(const u_char *p, const u_char *end)
{
    const u_char *colon;

    colon = memchr(p, ':', (size_t) (end - p));

    if (colon == NULL || colon == p || colon[-1] == '-' || colon + 1 == end) {
        return 0;
    }

    for (/* void */; p < colon; p++) {
        if (!jm_is_alnum(*p) && *p != '-') {
            return 0;
        }
    }

    for (p = colon + 1; p < end; p++) {
        if (*p < 33 || *p > 126 || *p == '[' || *p == '\\') {
            return 0;
        }
    }

    return 1;
}


static const u_char *
jm_take_literal(const u_char *p, const u_char *end)
{
    const u_char *close;

    close = memchr(p, ']', (size_t) (end - p));

    if (close == NULL || close + 1 - p > JM_DOMAIN_MAX) {
        return NULL;
    }

    p++;

    if (close - p > 5 && jm_is_word(p, 5, "ipv6:")) {
        return jm_is_ipv6(p + 5, close) ? close + 1 : NULL;
    }

    if (jm_is_ipv4(p, close) || jm_is_general_literal(p, close)) {
        return close + 1;
    }

    return NULL;
}


/*
 * UTF8-non-ascii of RFC 6531 3.3.  Well-formed there, but refused by us as
 * ASCII's controls are: the C1 controls and the line ends of Unicode, for no
 * mailbox has one and terminals obey them; and what turns the direction of
 * the text around it, for that only shows an address as another.
 */

static const u_char *
jm_take_utf8(const u_char *p, const u_char *end)
{
    size_t   len;
    uint32_t cp;

    len = jm_utf8_decode(p, end, &cp);

    if (len == 0 || cp < 0xa0 || (cp >= 0x2028 && cp <= 0x202e)
        || (cp >= 0x2066 && cp <= 0x2069))
    {
        return NULL;
    }

    return p + len;
}


ssize_t
jm_address_key(const jm_address_t *address, u_char *out)
{
    u_char   local[JM_LOCAL_MAX];
    ssize_t  len, domain;
    jm_str_t text;

    if (address->postmaster) {
        memcpy(out, "postmaster@", sizeof("postmaster@") - 1);
        return sizeof("postmaster@") - 1;
    }

    if (address->null || address->literal || address->domain.len == 0) {
        return -1;
    }

    text.data = local;
    text.len = jm_untagged(address->local, local);

    len = jm_idn_local(text, out, JM_LOCAL_MAX);
    if (len <= 0) {
        return -1;
    }

    out[len++] = '@';

    domain = jm_domain_ascii(address->domain, out + len);

    return domain < 0 ? -1 : len + domain;
}


/* What Unicode makes of a U-label has still to be a domain. */

static ssize_t
jm_domain_ascii(jm_str_t domain, u_char *out)
{
    ssize_t  len;
    unsigned utf8;

    utf8 = 0;
    len = jm_idn_domain(domain, out, JM_DOMAIN_MAX);

    if (len <= 0 || jm_take_domain(out, out + len, &utf8) != out + len || utf8)
    {
        return -1;
    }

    return len;
}


/* The local part without quotes, escapes and `+tag`; its length. */

static size_t
jm_untagged(jm_str_t local, u_char *out)
{
    u_char       *w;
    unsigned      quoted;
    const u_char *p, *end;

    w = out;
    p = local.data;
    end = p + local.len;
    quoted = p < end && *p == '"';

    if (quoted) {
        p++;
        end--;
    }

    for (/* void */; p < end; p++) {
        if (quoted && *p == '\\') {
            p++;
        }

        if (*p == '+') {
            break;
        }

        *w++ = *p;
    }

    return (size_t) (w - out);
}


int
jm_alias_valid(jm_str_t alias)
{
    int           first;
    u_char        normal[JM_LOCAL_MAX];
    size_t        len;
    unsigned      utf8;
    uint32_t      cp;
    const u_char *p, *end;

    utf8 = 0;
    end = alias.data + alias.len;

    if (alias.len == 0 || alias.len > JM_LOCAL_MAX
        || memchr(alias.data, '+', alias.len) != NULL
        || jm_take_dot_string(alias.data, end, &utf8) != end
        || jm_idn_local(alias, normal, sizeof(normal)) < 0)
    {
        return 0;
    }

    /* RFC 8265, 3.3: of what is not ASCII, an identifier has letters and
       digits; symbols, spaces and the invisible only serve to deceive. */

    for (p = alias.data, first = 1; p < end; p += len) {
        len = jm_utf8_decode(p, end, &cp);

        if (cp >= 0x80
            && (!jm_idn_is_word(cp) || (first && jm_idn_is_mark(cp)))) {
            return 0;
        }

        first = (cp == '.');
    }

    return 1;
}


ssize_t
jm_domain_key(jm_str_t domain, u_char *out)
{
    ssize_t  len;
    jm_str_t key;
    unsigned utf8;

    utf8 = 0;
    key.data = out;

    if (domain.len == 0 || domain.len > JM_DOMAIN_MAX
        || jm_take_domain(domain.data, domain.data + domain.len, &utf8)
               != domain.data + domain.len)
    {
        return -1;
    }

    len = jm_domain_ascii(domain, out);
    key.len = (size_t) len;

    return len > 0 && jm_domain_valid(key) ? len : -1;
}


int
jm_domain_valid(jm_str_t domain)
{
    unsigned      utf8;
    const u_char *p, *end, *last;

    if (domain.len == 0 || domain.len > 253) {
        return 0;
    }

    utf8 = 0;
    end = domain.data + domain.len;

    if (jm_take_domain(domain.data, end, &utf8) != end || utf8) {
        return 0;
    }

    for (last = end - 1; *last != '.'; last--) {
        if (last == domain.data) {
            return 0;
        }
    }

    /* RFC 1123 2.1: the highest label is not all digits, so that a name
       cannot be taken for an IPv4 address. */

    for (p = last + 1; p < end; p++) {
        if (*p < '0' || *p > '9') {
            return 1;
        }
    }

    return 0;
}
