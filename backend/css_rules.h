/*
 * What the simple rules of a mail's style blocks say of an element's look: the
 * rules go in as they are read, and are found again by element, class and id,
 * in time that does not grow with their number.
 *
 * Filled by css_sheet.c, asked by html_style.c.  Pure C; lives in the arena.
 */

#ifndef JM_CSS_RULES_H
#define JM_CSS_RULES_H

#include "css_look.h"
#include "css_selector.h"

#define JM_RULES_BUCKETS 4096

typedef struct jm_rule_s jm_rule_t;

typedef struct {
    jm_arena_t *arena;
    jm_rule_t  *bucket[JM_RULES_BUCKETS];
    size_t      n;
    unsigned    order; /* of the rule that was added last */
} jm_css_rules_t;

void jm_css_rules_init(jm_css_rules_t *rules, jm_arena_t *arena);

/*
 * Adds a rule with these keys.  `sometimes`: it stands below a media query
 * that need not hold.
 */
void jm_css_rules_add(jm_css_rules_t *rules, const jm_css_keys_t *keys,
                      const jm_look_t *look, int sometimes);

/* Into the looks: what holds always, and what may besides. */
void jm_css_rules_find(const jm_css_rules_t *rules, jm_tag_t tag,
                       jm_str_t class_names, jm_str_t id, jm_look_t *always,
                       jm_look_t *sometimes);

#endif /* JM_CSS_RULES_H */
