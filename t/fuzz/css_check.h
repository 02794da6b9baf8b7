/*
 * An independent look at CSS that the sanitiser wrote: the bytes, functions
 * and at-rules in it, without the help of its tokenizer.  Included by
 * fuzz_css.c and fuzz_html.c; a finding aborts.
 */

#ifndef CSS_CHECK_H
#define CSS_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jm_str.h"


static void
css_check_fail(const char *what, jm_str_t css)
{
    fprintf(stderr, "%s:\n%.*s\n", what, (int) css.len, css.data);
    abort();
}


static int
css_check_is_name(u_char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '\\';
}


/* The name in front of the "(" at `end`. */
static void
css_check_function(jm_str_t css, size_t end)
{
    char   name[32];
    size_t i, n, start;

    static const char *const names[] = { "rgb",
                                         "rgba",
                                         "hsl",
                                         "hsla",
                                         "hwb",
                                         "lab",
                                         "lch",
                                         "oklab",
                                         "oklch",
                                         "color-mix",
                                         "linear-gradient",
                                         "radial-gradient",
                                         "conic-gradient",
                                         "repeating-linear-gradient",
                                         "repeating-radial-gradient",
                                         "repeating-conic-gradient",
                                         "calc",
                                         "min",
                                         "max",
                                         "clamp",
                                         "minmax",
                                         "repeat",
                                         "fit-content",
                                         "not",
                                         "nth-child" };

    for (start = end; start > 0 && css_check_is_name(css.data[start - 1]);
         start--) {
        /* void */
    }

    n = end - start;

    if (n >= sizeof(name)) {
        css_check_fail("function", css);
    }

    for (i = 0; i < n; i++) {
        name[i] = (char) css.data[start + i];

        if (name[i] >= 'A' && name[i] <= 'Z') {
            name[i] |= 0x20;
        }
    }

    name[n] = '\0';

    /* brackets alone */
    if (n == 0 || strcmp(name, "and") == 0) {
        return;
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            return;
        }
    }

    css_check_fail("function", css);
}


static void
css_check(jm_str_t css, int sheet)
{
    int    quoted;
    size_t i, open;
    u_char c;

    quoted = 0;
    open = 0;

    for (i = 0; i < css.len; i++) {
        c = css.data[i];

        if (c < ' ' || c >= 0x7F || c == '<' || c == '&' || c == '`'
            || c == '\'') {
            css_check_fail("byte", css);
        }

        /* escaped letters could spell what is forbidden */
        if (c == '\\') {
            unsigned n;

            n = (unsigned) strtoul((char *) css.data + i + 1, NULL, 16);

            if ((n | 0x20) >= 'a' && (n | 0x20) <= 'z') {
                css_check_fail("escape", css);
            }
        }

        if (c == '"') {
            quoted = !quoted;
        }

        if (quoted) {
            continue;
        }

        if (c == '>'
            && (!sheet || css.data[i - 1] != ' ' || css.data[i + 1] != ' ')) {
            css_check_fail("stray >", css);
        }

        if (c == '@'
            && (!sheet || css.len - i < 7
                || memcmp(css.data + i, "@media ", 7) != 0))
        {
            css_check_fail("at-rule", css);
        }

        if (c == '(') {
            css_check_function(css, i);
        }

        open += (c == '{');

        if (c == '{' && !sheet) {
            css_check_fail("block", css);
        }

        if (c == '}' && open-- == 0) {
            css_check_fail("braces", css);
        }
    }

    if (quoted || open != 0) {
        css_check_fail("unbalanced", css);
    }
}

#endif /* CSS_CHECK_H */
