/*
 * The colours of html_colour.h.
 */

#include "html_colour.h"

#include <strings.h>

#include "html_str.h"

#define JM_COLOUR_MAX 128 /* characters that are looked at */

typedef struct {
    const char *name;
    int32_t     value;
} jm_colour_t;


#define JM_COLOUR(name, value) { #name, value },

static const jm_colour_t jm_colours[] = {
#include "html_colours.def"
};

#undef JM_COLOUR

#define JM_NCOLOURS (sizeof(jm_colours) / sizeof(jm_colours[0]))


/* -1 if it is no name. */
static int32_t
jm_colour_name(jm_str_t raw)
{
    int    cmp;
    size_t low, high, middle;

    low = 0;
    high = JM_NCOLOURS;

    while (low < high) {
        middle = (low + high) / 2;
        cmp = strncasecmp(jm_colours[middle].name, (char *) raw.data, raw.len);

        if (cmp == 0 && jm_colours[middle].name[raw.len] != '\0') {
            cmp = 1;
        }

        if (cmp == 0) {
            return jm_colours[middle].value;
        }

        if (cmp < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    return -1;
}


static int
jm_colour_digit(u_char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


/* One digit for each character, those that are none as 0; returns how many. */
static size_t
jm_colour_digits(u_char *digits, jm_str_t raw)
{
    int    digit;
    size_t i, n;

    n = 0;

    for (i = 0; i < raw.len && n < JM_COLOUR_MAX; i++) {
        if ((raw.data[i] & 0xC0) == 0x80) {
            continue; /* inside a character */
        }

        digit = jm_colour_digit(raw.data[i]);
        digits[n++] = (u_char) (digit < 0 ? 0 : digit);

        /* beyond the BMP a character counts as two */
        if (raw.data[i] >= 0xF0 && n < JM_COLOUR_MAX) {
            digits[n++] = 0;
        }
    }

    return n;
}


/* Three parts alike in length; of each the first two digits that matter. */
static int32_t
jm_colour_parts(const u_char *digits, size_t len)
{
    size_t  i, start, end;
    int32_t value;

    start = (len > 8) ? len - 8 : 0;
    end = len;

    while (end - start > 2 && digits[start] == 0 && digits[start + len] == 0
           && digits[start + 2 * len] == 0)
    {
        start++;
    }

    value = 0;

    for (i = 0; i < 3; i++) {
        value = value << 4 | (end - start > 1 ? digits[start + i * len] : 0);
        value = value << 4
                | digits[start + i * len + (end - start > 1 ? 1 : 0)];
    }

    return value;
}


int32_t
jm_colour_legacy(jm_str_t raw)
{
    size_t  n;
    u_char  digits[JM_COLOUR_MAX + 3];
    int32_t value;

    raw = jm_html_trim(raw);

    if (raw.len == 0
        || (raw.len == 11
            && strncasecmp((char *) raw.data, "transparent", 11) == 0))
    {
        return -1;
    }

    value = jm_colour_name(raw);

    if (value >= 0) {
        return value;
    }

    memset(digits, 0, sizeof(digits));

    if (raw.len == 4 && raw.data[0] == '#' && jm_colour_digit(raw.data[1]) >= 0
        && jm_colour_digit(raw.data[2]) >= 0
        && jm_colour_digit(raw.data[3]) >= 0)
    {
        return jm_colour_digit(raw.data[1]) * 0x110000
               + jm_colour_digit(raw.data[2]) * 0x1100
               + jm_colour_digit(raw.data[3]) * 0x11;
    }

    if (raw.data[0] == '#') {
        raw.data++;
        raw.len--;
    }

    n = jm_colour_digits(digits, raw);

    return jm_colour_parts(digits, n == 0 ? 1 : (n + 2) / 3);
}
