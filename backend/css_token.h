/*
 * The CSS tokenizer (css-syntax-3, section 4): the source of a style attribute
 * or block in, one token at a time out, escapes decoded.  NUL and CR are gone
 * already (jm_html_preprocess); a form feed is a newline here.
 *
 * Called by the other css_*.c.  Pure C.  A token's text points into the source
 * where nothing had to be decoded, else into the arena; it lives as long as
 * both.
 */

#ifndef JM_CSS_TOKEN_H
#define JM_CSS_TOKEN_H

#include <strings.h>

#include "arena.h"

typedef enum {
    JM_CSS_EOF,
    JM_CSS_IDENT,
    JM_CSS_FUNCTION,
    JM_CSS_AT,
    JM_CSS_HASH,
    JM_CSS_STRING,
    JM_CSS_BAD_STRING,
    JM_CSS_URL,
    JM_CSS_BAD_URL,
    JM_CSS_NUMBER,
    JM_CSS_PERCENTAGE,
    JM_CSS_DIMENSION,
    JM_CSS_SPACE,
    JM_CSS_CDO,  /* <!-- */
    JM_CSS_CDC,  /* --> */
    JM_CSS_DELIM /* any other single byte, brackets included */
} jm_css_kind_t;

typedef struct {
    jm_css_kind_t kind;
    jm_str_t      text; /* name, string, URL or unit, escapes decoded */
    double        number;
    u_char        delim;
    unsigned      integer : 1; /* NUMBER: without fraction or exponent */
    unsigned      id : 1;      /* HASH: an identifier, not a colour alone */
} jm_css_token_t;

typedef struct {
    jm_arena_t    *arena;
    const u_char  *pos; /* behind the token; may be set back to read again */
    const u_char  *end;
    jm_css_token_t token;         /* the current one */
    unsigned       nested : 1;    /* in a block, which ends at its "}" */
    unsigned       in_parens : 1; /* the same with ")" */
} jm_css_t;

void jm_css_init(jm_css_t *css, jm_arena_t *arena, jm_str_t source);

/*
 * Reads the next token into css->token; JM_CSS_EOF for ever at the end.
 * Comments are none: what they part are two tokens without space.
 */
void jm_css_next(jm_css_t *css);

/* The same, and on to the first one that is not space. */
void jm_css_next_solid(jm_css_t *css);


static inline int
jm_css_is(jm_str_t str, const char *word)
{
    /* most differ in the first letter already, whatever its case */
    return str.len != 0 && ((str.data[0] ^ (u_char) word[0]) & 0xDF) == 0
           && strlen(word) == str.len
           && strncasecmp((char *) str.data, word, str.len) == 0;
}


static inline int
jm_css_digit(u_char c)
{
    return c >= '0' && c <= '9';
}


static inline int
jm_css_hex(u_char c)
{
    return jm_css_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}


static inline int
jm_css_is_delim(jm_css_t *css, u_char c)
{
    return css->token.kind == JM_CSS_DELIM && css->token.delim == c;
}


/* Does a declaration end here? */
static inline int
jm_css_is_end(jm_css_t *css)
{
    return css->token.kind == JM_CSS_EOF || jm_css_is_delim(css, ';')
           || (css->nested && jm_css_is_delim(css, '}'))
           || (css->in_parens && jm_css_is_delim(css, ')'));
}

#endif /* JM_CSS_TOKEN_H */
