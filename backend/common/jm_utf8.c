/*
 * The UTF-8 decoder and encoder behind jm_utf8.h, after the table of
 * well-formed sequences in RFC 3629, 4.
 */

#include "jm_utf8.h"


size_t
jm_utf8_decode(const u_char *p, const u_char *end, uint32_t *cp)
{
    size_t                i, len;
    uint32_t              c;
    static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };

    if (p[0] < 0x80) {
        *cp = p[0];
        return 1;
    }

    if (p[0] < 0xc2 || p[0] > 0xf4) {
        return 0;
    }

    len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

    if ((size_t) (end - p) < len) {
        return 0;
    }

    c = p[0] & (0x7f >> len);

    for (i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        c = c << 6 | (p[i] & 0x3f);
    }

    if (c < smallest[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        return 0;
    }

    *cp = c;

    return len;
}


size_t
jm_utf8_encode(uint32_t cp, u_char *out)
{
    if (cp < 0x80) {
        out[0] = (u_char) cp;
        return 1;
    }

    if (cp < 0x800) {
        out[0] = (u_char) (0xc0 | cp >> 6);
        out[1] = (u_char) (0x80 | (cp & 0x3f));
        return 2;
    }

    if (cp < 0x10000) {
        out[0] = (u_char) (0xe0 | cp >> 12);
        out[1] = (u_char) (0x80 | (cp >> 6 & 0x3f));
        out[2] = (u_char) (0x80 | (cp & 0x3f));
        return 3;
    }

    out[0] = (u_char) (0xf0 | cp >> 18);
    out[1] = (u_char) (0x80 | (cp >> 12 & 0x3f));
    out[2] = (u_char) (0x80 | (cp >> 6 & 0x3f));
    out[3] = (u_char) (0x80 | (cp & 0x3f));

    return 4;
}
