/*
 * The decoder of base64.h.
 */

#include "base64.h"

#include <stdint.h>


int
jm_base64_digit(u_char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}


void
jm_base64_decode(jm_buf_t *out, jm_str_t in)
{
    int      digit, bits;
    size_t   i;
    uint32_t word;

    word = 0;
    bits = 0;

    for (i = 0; i < in.len; i++) {
        digit = jm_base64_digit(in.data[i]);

        if (digit < 0) {
            if (in.data[i] == '=') {
                bits = 0; /* padding: the next byte begins afresh */
            }

            continue;
        }

        word = (word << 6) | (uint32_t) digit;
        bits += 6;

        if (bits >= 8) {
            bits -= 8;
            jm_buf_addc(out, (word >> bits) & 0xff);
        }
    }
}
