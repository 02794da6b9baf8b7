/*
 * The error recovery of css_parse.h.
 */

#include "css_parse.h"

/* Brackets in one another; what is deeper is all skipped. */
#define JM_CSS_MAX_DEPTH 256


static u_char
jm_css_closer(jm_css_t *css)
{
    if (css->token.kind == JM_CSS_FUNCTION || jm_css_is_delim(css, '(')) {
        return ')';
    }

    if (jm_css_is_delim(css, '[')) {
        return ']';
    }

    return jm_css_is_delim(css, '{') ? '}' : 0;
}


void
jm_css_skip_to(jm_css_t *css, const char *stops)
{
    u_char c, closer[JM_CSS_MAX_DEPTH];
    size_t depth;

    depth = 0;

    for (/* void */; css->token.kind != JM_CSS_EOF; jm_css_next(css)) {

        if (depth == 0 && css->token.kind == JM_CSS_DELIM
            && strchr(stops, css->token.delim) != NULL)
        {
            return;
        }

        c = jm_css_closer(css);

        if (c != 0) {
            if (depth == JM_CSS_MAX_DEPTH) {
                css->pos = css->end;
                continue;
            }

            closer[depth++] = c;

        } else if (depth != 0 && jm_css_is_delim(css, closer[depth - 1])) {
            depth--;
        }
    }
}


void
jm_css_skip_block(jm_css_t *css)
{
    jm_css_next(css);
    jm_css_skip_to(css, "}");
    jm_css_next(css);
}


void
jm_css_skip_rule(jm_css_t *css)
{
    jm_css_skip_to(css, css->nested ? ";{}" : ";{");

    if (jm_css_is_delim(css, '{')) {
        jm_css_skip_block(css);

    } else if (jm_css_is_delim(css, ';')) {
        jm_css_next(css);
    }
}


void
jm_css_skip_declaration(jm_css_t *css)
{
    jm_css_skip_to(css, css->nested ? ";}" : ";");
}
