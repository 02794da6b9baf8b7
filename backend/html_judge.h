/*
 * The one walk over the tree: what becomes of each element, its attributes and
 * its text.  Writes HTML and plain text side by side and fills the report.
 *
 * Called by html.c.  Iterative: no mail can exhaust the stack.
 */

#ifndef JM_HTML_JUDGE_H
#define JM_HTML_JUDGE_H

#include "html_tree.h"
#include "html_write.h"

/* Reads the style blocks; before the tree. */
void jm_judge_blocks(jm_writer_t *w, xmlNode *body, const jm_blocks_t *blocks);

/* Writes the body as our wrapper, with all that may stay in it. */
void jm_judge_tree(jm_writer_t *w, xmlNode *body);

#endif /* JM_HTML_JUDGE_H */
