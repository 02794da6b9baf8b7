/*
 * The layout of html_text.h.
 */

#include "html_text.h"


/* With an empty line around it. */
static int
jm_html_text_is_paragraph(jm_tag_t tag)
{
    return tag == JM_TAG_p || tag == JM_TAG_pre || tag == JM_TAG_ul
           || tag == JM_TAG_ol || (jm_tags[tag].flags & HEADING);
}


/* "- " or "3. ": counted once, kept in the list's `line`. */
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

    number = (unsigned) list->line + 1u;
    list->line = (unsigned short) number;
    label = jm_arena_printf(w->arena, "%u. ", number);
    jm_text_adds(&w->text, (char *) label.data);
}


void
jm_html_text_start(jm_writer_t *w, jm_tag_t tag, xmlNode *node)
{
    jm_text_t *text;

    text = &w->text;

    switch (tag) {

    case JM_TAG_br:
        jm_text_newline(text);
        return;

    case JM_TAG_hr:
        jm_text_break(text, 1);
        jm_text_adds(text, "----");
        jm_text_break(text, 1);
        return;

    case JM_TAG_td:
    case JM_TAG_th:
        jm_text_cell(text);
        return;

    case JM_TAG_blockquote:
        jm_text_break(text, 1);

        if (text->quotes < JM_TEXT_MAX_QUOTES) {
            text->quotes++;
        }

        return;

    case JM_TAG_li:
        jm_html_text_item(w, node);
        return;

    default:
        break;
    }

    if (jm_html_text_is_paragraph(tag)) {
        jm_text_break(text, 2);

    } else if ((jm_tags[tag].flags & BLOCK) || tag == JM_TAG_tr
               || tag == JM_TAG_caption)
    {
        jm_text_break(text, 1);
    }
}


void
jm_html_text_end(jm_writer_t *w, jm_tag_t tag)
{
    if (tag == JM_TAG_blockquote && w->text.quotes != 0) {
        jm_text_break(&w->text, 1);
        w->text.quotes--;
        return;
    }

    if (jm_html_text_is_paragraph(tag)) {
        jm_text_break(&w->text, 2);

    } else if ((jm_tags[tag].flags & BLOCK) || tag == JM_TAG_tr) {
        jm_text_break(&w->text, 1);
    }
}
