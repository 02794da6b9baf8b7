/*
 * The layout of html_text.h.
 */

#include "html_text.h"

#include "html_attr.h"


/* With an empty line around it. */
static int
jm_html_text_is_paragraph(jm_tag_t tag)
{
    return tag == JM_TAG_p || tag == JM_TAG_pre
           || (jm_tags[tag].flags & HEADING);
}


/* On lines of its own, by its name or by the mail's style. */
static int
jm_html_text_is_block(const jm_written_t *open)
{
    return (jm_tags[open->tag].flags & BLOCK) || open->tag == JM_TAG_caption
           || open->display == JM_DISPLAY_BLOCK;
}


static int
jm_html_text_is_list(jm_tag_t tag)
{
    return tag == JM_TAG_ul || tag == JM_TAG_ol;
}


/* Where an ordered list begins to count. */
static unsigned
jm_html_text_first(xmlNode *list)
{
    size_t     i;
    unsigned   number;
    jm_prop_t *start;
    jm_props_t props;

    jm_attr_read(&props, list);
    start = props.prop[JM_ATTR_start];
    number = 0;

    for (i = 0; start != NULL && i < start->raw.len && i < 4; i++) {
        if (start->raw.data[i] < '0' || start->raw.data[i] > '9') {
            return 1;
        }

        number = number * 10 + start->raw.data[i] - '0';
    }

    return number == 0 ? 1 : number;
}


/* "- " or "3. ": counted once, the next number kept in the list's `line`. */
static void
jm_html_text_item(jm_writer_t *w, xmlNode *node)
{
    unsigned number;
    xmlNode *list;
    jm_str_t label;

    list = node->parent;
    jm_text_break(&w->text, 1);

    if (list == NULL || jm_node_tag(list) != JM_TAG_ol) {
        jm_text_adds(&w->text, "- ");
        return;
    }

    number = list->line == 0 ? jm_html_text_first(list) : list->line;
    list->line = (unsigned short) (number + 1);
    label = jm_arena_printf(w->arena, "%u. ", number);
    jm_text_adds(&w->text, (char *) label.data);
}


void
jm_html_text_start(jm_writer_t *w, const jm_written_t *open, xmlNode *node)
{
    jm_text_t *text;

    text = &w->text;

    switch (open->tag) {

    case JM_TAG_br:
        jm_text_newline(text);
        return;

    case JM_TAG_hr:
        jm_text_break(text, 1);
        jm_text_adds(text, "----");
        jm_text_break(text, 1);
        return;

    case JM_TAG_tr:
        jm_text_row(text, 1);
        return;

    case JM_TAG_td:
    case JM_TAG_th:
        jm_text_cell(text);
        return;

    case JM_TAG_a:
        jm_text_link(text, 1);
        break;

    case JM_TAG_blockquote:
        jm_text_quote(text, 1);
        return;

    case JM_TAG_ul:
    case JM_TAG_ol:
        jm_text_break(text, text->lists == 0 ? 2 : 1);
        jm_text_list(text, 1);
        return;

    case JM_TAG_li:
        jm_html_text_item(w, node);
        return;

    default:
        break;
    }

    if (text->tab && open->tag != JM_TAG_table) {
        return; /* the cell's first paragraph */
    }

    if (jm_html_text_is_paragraph(open->tag)) {
        jm_text_break(text, 2);

    } else if (jm_html_text_is_block(open)) {
        jm_text_break(text, 1);

    } else if (open->display == JM_DISPLAY_CELL) {
        jm_text_cell(text);
    }
}


void
jm_html_text_end(jm_writer_t *w, const jm_written_t *open)
{
    if (open->tag == JM_TAG_blockquote) {
        jm_text_quote(&w->text, -1);
        return;
    }

    if (open->tag == JM_TAG_tr) {
        jm_text_row(&w->text, 0);
        return;
    }

    if (open->tag == JM_TAG_a) {
        jm_text_link(&w->text, 0);
    }

    if (jm_html_text_is_list(open->tag)) {
        jm_text_list(&w->text, -1);
        jm_text_break(&w->text, w->text.lists == 0 ? 2 : 1);
        return;
    }

    if (w->text.tab) {
        return; /* the cell is still empty */
    }

    if (jm_html_text_is_paragraph(open->tag)) {
        jm_text_break(&w->text, 2);

    } else if (jm_html_text_is_block(open)) {
        jm_text_break(&w->text, 1);
    }
}
