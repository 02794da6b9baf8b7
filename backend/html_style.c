/*
 * The style resolution of html_style.h.
 */

#include "html_style.h"

#include <stdlib.h>

/* Moved so far to the left or up, nothing of it is on the page. */
#define JM_STYLE_OUTSIDE (-500)


static int
jm_style_value(const jm_look_t *look, jm_look_field_t field, int otherwise)
{
    return look->rank[field] == 0 ? otherwise : look->value[field];
}


static int
jm_style_is_zero(const jm_look_t *look, jm_look_field_t field)
{
    return look->rank[field] != 0 && look->value[field] == 0;
}


/* "12" or "12px"; a percentage is not known. */
static void
jm_style_hint(jm_look_t *look, jm_look_field_t field, const jm_prop_t *prop)
{
    char  *end, text[16];
    long   n;
    size_t len;

    if (prop == NULL || look->rank[field] != 0) {
        return;
    }

    len = prop->raw.len < sizeof(text) ? prop->raw.len : sizeof(text) - 1;
    memcpy(text, prop->raw.data, len);
    text[len] = '\0';

    n = strtol(text, &end, 10);

    if (end == text || n < 0 || n > 10000) {
        return;
    }

    look->value[field] = (*end == '%') ? JM_LOOK_OTHER : (int) n;
    look->rank[field] = 1;
}


static int
jm_style_is_outside(const jm_look_t *look)
{
    size_t i;

    static const jm_look_field_t offsets[] = { JM_LOOK_TOP, JM_LOOK_LEFT,
                                               JM_LOOK_MARGIN_TOP,
                                               JM_LOOK_MARGIN_LEFT,
                                               JM_LOOK_TEXT_INDENT };

    for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        if (look->rank[offsets[i]] != 0
            && look->value[offsets[i]] != JM_LOOK_OTHER
            && look->value[offsets[i]] <= JM_STYLE_OUTSIDE)
        {
            return 1;
        }
    }

    return 0;
}


/* Of what a look says, all but the size attributes. */
static void
jm_style_read(jm_style_t *style, jm_tag_t tag, const jm_look_t *look)
{
    style->width = jm_style_value(look, JM_LOOK_WIDTH, JM_STYLE_UNKNOWN);
    style->height = jm_style_value(look, JM_LOOK_HEIGHT, JM_STYLE_UNKNOWN);
    style->max_width = jm_style_value(look, JM_LOOK_MAX_WIDTH,
                                      JM_STYLE_UNKNOWN);
    style->max_height = jm_style_value(look, JM_LOOK_MAX_HEIGHT,
                                       JM_STYLE_UNKNOWN);
    style->font_size = jm_style_value(look, JM_LOOK_FONT_SIZE,
                                      JM_STYLE_UNKNOWN);
    style->line_height = jm_style_value(look, JM_LOOK_LINE_HEIGHT,
                                        JM_STYLE_UNKNOWN);
    style->opacity = jm_style_value(look, JM_LOOK_OPACITY, 100);

    style->display = jm_style_value(look, JM_LOOK_DISPLAY, JM_DISPLAY_INLINE);
    style->invisible = jm_style_is_zero(look, JM_LOOK_VISIBILITY);
    style->transparent = (style->opacity == 0);
    style->overflow = jm_style_is_zero(look, JM_LOOK_OVERFLOW);
    style->collapsed = (style->overflow || tag == JM_TAG_img)
                       && (style->width == 0 || style->height == 0
                           || style->max_width == 0 || style->max_height == 0);
    style->clipped = jm_style_is_zero(look, JM_LOOK_CLIP);
    style->outside = jm_style_is_outside(look);

    style->hidden = style->display == JM_DISPLAY_NONE || style->invisible
                    || style->transparent || style->collapsed || style->clipped
                    || style->outside;
}


static jm_str_t
jm_style_raw(const jm_prop_t *prop)
{
    jm_str_t none;

    memset(&none, 0, sizeof(jm_str_t));

    return (prop == NULL) ? none : prop->raw;
}


/*
 * What a media query changes where it holds: `look` with it, read again.
 */
static void
jm_style_sometimes(jm_style_t *style, jm_tag_t tag, const jm_look_t *look,
                   const jm_look_t *sometimes)
{
    jm_look_t  both;
    jm_style_t other;

    memset(&other, 0, sizeof(jm_style_t));
    both = *look;
    jm_look_merge(&both, sometimes);
    jm_style_read(&other, tag, &both);

    style->may_be_shown = style->hidden && !other.hidden;
    style->may_be_larger = (other.width != style->width
                            && (other.width == JM_STYLE_UNKNOWN
                                || other.width > style->width))
                           || (other.height != style->height
                               && (other.height == JM_STYLE_UNKNOWN
                                   || other.height > style->height));
}


void
jm_style_of(jm_style_t *style, jm_writer_t *w, jm_tag_t tag,
            const jm_props_t *props)
{
    jm_str_t         class_names, id;
    jm_look_t        look, sometimes;
    const jm_prop_t *prop;

    memset(style, 0, sizeof(jm_style_t));
    memset(&look, 0, sizeof(jm_look_t));
    memset(&sometimes, 0, sizeof(jm_look_t));

    if (w->sheet != NULL) {
        class_names = jm_style_raw(props->prop[JM_ATTR_class]);
        id = jm_style_raw(props->prop[JM_ATTR_id]);
        jm_css_rules_find(&w->sheet->rules, tag, class_names, id, &look,
                          &sometimes);
    }

    /* size attributes are styles that any other outranks */
    jm_style_hint(&look, JM_LOOK_WIDTH, props->prop[JM_ATTR_width]);
    jm_style_hint(&look, JM_LOOK_HEIGHT, props->prop[JM_ATTR_height]);

    prop = props->prop[JM_ATTR_style];

    if (prop != NULL) {
        jm_look_merge(&look, &prop->info->look);
    }

    jm_style_read(style, tag, &look);

    jm_style_sometimes(style, tag, &look, &sometimes);
}
