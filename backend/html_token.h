/*
 * The HTML tokenizer: source text in, start tags, end tags and text out, as
 * the WHATWG state machine (HTML Standard, 13.2.5) cuts them, so that we and
 * every browser agree where a tag ends.  Comments, conditional comments,
 * CDATA, doctypes and processing instructions are eaten here.
 *
 * Called by html_tree.c, which also tells when raw text begins.  Pure C.
 * Names, values and text point into the source where nothing had to be
 * decoded, else into the arena.  Tokens live as long as source and arena,
 * attributes until the next call.
 */

#ifndef JM_HTML_TOKEN_H
#define JM_HTML_TOKEN_H

#include <stdint.h>

#include "arena.h"
#include "jm_utf8.h"

#define JM_TOKEN_MAX_ATTRS 200
#define JM_TOKEN_MAX_VALUE (64 * 1024)
#define JM_TOKEN_MAX_DATA  (700 * 1024) /* of a value beginning "data:" */

typedef enum {
    JM_TOKEN_EOF,
    JM_TOKEN_TEXT,
    JM_TOKEN_START,
    JM_TOKEN_END
} jm_token_kind_t;

/* What the tokenizer does with `<` and `&` after certain start tags. */
typedef enum {
    JM_CONTENT_DATA,
    JM_CONTENT_RCDATA,  /* title, textarea: references, no tags */
    JM_CONTENT_RAWTEXT, /* style, xmp, iframe…: neither */
    JM_CONTENT_SCRIPT,  /* as raw text, with the escaped states */
    JM_CONTENT_PLAIN    /* to the end of the source */
} jm_content_t;

typedef struct {
    jm_str_t name;  /* ASCII letters lower-case */
    jm_str_t value; /* references decoded */
} jm_token_attr_t;

typedef struct {
    jm_token_kind_t  kind;
    jm_str_t         name;
    jm_str_t         text;
    jm_token_attr_t *attrs; /* may repeat names: the first one counts */
    size_t           nattrs;
    unsigned         self_closing : 1;
    unsigned         cut : 1; /* attributes or part of a value are missing */
} jm_token_t;

typedef struct {
    jm_arena_t     *arena;
    const u_char   *pos;
    const u_char   *end;
    jm_str_t        doctype; /* the first one: what follows "<!doctype" */
    jm_content_t    content;
    jm_str_t        raw_name; /* the end tag that ends the raw text */
    jm_token_attr_t attrs[JM_TOKEN_MAX_ATTRS];
} jm_tokenizer_t;

/* `source` must not change while tokens are in use. */
void jm_tokenizer_init(jm_tokenizer_t *t, jm_arena_t *arena, jm_str_t source);

/* The next token; JM_TOKEN_EOF for ever at the end. */
void jm_tokenizer_next(jm_tokenizer_t *t, jm_token_t *token);

/* To be called after the start tag `name` was returned. */
void jm_tokenizer_content(jm_tokenizer_t *t, jm_content_t content,
                          jm_str_t name);

/* The value of a token's attribute, NULL if it has none of the name. */
const jm_str_t *jm_token_find(const jm_token_t *token, const char *name);

/*
 * Bytes that are not UTF-8, NUL and noncharacters become U+FFFD; CR and CRLF
 * become LF.
 */
jm_str_t jm_html_preprocess(jm_arena_t *arena, jm_str_t source);

#endif /* JM_HTML_TOKEN_H */
