/*
 * XCLIENT's attributes behind jm_xclient.h.
 */

#include "jm_xclient.h"

#include <arpa/inet.h>

#include "jm_smtp.h"

typedef struct {
    const char *name;
    int (*set)(jm_xclient_t *out, jm_str_t value);
} jm_xclient_attribute_t;

static int jm_xclient_decode(jm_str_t *value);
static int jm_xclient_hex(u_char c);
static int jm_xclient_set_name(jm_xclient_t *out, jm_str_t value);
static int jm_xclient_set_addr(jm_xclient_t *out, jm_str_t value);
static int jm_xclient_set_port(jm_xclient_t *out, jm_str_t value);
static int jm_xclient_set_proto(jm_xclient_t *out, jm_str_t value);
static int jm_xclient_set_helo(jm_xclient_t *out, jm_str_t value);
static int jm_xclient_ignore(jm_xclient_t *out, jm_str_t value);

static const jm_xclient_attribute_t jm_xclient_attributes[] = {
    { "NAME", jm_xclient_set_name },   { "ADDR", jm_xclient_set_addr },
    { "PORT", jm_xclient_set_port },   { "PROTO", jm_xclient_set_proto },
    { "HELO", jm_xclient_set_helo },   { "LOGIN", jm_xclient_ignore },
    { "DESTADDR", jm_xclient_ignore }, { "DESTPORT", jm_xclient_ignore },
};

#define JM_COUNT(table) (sizeof(table) / sizeof((table)[0]))


int
jm_xclient_parse(jm_str_t arg, jm_xclient_t *out)
{
    size_t   i;
    jm_str_t word, value;

    memset(out, 0, sizeof(jm_xclient_t));

    if (arg.len == 0) {
        return -1;
    }

    while (arg.len != 0) {
        jm_smtp_split(arg, &word, &arg);

        value.data = memchr(word.data, '=', word.len);
        if (value.data == NULL) {
            return -1;
        }

        value.len = (size_t) (word.data + word.len - ++value.data);
        word.len -= value.len + 1;

        for (i = 0; i < JM_COUNT(jm_xclient_attributes); i++) {
            if (jm_smtp_is(word, jm_xclient_attributes[i].name)) {
                break;
            }
        }

        if (i == JM_COUNT(jm_xclient_attributes)
            || jm_xclient_decode(&value) == -1) {
            return -1;
        }

        if (jm_smtp_is(value, "[UNAVAILABLE]")
            || jm_smtp_is(value, "[TEMPUNAVAIL]")) {
            value.len = 0;
        }

        if (jm_xclient_attributes[i].set(out, value) == -1) {
            return -1;
        }
    }

    return 0;
}


/* xtext of RFC 3461, 4: `+` and two digits stand for an octet. */

static int
jm_xclient_decode(jm_str_t *value)
{
    int     high, low;
    u_char *p, *end, *to;

    p = value->data;
    end = p + value->len;
    to = p;

    while (p < end) {
        if (*p != '+') {
            *to++ = *p++;
            continue;
        }

        if (end - p < 3) {
            return -1;
        }

        high = jm_xclient_hex(p[1]);
        low = jm_xclient_hex(p[2]);

        if (high == -1 || low == -1) {
            return -1;
        }

        *to++ = (u_char) (high << 4 | low);
        p += 3;
    }

    value->len = (size_t) (to - value->data);

    return 0;
}


static int
jm_xclient_hex(u_char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}


static int
jm_xclient_set_name(jm_xclient_t *out, jm_str_t value)
{
    out->name = value;
    out->renamed = 1;

    return 0;
}


static int
jm_xclient_set_addr(jm_xclient_t *out, jm_str_t value)
{
    char     text[INET6_ADDRSTRLEN];
    jm_str_t prefix;

    out->family = 0;

    if (value.len == 0) {
        return 0;
    }

    out->family = AF_INET;
    prefix.data = value.data;
    prefix.len = 5;

    if (value.len > 5 && jm_smtp_is(prefix, "IPV6:")) {
        out->family = AF_INET6;
        value.data += 5;
        value.len -= 5;
    }

    if (value.len >= sizeof(text)) {
        return -1;
    }

    memcpy(text, value.data, value.len);
    text[value.len] = '\0';

    return inet_pton(out->family, text, out->addr) == 1 ? 0 : -1;
}


static int
jm_xclient_set_port(jm_xclient_t *out, jm_str_t value)
{
    uint64_t port;

    out->port = 0;

    if (value.len == 0) {
        return 0;
    }

    if (jm_smtp_number(value, &port) == -1 || port > 65535) {
        return -1;
    }

    out->port = (unsigned) port;

    return 0;
}


static int
jm_xclient_set_proto(jm_xclient_t *out, jm_str_t value)
{
    out->proto = 1;
    out->esmtp = jm_smtp_is(value, "ESMTP");

    return out->esmtp || value.len == 0 || jm_smtp_is(value, "SMTP") ? 0 : -1;
}


static int
jm_xclient_set_helo(jm_xclient_t *out, jm_str_t value)
{
    out->helo = value;

    return 0;
}


/* LOGIN: there is no AUTH.  DESTADDR, DESTPORT: nothing asks for them. */

static int
jm_xclient_ignore(jm_xclient_t *out, jm_str_t value)
{
    return 0;
}
