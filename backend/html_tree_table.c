/*
 * The rules of html_tree_private.h for the parts of a table ("in table" to
 * "in cell", 13.2.6.4.9 to 13.2.6.4.15): missing parts are put in.
 */

#include "html_tree_private.h"


/* Pops to the innermost element of the tables that `mode` belongs to. */
static void
jm_table_clear(jm_tree_t *tree)
{
    jm_tag_t tag;

    for (;;) {
        tag = jm_tree_top(tree)->tag;

        if (jm_tree_is_table_row(tag) || tag == JM_TAG_colgroup
            || tag == JM_TAG_body) {
            return;
        }

        jm_tree_pop(tree);
    }
}


void
jm_table_close_cell(jm_tree_t *tree)
{
    jm_tag_t tag;

    do {
        tag = jm_tree_top(tree)->tag;
        jm_tree_pop(tree);
    } while (tag != JM_TAG_td && tag != JM_TAG_th && tag != JM_TAG_caption
             && tree->nopen > 1);

    jm_format_clear(tree);
}


int
jm_table_start(jm_tree_t *tree, jm_tag_t tag, jm_token_t *token)
{
    jm_mode_t mode;

    mode = jm_tree_top(tree)->mode;
    jm_table_clear(tree);

    switch (tag) {

    case JM_TAG_td:
    case JM_TAG_th:
        if (mode == IN_ROW) {
            jm_tree_insert(tree, tag, token);
            jm_format_marker(tree);
            return 0;
        }

        jm_tree_insert(tree, mode == IN_TBODY ? JM_TAG_tr : JM_TAG_tbody,
                       NULL);
        return 1;

    case JM_TAG_tr:
        if (mode == IN_TBODY) {
            jm_tree_insert(tree, tag, token);
            return 0;
        }

        if (mode == IN_TABLE) {
            jm_tree_insert(tree, JM_TAG_tbody, NULL);
            return 1;
        }

        break;

    default:
        break;
    }

    if (mode != IN_TABLE) {
        jm_tree_pop(tree);
        return 1;
    }

    if (tag == JM_TAG_col) {
        jm_tree_insert(tree, JM_TAG_colgroup, NULL);
        return 1;
    }

    if (tag == JM_TAG_caption) {
        jm_format_marker(tree);
    }

    jm_tree_insert(tree, tag, token);

    return 0;
}


int
jm_table_end(jm_tree_t *tree, jm_tag_t tag)
{
    size_t    i;
    jm_mode_t mode;

    mode = jm_tree_top(tree)->mode;

    if (mode == IN_BODY || tag == JM_TAG_col) {
        return 0;
    }

    /* not open in this table */
    i = jm_tree_table_scope(tree, tag);

    if (i == 0) {
        return 0;
    }

    if (mode == IN_CELL || mode == IN_CAPTION) {
        jm_table_close_cell(tree);
        return tag != JM_TAG_td && tag != JM_TAG_th && tag != JM_TAG_caption;
    }

    jm_tree_pop_to(tree, i);

    return 0;
}
