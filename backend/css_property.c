/*
 * The table of css_property.h and its search.
 */

#include "css_property.h"

#define JM_CSS_PROPERTY(name, rules) { name, rules },

static const jm_css_property_t jm_css_properties[] = {
#include "css_property.def"
};

#undef JM_CSS_PROPERTY

#define JM_NPROPERTIES                                                        \
    (sizeof(jm_css_properties) / sizeof(jm_css_properties[0]))


const jm_css_property_t *
jm_css_property(jm_str_t name)
{
    int    cmp;
    size_t low, high, middle;

    low = 0;
    high = JM_NPROPERTIES;

    while (low < high) {
        middle = (low + high) / 2;
        cmp = strncasecmp(jm_css_properties[middle].name, (char *) name.data,
                          name.len);

        if (cmp == 0 && jm_css_properties[middle].name[name.len] != '\0') {
            cmp = 1;
        }

        if (cmp == 0) {
            return &jm_css_properties[middle];
        }

        if (cmp < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    return NULL;
}
