/*
 * The atoms of CSS as they are written: printable ASCII, with escapes for
 * anything that could mean something else to anybody: `<`, `>` and `&` never
 * come out of here.
 *
 * Called by css_value.c, css_selector.c and css_media.c.  Pure C.
 */

#ifndef JM_CSS_WRITE_H
#define JM_CSS_WRITE_H

#include "arena.h"

/* Everything but letters, digits and the bytes in `plain` as "\hex ". */
void jm_css_write_escaped(jm_buf_t *out, jm_str_t str, const char *plain);

/* An identifier; it reads as the same one again. */
void jm_css_write_ident(jm_buf_t *out, jm_str_t name);

/* In double quotes. */
void jm_css_write_string(jm_buf_t *out, jm_str_t str);

/* Up to four decimals, no exponent. */
void jm_css_write_number(jm_buf_t *out, double number);

#endif /* JM_CSS_WRITE_H */
