/*
 * Patterns of the lists in backend/lists: a small part of regular expressions,
 * matched in a bounded number of steps.  Literals, `\` before one that is
 * special, `.`, `[a-z_]` and `[^/]`, behind each of them `?`, `*`, `+`, `{4}`,
 * `{4,}` or `{4,9}`; one group in `(` and `)`, which only says what is wanted;
 * `^` at the start, `$` at the end.
 *
 * Called by rules.c.  Pure C, allocates nothing.
 */

#ifndef JM_PATTERN_H
#define JM_PATTERN_H

#include "jm_str.h"

/* One item of a pattern: a set of bytes and how often it may come. */
typedef struct {
    const char *set; /* as the pattern writes it */
    size_t      set_len;
    unsigned    min;
    unsigned    max;
} jm_pattern_item_t;

/* What is wrong with the pattern, or NULL. */
const char *jm_pattern_check(const char *pattern);

/*
 * Finds a pattern that has been checked anywhere in `str`; `group` is set to
 * what its group holds.  Returns 0 as well when it would take more than
 * `steps`, which are counted down.
 */
int jm_pattern_search(const char *pattern, jm_str_t str, unsigned *steps,
                      jm_str_t *group);

/* Reads one item, which is no anchor and no bracket of a group; returns what
 * follows it. */
const char *jm_pattern_item(const char *p, jm_pattern_item_t *item);

#endif /* JM_PATTERN_H */
