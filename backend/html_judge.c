/*
 * The walk of html_judge.h.
 */

#include "html_judge.h"

#include "html_attr.h"
#include "html_image.h"
#include "html_link.h"
#include "html_pixel.h"
#include "html_report.h"
#include "html_str.h"
#include "html_style.h"
#include "html_text.h"
#include "html_value.h"
#include "jm_utf8.h"

/* More hidden text than a preview needs is meant for filters. */
#define JM_JUDGE_HIDDEN 200


/* The name that an element is written under. */
static const char *
jm_judge_name(jm_tag_t tag)
{
    return jm_tags[jm_tags[tag].to != 0 ? jm_tags[tag].to : tag].name;
}


static void
jm_judge_tag(jm_writer_t *w, const xmlNode *node, jm_tag_t tag,
             jm_props_t *props)
{
    jm_url_t        was;
    jm_str_t        text;
    jm_link_clean_t link;

    jm_buf_addc(&w->html, '<');
    jm_buf_adds(&w->html, jm_judge_name(tag));

    if (tag == JM_TAG_a) {
        jm_link_start(w, node, props);

    } else if (tag == JM_TAG_area) {
        text = jm_str("");

        if (props->prop[JM_ATTR_alt] != NULL) {
            text = props->prop[JM_ATTR_alt]->raw;
        }

        if (jm_link_href(w, props->prop[JM_ATTR_href], text, &was, &link) == 0)
        {
            jm_report_link(w->out, w->arena, &was, &link, text);
        }
    }

    jm_attr_write(w, props);
    jm_buf_addc(&w->html, '>');
}


/*
 * Writes a start tag.  Returns 1 if the element's content and end tag are to
 * follow.
 */
static int
jm_judge_start(jm_writer_t *w, xmlNode *node)
{
    jm_tag_t      tag;
    jm_props_t    props;
    jm_style_t    style;
    jm_written_t *open;

    tag = jm_node_tag(node);

    if (jm_tags[tag].action == TREE || !jm_write_room(w)
        || w->depth == JM_HTML_MAX_DEPTH)
    {
        return 0;
    }

    if (tag == JM_TAG_img) {
        jm_img_write(w, node);
        return 0;
    }

    open = &w->open[w->depth];
    memset(open, 0, sizeof(jm_written_t));
    open->tag = tag;
    open->tiny = (w->depth != 0 && w->open[w->depth - 1].tiny);

    if (jm_tags[tag].action == UNWRAP) {
        w->depth++;
        return 1;
    }

    jm_attr_read(&props, node);
    jm_attr_style(w, &props, tag);
    jm_attr_background(w, &props);
    jm_style_of(&style, w, tag, &props);

    open->hidden = style.hidden;
    open->display = style.display;

    if (style.font_size != JM_STYLE_UNKNOWN) {
        open->tiny = (style.font_size <= 1);
    }

    jm_judge_tag(w, node, tag, &props);

    if (jm_tags[tag].flags & VOID) {
        if (w->hidden == 0 && !open->hidden) {
            jm_html_text_start(w, open, node);
        }

        return 0;
    }

    w->depth++;
    w->hidden += open->hidden;

    if (tag == JM_TAG_pre) {
        w->pre++;
        w->pre_start = w->html.len;
    }

    if (w->hidden == 0) {
        jm_html_text_start(w, open, node);
    }

    return 1;
}


/* Ends what was begun last. */
static void
jm_judge_end(jm_writer_t *w)
{
    jm_written_t *open;

    open = &w->open[--w->depth];
    w->pre -= (open->tag == JM_TAG_pre);

    if (open->tag == JM_TAG_a) {
        jm_link_end(w);
    }

    if (jm_tags[open->tag].action != UNWRAP) {
        jm_buf_adds(&w->html, "</");
        jm_buf_adds(&w->html, jm_judge_name(open->tag));
        jm_buf_addc(&w->html, '>');
    }

    if (w->hidden == 0) {
        jm_html_text_end(w, open);
    }

    w->hidden -= open->hidden;
}


/*
 * Letters and digits, about.  What fills up the preview of a mail so that
 * nothing else shows in it is neither: soft hyphens, joiners, odd spaces.
 */
static size_t
jm_judge_count(jm_str_t text)
{
    size_t        n, len;
    uint32_t      c;
    const u_char *p, *end;

    n = 0;
    p = text.data;
    end = p + text.len;

    while (p < end) {
        len = jm_utf8_decode(p, end, &c);
        p += (len == 0) ? 1 : len;
        n += (c < 0x80) ? (c >= '0' && c <= '9') || (c | 0x20) - 'a' < 26u
                        : c >= 0xC0 && c != 0x34F && c != 0xFEFF
                              && (c < 0x2000 || c > 0x206F);
    }

    return n;
}


