/*
 * The nodes of the sanitiser's tree are libxml2's.  A node knows its element
 * by number, its attributes as the mail wrote them and, while the tree is
 * built, whether it is open; names of a mail are not in it.
 *
 * Called by html_tree*.c, which build the tree, and by the files that read it.
 * libxml2 takes its memory from the message's arena and frees nothing: a jump
 * out of the arena (arena.h) leaves nothing behind.
 */

#ifndef JM_HTML_NODE_H
#define JM_HTML_NODE_H

#include <libxml/tree.h>
#include <stdint.h>

#include "arena.h"
#include "css.h"
#include "html_table.h"

/* Elements inside one another; parsers of the world follow that far. */
#define JM_HTML_MAX_DEPTH 198

/* An attribute as the mail wrote it; shared by the clones of its element. */
typedef struct {
    jm_attr_t      attr;
    jm_str_t       raw;
    jm_str_t       style; /* judged */
    jm_str_t       held;  /* index of the image it held */
    jm_css_info_t *info;  /* NULL: not yet judged */
} jm_prop_t;

/* Once per process: libxml2's tables, and no messages of its own. */
void jm_node_init(void);

/* From now on all nodes are made of this arena's memory. */
void jm_node_use(jm_arena_t *arena);

/* An element that is nowhere yet, without attributes. */
xmlNode *jm_node_element(xmlDoc *doc, jm_tag_t tag);

/* Adds an attribute; `value` lives as long as the tree. */
void jm_node_attr(jm_arena_t *arena, xmlNode *node, jm_attr_t attr,
                  jm_str_t value);

jm_tag_t jm_node_tag(const xmlNode *node);

/* It is to be written as another element. */
void jm_node_rename(xmlNode *node, jm_tag_t tag);

/*
 * Links are set by hand: xmlAddChild would merge text nodes, each time copying
 * what is there already.  `node` is nowhere yet, or taken out before.
 */
void jm_node_append(xmlNode *parent, xmlNode *node);
void jm_node_insert_before(xmlNode *next, xmlNode *node);

/* All children of `from` become those of `to`, which has none. */
void jm_node_move_children(xmlNode *from, xmlNode *to);

/* Have they the same attributes, in the same order? */
int jm_node_same(const xmlNode *a, const xmlNode *b);

#endif /* JM_HTML_NODE_H */
