/*
 * The list of active formatting elements of html_tree_private.h (13.2.4.3),
 * and the end of a formatting element, which moves nodes about.
 */

#include "html_tree_private.h"


void
jm_format_marker(jm_tree_t *tree)
{
    if (tree->nformat == JM_HTML_MAX_FORMATS) {
        memmove(&tree->format[0], &tree->format[1],
                (JM_HTML_MAX_FORMATS - 1) * sizeof(jm_format_t));
        tree->nformat--;
    }

    tree->format[tree->nformat].node = NULL;
    tree->format[tree->nformat].tag = JM_TAG_none;
    tree->nformat++;
}


void
jm_format_clear(jm_tree_t *tree)
{
    while (tree->nformat > 0) {
        if (tree->format[--tree->nformat].node == NULL) {
            break;
        }
    }
}


void
jm_format_remove(jm_tree_t *tree, size_t i)
{
    tree->nformat--;
    memmove(&tree->format[i], &tree->format[i + 1],
            (tree->nformat - i) * sizeof(jm_format_t));
}


static void
jm_format_insert(jm_tree_t *tree, size_t i, xmlNode *node, jm_tag_t tag)
{
    memmove(&tree->format[i + 1], &tree->format[i],
            (tree->nformat - i) * sizeof(jm_format_t));
    tree->format[i].node = node;
    tree->format[i].tag = tag;
    tree->nformat++;
}


/* 13.2.4.3: at most three alike ("Noah's Ark"), and a cap of ours. */
void
jm_format_push(jm_tree_t *tree, xmlNode *node, jm_tag_t tag)
{
    size_t i, same, first;

    same = 0;
    first = 0;

    for (i = tree->nformat; i > 0 && tree->format[i - 1].node != NULL; i--) {
        if (tree->format[i - 1].tag == tag
            && jm_node_same(tree->format[i - 1].node, node))
        {
            same++;
            first = i - 1;
        }
    }

    if (same >= 3) {
        jm_format_remove(tree, first);

    } else if (tree->nformat == JM_HTML_MAX_FORMATS) {
        jm_format_remove(tree, 0);
    }

    jm_format_insert(tree, tree->nformat, node, tag);
}


/* 13.2.4.3, reconstruct the active formatting elements. */
void
jm_format_reconstruct(jm_tree_t *tree)
{
    size_t   i;
    xmlNode *clone;

    for (i = tree->nformat; i > 0; i--) {
        if (tree->format[i - 1].node == NULL
            || tree->format[i - 1].node->extra) {
            break;
        }
    }

    for (/* void */; i < tree->nformat; i++) {
        if (tree->nopen + 1 > JM_HTML_MAX_DEPTH - 2) {
            return;
        }

        clone = jm_tree_clone(tree, tree->format[i].node);
        jm_tree_place(tree, jm_tree_top(tree)->node, clone);
        jm_tree_push(tree, clone);
        tree->format[i].node = clone;
    }
}


size_t
jm_format_find(jm_tree_t *tree, jm_tag_t tag)
{
    size_t i;

    for (i = tree->nformat; i > 0 && tree->format[i - 1].node != NULL; i--) {
        if (tree->format[i - 1].tag == tag) {
            return i - 1;
        }
    }

    return tree->nformat;
}


size_t
jm_format_index(jm_tree_t *tree, const xmlNode *node)
{
    size_t i;

    for (i = 0; i < tree->nformat; i++) {
        if (tree->format[i].node == node) {
            break;
        }
    }

    return i;
}


/*
 * Step 4.13: the formatting elements between stack indexes `at` and `block`
 * are cloned around the block, the others closed.  Returns the outermost
 * clone, or the block itself; `bookmark`, a place in the list, follows.
 */
static xmlNode *
jm_format_adopt_inner(jm_tree_t *tree, size_t at, size_t block,
                      size_t *bookmark)
{
    size_t   i, n, inner;
    xmlNode *furthest, *last, *clone;

    furthest = tree->open[block].node;
    last = furthest;
    inner = 0;

    for (i = block - 1; i > at; i--) {
        inner++;
        n = jm_format_index(tree, tree->open[i].node);

        if (inner > 3 && n < tree->nformat) {
            jm_format_remove(tree, n);
            *bookmark -= (n < *bookmark);
            n = tree->nformat;
        }

        if (n == tree->nformat) {
            jm_tree_remove(tree, i);
            continue;
        }

        clone = jm_tree_clone(tree, tree->open[i].node);
        clone->extra = 1;
        tree->open[i].node->extra = 0;
        tree->open[i].node = clone;
        tree->format[n].node = clone;

        if (last == furthest) {
            *bookmark = n + 1;
        }

        xmlUnlinkNode(last);
        jm_node_append(clone, last);
        last = clone;
    }

    return last;
}


/*
 * One round of the adoption agency algorithm for the formatting element at
 * stack index `at` with the furthest block at `block` (steps 4.9 to 4.19).
 */
static void
jm_format_adopt(jm_tree_t *tree, size_t entry, size_t at, size_t block)
{
    size_t   i, bookmark;
    jm_tag_t tag;
    xmlNode *formatting, *furthest, *last, *clone, *common;

    formatting = tree->open[at].node;
    furthest = tree->open[block].node;
    common = tree->open[at - 1].node;
    bookmark = entry;
    last = jm_format_adopt_inner(tree, at, block, &bookmark);

    xmlUnlinkNode(last);
    jm_tree_place(tree, common, last);
    jm_tree_settle(last);

    clone = jm_tree_clone(tree, formatting);
    jm_node_move_children(furthest, clone);
    jm_node_append(furthest, clone);

    entry = jm_format_index(tree, formatting);
    tag = tree->format[entry].tag;
    jm_format_remove(tree, entry);
    bookmark -= (entry < bookmark);
    jm_format_insert(tree, bookmark, clone, tag);

    jm_tree_remove(tree, at);
    i = jm_tree_index(tree, furthest) + 1;
    memmove(&tree->open[i + 1], &tree->open[i],
            (tree->nopen - i) * sizeof(jm_open_t));
    tree->open[i].node = clone;
    tree->open[i].tag = jm_node_tag(clone);
    tree->open[i].mode = tree->open[i - 1].mode;
    clone->extra = 1;
    tree->nopen++;
}


void
jm_format_end(jm_tree_t *tree, jm_tag_t tag, jm_str_t name)
{
    size_t   round, entry, at, block, i;
    xmlNode *node;

    node = jm_tree_top(tree)->node;

    if (jm_tree_top(tree)->tag == tag
        && jm_format_index(tree, node) == tree->nformat)
    {
        jm_tree_pop(tree);
        return;
    }

    for (round = 0; round < 8; round++) {
        entry = jm_format_find(tree, tag);

        if (entry == tree->nformat) {
            jm_tree_end_other(tree, tag, name);
            return;
        }

        node = tree->format[entry].node;

        if (!node->extra) {
            jm_format_remove(tree, entry);
            return;
        }

        at = jm_tree_index(tree, node);
        block = 0;

        for (i = tree->nopen - 1; i > at; i--) {
            if (jm_tags[tree->open[i].tag].flags & SCOPE) {
                return; /* not in scope */
            }

            if (jm_tree_is_special(tree->open[i].tag)) {
                block = i;
            }
        }

        if (block == 0) {
            jm_tree_pop_to(tree, at);
            jm_format_remove(tree, entry);
            return;
        }

        jm_format_adopt(tree, entry, at, block);
    }
}
