/*
 * The rules of html_tree_private.h for tags outside tables and in cells
 * ("in body", 13.2.6.4.7).
 */

#include "html_tree_private.h"

#include <strings.h>


/* li, dd, dt: an open one of the same list ends. */
static void
jm_body_start_item(jm_tree_t *tree, jm_tag_t tag)
{
    size_t   i;
    jm_tag_t open;

    for (i = tree->nopen - 1; i > 0; i--) {
        open = tree->open[i].tag;

        if (open == tag || (tag == JM_TAG_dd && open == JM_TAG_dt)
            || (tag == JM_TAG_dt && open == JM_TAG_dd))
        {
            jm_tree_pop_to(tree, i);
            break;
        }

        if (jm_tree_is_special(open) && open != JM_TAG_address
            && open != JM_TAG_div && open != JM_TAG_p)
        {
            break;
        }
    }

    jm_tree_close_p(tree);
}


/* Ends an open link (13.2.6.4.7, a start tag "a"). */
static void
jm_body_start_link(jm_tree_t *tree)
{
    size_t   entry;
    xmlNode *node;

    entry = jm_format_find(tree, JM_TAG_a);

    if (entry == tree->nformat) {
        return;
    }

    node = tree->format[entry].node;
    jm_format_end(tree, JM_TAG_a, jm_str("a"));

    entry = jm_format_index(tree, node);

    if (entry != tree->nformat) {
        jm_format_remove(tree, entry);
    }

    if (node->extra) {
        jm_tree_remove(tree, jm_tree_index(tree, node));
    }
}


/* Buttons show their label, the rest of a form's controls nothing. */
static void
jm_body_control(jm_tree_t *tree, jm_token_t *token)
{
    const jm_str_t *type, *label;

    type = jm_token_find(token, "type");
    label = jm_token_find(token, "value");

    if (label != NULL && type != NULL && type->len == 6
        && (strncasecmp((char *) type->data, "submit", 6) == 0
            || strncasecmp((char *) type->data, "button", 6) == 0))
    {
        jm_format_reconstruct(tree);
        jm_tree_text(tree, *label);
    }
}


/* A subtree that is dropped, but has to be followed to its end. */
static void
jm_body_start_dropped(jm_tree_t *tree, jm_tag_t tag, jm_token_t *token)
{
    xmlNode *node;

    if (tag == JM_TAG_svg || tag == JM_TAG_math || tag == JM_TAG_applet) {
        jm_format_reconstruct(tree);
    }

    /* foreign and Office elements may be closed by "/>" */
    if (token->self_closing
        && (tag == JM_TAG_svg || tag == JM_TAG_math || tag == JM_TAG_xml))
    {
        return;
    }

    node = jm_tree_insert(tree, tag, NULL);

    if (node != NULL && tag == JM_TAG_xml) {
        node->name = (xmlChar *) jm_arena_cstr(tree->arena, token->name.data,
                                               token->name.len);
    }

    if (node != NULL && (jm_tags[tag].flags & SCOPE)) {
        jm_format_marker(tree);
    }
}


/* 13.2.6.4.7, start tags of elements that are kept. */
static void
jm_body_start_kept(jm_tree_t *tree, jm_tag_t tag, jm_token_t *token)
{
    xmlNode *node;
    unsigned flags;

    flags = jm_tags[tag].flags;

    if (flags & HEADING) {
        jm_tree_close_p(tree);

        if (jm_tags[jm_tree_top(tree)->tag].flags & HEADING) {
            jm_tree_pop(tree);
        }

    } else if (tag == JM_TAG_li || tag == JM_TAG_dd || tag == JM_TAG_dt) {
        jm_body_start_item(tree, tag);

    } else if (flags & BLOCK) {
        if (tag != JM_TAG_table || !tree->quirks) {
            jm_tree_close_p(tree);
        }

    } else if (tag == JM_TAG_rp || tag == JM_TAG_rt) {
        if (jm_tree_scope(tree, JM_TAG_ruby)) {
            jm_tree_implied(tree, JM_TAG_none);
        }

    } else {
        if (tag == JM_TAG_a) {
            jm_body_start_link(tree);
        }

        jm_format_reconstruct(tree);

        if (tag == JM_TAG_nobr && jm_tree_scope(tree, JM_TAG_nobr) != 0) {
            jm_format_end(tree, tag, token->name);
            jm_format_reconstruct(tree);
        }
    }

    node = jm_tree_insert(tree, tag, token);

    if (node != NULL && (flags & FORMAT)) {
        jm_format_push(tree, node, tag);
    }
}


