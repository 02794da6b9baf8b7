/*
 * Bytes and addresses made fit for a log.
 */

#include <stdint.h>

#include "jm_log.h"
#include "jm_utf8.h"

#define JM_LOG_ESCAPE 4 /* \xHH */

static int    jm_log_plain(uint32_t cp);
static size_t jm_log_hex(const u_char *p, size_t n, u_char *out);

/* Characters that a terminal obeys instead of showing, past ASCII. */
static const struct {
    uint32_t first;
    uint32_t last;
} jm_log_controls[] = {
    { 0x007f, 0x009f }, /* DEL, C1 */
    { 0x200e, 0x200f }, /* direction marks */
    { 0x2028, 0x202e }, /* line and paragraph ends, directions */
    { 0x2066, 0x2069 }, /* isolated directions */
    { 0xfff9, 0xfffb }, /* annotations */
};


size_t
jm_log_escape(jm_str_t in, u_char *out, size_t size)
{
    size_t        n, need, len;
    uint32_t      cp;
    const u_char *p, *end;

    p = in.data;
    end = p + in.len;
    len = 0;

    while (p < end) {
        n = jm_utf8_decode(p, end, &cp);

        if (n != 0 && jm_log_plain(cp)) {
            need = n;

        } else {
            n = n ? n : 1;
            need = n * JM_LOG_ESCAPE;
            cp = 0;
        }

        if (need > size - len) {
            break;
        }

        if (cp != 0) {
            memcpy(out + len, p, n);
            len += n;

        } else {
            len += jm_log_hex(p, n, out + len);
        }

        p += n;
    }

    return len;
}


static int
jm_log_plain(uint32_t cp)
{
    size_t i, n;

    if (cp < 0x20 || cp == '"' || cp == '\\') {
        return 0;
    }

    n = sizeof(jm_log_controls) / sizeof(jm_log_controls[0]);

    for (i = 0; i < n; i++) {
        if (cp >= jm_log_controls[i].first && cp <= jm_log_controls[i].last) {
            return 0;
        }
    }

    return 1;
}


static size_t
jm_log_hex(const u_char *p, size_t n, u_char *out)
{
    size_t            i;
    static const char hex[] = "0123456789ABCDEF";

    for (i = 0; i < n; i++) {
        *out++ = '\\';
        *out++ = 'x';
        *out++ = (u_char) hex[p[i] >> 4];
        *out++ = (u_char) hex[p[i] & 0xf];
    }

    return n * JM_LOG_ESCAPE;
}


jm_str_t
jm_log_address(jm_str_t path, jm_log_addresses_t addresses)
{
    size_t i;

    if (path.len == 0) {
        return jm_str("<>");
    }

    if (addresses == JM_LOG_FULL) {
        return path;
    }

    if (addresses == JM_LOG_DOMAIN) {
        /* A domain holds no "@", a quoted local part may. */
        for (i = path.len; i-- != 0; /* void */) {
            if (path.data[i] == '@') {
                path.data += i;
                path.len -= i;
                return path;
            }
        }
    }

    path.len = 0;

    return path;
}
