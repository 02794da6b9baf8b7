/*
 * Where a declaration or a rule ends that is not read: css-syntax-3, section
 * 5, with its recovery from errors, so that a browser and we agree where the
 * next one begins.
 *
 * Called by css.c, css_sheet.c and css_selector.c.  Pure C; work on the
 * current token and leave css->token on the one that follows.
 */

#ifndef JM_CSS_PARSE_H
#define JM_CSS_PARSE_H

#include "css_token.h"

/*
 * Skips component values up to one of the bytes in `stops`, or the end;
 * what is in brackets is skipped with them.  The stop is then the current
 * token.
 */
void jm_css_skip_to(jm_css_t *css, const char *stops);

/* At "{": up to and over its "}". */
void jm_css_skip_block(jm_css_t *css);

/*
 * At the name of an at-rule, or at the first token of what is no declaration
 * and may be a rule (5.5.2 and 5.5.3): over its block or ";".  In a block, its
 * "}" is left to the caller.
 */
void jm_css_skip_rule(jm_css_t *css);

/* A declaration, from any of its tokens: up to its ";" (5.5.6). */
void jm_css_skip_declaration(jm_css_t *css);

#endif /* JM_CSS_PARSE_H */
