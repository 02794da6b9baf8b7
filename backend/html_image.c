/*
 * The images of html_image.h: the trackers go, then what may be shown.
 */

#include "html_image.h"

#include <strings.h>

#include "base64.h"
#include "html_pixel.h"
#include "html_report.h"
#include "html_str.h"
#include "html_style.h"
#include "html_text.h"
#include "html_value.h"
#include "media.h"

#define JM_HTML_MAX_DATA_URL (512 * 1024)


/* Its row in the report, and the row's index; empty when that is full. */
static jm_str_t
jm_img_hold(jm_writer_t *w, jm_prop_t *alt, jm_url_t *url, int width,
            int height)
{
    jm_str_t                 none;
    jm_remote_image_t        image;
    const jm_remote_image_t *row;

    memset(&image, 0, sizeof(jm_remote_image_t));
    image.url = url->href;
    image.width = width > 0 ? (uint32_t) width : 0;
    image.height = height > 0 ? (uint32_t) height : 0;

    if (alt != NULL) {
        image.alt = jm_html_cut(alt->raw, JM_HTML_MAX_TEXT);
    }

    row = jm_report_image(w->out, w->arena, &image);

    if (row == NULL) {
        w->out->removed.image++;
        memset(&none, 0, sizeof(jm_str_t));
        return none;
    }

    return jm_arena_printf(w->arena, "%u", row->index);
}


/*
 * A remote image: a tracker (returns -1), or one that is held back.  What may
 * be a tracker keeps its place, but no number by which it could be asked for.
 */
static int
jm_img_remote(jm_writer_t *w, jm_props_t *props, const xmlNode *node,
              jm_url_t *url, jm_str_t *index)
{
    const jm_pixel_image_t *image;

    image = jm_pixel_of(w, node);

    if (image == NULL) {
        return 0;
    }

    if (image->verdict.is == JM_PIXEL_YES) {
        jm_report_pixel(w->out, w->arena, "pixel", &image->verdict,
                        image->host);
        return -1;
    }

    if (image->verdict.is == JM_PIXEL_POSSIBLE) {
        jm_report_possible(w->out, w->arena, image->host);
        return 0;
    }

    *index = jm_img_hold(w, props->prop[JM_ATTR_alt], url, image->look.width,
                         image->look.height);

    return 0;
}


/* Do the first bytes of the base64 text belong to this type of picture? */
static int
jm_img_magic(jm_arena_t *arena, const char *type, jm_str_t base64)
{
    jm_buf_t    head;
    const char *found;

    base64.len = base64.len < 16 ? 0 : 16;
    jm_buf_init(&head, arena, 12);
    jm_base64_decode(&head, base64);
    found = jm_media_raster(jm_buf_str(&head));

    return found != NULL && strcmp(found + sizeof("image/") - 1, type) == 0;
}


/*
 * Takes "data:image/png;base64," off the front.  Returns the type's name, NULL
 * for anything but a raster image in base64.
 */
static const char *
jm_img_data_type(jm_str_t *raw)
{
    size_t                   i, len;
    static const char *const types[] = { "png", "jpeg", "gif", "webp" };

    if (raw->len > JM_HTML_MAX_DATA_URL / 3 * 4 + 64 || raw->len < 24
        || strncasecmp((char *) raw->data, "data:image/", 11) != 0)
    {
        return NULL;
    }

    raw->data += 11;
    raw->len -= 11;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        len = strlen(types[i]);

        if (raw->len > len + 8
            && strncasecmp((char *) raw->data, types[i], len) == 0
            && strncasecmp((char *) raw->data + len, ";base64,", 8) == 0)
        {
            raw->data += len + 8;
            raw->len -= len + 8;
            return types[i];
        }
    }

    return NULL;
}


/* "data:image/png;base64,…" written anew; empty if it is anything else. */
static jm_str_t
jm_img_data(jm_writer_t *w, jm_str_t raw)
{
    size_t      i, n;
    jm_buf_t    buf;
    jm_str_t    none, base64;
    const char *type;

    memset(&none, 0, sizeof(jm_str_t));
    raw = jm_html_trim(raw);
    type = jm_img_data_type(&raw);

    if (type == NULL) {
        return none;
    }

    jm_buf_init(&buf, w->arena, SIZE_MAX);
    jm_buf_adds(&buf, "data:image/");
    jm_buf_adds(&buf, type);
    jm_buf_adds(&buf, ";base64,");
    n = buf.len;

    for (i = 0; i < raw.len; i++) {
        /* browsers know one alphabet here, not that of URLs */
        if (jm_base64_digit(raw.data[i]) >= 0
            && strchr("-_", raw.data[i]) == NULL) {
            jm_buf_addc(&buf, raw.data[i]);

        } else if (raw.data[i] == '=') {
            break;

        } else if (!jm_html_space(raw.data[i])) {
            return none;
        }
    }

    base64.data = buf.data + n;
    base64.len = buf.len - n;

    if (!jm_img_magic(w->arena, type, base64) || base64.len % 4 == 1) {
        return none;
    }

    while ((buf.len - n) % 4 != 0) {
        jm_buf_addc(&buf, '=');
    }

    return jm_buf_str(&buf);
}


