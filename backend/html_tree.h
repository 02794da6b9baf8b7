/*
 * Tree construction: a mail's source in, the tree that a browser would build
 * out, by the rules of the HTML Standard that matter for mail (13.2.6: implied
 * tags, tables and foster parents, formatting elements).
 *
 * Elements that are not kept never enter the tree, or are marked in their
 * whole (action TREE in html_table.h), so what is written from it is parsed
 * to the same tree again.  Safety does not rest on any of this: nothing but
 * text, names of our tables and checked values is ever written.
 *
 * Called by html.c; the tree lives in the arena.
 */

#ifndef JM_HTML_TREE_H
#define JM_HTML_TREE_H

#include "html.h"
#include "html_node.h"

#define JM_HTML_MAX_BLOCKS 256

/* The style blocks that are met, with the attribute `media` of each. */
typedef struct {
    jm_str_t source[JM_HTML_MAX_BLOCKS];
    jm_str_t media[JM_HTML_MAX_BLOCKS];
    size_t   n;
} jm_blocks_t;

/*
 * Returns the body.  Counts in out->removed what does not get in, and sets
 * out->cut at a limit.  `source` went through jm_html_preprocess().
 */
xmlNode *jm_tree_build(jm_html_t *out, jm_arena_t *arena, jm_str_t source,
                       jm_blocks_t *blocks);

#endif /* JM_HTML_TREE_H */
