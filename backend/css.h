/*
 * The CSS of mails: the declarations of a style attribute or a rule in, those
 * that can neither fetch, cover nor deceive out, written anew from tokens.
 * Syntax after css-syntax-3; properties and values by allow-list.
 *
 * Called by html_attr.c and css_sheet.c.  Pure C; everything lives in the
 * arena of the buffer.
 */

#ifndef JM_CSS_H
#define JM_CSS_H

#include <stdint.h>

#include "arena.h"
#include "css_look.h"

#define JM_CSS_MAX_URLS 8

/* What the caller must know of the declarations. */
typedef struct {
    uint32_t  dropped;               /* taken out because it would fetch */
    jm_str_t  urls[JM_CSS_MAX_URLS]; /* as the mail wrote them */
    size_t    nurls;
    jm_look_t look; /* of all declarations, those dropped among them */
} jm_css_info_t;

/*
 * Filters a declaration list; writes "name:value;name:value", ASCII only and
 * free of `<`, `>` and `&`.  The same list again gives the same bytes.  `info`
 * is set, never added to.
 */
void jm_css_declarations(jm_buf_t *out, jm_css_info_t *info, jm_str_t source);

/*
 * The same for declarations in a rule, whose first token is the current one:
 * up to its "}", which is then current.  Adds to `info`; `rank` is the rule's
 * place in the cascade (css_look.h).
 */
void jm_css_block(jm_css_t *css, jm_css_info_t *info, jm_buf_t *out,
                  uint32_t rank);

#endif /* JM_CSS_H */
