/*
 * The links of html_link.h.
 */

#include "html_link.h"

#include "html_report.h"
#include "html_str.h"
#include "html_value.h"


void
jm_link_address(jm_writer_t *w, jm_str_t href)
{
    jm_write_attr(w, "href", href);
    jm_buf_adds(&w->html, " target=\"_blank\""
                          " rel=\"noopener noreferrer nofollow\""
                          " referrerpolicy=\"no-referrer\"");
}


int
jm_link_href(jm_writer_t *w, jm_prop_t *prop, jm_url_t *url)
{
    jm_buf_t buf;

    if (prop == NULL) {
        return -1;
    }

    if (jm_url_parse(url, w->arena, prop->raw) != 0
        || url->scheme == JM_URL_CID || url->scheme == JM_URL_DATA)
    {
        w->out->removed.link++;
        return -1;
    }

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


void
jm_link_start(jm_writer_t *w, jm_props_t *props)
{
    memset(&w->link, 0, sizeof(jm_url_t));
    w->in_link = (jm_link_href(w, props->prop[JM_ATTR_href], &w->link) == 0);
    jm_buf_init(&w->link_text, w->arena, JM_HTML_MAX_TEXT);

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
    jm_report_link(w->out, w->arena, &w->link, text);

    href = w->link.href;

    if (w->hidden || w->link.scheme == JM_URL_FRAGMENT || text.len == 0) {
        return;
    }

    if (w->link.scheme == JM_URL_MAILTO) {
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
    jm_text_add(&w->text, jm_str(" <"));
    jm_text_add(&w->text, w->link.href);
    jm_text_add(&w->text, jm_str(">"));
}
