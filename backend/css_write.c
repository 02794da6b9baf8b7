/*
 * The writing of css_write.h.
 */

#include "css_write.h"

#include "css_token.h"
#include "jm_utf8.h"


/* Names and strings: everything but letters and digits as `\hex `. */
void
jm_css_write_escaped(jm_buf_t *out, jm_str_t str, const char *plain)
{
    size_t        len;
    uint32_t      c;
    const u_char *p, *end;

    if (str.len == 0) {
        return;
    }

    p = str.data;
    end = p + str.len;

    while (p < end) {
        len = jm_utf8_decode(p, end, &c);

        if (len == 0) {
            len = 1;
            c = 0xFFFD;
        }

        if (c < 0x80
            && (jm_css_digit((u_char) c) || (c | 0x20) - 'a' < 26u
                || (c != 0 && strchr(plain, (int) c) != NULL)))
        {
            jm_buf_addc(out, (int) c);
        } else {
            jm_buf_printf(out, "\\%x ", c);
        }

        p += len;
    }
}


/* An identifier so written reads as the same identifier. */
void
jm_css_write_ident(jm_buf_t *out, jm_str_t name)
{
    jm_str_t rest;

    rest = name;

    /* a digit in front, or behind one "-", would begin a number */
    if (rest.len >= 2 && rest.data[0] == '-' && jm_css_digit(rest.data[1])) {
        jm_buf_addc(out, '-');
        rest.data++;
        rest.len--;
    }

    if (rest.len == 1 && rest.data == name.data && rest.data[0] == '-') {
        jm_buf_adds(out, "\\2d ");
        return;
    }

    if (rest.len != 0 && jm_css_digit(rest.data[0])) {
        jm_buf_printf(out, "\\%x ", rest.data[0]);
        rest.data++;
        rest.len--;
    }

    jm_css_write_escaped(out, rest, "-_");
}


/* Up to four decimals, no exponent. */
void
jm_css_write_number(jm_buf_t *out, double number)
{
    long   n;
    size_t i;
    u_char decimals[5];

    n = (long) (number * 10000 + (number < 0 ? -0.5 : 0.5));

    if (n < 0) {
        jm_buf_addc(out, '-');
        n = -n;
    }

    jm_buf_number(out, (unsigned long) n / 10000);
    n %= 10000;

    if (n == 0) {
        return;
    }

    for (i = sizeof(decimals) - 1; i > 0; i--) {
        decimals[i] = (u_char) ('0' + n % 10);
        n /= 10;
    }

    decimals[0] = '.';

    for (i = sizeof(decimals); decimals[i - 1] == '0'; i--) {
        /* void */
    }

    jm_buf_add(out, decimals, i);
}


void
jm_css_write_string(jm_buf_t *out, jm_str_t str)
{
    jm_buf_addc(out, '"');
    jm_css_write_escaped(out, str, " .,-_");
    jm_buf_addc(out, '"');
}
