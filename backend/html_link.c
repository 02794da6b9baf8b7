/*
 * The links of html_link.h.
 */

#define _GNU_SOURCE /* memmem */

#include "html_link.h"

#include "html_pixel.h"
#include "html_report.h"
#include "html_str.h"
#include "html_value.h"

#define JM_LINK_TEXT  256  /* bytes of it that tell what it does */
#define JM_LINK_NODES 2000 /* below it that are looked at */


void
jm_link_address(jm_writer_t *w, jm_str_t href)
{
    jm_write_attr(w, "href", href);
    jm_buf_adds(&w->html, " target=\"_blank\""
                          " rel=\"noopener noreferrer nofollow\""
                          " referrerpolicy=\"no-referrer\"");
}


/* Whether what is around a link's text can be read: at most so much of it. */
static void
jm_link_text_add(jm_writer_t *w, jm_buf_t *text, const xmlNode *node)
{
    jm_str_t                part;
    jm_props_t              props;
    const jm_pixel_image_t *image;

    if (node->type == XML_TEXT_NODE) {
        part.data = node->content;
        part.len = strlen((char *) node->content);
        jm_write_shown(text, part);
        return;
    }

    if (jm_node_tag(node) != JM_TAG_img) {
        return;
    }

    /* a tracker is not there the next time */
    image = jm_pixel_peek(w, node);
    jm_attr_read(&props, node);

    if (props.prop[JM_ATTR_alt] != NULL
        && (image == NULL || image->verdict.is != JM_PIXEL_YES))
    {
        part = jm_html_cut(props.prop[JM_ATTR_alt]->raw, JM_HTML_MAX_TEXT);
        jm_write_shown(text, part);
    }
}


/* What a reader will see as the link, before it is written. */
static jm_str_t
jm_link_text(jm_writer_t *w, const xmlNode *link)
{
    size_t         n;
    jm_buf_t       text;
    const xmlNode *node;

    jm_buf_init(&text, w->arena, JM_LINK_TEXT);
    node = link->children;

    for (n = 0; node != NULL && n < JM_LINK_NODES && !text.truncated; n++) {
        jm_link_text_add(w, &text, node);

        if (node->type == XML_ELEMENT_NODE && node->children != NULL
            && jm_tags[jm_node_tag(node)].action != TREE)
        {
            node = node->children;
            continue;
        }

        while (node != NULL && node != link && node->next == NULL) {
            node = node->parent;
        }

        node = (node == NULL || node == link) ? NULL : node->next;
    }

    return jm_html_trim(jm_buf_str(&text));
}


/* Writes an address that has been checked. */
static int
jm_link_write(jm_writer_t *w, const jm_url_t *url)
{
    jm_buf_t buf;

    if (url->scheme == JM_URL_FRAGMENT) {
        jm_buf_init(&buf, w->arena, SIZE_MAX);

        if (jm_value_fragment(&buf, url->rest) != 0) {
            return -1;
        }

        jm_write_attr(w, "href", jm_buf_str(&buf));

        return 0;
    }

    jm_link_address(w, url->href);

    return 0;
}


int
jm_link_href(jm_writer_t *w, jm_prop_t *prop, jm_str_t text, jm_url_t *was,
             jm_link_clean_t *link)
{
    if (prop == NULL) {
        return -1;
    }

    if (jm_url_parse(was, w->arena, prop->raw) != 0
        || was->scheme == JM_URL_CID || was->scheme == JM_URL_DATA)
    {
        w->out->removed.link++;
        return -1;
    }

    if (was->host.len != 0) {
        jm_link_clean(link, w->arena, was, text, w->out->sender);

    } else {
        memset(link, 0, sizeof(jm_link_clean_t));
        link->url = *was;
    }

    return jm_link_write(w, &link->url);
}


int
jm_link_is_told(jm_writer_t *w, jm_str_t text, jm_str_t host)
{
    return host.len != 0
           && (memmem(host.data, host.len, "xn--", 4) != NULL
               || jm_report_is_lie(w->arena, text, host));
}


static void
jm_link_title(jm_writer_t *w, jm_props_t *props, jm_str_t text)
{
    jm_prop_t *prop;
    jm_str_t   host;

    host = w->link.host;

    if (!jm_link_is_told(w, text, host)) {
        return;
    }

    prop = jm_arena_alloc(w->arena, sizeof(jm_prop_t));
    prop->attr = JM_ATTR_title;
    prop->raw = host;
    props->prop[JM_ATTR_title] = prop;
}


void
jm_link_start(jm_writer_t *w, const xmlNode *node, jm_props_t *props)
{
    jm_str_t text;

    text = jm_link_text(w, node);
    memset(&w->link, 0, sizeof(jm_link_clean_t));
    w->in_link = (jm_link_href(w, props->prop[JM_ATTR_href], text,
                               &w->link_was, &w->link)
                  == 0);
    jm_buf_init(&w->link_text, w->arena, JM_HTML_MAX_TEXT);

    if (w->in_link) {
        jm_link_title(w, props, text);
    }

    /* an anchor's name is an id today */
    if (props->prop[JM_ATTR_id] == NULL) {
        props->prop[JM_ATTR_id] = props->prop[JM_ATTR_name];
    }

    props->prop[JM_ATTR_name] = NULL;
}


void
jm_link_end(jm_writer_t *w)
{
    jm_str_t text, href;

    if (!w->in_link) {
        return;
    }

    w->in_link = 0;
    text = jm_html_trim(jm_html_cut(
        jm_buf_str(&w->link_text), w->link_text.len - w->link_text.truncated));
    jm_report_link(w->out, w->arena, &w->link_was, &w->link, text);

    href = w->link.url.href;

    if (w->hidden || w->link.url.scheme == JM_URL_FRAGMENT || text.len == 0) {
        return;
    }

    if (w->link.url.scheme == JM_URL_MAILTO) {
        href.data += sizeof("mailto:") - 1;
        href.len -= sizeof("mailto:") - 1;
    }

    /* the serialised form of "http://a.b" ends in "/" */
    if (href.len >= text.len && href.len - text.len <= 1
        && memcmp(href.data, text.data, text.len) == 0)
    {
        return;
    }

    /* plain text has the address too, unless the text says it already */
    jm_text_tail(&w->text, jm_str(" <"));
    jm_text_tail(&w->text, w->link.url.href);
    jm_text_tail(&w->text, jm_str(">"));
}
