/*
 * Hosts of URLs, after the URL Standard's host parser: names (Unicode by
 * jm_idn.c), IPv4 addresses in all their spellings, IPv6 addresses.
 *
 * Called by url.c.
 */

#include "url.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>

#include "jm_idn.h"
#include "url_private.h"

#define JM_HOST_MAX  253
#define JM_LABEL_MAX 63


static int
jm_host_digit(u_char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


/* Domain to ASCII.  Returns 0, or -1 for what cannot be a host. */
static int
jm_host_ascii(jm_buf_t *buf, jm_str_t host)
{
    size_t  i, label;
    u_char  out[JM_HOST_MAX + 1];
    ssize_t len;

    if (memchr(host.data, '\0', host.len) != NULL) {
        return -1;
    }

    len = jm_idn_domain(host, out, sizeof(out));
    label = 0;

    for (i = 0; len >= 0 && i < (size_t) len; i++) {

        /* forbidden domain code points */
        if (out[i] <= ' ' || out[i] >= 0x7F
            || strchr("\"#%/:<>?@[\\]^`{|}", out[i]) != NULL)
        {
            return -1;
        }

        label = (out[i] == '.') ? 0 : label + 1;

        if (label > JM_LABEL_MAX) {
            return -1;
        }
    }

    if (len > 0) {
        jm_buf_add(buf, out, (size_t) len);
    }

    return (len < 0) ? -1 : 0;
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
        digit = jm_host_digit(str.data[i]);

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


int
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

    if (jm_host_ascii(&buf, jm_url_percent_decode(arena, host)) != 0
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