static void
jm_judge_text(jm_writer_t *w, jm_str_t text)
{
    if (!jm_write_room(w)) {
        return;
    }

    /* a browser drops the first LF; a reference to CR is written as one */
    if (w->html.len == w->pre_start
        && (text.data[0] == '\n' || text.data[0] == '\r'))
    {
        jm_buf_addc(&w->html, '\n');
    }

    jm_write_text(w, text);

    if (w->hidden != 0 || (w->depth != 0 && w->open[w->depth - 1].tiny)) {
        w->hidden_text += jm_judge_count(text);
        return;
    }

    if (w->in_link) {
        jm_write_shown(&w->link_text, text);
    }

    if (w->pre != 0) {
        jm_text_add_lines(&w->text, text);
    } else {
        jm_text_add(&w->text, text);
    }
}


void
jm_judge_blocks(jm_writer_t *w, xmlNode *body, const jm_blocks_t *blocks)
{
    size_t         i;
    jm_str_t       held;
    jm_props_t     props;
    jm_css_scope_t scope;

    memset(&scope, 0, sizeof(jm_css_scope_t));
    jm_attr_read(&props, body);

    if (props.prop[JM_ATTR_class] != NULL) {
        scope.class_names = props.prop[JM_ATTR_class]->raw;
    }

    if (props.prop[JM_ATTR_id] != NULL) {
        scope.id = props.prop[JM_ATTR_id]->raw;
    }

    w->sheet = jm_arena_alloc(w->arena, sizeof(jm_sheet_t));
    jm_sheet_init(w->sheet, w->arena, &scope);

    for (i = 0; i < blocks->n; i++) {
        jm_sheet_add(w->sheet, blocks->source[i], blocks->media[i]);
    }

    w->out->removed.style += w->sheet->dropped;
    w->out->cut |= w->sheet->cut;

    for (i = 0; i < w->sheet->nurls; i++) {
        held = jm_attr_hold(w, "css", w->sheet->urls[i]);
        w->out->removed.style -= (held.len != 0);
    }
}


/* The wrapper: the body with another name, and the mail's sheet. */
static void
jm_judge_body(jm_writer_t *w, xmlNode *body)
{
    jm_buf_t   names;
    jm_str_t   sheet;
    jm_props_t props;

    jm_attr_read(&props, body);
    jm_attr_style(w, &props, JM_TAG_body);
    jm_attr_background(w, &props);

    jm_buf_init(&names, w->arena, SIZE_MAX);

    if (props.prop[JM_ATTR_class] != NULL) {
        jm_value_class(&names, props.prop[JM_ATTR_class]->raw);
    }

    props.prop[JM_ATTR_bgcolor] = NULL;
    props.prop[JM_ATTR_class] = NULL;

    jm_buf_adds(&w->html, "<div class=\"jm-body");

    if (names.len != 0) {
        jm_buf_addc(&w->html, ' ');
        jm_write_escaped(w, jm_buf_str(&names), 1);
    }

    jm_buf_addc(&w->html, '"');
    jm_attr_write(w, &props);
    jm_buf_addc(&w->html, '>');

    sheet = jm_buf_str(&w->sheet->out);

    if (sheet.len != 0) {
        jm_buf_adds(&w->html, "<style>");
        jm_buf_add(&w->html, sheet.data, sheet.len);
        jm_buf_adds(&w->html, "</style>");
    }
}


void
jm_judge_tree(jm_writer_t *w, xmlNode *body)
{
    size_t   start;
    xmlNode *node;
    jm_str_t text;

    jm_pixel_scan(w, body);
    jm_judge_body(w, body);
    start = w->html.len;
    node = body->children;

    while (node != NULL) {

        if (node->type == XML_TEXT_NODE) {
            text.data = node->content;
            text.len = strlen((char *) node->content);

            /* space before the first thing is none of the body's */
            if (w->html.len != start || !jm_html_is_blank(text)) {
                jm_judge_text(w, text);
            }

        } else if (jm_judge_start(w, node)) {
            if (node->children != NULL) {
                node = node->children;
                continue;
            }

            jm_judge_end(w);
        }

        /* past the limit, only end tags */
        while ((node->next == NULL || w->full) && node->parent != body) {
            node = node->parent;
            jm_judge_end(w);
        }

        node = w->full ? NULL : node->next;
    }

    if (w->hidden_text > JM_JUDGE_HIDDEN) {
        jm_report_hidden(w->out, w->arena, w->hidden_text);
    }

    jm_buf_adds(&w->html, "</div>");
}
