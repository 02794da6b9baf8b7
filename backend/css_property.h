/*
 * The properties that a mail's CSS may set, by name.
 *
 * Called by css.c.  Constants, no state.
 */

#ifndef JM_CSS_PROPERTY_H
#define JM_CSS_PROPERTY_H

#include "css_value.h"

typedef struct {
    const char *name;
    unsigned    rules; /* bits of jm_css_rule */
} jm_css_property_t;

/* In any case; NULL if it is not kept. */
const jm_css_property_t *jm_css_property(jm_str_t name);

#endif /* JM_CSS_PROPERTY_H */
