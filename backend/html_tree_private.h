/*
 * The state of the tree construction (HTML Standard, 13.2.4), and what its
 * files ask of one another: each calls only those above it here.
 * Numbers in brackets are sections of the Standard.
 */

#ifndef JM_HTML_TREE_PRIVATE_H
#define JM_HTML_TREE_PRIVATE_H

#include "html_token.h"
#include "html_tree.h"

#define JM_HTML_MAX_FORMATS 64

/* Where in a table we are (13.2.4.1). */
typedef enum {
    IN_BODY,
    IN_TABLE,
    IN_TBODY,
    IN_ROW,
    IN_CELL,
    IN_CAPTION,
    IN_COLGROUP
} jm_mode_t;

typedef struct {
    xmlNode  *node;
    jm_tag_t  tag;
    jm_mode_t mode;
} jm_open_t;

/* A formatting element to be opened again; node NULL: a marker. */
typedef struct {
    xmlNode *node;
    jm_tag_t tag;
} jm_format_t;

typedef struct {
    jm_arena_t    *arena;
    jm_html_t     *out;
    xmlDoc        *doc;
    jm_blocks_t   *blocks;
    xmlNode       *body;
    size_t         nodes;
    jm_open_t      open[JM_HTML_MAX_DEPTH]; /* the first one is the body */
    size_t         nopen;
    jm_format_t    format[JM_HTML_MAX_FORMATS];
    size_t         nformat;
    unsigned       overflow[JM_NTAGS]; /* too deep to be opened */
    jm_tokenizer_t tokenizer;
    unsigned       foster : 1;    /* stray table content goes before it */
    unsigned       ignore_lf : 1; /* the first one in pre */
    unsigned       begun : 1;     /* a tag or text was seen */
    unsigned       in_body : 1;   /* one that is not the head's */
    unsigned       quirks : 1;    /* by the doctype: tables in paragraphs */
} jm_tree_t;


/* html_tree_stack.c: the open elements, and where a new node goes. */

/* "Special" elements end many a search (13.2.4.2). */
int jm_tree_is_special(jm_tag_t tag);

/* Where stray content of a table must not stand. */
int jm_tree_is_table_row(jm_tag_t tag);

/* For a block: paragraphs and headings that cannot hold it are renamed. */
void jm_tree_settle(xmlNode *node);

/* A new element that is nowhere yet; `token` NULL: without attributes. */
xmlNode *jm_tree_element(jm_tree_t *tree, jm_tag_t tag, jm_token_t *token);

/* Another one with the same attributes. */
xmlNode *jm_tree_clone(jm_tree_t *tree, xmlNode *node);

/* The attributes we know something about; the first of a name counts. */
void jm_tree_attrs(jm_tree_t *tree, xmlNode *node, jm_tag_t tag,
                   jm_token_t *token);

jm_open_t *jm_tree_top(jm_tree_t *tree);
void       jm_tree_push(jm_tree_t *tree, xmlNode *node);

/* The body is never popped; `n` elements stay. */
void jm_tree_pop(jm_tree_t *tree);
void jm_tree_pop_to(jm_tree_t *tree, size_t n);

/* The stack's index of a node, 0 if it is not open. */
size_t jm_tree_index(jm_tree_t *tree, const xmlNode *node);
void   jm_tree_remove(jm_tree_t *tree, size_t i);

/* The stack's index of an open `tag` in scope (13.2.4.2), 0 if none is. */
size_t jm_tree_scope(jm_tree_t *tree, jm_tag_t tag);

/* The same in the innermost table. */
size_t jm_tree_table_scope(jm_tree_t *tree, jm_tag_t tag);

/* 13.2.6.3, generate implied end tags. */
void jm_tree_implied(jm_tree_t *tree, jm_tag_t except);

/* Ends an open paragraph in scope. */
void jm_tree_close_p(jm_tree_t *tree);

/* 13.2.6.4.7, any other end tag; Office's elements go by `name`. */
void jm_tree_end_other(jm_tree_t *tree, jm_tag_t tag, jm_str_t name);

/* Puts a node into `target`, or before the table where it is fostered. */
void jm_tree_place(jm_tree_t *tree, xmlNode *target, xmlNode *node);

/*
 * Inserts an element and, unless it is void, opens it.  One that is too deep,
 * or that would not stay where it is, is left out and its content kept: NULL.
 */
xmlNode *jm_tree_insert(jm_tree_t *tree, jm_tag_t tag, jm_token_t *token);

void jm_tree_text(jm_tree_t *tree, jm_str_t text);


/* html_tree_format.c: the active formatting elements (13.2.4.3). */

/* `tag` is what its end tag says; the node may have been renamed. */
void jm_format_push(jm_tree_t *tree, xmlNode *node, jm_tag_t tag);
void jm_format_remove(jm_tree_t *tree, size_t i);

/* A cell or caption begins and ends. */
void jm_format_marker(jm_tree_t *tree);
void jm_format_clear(jm_tree_t *tree);

/* Opens again what an end tag of another element closed. */
void jm_format_reconstruct(jm_tree_t *tree);

/* The list's last `tag` behind the last marker; nformat if there is none. */
size_t jm_format_find(jm_tree_t *tree, jm_tag_t tag);

/* The index of a node, nformat if it is not in the list. */
size_t jm_format_index(jm_tree_t *tree, const xmlNode *node);

/* 13.2.6.4.7, adoption agency algorithm: </b> with blocks open inside. */
void jm_format_end(jm_tree_t *tree, jm_tag_t tag, jm_str_t name);


/* html_tree_foreign.c: pictures and formulas (13.2.6.5). */

/* Are we directly in one, where other rules hold? */
int jm_foreign_is(jm_tree_t *tree);

/* A start tag there.  1: it ends the picture and is one of HTML. */
int jm_foreign_start(jm_tree_t *tree, jm_tag_t tag, jm_token_t *token);

/* An end tag, there or not.  1: it was one of these. */
int jm_foreign_end(jm_tree_t *tree, jm_str_t name);


/* html_tree_body.c: tags outside tables and in cells (13.2.6.4.7). */

void jm_body_start(jm_tree_t *tree, jm_tag_t tag, jm_token_t *token);
void jm_body_end(jm_tree_t *tree, jm_tag_t tag, jm_str_t name);


/* html_tree_table.c: the parts of a table (13.2.6.4.9 to .15). */

/*
 * A start tag that wants to stand directly in a table, tbody or tr.  Returns 1
 * when the tag has to be looked at again in the mode that is then reached.
 */
int jm_table_start(jm_tree_t *tree, jm_tag_t tag, jm_token_t *token);

/* An end tag of the table or a part of it.  1: to be looked at again. */
int jm_table_end(jm_tree_t *tree, jm_tag_t tag);

/* Ends the open td or th, or caption. */
void jm_table_close_cell(jm_tree_t *tree);

#endif /* JM_HTML_TREE_PRIVATE_H */