void
jm_body_start(jm_tree_t *tree, jm_tag_t tag, jm_token_t *token)
{
    switch (jm_tags[tag].action) {

    case KEEP:
        if (!(jm_tags[tag].flags & TABLE_PART)) {
            jm_body_start_kept(tree, tag, token);
        }

        break;

    case BREAK:
        jm_tree_close_p(tree);
        break;

    case CONTROL:
        jm_body_control(tree, token);
        break;

    case UNWRAP:
        jm_format_reconstruct(tree);

        if (jm_tree_insert(tree, tag, NULL) != NULL) {
            jm_format_marker(tree);
        }

        break;

    case TREE:
        jm_body_start_dropped(tree, tag, token);
        break;

    default:
        break;
    }
}


/* Any heading ends any heading. */
static void
jm_body_end_heading(jm_tree_t *tree)
{
    size_t i;

    for (i = tree->nopen - 1; i > 0; i--) {
        if (jm_tags[tree->open[i].tag].flags & HEADING) {
            jm_tree_pop_to(tree, i);
            return;
        }

        if (jm_tags[tree->open[i].tag].flags & SCOPE) {
            return;
        }
    }
}


static void
jm_body_end_block(jm_tree_t *tree, jm_tag_t tag)
{
    size_t i;

    for (i = tree->nopen - 1; i > 0; i--) {
        if (tree->open[i].tag == tag) {
            jm_tree_pop_to(tree, i);
            return;
        }

        /* list item scope */
        if ((jm_tags[tree->open[i].tag].flags & SCOPE)
            || (tag == JM_TAG_li
                && (tree->open[i].tag == JM_TAG_ul
                    || tree->open[i].tag == JM_TAG_ol)))
        {
            return;
        }
    }
}


/* What is dropped ends with whatever is open in it. */
static void
jm_body_end_dropped(jm_tree_t *tree, jm_tag_t tag)
{
    size_t i;

    for (i = tree->nopen - 1; i > 0; i--) {
        if (tree->open[i].tag == tag) {
            jm_tree_pop_to(tree, i);

            if (tag == JM_TAG_template) {
                jm_format_clear(tree);
            }

            return;
        }
    }
}


/* applet, marquee, object */
static void
jm_body_end_scope(jm_tree_t *tree, jm_tag_t tag)
{
    size_t i;

    i = jm_tree_scope(tree, tag);

    if (i != 0) {
        jm_tree_pop_to(tree, i);
        jm_format_clear(tree);
    }
}


void
jm_body_end(jm_tree_t *tree, jm_tag_t tag, jm_str_t name)
{
    unsigned flags;

    flags = jm_tags[tag].flags;

    if (tag == JM_TAG_br) {
        jm_format_reconstruct(tree);
        jm_tree_insert(tree, JM_TAG_br, NULL);

    } else if ((flags & (VOID | TABLE_PART)) || tag == JM_TAG_table) {
        return;

    } else if (tag == JM_TAG_p) {
        if (jm_tree_scope(tree, JM_TAG_p) == 0 && tree->in_body) {
            jm_tree_insert(tree, JM_TAG_p, NULL);
        }

        jm_tree_close_p(tree);

    } else if (flags & HEADING) {
        jm_body_end_heading(tree);

    } else if (flags & FORMAT) {
        jm_format_end(tree, tag, name);

    } else if (flags & BLOCK) {
        jm_body_end_block(tree, tag);

    } else if ((flags & SCOPE) && tag != JM_TAG_template) {
        jm_body_end_scope(tree, tag);

    } else if (jm_tags[tag].action == TREE && jm_tree_is_special(tag)) {
        jm_body_end_dropped(tree, tag);

    } else {
        jm_tree_end_other(tree, tag, name);
    }
}
