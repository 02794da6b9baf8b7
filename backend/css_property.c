/*
 * The table of css_property.h and its search.
 */

#include "css_property.h"

#include "names.h"

#define JM_CSS_PROPERTY(name, rules) { name, rules },

static const jm_css_property_t jm_css_properties[] = {
#include "css_property.def"
};

#undef JM_CSS_PROPERTY

static jm_names_t jm_css_property_names = JM_NAMES(jm_css_properties);


const jm_css_property_t *
jm_css_property(jm_str_t name)
{
    return jm_names_find(&jm_css_property_names, name);
}
