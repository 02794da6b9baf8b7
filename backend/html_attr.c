/*
 * The attributes of html_attr.h.
 */

#include "html_attr.h"

#include "html_report.h"
#include "html_str.h"
#include "html_value.h"


void
jm_attr_read(jm_props_t *props, const xmlNode *node)
{
    unsigned   groups;
    xmlAttr   *xml;
    jm_prop_t *prop;

    memset(props, 0, sizeof(jm_props_t));
    groups = jm_attr_groups(jm_node_tag(node));

    for (xml = node->properties; xml != NULL; xml = xml->next) {
        prop = xml->_private;

        /* a renamed element has attributes of its former self */
        if (jm_attrs[prop->attr].groups & groups) {
            props->prop[prop->attr] = prop;
        }
    }
}


jm_str_t
jm_attr_hold(jm_writer_t *w, const char *kind, jm_str_t raw)
{
    jm_str_t                 none;
    jm_remote_image_t        image;
    const jm_remote_image_t *row;

    memset(&none, 0, sizeof(jm_str_t));
    memset(&image, 0, sizeof(jm_remote_image_t));
    image.url = jm_report_background(w->out, w->arena, kind, raw);

    if (image.url.len == 0) {
        return none;
    }

    row = jm_report_image(w->out, w->arena, &image);

    return (row == NULL) ? none : jm_arena_printf(w->arena, "%u", row->index);
}


static void
jm_attr_parse_style(jm_writer_t *w, jm_prop_t *prop, jm_str_t source)
{
    jm_buf_t style;

    jm_buf_init(&style, w->arena, SIZE_MAX);
    prop->info = jm_arena_alloc(w->arena, sizeof(jm_css_info_t));
    jm_css_declarations(&style, prop->info, source);
    prop->style = jm_buf_str(&style);
}


/*
 * Newsletters say the same of every cell: what was found out about a style is
 * kept, that of the last one with each hash.
 */
static void
jm_attr_known_style(jm_writer_t *w, jm_prop_t *prop)
{
    jm_prop_t **known;

    known = &w->styles[jm_html_hash(prop->raw) % JM_WRITE_STYLES];

    if (*known == NULL || (*known)->raw.len != prop->raw.len
        || memcmp((*known)->raw.data, prop->raw.data, prop->raw.len) != 0)
    {
        jm_attr_parse_style(w, prop, prop->raw);
        *known = prop;
    }

    prop->info = (*known)->info;
    prop->style = (*known)->style;
}


/* Once for an element and its clones. */
static void
jm_attr_judge_style(jm_writer_t *w, jm_prop_t *prop, jm_str_t before)
{
    size_t   i;
    jm_buf_t source;
    jm_str_t held;

    if (prop->info != NULL) {
        return;
    }

    if (before.len == 0) {
        jm_attr_known_style(w, prop);

    } else {
        jm_buf_init(&source, w->arena, SIZE_MAX);
        jm_buf_add(&source, before.data, before.len);
        jm_buf_add(&source, prop->raw.data, prop->raw.len);
        jm_attr_parse_style(w, prop, jm_buf_str(&source));
    }

    w->out->removed.style += prop->info->dropped;

    for (i = 0; i < prop->info->nurls; i++) {
        held = jm_attr_hold(w, "css", prop->info->urls[i]);
        w->out->removed.style -= (held.len != 0);

        if (prop->held.len == 0) {
            prop->held = held;
        }
    }
}


jm_prop_t *
jm_attr_style(jm_writer_t *w, jm_props_t *props, jm_tag_t tag)
{
    jm_buf_t   before;
    jm_prop_t *style, *prop;

    style = props->prop[JM_ATTR_style];
    jm_buf_init(&before, w->arena, SIZE_MAX);

    prop = props->prop[JM_ATTR_bgcolor];

    if (tag == JM_TAG_body && prop != NULL) {
        jm_buf_adds(&before, "background-color:");
        if (jm_value_colour(&before, prop->raw) != 0) {
            before.len = 0;
        } else {
            jm_buf_addc(&before, ';');
        }
    }

    prop = props->prop[JM_ATTR_text];

    if (tag == JM_TAG_body && prop != NULL) {
        jm_buf_adds(&before, "color:");
        jm_value_colour(&before, prop->raw);
        jm_buf_addc(&before, ';');
    }

    if (tag == JM_TAG_nobr) {
        jm_buf_adds(&before, "white-space:nowrap;");
    }

    if (props->prop[JM_ATTR_hidden] != NULL) {
        jm_buf_adds(&before, "display:none;");
    }

    if (style == NULL && before.len != 0) {
        style = jm_arena_alloc(w->arena, sizeof(jm_prop_t));
        style->attr = JM_ATTR_style;
    }

    if (style != NULL) {
        jm_attr_judge_style(w, style, jm_buf_str(&before));
    }

    props->prop[JM_ATTR_style] = style;

    return style;
}


void
jm_attr_background(jm_writer_t *w, jm_props_t *props)
{
    jm_str_t   held;
    jm_prop_t *prop;

    memset(&held, 0, sizeof(jm_str_t));
    prop = props->prop[JM_ATTR_background];

    if (prop != NULL) {
        props->prop[JM_ATTR_data_jm_bg] = NULL;
        held = jm_attr_hold(w, "pixel", prop->raw);
        w->out->removed.image += (held.len == 0);
    }

    /* the style's is the one that would be seen */
    prop = props->prop[JM_ATTR_style];

    if (prop != NULL && prop->held.len != 0) {
        held = prop->held;
    }

    if (held.len != 0) {
        prop = jm_arena_alloc(w->arena, sizeof(jm_prop_t));
        prop->attr = JM_ATTR_data_jm_bg;
        prop->raw = held;
        props->prop[JM_ATTR_data_jm_bg] = prop;
    }
}


void
jm_attr_write(jm_writer_t *w, jm_props_t *props)
{
    size_t                i;
    jm_prop_t            *prop;
    const jm_attr_info_t *info;

    for (i = 1; i < JM_NATTRS; i++) {
        prop = props->prop[i];
        info = &jm_attrs[i];

        if (prop == NULL) {
            continue;
        }

        if (info->type == V_STYLE) {
            if (prop->style.len != 0) {
                jm_write_attr(w, "style", prop->style);
            }

            continue;
        }

        w->value.len = 0;

        if (jm_value(&w->value, prop->raw, info) == 0) {
            jm_write_attr(w, info->name, jm_buf_str(&w->value));
        }
    }
}