/* The number of "attachments/<n>", our own form of a source; 0: it is not. */
static unsigned
jm_img_own(jm_str_t raw)
{
    size_t   i;
    unsigned n;

    static const char prefix[] = "attachments/";

    i = sizeof(prefix) - 1;

    if (raw.len <= i || raw.len > i + 4 || memcmp(raw.data, prefix, i) != 0
        || raw.data[i] == '0')
    {
        return 0;
    }

    for (n = 0; i < raw.len; i++) {
        if (raw.data[i] < '0' || raw.data[i] > '9') {
            return 0;
        }

        n = n * 10 + (raw.data[i] - '0');
    }

    return n;
}


jm_str_t
jm_img_raw(const jm_props_t *props)
{
    size_t   i;
    jm_str_t raw;

    memset(&raw, 0, sizeof(jm_str_t));

    if (props->prop[JM_ATTR_src] != NULL) {
        return jm_html_trim(props->prop[JM_ATTR_src]->raw);
    }

    if (props->prop[JM_ATTR_srcset] != NULL) {
        raw = jm_html_trim(props->prop[JM_ATTR_srcset]->raw);

        for (i = 0; i < raw.len && !jm_html_space(raw.data[i]); i++) {
            /* void */
        }

        raw.len = i;
    }

    return raw;
}


/* What a former cleaning held back is held back still, under its number. */
static jm_str_t
jm_img_index(jm_writer_t *w, jm_prop_t *prop)
{
    jm_buf_t buf;

    jm_buf_init(&buf, w->arena, SIZE_MAX);

    if (prop != NULL) {
        jm_value(&buf, prop->raw, &jm_attrs[prop->attr]);
    }

    return jm_buf_str(&buf);
}


/*
 * Settles where an image comes from: `src`, or the index of one that is held
 * back, or neither.  Returns -1 if the image is a tracker and goes.
 */
static int
jm_img_source(jm_writer_t *w, jm_props_t *props, const xmlNode *node,
              jm_str_t *src, jm_str_t *index)
{
    uint32_t n;
    jm_url_t url;
    jm_str_t raw;

    raw = jm_img_raw(props);

    if (raw.len == 0) {
        *index = jm_img_index(w, props->prop[JM_ATTR_data_jm_img]);
        return 0;
    }

    n = jm_img_own(raw);

    if (n != 0) {
        *src = raw;
        return 0;
    }

    if (jm_url_parse(&url, w->arena, raw) != 0) {
        w->out->removed.image++;
        return 0;
    }

    switch (url.scheme) {

    case JM_URL_HTTP:
    case JM_URL_HTTPS:
        return jm_img_remote(w, props, node, &url, index);

    case JM_URL_CID:
        n = (w->cid == NULL) ? 0 : w->cid(w->cid_data, url.rest);

        if (n != 0) {
            *src = jm_arena_printf(w->arena, "attachments/%u", n);
        }

        return 0;

    case JM_URL_DATA:
        *src = jm_img_data(w, raw);
        w->out->removed.image += (src->len == 0);
        return 0;

    default:
        w->out->removed.image++;
        return 0;
    }
}


/* Nothing to show: our class says so, the index tells the page what to ask. */
static void
jm_img_write_held(jm_writer_t *w, jm_props_t *props, jm_str_t index)
{
    jm_buf_t names;

    if (index.len != 0) {
        jm_write_attr(w, "data-jm-img", index);
    }

    jm_buf_init(&names, w->arena, SIZE_MAX);

    if (props->prop[JM_ATTR_class] != NULL) {
        jm_value_class(&names, props->prop[JM_ATTR_class]->raw);
    }

    jm_buf_adds(&w->html, " class=\"jm-img");

    if (names.len != 0) {
        jm_buf_addc(&w->html, ' ');
        jm_write_escaped(w, jm_buf_str(&names), 1);
    }

    jm_buf_addc(&w->html, '"');
    props->prop[JM_ATTR_class] = NULL;
}


static void
jm_img_write_alt(jm_writer_t *w, jm_prop_t *prop)
{
    jm_str_t alt;

    alt = jm_html_trim(jm_html_cut(prop->raw, JM_HTML_MAX_TEXT));

    if (alt.len == 0) {
        return;
    }

    jm_text_add(&w->text, jm_str(" ["));
    jm_text_add(&w->text, alt);
    jm_text_add(&w->text, jm_str("]"));

    if (w->in_link) {
        jm_write_shown(&w->link_text, alt);
    }
}


void
jm_img_write(jm_writer_t *w, xmlNode *node)
{
    jm_str_t     src, index;
    jm_props_t   props;
    jm_style_t   style;
    jm_written_t img;

    jm_attr_read(&props, node);
    jm_attr_style(w, &props, JM_TAG_img);
    jm_style_of(&style, w, JM_TAG_img, &props);

    memset(&src, 0, sizeof(jm_str_t));
    memset(&index, 0, sizeof(jm_str_t));

    if (jm_img_source(w, &props, node, &src, &index) != 0) {
        return;
    }

    jm_buf_adds(&w->html, "<img");

    if (src.len != 0) {
        jm_write_attr(w, "src", src);
    } else {
        jm_img_write_held(w, &props, index);
    }

    props.prop[JM_ATTR_data_jm_img] = NULL;

    jm_attr_write(w, &props);
    jm_buf_addc(&w->html, '>');

    if (style.hidden || w->hidden) {
        return;
    }

    memset(&img, 0, sizeof(jm_written_t));
    img.tag = JM_TAG_img;
    img.display = style.display;

    jm_html_text_start(w, &img, node);

    if (props.prop[JM_ATTR_alt] != NULL) {
        jm_img_write_alt(w, props.prop[JM_ATTR_alt]);
    }

    jm_html_text_end(w, &img);
}
