/*
 * Attribute values of the simple types: what the mail wrote in, a checked
 * value, written anew, out.  Links, images and styles are not among them.
 *
 * Called by the files that judge.  Pure C; values go to the caller's buffer,
 * which holds nothing of use after -1.
 */

#ifndef JM_HTML_VALUE_H
#define JM_HTML_VALUE_H

#include "arena.h"
#include "html_table.h"

#define JM_HTML_MAX_TEXT 1024 /* bytes of a title, alt or link text */

/* The value of an attribute as its row says; -1 drops the attribute. */
int jm_value(jm_buf_t *buf, jm_str_t raw, const jm_attr_info_t *info);

/* A class or id in our name space. */
int jm_value_name(jm_buf_t *buf, jm_str_t name);

/* Class names in our name space, with a space between. */
int jm_value_class(jm_buf_t *buf, jm_str_t raw);

/* Digits with "%" or "px": "100%", "12". */
int jm_value_length(jm_buf_t *buf, jm_str_t raw);

/* "#rrggbb" of what a browser would read. */
int jm_value_colour(jm_buf_t *buf, jm_str_t raw);

/* "#name" in our name space. */
int jm_value_fragment(jm_buf_t *buf, jm_str_t name);

#endif /* JM_HTML_VALUE_H */
