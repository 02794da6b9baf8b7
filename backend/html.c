/*
 * The sanitiser behind html.h.  The source goes through the tokenizer into a
 * libxml2 tree, built by the rules of the HTML Standard that matter for mail
 * (13.2.6: implied tags, tables and foster parents, formatting elements), so
 * that it is the tree a browser would build; the tree is then walked once,
 * judged by the tables of html_table.h, and written in canonical form.  Safety
 * does not rest on the parser: nothing but text, names of our tables and
 * checked values is ever written.
 *
 * Elements that are not kept never enter the tree, so what is written is
 * parsed to the same tree again.
 *
 * libxml2 takes its memory from the message's arena and frees nothing: a jump
 * out of the arena (arena.h) leaves nothing behind.  All walks are iterative.
 */

#include "html.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xmlerror.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "css.h"
#include "html_table.h"
#include "html_token.h"
#include "text.h"
#include "trackers.h"
#include "url.h"

#define JM_HTML_MAX_SOURCE   (2 * 1024 * 1024)
#define JM_HTML_MAX_NODES    100000
#define JM_HTML_MAX_DEPTH    198
#define JM_HTML_MAX_FORMATS  64
#define JM_HTML_MAX_REPORT   1000 /* rows of each list of the report */
#define JM_HTML_MAX_TEXT     1024 /* bytes of a title, alt or link text */
#define JM_HTML_MAX_CLASSES  16
#define JM_HTML_MAX_NAME     64
#define JM_HTML_MAX_DATA_URL (512 * 1024)
#define JM_HTML_MAX_PLAIN    (1024 * 1024)
#define JM_HTML_SLACK        (64 * 1024)
#define JM_HTML_PIECE        4096

#define JM_HTML_PREFIX "jm-1-"
#define JM_HTML_LINK                                                          \
    " target=\"_blank\""                                                      \
    " rel=\"noopener noreferrer nofollow\""

/* Where in a table the tree construction is (13.2.4.1). */
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

/* An attribute as the mail wrote it; shared by the clones of its element. */
typedef struct {
    jm_attr_t     attr;
    jm_str_t      raw;
    unsigned      judged : 1; /* `style` and `info` are set */
    jm_str_t      style;
    jm_css_info_t info;
} jm_prop_t;

typedef struct {
    jm_arena_t    *arena;
    jm_html_t     *out;
    xmlDoc        *doc;
    xmlNode       *body;
    size_t         nodes;
    jm_open_t      open[JM_HTML_MAX_DEPTH];
    size_t         nopen;
    jm_format_t    format[JM_HTML_MAX_FORMATS];
    size_t         nformat;
    unsigned       overflow[JM_NTAGS]; /* too deep to be opened */
    jm_tokenizer_t tokenizer;
    unsigned       foster : 1;    /* stray table content goes before it */
    unsigned       ignore_lf : 1; /* the first one in pre */
    unsigned       begun : 1;     /* a tag or text was seen */
} jm_tree_t;

/* An element being written. */
typedef struct {
    jm_tag_t tag;
    size_t   start; /* its start tag in the output */
    size_t   len;   /* 0: only its content is written */
    unsigned hidden : 1;
} jm_written_t;

typedef struct {
    jm_arena_t    *arena;
    jm_html_t     *out;
    jm_buf_t       html;
    size_t         limit;
    jm_text_t      text;
    jm_written_t   open[JM_HTML_MAX_DEPTH + 1];
    size_t         depth;
    unsigned       hidden; /* open elements that are not shown */
    unsigned       pre;
    unsigned       in_link : 1;
    unsigned       after_pre : 1;
    unsigned       full : 1;
    jm_url_t       link;
    jm_buf_t       link_text;
    jm_html_cid_pt cid;
    void          *cid_data;
} jm_writer_t;

/* The attributes of one element, by number. */
typedef struct {
    jm_prop_t *prop[JM_NATTRS];
} jm_props_t;

static void jm_tree_start(jm_tree_t *tree, jm_tag_t tag, jm_token_t *token);
static void jm_tree_end(jm_tree_t *tree, jm_tag_t tag, jm_str_t name);
static void jm_body_start(jm_tree_t *tree, jm_tag_t tag, jm_token_t *token);
static void jm_body_end(jm_tree_t *tree, jm_tag_t tag, jm_str_t name);


/* The message whose memory libxml2 uses; NULL before the first one. */
static jm_arena_t *jm_xml_arena;


/*
 * libxml2's allocator.  The size in front of each block is for realloc; what
 * was taken before the first message stays.
 */
static void *
jm_xml_malloc(size_t size)
{
    size_t *block;

    if (jm_xml_arena == NULL) {
        block = calloc(1, size + 16);
        if (block == NULL) {
            return NULL;
        }

    } else {
        block = jm_arena_alloc(jm_xml_arena, size + 16);
    }

    *block = size;

    return (u_char *) block + 16;
}


static void
jm_xml_free(void *p)
{
    /* gone with the arena */
}


static void *
jm_xml_realloc(void *p, size_t size)
{
    void  *grown;
    size_t old;

    grown = jm_xml_malloc(size);

    if (p != NULL && grown != NULL) {
        old = *(size_t *) (void *) ((u_char *) p - 16);
        memcpy(grown, p, old < size ? old : size);
    }

    return grown;
}


static char *
jm_xml_strdup(const char *s)
{
    char *copy;

    copy = jm_xml_malloc(strlen(s) + 1);

    return copy == NULL ? NULL : memcpy(copy, s, strlen(s) + 1);
}


static void
jm_xml_error(void *data, xmlErrorPtr error)
{
    /* mails are wrong all the time; nothing to say */
}


void
jm_html_init(void)
{
    xmlMemSetup(jm_xml_free, jm_xml_malloc, jm_xml_realloc, jm_xml_strdup);
    xmlInitParser();
    xmlSetStructuredErrorFunc(NULL, jm_xml_error);
}


/* A list of the report with room for one more element behind the last. */
static void *
jm_html_grow(jm_arena_t *arena, void *list, size_t n, size_t size)
{
    void *grown;

    /* full at 0, 8, 16, 32… */
    if (n != 0 && (n < 8 || (n & (n - 1)) != 0)) {
        return list;
    }

    grown = jm_arena_alloc(arena, (n == 0 ? 8 : 2 * n) * size);

    if (n != 0) {
        memcpy(grown, list, n * size);
    }

    return grown;
}


static int
jm_str_is(jm_str_t str, const char *word)
{
    return str.len == strlen(word) && memcmp(str.data, word, str.len) == 0;
}


static int
jm_html_space(u_char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}


static int
jm_html_is_blank(jm_str_t str)
{
    size_t i;

    for (i = 0; i < str.len; i++) {
        if (!jm_html_space(str.data[i])) {
            return 0;
        }
    }

    return 1;
}


/* ---- the tree ---------------------------------------------------------- */


static jm_tag_t
jm_node_tag(const xmlNode *node)
{
    return (jm_tag_t) (uintptr_t) node->_private;
}


static jm_open_t *
jm_tree_top(jm_tree_t *tree)
{
    return &tree->open[tree->nopen - 1];
}


static int
jm_tag_is_special(jm_tag_t tag)
{
    /* foreign and Office elements are not */
    if (jm_tags[tag].action == TREE) {
        return tag != JM_TAG_xml && tag != JM_TAG_svg && tag != JM_TAG_math;
    }

    return (jm_tags[tag].flags & (BLOCK | SPECIAL)) != 0 || tag == JM_TAG_body;
}


/* Where stray content of a table must not stand. */
static int
jm_tag_is_table_row(jm_tag_t tag)
{
    return tag == JM_TAG_table || tag == JM_TAG_tbody || tag == JM_TAG_thead
           || tag == JM_TAG_tfoot || tag == JM_TAG_tr;
}


/*
 * Links are set by hand: xmlAddChild would merge text nodes, each time copying
 * what is there already.
 */
static void
jm_node_append(xmlNode *parent, xmlNode *node)
{
    node->parent = parent;
    node->prev = parent->last;
    node->next = NULL;

    if (parent->last == NULL) {
        parent->children = node;
    } else {
        parent->last->next = node;
    }

    parent->last = node;
}


static void
jm_node_insert_before(xmlNode *next, xmlNode *node)
{
    node->parent = next->parent;
    node->next = next;
    node->prev = next->prev;

    if (next->prev == NULL) {
        next->parent->children = node;
    } else {
        next->prev->next = node;
    }

    next->prev = node;
}


static void
jm_node_move_children(xmlNode *from, xmlNode *to)
{
    xmlNode *node;

    for (node = from->children; node != NULL; node = node->next) {
        node->parent = to;
    }

    to->children = from->children;
    to->last = from->last;
    from->children = NULL;
    from->last = NULL;
}


/* 13.2.6.1, appropriate place for inserting a node. */
static void
jm_tree_place(jm_tree_t *tree, xmlNode *target, xmlNode *node)
{
    size_t i;

    if (tree->foster && jm_tag_is_table_row(jm_node_tag(target))) {
        for (i = tree->nopen - 1; i > 0; i--) {
            if (tree->open[i].tag == JM_TAG_table) {
                jm_node_insert_before(tree->open[i].node, node);
                return;
            }
        }
    }

    jm_node_append(target, node);
}


static void
jm_tree_attr(jm_tree_t *tree, xmlNode *node, jm_attr_t attr, jm_str_t value)
{
    xmlAttr   *xml;
    jm_prop_t *prop;

    prop = jm_arena_alloc(tree->arena, sizeof(jm_prop_t));
    prop->attr = attr;
    prop->raw = jm_arena_str(tree->arena, value.data, value.len);

    xml = xmlNewProp(node, (const xmlChar *) jm_attrs[attr].name,
                     prop->raw.data);

    if (xml != NULL) {
        xml->_private = prop;
    }
}


/* The attributes we know something about; the first of a name counts. */
static void
jm_tree_attrs(jm_tree_t *tree, xmlNode *node, jm_tag_t tag, jm_token_t *token)
{
    size_t    i;
    unsigned  groups;
    xmlAttr  *xml;
    uint64_t  seen;
    jm_attr_t attr;
    jm_str_t  name;

    if (token == NULL) {
        return;
    }

    groups = jm_attr_groups(tag);
    seen = 0;

    for (xml = node->properties; xml != NULL; xml = xml->next) {
        seen |= (uint64_t) 1 << ((jm_prop_t *) xml->_private)->attr;
    }

    for (i = 0; i < token->nattrs; i++) {
        name = token->attrs[i].name;

        if (name.len > 2 && name.data[0] == 'o' && name.data[1] == 'n') {
            tree->out->removed.script++;
            continue;
        }

        attr = jm_attr_find(name);

        if (attr == JM_ATTR_none || !(jm_attrs[attr].groups & groups)
            || (seen & ((uint64_t) 1 << attr)))
        {
            continue;
        }

        seen |= (uint64_t) 1 << attr;
        jm_tree_attr(tree, node, attr, token->attrs[i].value);
    }
}


/* A new element that is nowhere yet. */
static xmlNode *
jm_tree_element(jm_tree_t *tree, jm_tag_t tag, jm_token_t *token)
{
    xmlNode *node;

    node = xmlNewDocNode(tree->doc, NULL, (const xmlChar *) jm_tags[tag].name,
                         NULL);
    node->_private = (void *) (uintptr_t) tag;
    tree->nodes++;
    jm_tree_attrs(tree, node, tag, token);

    return node;
}


/* Shares the attributes: they are read, never changed nor freed. */
static xmlNode *
jm_tree_clone(jm_tree_t *tree, xmlNode *node)
{
    xmlNode *clone;

    clone = jm_tree_element(tree, jm_node_tag(node), NULL);
    clone->properties = node->properties;

    return clone;
}


static jm_mode_t
jm_tag_mode(jm_tag_t tag, jm_mode_t inherited)
{
    switch (tag) {

    case JM_TAG_table:
        return IN_TABLE;

    case JM_TAG_tbody:
    case JM_TAG_thead:
    case JM_TAG_tfoot:
        return IN_TBODY;

    case JM_TAG_tr:
        return IN_ROW;

    case JM_TAG_td:
    case JM_TAG_th:
        return IN_CELL;

    case JM_TAG_caption:
        return IN_CAPTION;

    case JM_TAG_colgroup:
        return IN_COLGROUP;

    default:
        return inherited;
    }
}


/* The node's `extra` says whether it is on the stack. */
static void
jm_tree_push(jm_tree_t *tree, xmlNode *node)
{
    jm_open_t *open;

    open = &tree->open[tree->nopen];
    open->node = node;
    open->tag = jm_node_tag(node);
    open->mode = jm_tag_mode(
        open->tag,
        tree->nopen == 0 ? IN_BODY : tree->open[tree->nopen - 1].mode);
    node->extra = 1;
    tree->nopen++;
}


/* The body is never popped. */
static void
jm_tree_pop(jm_tree_t *tree)
{
    if (tree->nopen > 1) {
        tree->nopen--;
        tree->open[tree->nopen].node->extra = 0;
    }
}


static void
jm_tree_pop_to(jm_tree_t *tree, size_t n)
{
    while (tree->nopen > n && tree->nopen > 1) {
        jm_tree_pop(tree);
    }
}


static size_t
jm_tree_table_scope(jm_tree_t *tree, jm_tag_t tag)
{
    size_t i;

    for (i = tree->nopen - 1; i > 0; i--) {
        if (tree->open[i].tag == tag) {
            return i;
        }

        if (tree->open[i].tag == JM_TAG_table) {
            break;
        }
    }

    return 0;
}


/* The element that a new node would be put into. */
static xmlNode *
jm_tree_parent(jm_tree_t *tree)
{
    size_t i;

    i = tree->nopen - 1;

    if (tree->foster && jm_tag_is_table_row(tree->open[i].tag)) {
        i = jm_tree_table_scope(tree, JM_TAG_table);
        return tree->open[i].node->parent;
    }

    return tree->open[i].node;
}


/*
 * Would a browser that reads our output leave the element where we put it?
 * The stack says so for most, but what is moved out of a table lands among
 * elements that the table hides.  (Headings and list items end one another, a
 * block ends a paragraph, links do not hold links.)
 */
static int
jm_tree_fits(jm_tree_t *tree, jm_tag_t tag)
{
    int            inner, item, link, heading;
    unsigned       flags;
    jm_tag_t       above;
    const xmlNode *node;

    flags = jm_tags[tag].flags;
    item = (tag == JM_TAG_li || tag == JM_TAG_dd || tag == JM_TAG_dt);
    heading = (flags & HEADING) != 0;
    link = (tag == JM_TAG_a);
    inner = (flags & BLOCK) != 0;

    if (!item && !heading && !link && !inner) {
        return 1;
    }

    for (node = jm_tree_parent(tree); node != tree->body; node = node->parent)
    {
        above = jm_node_tag(node);

        if ((link && above == JM_TAG_a) || (inner && above == JM_TAG_p)
            || (heading && (jm_tags[above].flags & HEADING))
            || (item
                && (above == tag || (tag == JM_TAG_dd && above == JM_TAG_dt)
                    || (tag == JM_TAG_dt && above == JM_TAG_dd))))
        {
            return 0;
        }

        inner &= !(jm_tags[above].flags & SCOPE);
        heading &= !jm_tag_is_special(above);
        item &= !jm_tag_is_special(above) || above == JM_TAG_address
                || above == JM_TAG_div || above == JM_TAG_p;
    }

    return 1;
}


/*
 * Inserts an element and, unless it is void, opens it.  One that is too deep,
 * or that would not stay where it is, is left out and its content kept: NULL.
 * A table needs room for its rows.
 */
static xmlNode *
jm_tree_insert(jm_tree_t *tree, jm_tag_t tag, jm_token_t *token)
{
    size_t   room;
    xmlNode *node;

    room = (tag == JM_TAG_table) ? 6 : 1;

    if (!(jm_tags[tag].flags & (VOID | TABLE_PART))
        && tree->nopen + room > JM_HTML_MAX_DEPTH - 2)
    {
        tree->overflow[tag]++;
        tree->out->cut = 1;
        return NULL;
    }

    node = jm_tree_element(tree, tag, token);

    if (!jm_tree_fits(tree, tag)) {
        return NULL;
    }

    jm_tree_place(tree, jm_tree_top(tree)->node, node);

    if (!(jm_tags[tag].flags & VOID)) {
        jm_tree_push(tree, node);
    }

    return node;
}


/*
 * 13.2.4.2: the stack's index of an open `tag` in scope, 0 if there is none;
 * `barrier` ends the search besides the usual ones.
 */
static size_t
jm_tree_scope(jm_tree_t *tree, jm_tag_t tag)
{
    size_t i;

    for (i = tree->nopen - 1; i > 0; i--) {
        if (tree->open[i].tag == tag) {
            return i;
        }

        if (jm_tags[tree->open[i].tag].flags & SCOPE) {
            break;
        }
    }

    return 0;
}


static void
jm_tree_implied(jm_tree_t *tree, jm_tag_t except)
{
    jm_tag_t tag;

    for (;;) {
        tag = jm_tree_top(tree)->tag;

        if (!(jm_tags[tag].flags & IMPLIED) || tag == except) {
            return;
        }

        jm_tree_pop(tree);
    }
}


static void
jm_tree_close_p(jm_tree_t *tree)
{
    size_t i;

    i = jm_tree_scope(tree, JM_TAG_p);

    if (i != 0) {
        jm_tree_pop_to(tree, i);
    }
}


static void
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


static void
jm_format_clear(jm_tree_t *tree)
{
    while (tree->nformat > 0) {
        if (tree->format[--tree->nformat].node == NULL) {
            break;
        }
    }
}


static void
jm_format_remove(jm_tree_t *tree, size_t i)
{
    tree->nformat--;
    memmove(&tree->format[i], &tree->format[i + 1],
            (tree->nformat - i) * sizeof(jm_format_t));
}


static void
jm_format_insert(jm_tree_t *tree, size_t i, xmlNode *node)
{
    memmove(&tree->format[i + 1], &tree->format[i],
            (tree->nformat - i) * sizeof(jm_format_t));
    tree->format[i].node = node;
    tree->format[i].tag = jm_node_tag(node);
    tree->nformat++;
}


static int
jm_node_same(const xmlNode *a, const xmlNode *b)
{
    jm_prop_t *p, *q;
    xmlAttr   *x, *y;

    x = a->properties;
    y = b->properties;

    for (/* void */; x != NULL && y != NULL && x != y;
         x = x->next, y = y->next) {
        p = x->_private;
        q = y->_private;

        if (p->attr != q->attr || p->raw.len != q->raw.len
            || memcmp(p->raw.data, q->raw.data, p->raw.len) != 0)
        {
            return 0;
        }
    }

    return x == y;
}


/* 13.2.4.3: at most three alike ("Noah's Ark"), and a cap of ours. */
static void
jm_format_push(jm_tree_t *tree, xmlNode *node)
{
    size_t i, same, first;

    same = 0;
    first = 0;

    for (i = tree->nformat; i > 0 && tree->format[i - 1].node != NULL; i--) {
        if (tree->format[i - 1].tag == jm_node_tag(node)
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

    jm_format_insert(tree, tree->nformat, node);
}


/* 13.2.4.3, reconstruct the active formatting elements. */
static void
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


/* The list's last `tag` behind the last marker; nformat if there is none. */
static size_t
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


static size_t
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


static size_t
jm_tree_index(jm_tree_t *tree, const xmlNode *node)
{
    size_t i;

    for (i = tree->nopen - 1; i > 0 && tree->open[i].node != node; i--) {
        /* void */
    }

    return i;
}


static void
jm_tree_remove(jm_tree_t *tree, size_t i)
{
    tree->open[i].node->extra = 0;
    tree->nopen--;
    memmove(&tree->open[i], &tree->open[i + 1],
            (tree->nopen - i) * sizeof(jm_open_t));
}


/* 13.2.6.4.7, any other end tag. */
static void
jm_tree_end_other(jm_tree_t *tree, jm_tag_t tag, jm_str_t name)
{
    size_t i;

    for (i = tree->nopen - 1; i > 0; i--) {
        if (tree->open[i].tag == tag
            && (tag != JM_TAG_xml
                || jm_str_is(name, (char *) tree->open[i].node->name)))
        {
            jm_tree_implied(tree, tag);
            jm_tree_pop_to(tree, i);
            return;
        }

        if (jm_tag_is_special(tree->open[i].tag)) {
            return;
        }
    }
}


/*
 * One round of the adoption agency algorithm for the formatting element at
 * stack index `at` with the furthest block at `block` (steps 4.9 to 4.19).
 */
static void
jm_tree_adopt(jm_tree_t *tree, size_t entry, size_t at, size_t block)
{
    size_t   i, n, inner, bookmark;
    xmlNode *formatting, *furthest, *last, *clone, *common;

    formatting = tree->open[at].node;
    furthest = tree->open[block].node;
    common = tree->open[at - 1].node;
    bookmark = entry;
    last = furthest;
    inner = 0;

    for (i = block - 1; i > at; i--) {
        inner++;
        n = jm_format_index(tree, tree->open[i].node);

        if (inner > 3 && n < tree->nformat) {
            jm_format_remove(tree, n);
            bookmark -= (n < bookmark);
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
            bookmark = n + 1;
        }

        xmlUnlinkNode(last);
        jm_node_append(clone, last);
        last = clone;
    }

    xmlUnlinkNode(last);
    jm_tree_place(tree, common, last);

    clone = jm_tree_clone(tree, formatting);
    jm_node_move_children(furthest, clone);
    jm_node_append(furthest, clone);

    entry = jm_format_index(tree, formatting);
    jm_format_remove(tree, entry);
    bookmark -= (entry < bookmark);
    jm_format_insert(tree, bookmark, clone);

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


/* 13.2.6.4.7, adoption agency algorithm: </b> with blocks open inside. */
static void
jm_tree_end_format(jm_tree_t *tree, jm_tag_t tag, jm_str_t name)
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

            if (jm_tag_is_special(tree->open[i].tag)) {
                block = i;
            }
        }

        if (block == 0) {
            jm_tree_pop_to(tree, at);
            jm_format_remove(tree, entry);
            return;
        }

        jm_tree_adopt(tree, entry, at, block);
    }
}


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

        if (jm_tag_is_special(open) && open != JM_TAG_address
            && open != JM_TAG_div && open != JM_TAG_p)
        {
            break;
        }
    }

    jm_tree_close_p(tree);
}


/*
 * A heading ends an open one.  (The Standard does so only for the innermost
 * element; going through the inline ones keeps our output stable.)
 */
static void
jm_body_start_heading(jm_tree_t *tree)
{
    size_t i;

    jm_tree_close_p(tree);

    for (i = tree->nopen - 1; i > 0; i--) {
        if (jm_tags[tree->open[i].tag].flags & HEADING) {
            jm_tree_pop_to(tree, i);
            return;
        }

        if (jm_tag_is_special(tree->open[i].tag)) {
            return;
        }
    }
}


/*
 * Ends an open link.  0 if that cannot be because it is the link of a table
 * we are in, outside its cells.
 */
static int
jm_body_start_link(jm_tree_t *tree)
{
    size_t   entry;
    xmlNode *node;

    entry = jm_format_find(tree, JM_TAG_a);

    if (entry != tree->nformat) {
        node = tree->format[entry].node;

        if (node->extra && jm_tree_scope(tree, JM_TAG_a) == 0) {
            return 0;
        }

        jm_tree_end_format(tree, JM_TAG_a, jm_str("a"));

        entry = jm_format_index(tree, node);
        if (entry != tree->nformat) {
            jm_format_remove(tree, entry);
        }

        if (node->extra) {
            jm_tree_remove(tree, jm_tree_index(tree, node));
        }
    }

    return 1;
}


/* What goes without a trace in the tree, counted for the report. */
static void
jm_tree_count(jm_tree_t *tree, jm_tag_t tag)
{
    jm_removed_t *removed;

    removed = &tree->out->removed;

    switch (tag) {

    case JM_TAG_script:
        removed->script++;
        break;

    case JM_TAG_style:
        removed->style++;
        break;

    case JM_TAG_form:
    case JM_TAG_input:
    case JM_TAG_button:
    case JM_TAG_select:
    case JM_TAG_textarea:
    case JM_TAG_keygen:
    case JM_TAG_isindex:
        removed->form++;
        break;

    case JM_TAG_video:
    case JM_TAG_audio:
    case JM_TAG_bgsound:
    case JM_TAG_svg:
        removed->media++;
        break;

    case JM_TAG_iframe:
    case JM_TAG_frame:
    case JM_TAG_frameset:
    case JM_TAG_portal:
    case JM_TAG_fencedframe:
        removed->frame++;
        break;

    case JM_TAG_object:
    case JM_TAG_embed:
    case JM_TAG_applet:
    case JM_TAG_base:
    case JM_TAG_link:
    case JM_TAG_math:
    case JM_TAG_template:
        removed->other++;
        break;

    default:
        break;
    }
}


static void
jm_tree_text(jm_tree_t *tree, jm_str_t text)
{
    xmlNode *node;

    if (text.len == 0) {
        return;
    }

    node = xmlNewDocTextLen(tree->doc, text.data, (int) text.len);
    tree->nodes++;
    jm_tree_place(tree, jm_tree_top(tree)->node, node);
}


/* Buttons show their label, the rest of a form's controls nothing. */
static void
jm_body_control(jm_tree_t *tree, jm_token_t *token)
{
    size_t   i;
    int      button;
    jm_str_t value;

    button = 0;
    memset(&value, 0, sizeof(jm_str_t));

    for (i = 0; i < token->nattrs; i++) {
        if (jm_str_is(token->attrs[i].name, "type")) {
            value = token->attrs[i].value;
            button = (value.len == 6
                      && (strncasecmp((char *) value.data, "submit", 6) == 0
                          || strncasecmp((char *) value.data, "button", 6)
                                 == 0));
            break;
        }
    }

    for (i = 0; button && i < token->nattrs; i++) {
        if (jm_str_is(token->attrs[i].name, "value")) {
            jm_format_reconstruct(tree);
            jm_tree_text(tree, token->attrs[i].value);
            return;
        }
    }
}


static int
jm_token_has(jm_token_t *token, const char *name)
{
    size_t i;

    for (i = 0; i < token->nattrs; i++) {
        if (jm_str_is(token->attrs[i].name, name)) {
            return 1;
        }
    }

    return 0;
}


/* A subtree that is dropped, but has to be followed to its end. */
static void
jm_body_start_dropped(jm_tree_t *tree, jm_tag_t tag, jm_token_t *token)
{
    xmlNode *node;

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
}


/* 13.2.6.4.7, start tags of elements that are kept. */
static void
jm_body_start_kept(jm_tree_t *tree, jm_tag_t tag, jm_token_t *token)
{
    xmlNode *node;
    unsigned flags;

    flags = jm_tags[tag].flags;

    if (flags & HEADING) {
        jm_body_start_heading(tree);

    } else if (tag == JM_TAG_li || tag == JM_TAG_dd || tag == JM_TAG_dt) {
        jm_body_start_item(tree, tag);

    } else if (flags & BLOCK) {
        jm_tree_close_p(tree);

    } else if (tag == JM_TAG_rp || tag == JM_TAG_rt) {
        if (jm_tree_scope(tree, JM_TAG_ruby)) {
            jm_tree_implied(tree, JM_TAG_none);
        }

    } else {
        if (tag == JM_TAG_a && !jm_body_start_link(tree)) {
            return;
        }

        jm_format_reconstruct(tree);
    }

    node = jm_tree_insert(tree, tag, token);

    if (node != NULL && (flags & FORMAT)) {
        jm_format_push(tree, node);
    }

    if (tag == JM_TAG_pre) {
        tree->ignore_lf = 1;
    }
}


static void
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

    case TREE:
        jm_body_start_dropped(tree, tag, token);
        break;

    default:
        break;
    }
}


static void
jm_body_end(jm_tree_t *tree, jm_tag_t tag, jm_str_t name)
{
    size_t   i;
    unsigned flags;

    flags = jm_tags[tag].flags;

    if (tag == JM_TAG_br) {
        jm_format_reconstruct(tree);
        jm_tree_insert(tree, JM_TAG_br, NULL);
        return;
    }

    if ((flags & (VOID | TABLE_PART)) || tag == JM_TAG_table) {
        return;
    }

    if (tag == JM_TAG_p) {
        if (jm_tree_scope(tree, JM_TAG_p) == 0) {
            jm_tree_insert(tree, JM_TAG_p, NULL);
        }

        jm_tree_close_p(tree);
        return;
    }

    if (flags & HEADING) {
        /* any heading ends any heading */
        for (i = tree->nopen - 1; i > 0; i--) {
            if (jm_tags[tree->open[i].tag].flags & HEADING) {
                jm_tree_pop_to(tree, i);
                return;
            }

            if (jm_tags[tree->open[i].tag].flags & SCOPE) {
                return;
            }
        }

        return;
    }

    if (flags & FORMAT) {
        jm_tree_end_format(tree, tag, name);
        return;
    }

    if (!(flags & BLOCK)) {
        jm_tree_end_other(tree, tag, name);
        return;
    }

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


/* Pops to the innermost element of the tables that `mode` belongs to. */
static void
jm_table_clear(jm_tree_t *tree)
{
    jm_tag_t tag;

    for (;;) {
        tag = jm_tree_top(tree)->tag;

        if (jm_tag_is_table_row(tag) || tag == JM_TAG_colgroup
            || tag == JM_TAG_body) {
            return;
        }

        jm_tree_pop(tree);
    }
}


/* Ends the open td or th, or caption. */
static void
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


/*
 * A start tag that wants to stand directly in a table, tbody or tr.  Returns 1
 * when the tag has to be looked at again in the mode that is then reached.
 */
static int
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


static void
jm_tree_start(jm_tree_t *tree, jm_tag_t tag, jm_token_t *token)
{
    int      part;
    size_t   i;
    unsigned again;

    part = (jm_tags[tag].flags & TABLE_PART) != 0;

    do {
        again = 0;

        switch (jm_tree_top(tree)->mode) {

        case IN_BODY:
            jm_body_start(tree, tag, token);
            break;

        case IN_CELL:
        case IN_CAPTION:
            if (!part) {
                jm_body_start(tree, tag, token);
                break;
            }

            jm_table_close_cell(tree);
            again = 1;
            break;

        case IN_COLGROUP:
            if (tag == JM_TAG_col) {
                jm_tree_insert(tree, tag, token);
                break;
            }

            jm_tree_pop(tree);
            again = 1;
            break;

        default:
            if (part) {
                again = (unsigned) jm_table_start(tree, tag, token);

            } else if (tag == JM_TAG_table) {
                i = jm_tree_table_scope(tree, JM_TAG_table);
                jm_tree_pop_to(tree, i);
                again = 1;

            } else if (jm_tags[tag].action != BREAK) {
                tree->foster = 1;
                jm_body_start(tree, tag, token);
                tree->foster = 0;
            }
        }

    } while (again);
}


/*
 * An end tag of the table itself or a part of it.  Returns 1 when it has to be
 * looked at again.
 */
static int
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


static void
jm_tree_end(jm_tree_t *tree, jm_tag_t tag, jm_str_t name)
{
    if (tree->overflow[tag] != 0) {
        tree->overflow[tag]--;
        return;
    }

    if ((jm_tags[tag].flags & TABLE_PART) || tag == JM_TAG_table) {
        while (jm_table_end(tree, tag)) {
            /* void */
        }

        return;
    }

    switch (jm_tree_top(tree)->mode) {

    case IN_BODY:
    case IN_CELL:
    case IN_CAPTION:
        jm_body_end(tree, tag, name);
        break;

    case IN_COLGROUP:
        jm_tree_pop(tree);
        /* fall through */

    default:
        tree->foster = 1;
        jm_body_end(tree, tag, name);
        tree->foster = 0;
    }
}


static void
jm_tree_characters(jm_tree_t *tree, jm_str_t text)
{
    jm_mode_t mode;

    if (tree->ignore_lf && text.len != 0 && text.data[0] == '\n') {
        text.data++;
        text.len--;
    }

    if (text.len == 0) {
        return;
    }

    mode = jm_tree_top(tree)->mode;

    if (mode == IN_COLGROUP && !jm_html_is_blank(text)) {
        jm_tree_pop(tree);
        mode = IN_TABLE;
    }

    if (mode == IN_BODY || mode == IN_CELL || mode == IN_CAPTION) {
        jm_format_reconstruct(tree);
        jm_tree_text(tree, text);
        return;
    }

    /* space between rows stays, other text goes before the table */
    if (mode == IN_COLGROUP
        || (jm_tag_is_table_row(jm_tree_top(tree)->tag)
            && jm_html_is_blank(text)))
    {
        jm_tree_text(tree, text);
        return;
    }

    tree->foster = 1;
    jm_format_reconstruct(tree);
    jm_tree_text(tree, text);
    tree->foster = 0;
}


/* Which raw text a start tag begins; DATA if none (13.2.6.4.4 and .7). */
static jm_content_t
jm_tag_content(jm_tag_t tag)
{
    switch (tag) {

    case JM_TAG_script:
        return JM_CONTENT_SCRIPT;

    case JM_TAG_title:
    case JM_TAG_textarea:
        return JM_CONTENT_RCDATA;

    case JM_TAG_style:
    case JM_TAG_iframe:
    case JM_TAG_noembed:
    case JM_TAG_noframes:
    case JM_TAG_xmp:
        return JM_CONTENT_RAWTEXT;

    case JM_TAG_plaintext:
        return JM_CONTENT_PLAIN;

    default:
        return JM_CONTENT_DATA;
    }
}


/* Raw text is dropped with its tags; that of a textarea is shown. */
static void
jm_tree_raw(jm_tree_t *tree, jm_tag_t tag)
{
    jm_token_t token;

    jm_tokenizer_next(&tree->tokenizer, &token);

    if (token.kind == JM_TOKEN_TEXT) {
        if (tag == JM_TAG_textarea) {
            jm_tree_characters(tree, token.text);
        }

        jm_tokenizer_next(&tree->tokenizer, &token);
    }
}


/* By name: what is not in the table may still be Office's own. */
static jm_tag_t
jm_tree_tag(jm_str_t name)
{
    if (name.len > 2 && name.data[1] == ':'
        && (name.data[0] == 'v' || name.data[0] == 'w'))
    {
        return JM_TAG_xml;
    }

    return jm_tag_find(name);
}


/*
 * Our own wrapper at the very beginning is the body, so that cleaning twice
 * adds none.
 */
static int
jm_token_is_wrapper(jm_token_t *token)
{
    size_t i;

    for (i = 0; i < token->nattrs; i++) {
        if (jm_str_is(token->attrs[i].name, "class")) {
            return jm_str_is(token->attrs[i].value, "jm-body");
        }
    }

    return 0;
}


static void
jm_tree_start_token(jm_tree_t *tree, jm_token_t *token)
{
    jm_tag_t     tag;
    jm_content_t content;

    tag = jm_tree_tag(token->name);
    content = jm_tag_content(tag);
    tree->out->cut |= token->cut;
    jm_tree_count(tree, tag);

    if (tag == JM_TAG_div && !tree->begun && jm_token_is_wrapper(token)) {
        tag = JM_TAG_body;
    }

    tree->begun = 1;
    tree->ignore_lf = 0;

    if (content != JM_CONTENT_DATA) {
        jm_tokenizer_content(&tree->tokenizer, content, token->name);
    }

    if (jm_tags[tag].action == RAW) {
        jm_tree_raw(tree, tag);
        return;
    }

    if (jm_tags[tag].action == BODY) {
        jm_tree_attrs(tree, tree->body, JM_TAG_body, token);
        return;
    }

    if (tag == JM_TAG_dialog && !jm_token_has(token, "open")) {
        tag = JM_TAG_template;

    } else if (jm_tags[tag].action == RENAME) {
        tag = jm_tags[tag].to;
    }

    jm_tree_start(tree, tag, token);
}


static void
jm_tree_build(jm_tree_t *tree)
{
    jm_tag_t   tag;
    jm_token_t token;

    for (;;) {
        jm_tokenizer_next(&tree->tokenizer, &token);

        if (token.kind == JM_TOKEN_EOF) {
            return;
        }

        if (tree->nodes >= JM_HTML_MAX_NODES) {
            tree->out->cut = 1;
            return;
        }

        if (token.kind == JM_TOKEN_START) {
            jm_tree_start_token(tree, &token);
            continue;
        }

        if (token.kind == JM_TOKEN_TEXT) {
            tree->begun |= !jm_html_is_blank(token.text);
            jm_tree_characters(tree, token.text);

        } else {
            tag = jm_tree_tag(token.name);

            if (tag == JM_TAG_dialog
                && jm_tree_scope(tree, JM_TAG_template) != 0) {
                tag = JM_TAG_template;

            } else if (jm_tags[tag].action == RENAME) {
                tag = jm_tags[tag].to;
            }

            if (jm_tags[tag].action == KEEP || jm_tags[tag].action == TREE) {
                jm_tree_end(tree, tag, token.name);
            }
        }

        tree->ignore_lf = 0;
    }
}


/* ---- the writer -------------------------------------------------------- */


/* Text and attribute values; see SANITISER.md 5.3. */
static void
jm_write_escaped(jm_writer_t *w, jm_str_t str, int attribute)
{
    size_t      i, start;
    u_char      c;
    const char *escape;

    if (str.len == 0) {
        return;
    }

    start = 0;

    for (i = 0; i < str.len; i++) {
        c = str.data[i];

        switch (c) {

        case '&':
            escape = "&amp;";
            break;

        case '<':
            escape = "&lt;";
            break;

        case '>':
            escape = "&gt;";
            break;

        case '"':
            escape = attribute ? "&quot;" : NULL;
            break;

        case '\'':
            escape = attribute ? "&#39;" : NULL;
            break;

        case '`':
            escape = attribute ? "&#96;" : NULL;
            break;

        case '\r':
            escape = "\n";
            break;

        case '\f':
            escape = " ";
            break;

        default:
            escape = (c < ' ' && c != '\t' && c != '\n') ? "\xEF\xBF\xBD"
                                                         : NULL;
        }

        if (escape != NULL) {
            jm_buf_add(&w->html, str.data + start, i - start);
            jm_buf_adds(&w->html, escape);
            start = i + 1;
        }
    }

    jm_buf_add(&w->html, str.data + start, str.len - start);
}


static void
jm_write_attr(jm_writer_t *w, const char *name, jm_str_t value)
{
    jm_buf_addc(&w->html, ' ');
    jm_buf_adds(&w->html, name);
    jm_buf_adds(&w->html, "=\"");
    jm_write_escaped(w, value, 1);
    jm_buf_addc(&w->html, '"');
}


static jm_str_t
jm_str_trim(jm_str_t str)
{
    while (str.len != 0 && jm_html_space(str.data[0])) {
        str.data++;
        str.len--;
    }

    while (str.len != 0 && jm_html_space(str.data[str.len - 1])) {
        str.len--;
    }

    return str;
}


/* At most `max` bytes of whole characters. */
static jm_str_t
jm_str_cut(jm_str_t str, size_t max)
{
    if (str.len > max) {
        str.len = max;

        while (str.len != 0 && (str.data[str.len] & 0xC0) == 0x80) {
            str.len--;
        }
    }

    return str;
}


/* ---- the report ---- */


static void
jm_report_tracker(jm_writer_t *w, const char *kind, const char *vendor,
                  jm_str_t host)
{
    size_t        i;
    jm_html_t    *out;
    jm_tracker_t *row;

    out = w->out;

    for (i = 0; i < out->ntrackers; i++) {
        row = &out->trackers[i];

        if (jm_str_is(row->vendor, vendor) && row->host.len == host.len
            && memcmp(row->host.data, host.data, host.len) == 0)
        {
            row->count++;
            return;
        }
    }

    if (out->ntrackers == JM_HTML_MAX_REPORT) {
        return;
    }

    out->trackers = jm_html_grow(w->arena, out->trackers, out->ntrackers,
                                 sizeof(jm_tracker_t));
    row = &out->trackers[out->ntrackers++];
    row->kind = kind;
    row->vendor = jm_arena_str(w->arena, vendor, strlen(vendor));
    row->host = host;
    row->count = 1;
}


static void
jm_report_warning(jm_writer_t *w, const char *code, jm_str_t text,
                  jm_str_t host)
{
    size_t        i;
    jm_html_t    *out;
    jm_warning_t *row;

    out = w->out;

    for (i = 0; i < out->nwarnings; i++) {
        row = &out->warnings[i];

        if (strcmp(row->code, code) == 0 && row->text.len == text.len
            && memcmp(row->text.data, text.data, text.len) == 0)
        {
            return;
        }
    }

    if (out->nwarnings == JM_HTML_MAX_REPORT / 10) {
        return;
    }

    out->warnings = jm_html_grow(w->arena, out->warnings, out->nwarnings,
                                 sizeof(jm_warning_t));
    row = &out->warnings[out->nwarnings++];
    row->code = code;
    row->text = text;
    row->host = host;
}


/* A link that is ready: its row, and a word of warning where it is due. */
static void
jm_report_link(jm_writer_t *w, const jm_url_t *url, jm_str_t text)
{
    jm_str_t   claimed;
    jm_html_t *out;
    jm_link_t *row;

    out = w->out;

    if (url->scheme == JM_URL_FRAGMENT) {
        return;
    }

    if (out->nlinks < JM_HTML_MAX_REPORT) {
        out->links = jm_html_grow(w->arena, out->links, out->nlinks,
                                  sizeof(jm_link_t));
        row = &out->links[out->nlinks++];
        row->href = url->href;
        row->text = text;
    }

    if (url->host.len == 0) {
        return;
    }

    claimed = jm_url_claimed_host(w->arena, text);

    if (claimed.len != 0 && !jm_url_same_site(claimed, url->host)) {
        jm_report_warning(w, "link-mismatch",
                          jm_arena_printf(w->arena,
                                          "A link shows %.*s but goes to "
                                          "%.*s.",
                                          (int) claimed.len, claimed.data,
                                          (int) url->host.len, url->host.data),
                          url->host);
    }
}


/*
 * The rule for this URL.  Google's and Yahoo's image proxies carry the true
 * URL behind "#".
 */
static const jm_tracker_rule_t *
jm_report_rule(jm_writer_t *w, jm_url_t *url)
{
    jm_str_t                 rest;
    const u_char            *hash;
    const jm_tracker_rule_t *rule;

    rest = url->rest;
    rule = jm_tracker_find(url->host, rest);
    hash = memchr(rest.data, '#', rest.len);

    if (rule == NULL && hash != NULL) {
        rest.len -= (size_t) (hash + 1 - rest.data);
        rest.data = (u_char *) hash + 1;

        if (rest.len > 8 && memcmp(rest.data, "http", 4) == 0
            && jm_url_parse(url, w->arena, rest) == 0 && url->host.len != 0)
        {
            rule = jm_tracker_find(url->host, url->rest);
        }
    }

    return rule;
}


/* An image URL that will not be shown: is it worth a row? */
static void
jm_report_background(jm_writer_t *w, const char *kind, jm_str_t raw)
{
    jm_url_t                 url;
    const jm_tracker_rule_t *rule;

    if (jm_url_parse(&url, w->arena, raw) != 0 || url.host.len == 0) {
        return;
    }

    rule = jm_report_rule(w, &url);

    if (rule != NULL) {
        jm_report_tracker(w, kind, rule->vendor, url.host);
    }
}


/* ---- attribute values ---- */


/* A class or id of the mail's, in our name space. */
static int
jm_value_name(jm_buf_t *buf, jm_str_t name)
{
    size_t i, prefix;
    u_char c;

    prefix = sizeof(JM_HTML_PREFIX) - 1;

    if (name.len > prefix && memcmp(name.data, JM_HTML_PREFIX, prefix) == 0) {
        name.data += prefix;
        name.len -= prefix;
    }

    if (name.len == 0 || name.len > JM_HTML_MAX_NAME) {
        return -1;
    }

    for (i = 0; i < name.len; i++) {
        c = name.data[i];

        if (((c | 0x20) < 'a' || (c | 0x20) > 'z') && (c < '0' || c > '9')
            && c != '-' && c != '_' && c != '.' && c != ':')
        {
            return -1;
        }
    }

    jm_buf_adds(buf, JM_HTML_PREFIX);
    jm_buf_add(buf, name.data, name.len);

    return 0;
}


/* Our own class names of former cleanings are written anew where they apply.
 */
static int
jm_value_class(jm_buf_t *buf, jm_str_t raw)
{
    size_t   i, n, start, len;
    jm_str_t name;

    n = 0;

    for (i = 0; i < raw.len && n < JM_HTML_MAX_CLASSES; i++) {
        if (jm_html_space(raw.data[i])) {
            continue;
        }

        start = i;

        while (i < raw.len && !jm_html_space(raw.data[i])) {
            i++;
        }

        name.data = raw.data + start;
        name.len = i - start;

        if (jm_str_is(name, "jm-body") || jm_str_is(name, "jm-img")) {
            continue;
        }

        len = buf->len;

        if (len != 0) {
            jm_buf_addc(buf, ' ');
        }

        if (jm_value_name(buf, name) != 0) {
            buf->len = len;
            continue;
        }

        n++;
    }

    return buf->len == 0 ? -1 : 0;
}


/* Digits with "%" or "px": "100%", "12". */
static int
jm_value_length(jm_buf_t *buf, jm_str_t raw)
{
    size_t   i;
    unsigned number;

    raw = jm_str_trim(raw);
    number = 0;

    for (i = 0; i < raw.len && raw.data[i] >= '0' && raw.data[i] <= '9'; i++) {
        if (number <= 10000) {
            number = number * 10 + (raw.data[i] - '0');
        }
    }

    if (i == 0) {
        return -1;
    }

    jm_buf_printf(buf, "%u", number > 10000 ? 10000 : number);

    if (i < raw.len && raw.data[i] == '.') {
        for (i++; i < raw.len && raw.data[i] >= '0' && raw.data[i] <= '9'; i++)
        {
            /* void */
        }
    }

    if (i < raw.len && raw.data[i] == '%') {
        jm_buf_addc(buf, '%');
    }

    return 0;
}


static int
jm_value_number(jm_buf_t *buf, jm_str_t raw, const jm_attr_info_t *info)
{
    int    number, sign;
    size_t i;

    raw = jm_str_trim(raw);
    i = 0;
    sign = 0;

    if (raw.len != 0 && (raw.data[0] == '-' || raw.data[0] == '+')) {
        sign = raw.data[0];
        i = 1;
    }

    if (i == raw.len || raw.data[i] < '0' || raw.data[i] > '9') {
        return -1;
    }

    number = 0;

    for (/* void */; i < raw.len && raw.data[i] >= '0' && raw.data[i] <= '9';
         i++) {
        if (number < 1000000) {
            number = number * 10 + (raw.data[i] - '0');
        }
    }

    if (sign == '-') {
        number = -number;
    }

    if (number < info->min || number > info->max) {
        return -1;
    }

    /* "+1" is a step for a font, a plain number elsewhere */
    if (sign == '+' && info == &jm_attrs[JM_ATTR_size]) {
        jm_buf_addc(buf, '+');
    }

    jm_buf_printf(buf, "%d", number);

    return 0;
}


/* A name, or hexadecimal digits with or without "#". */
static int
jm_value_colour(jm_buf_t *buf, jm_str_t raw)
{
    int    hex, alpha;
    size_t i;
    u_char c;

    raw = jm_str_trim(raw);

    if (raw.len != 0 && raw.data[0] == '#') {
        raw.data++;
        raw.len--;
        alpha = 0;

    } else {
        alpha = 1;
    }

    hex = (raw.len == 3 || raw.len == 6);

    for (i = 0; i < raw.len; i++) {
        c = raw.data[i] | 0x20;
        alpha &= (c >= 'a' && c <= 'z');
        hex &= ((raw.data[i] >= '0' && raw.data[i] <= '9')
                || (c >= 'a' && c <= 'f'));
    }

    if (raw.len == 0 || raw.len > 24 || (!hex && !(alpha && raw.len >= 3))) {
        return -1;
    }

    /* "fade" is no colour's name, "add" and "facade" are digits */
    if (hex) {
        jm_buf_addc(buf, '#');
    }

    for (i = 0; i < raw.len; i++) {
        c = raw.data[i];
        jm_buf_addc(buf, (c >= 'A' && c <= 'Z') ? c | 0x20 : c);
    }

    return 0;
}


static int
jm_value_enum(jm_buf_t *buf, jm_str_t raw, const char *const *words)
{
    raw = jm_str_trim(raw);

    for (/* void */; *words != NULL; words++) {
        if (raw.len == strlen(*words)
            && strncasecmp((char *) raw.data, *words, raw.len) == 0)
        {
            /* list types "a" and "A" differ */
            if (raw.len == 1) {
                jm_buf_addc(buf, raw.data[0]);
            } else {
                jm_buf_adds(buf, *words);
            }

            return 0;
        }
    }

    return -1;
}


/* Only letters, digits and `also`; anything else spoils it. */
static int
jm_value_chars(jm_buf_t *buf, jm_str_t raw, const char *also)
{
    size_t i;
    u_char c;

    raw = jm_str_trim(raw);

    if (raw.len == 0 || raw.len > JM_HTML_MAX_TEXT / 4) {
        return -1;
    }

    for (i = 0; i < raw.len; i++) {
        c = raw.data[i];

        if (((c | 0x20) < 'a' || (c | 0x20) > 'z') && (c < '0' || c > '9')
            && (c == '\0' || strchr(also, c) == NULL))
        {
            return -1;
        }
    }

    jm_buf_add(buf, raw.data, raw.len);

    return 0;
}


/* "#name" in our name space. */
static int
jm_value_fragment(jm_buf_t *buf, jm_str_t name)
{
    jm_buf_addc(buf, '#');

    return jm_value_name(buf, name);
}


static int
jm_value_usemap(jm_buf_t *buf, jm_str_t raw)
{
    raw = jm_str_trim(raw);

    if (raw.len < 2 || raw.data[0] != '#') {
        return -1;
    }

    raw.data++;
    raw.len--;

    return jm_value_fragment(buf, raw);
}


/* The simple types; -1 drops the attribute. */
static int
jm_value(jm_buf_t *buf, jm_str_t raw, const jm_attr_info_t *info)
{
    switch (info->type) {

    case V_TEXT:
        raw = jm_str_cut(raw, JM_HTML_MAX_TEXT);
        jm_buf_add(buf, raw.data, raw.len);
        return 0;

    case V_WORD:
        return jm_value_chars(buf, raw, "-:.+ _");

    case V_ENUM:
        return jm_value_enum(buf, raw, info->words);

    case V_FLAG:
        return 0;

    case V_LENGTH:
        return jm_value_length(buf, raw);

    case V_NUMBER:
        return jm_value_number(buf, raw, info);

    case V_COLOUR:
        return jm_value_colour(buf, raw);

    case V_CLASS:
        return jm_value_class(buf, raw);

    case V_ID:
        return jm_value_name(buf, jm_str_trim(raw));

    case V_USEMAP:
        return jm_value_usemap(buf, raw);

    case V_COORDS:
        return jm_value_chars(buf, raw, ", .-");

    case V_FACE:
        return jm_value_chars(buf, raw, " ,'\"-_");

    default:
        /* links, images and styles are their elements' business */
        return -1;
    }
}


/* ---- elements ---- */


static void
jm_props_read(jm_props_t *props, const xmlNode *node)
{
    xmlAttr *xml;

    memset(props, 0, sizeof(jm_props_t));

    for (xml = node->properties; xml != NULL; xml = xml->next) {
        props->prop[((jm_prop_t *) xml->_private)->attr] = xml->_private;
    }
}


/* Once for an element and its clones. */
static void
jm_style_judge(jm_writer_t *w, jm_prop_t *prop, jm_str_t before)
{
    size_t   i;
    jm_buf_t source, style;

    if (prop->judged) {
        return;
    }

    jm_buf_init(&source, w->arena, SIZE_MAX);
    jm_buf_add(&source, before.data, before.len);
    jm_buf_add(&source, prop->raw.data, prop->raw.len);

    jm_buf_init(&style, w->arena, SIZE_MAX);
    jm_css_declarations(&style, &prop->info, jm_buf_str(&source));

    prop->judged = 1;
    prop->style = jm_buf_str(&style);
    w->out->removed.style += prop->info.dropped;

    for (i = 0; i < prop->info.nurls; i++) {
        jm_report_background(w, "css", prop->info.urls[i]);
    }
}


/*
 * Makes the style that body's colours, hidden and style come to; sets
 * props->prop[JM_ATTR_style] to it, or to NULL.
 */
static jm_prop_t *
jm_style(jm_writer_t *w, jm_props_t *props, int body)
{
    jm_buf_t   before;
    jm_prop_t *style, *prop;

    style = props->prop[JM_ATTR_style];
    jm_buf_init(&before, w->arena, SIZE_MAX);

    prop = props->prop[JM_ATTR_bgcolor];

    if (body && prop != NULL) {
        jm_buf_adds(&before, "background-color:");
        if (jm_value_colour(&before, prop->raw) != 0) {
            before.len = 0;
        } else {
            jm_buf_addc(&before, ';');
        }
    }

    prop = props->prop[JM_ATTR_text];

    if (body && prop != NULL) {
        jm_buf_adds(&before, "color:");
        jm_value_colour(&before, prop->raw);
        jm_buf_addc(&before, ';');
    }

    if (props->prop[JM_ATTR_hidden] != NULL) {
        jm_buf_adds(&before, "display:none;");
    }

    if (style == NULL && before.len != 0) {
        style = jm_arena_alloc(w->arena, sizeof(jm_prop_t));
        style->attr = JM_ATTR_style;
    }

    if (style != NULL) {
        jm_style_judge(w, style, jm_buf_str(&before));
    }

    props->prop[JM_ATTR_style] = style;

    return style;
}


static void
jm_write_attrs(jm_writer_t *w, jm_props_t *props)
{
    size_t                i;
    jm_buf_t              value;
    jm_prop_t            *prop;
    const jm_attr_info_t *info;

    for (i = 1; i < JM_NATTRS; i++) {
        prop = props->prop[i];
        info = &jm_attrs[i];

        if (prop == NULL) {
            continue;
        }

        if (info->type == V_STYLE) {
            if (prop->style.len != 0) {
                jm_write_attr(w, "style", prop->style);
            }

            continue;
        }

        jm_buf_init(&value, w->arena, SIZE_MAX);

        if (jm_value(&value, prop->raw, info) == 0) {
            jm_write_attr(w, info->name, jm_buf_str(&value));
        }
    }
}


/* Writes the checked address; returns -1 if the link has none. */
static int
jm_write_href(jm_writer_t *w, jm_prop_t *prop, jm_url_t *url)
{
    jm_buf_t buf;

    if (prop == NULL) {
        return -1;
    }

    if (jm_url_parse(url, w->arena, prop->raw) != 0
        || url->scheme == JM_URL_CID || url->scheme == JM_URL_DATA)
    {
        w->out->removed.link++;
        return -1;
    }

    if (url->scheme == JM_URL_FRAGMENT) {
        jm_buf_init(&buf, w->arena, SIZE_MAX);

        if (jm_value_fragment(&buf, url->rest) != 0) {
            return -1;
        }

        jm_write_attr(w, "href", jm_buf_str(&buf));

        return 0;
    }

    jm_write_attr(w, "href", url->href);
    jm_buf_adds(&w->html, JM_HTML_LINK);

    return 0;
}


/* "12" or "12px"; -1 for none or a percentage. */
static int
jm_img_pixels(jm_prop_t *prop, int style)
{
    char    *end;
    jm_buf_t buf;
    u_char   text[16];
    long     n;

    if (style >= 0) {
        return style;
    }

    if (prop == NULL) {
        return -1;
    }

    memset(&buf, 0, sizeof(jm_buf_t));
    buf.limit = sizeof(text);
    buf.data = text;
    buf.size = sizeof(text) - 1;
    jm_buf_add(&buf, prop->raw.data, prop->raw.len < 15 ? prop->raw.len : 15);
    text[buf.len] = '\0';

    n = strtol((char *) text, &end, 10);

    if (end == (char *) text || *end == '%' || n < 0 || n > 10000) {
        return -1;
    }

    return (int) n;
}


/* A picture that only keeps a place in a layout, and tells nothing. */
static int
jm_img_is_spacer(jm_str_t rest)
{
    size_t                   i, n, start;
    static const char *const names[] = { "spacer",      "blank", "clear",
                                         "transparent", "shim",  "pixel.gif" };

    if (memchr(rest.data, '?', rest.len) != NULL) {
        return 0;
    }

    for (start = rest.len; start > 0 && rest.data[start - 1] != '/'; start--) {
        /* void */
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        n = strlen(names[i]);

        if (rest.len - start >= n && rest.len - start <= n + 12
            && strncasecmp((char *) rest.data + start, names[i], n) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* A remote image: a tracker (returns -1) or one that is held back. */
static int
jm_img_remote(jm_writer_t *w, jm_props_t *props, jm_url_t *url,
              jm_css_info_t *css, jm_str_t *index)
{
    int                      width, height;
    jm_url_t                 found;
    jm_html_t               *out;
    jm_remote_image_t       *row;
    const jm_tracker_rule_t *rule;

    out = w->out;
    width = jm_img_pixels(props->prop[JM_ATTR_width], css->width);
    height = jm_img_pixels(props->prop[JM_ATTR_height], css->height);

    found = *url;
    rule = jm_report_rule(w, &found);

    if (rule != NULL) {
        jm_report_tracker(w, "pixel", rule->vendor, found.host);
        return -1;
    }

    if (width == 0 || height == 0
        || (width == 1 && height == 1 && !jm_img_is_spacer(url->rest)))
    {
        jm_report_tracker(w, "pixel", "unknown", url->host);
        return -1;
    }

    if (out->nimages == JM_HTML_MAX_REPORT) {
        out->removed.image++;
        return 0;
    }

    out->images = jm_html_grow(w->arena, out->images, out->nimages,
                               sizeof(jm_remote_image_t));
    row = &out->images[out->nimages];
    row->index = (uint32_t) out->nimages++;
    row->url = url->href;
    row->width = width > 0 ? (uint32_t) width : 0;
    row->height = height > 0 ? (uint32_t) height : 0;

    if (props->prop[JM_ATTR_alt] != NULL) {
        row->alt = jm_str_cut(props->prop[JM_ATTR_alt]->raw, JM_HTML_MAX_TEXT);
    }

    *index = jm_arena_printf(w->arena, "%u", row->index);

    return 0;
}


static int
jm_base64(u_char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    return (c == '+') ? 62 : (c == '/') ? 63 : -1;
}


/* Do the first bytes of the base64 text belong to this type of picture? */
static int
jm_img_magic(const char *type, jm_str_t base64)
{
    size_t i;
    u_char head[12];

    if (base64.len < 16) {
        return 0;
    }

    for (i = 0; i < 4; i++) {
        if (jm_base64(base64.data[4 * i + 3]) < 0) {
            return 0;
        }

        head[3 * i] = (u_char) (jm_base64(base64.data[4 * i]) << 2
                                | jm_base64(base64.data[4 * i + 1]) >> 4);
        head[3 * i + 1] = (u_char) (jm_base64(base64.data[4 * i + 1]) << 4
                                    | jm_base64(base64.data[4 * i + 2]) >> 2);
        head[3 * i + 2] = (u_char) (jm_base64(base64.data[4 * i + 2]) << 6
                                    | jm_base64(base64.data[4 * i + 3]));
    }

    switch (type[0]) {

    case 'p':
        return memcmp(head, "\x89PNG\r\n\x1A\n", 8) == 0;

    case 'j':
        return memcmp(head, "\xFF\xD8\xFF", 3) == 0;

    case 'g':
        return memcmp(head, "GIF87a", 6) == 0
               || memcmp(head, "GIF89a", 6) == 0;

    default:
        return memcmp(head, "RIFF", 4) == 0
               && memcmp(head + 8, "WEBP", 4) == 0;
    }
}


/* "data:image/png;base64,…" written anew; empty if it is anything else. */
static jm_str_t
jm_img_data(jm_writer_t *w, jm_str_t raw)
{
    size_t                   i, n, len;
    jm_buf_t                 buf;
    jm_str_t                 none, base64;
    const char              *type;
    static const char *const types[] = { "png", "jpeg", "gif", "webp" };

    memset(&none, 0, sizeof(jm_str_t));
    raw = jm_str_trim(raw);

    if (raw.len > JM_HTML_MAX_DATA_URL / 3 * 4 + 64 || raw.len < 24
        || strncasecmp((char *) raw.data, "data:image/", 11) != 0)
    {
        return none;
    }

    raw.data += 11;
    raw.len -= 11;
    type = NULL;
    len = 0;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        len = strlen(types[i]);

        if (raw.len > len + 8
            && strncasecmp((char *) raw.data, types[i], len) == 0
            && strncasecmp((char *) raw.data + len, ";base64,", 8) == 0)
        {
            type = types[i];
            break;
        }
    }

    if (type == NULL) {
        return none;
    }

    jm_buf_init(&buf, w->arena, SIZE_MAX);
    jm_buf_adds(&buf, "data:image/");
    jm_buf_adds(&buf, type);
    jm_buf_adds(&buf, ";base64,");
    n = buf.len;

    for (i = len + 8; i < raw.len; i++) {
        if (jm_base64(raw.data[i]) >= 0) {
            jm_buf_addc(&buf, raw.data[i]);

        } else if (raw.data[i] == '=') {
            break;

        } else if (!jm_html_space(raw.data[i])) {
            return none;
        }
    }

    base64.data = buf.data + n;
    base64.len = buf.len - n;

    if (!jm_img_magic(type, base64) || base64.len % 4 == 1) {
        return none;
    }

    while ((buf.len - n) % 4 != 0) {
        jm_buf_addc(&buf, '=');
    }

    return jm_buf_str(&buf);
}


/* The number of "attachments/<n>", our own form of a source; 0 if it is not */
static unsigned
jm_img_own(jm_str_t raw)
{
    size_t   i;
    unsigned n;

    static const char prefix[] = "attachments/";

    i = sizeof(prefix) - 1;

    if (raw.len <= i || raw.len > i + 4 || memcmp(raw.data, prefix, i) != 0
        || raw.data[i] == '0')
    {
        return 0;
    }

    for (n = 0; i < raw.len; i++) {
        if (raw.data[i] < '0' || raw.data[i] > '9') {
            return 0;
        }

        n = n * 10 + (raw.data[i] - '0');
    }

    return n;
}


/* The first candidate of srcset stands in for a missing src. */
static jm_str_t
jm_img_raw(jm_props_t *props)
{
    size_t   i;
    jm_str_t raw;

    memset(&raw, 0, sizeof(jm_str_t));

    if (props->prop[JM_ATTR_src] != NULL) {
        return jm_str_trim(props->prop[JM_ATTR_src]->raw);
    }

    if (props->prop[JM_ATTR_srcset] != NULL) {
        raw = jm_str_trim(props->prop[JM_ATTR_srcset]->raw);

        for (i = 0; i < raw.len && !jm_html_space(raw.data[i]); i++) {
            /* void */
        }

        raw.len = i;
    }

    return raw;
}


/*
 * Settles where an image comes from: `src`, or the index of one that is held
 * back, or neither.  Returns -1 if the image is a tracker and goes.
 */
static int
jm_img_source(jm_writer_t *w, jm_props_t *props, jm_css_info_t *css,
              jm_str_t *src, jm_str_t *index)
{
    uint32_t n;
    jm_url_t url;
    jm_str_t raw;
    jm_buf_t buf;

    raw = jm_img_raw(props);

    if (raw.len == 0) {
        /* what a former cleaning held back is held back still */
        if (props->prop[JM_ATTR_data_jm_img] != NULL) {
            jm_buf_init(&buf, w->arena, SIZE_MAX);

            if (jm_value_length(&buf, props->prop[JM_ATTR_data_jm_img]->raw)
                    == 0
                && buf.data[buf.len - 1] != '%')
            {
                *index = jm_buf_str(&buf);
            }
        }

        return 0;
    }

    n = jm_img_own(raw);

    if (n != 0) {
        *src = raw;
        return 0;
    }

    if (jm_url_parse(&url, w->arena, raw) != 0) {
        w->out->removed.image++;
        return 0;
    }

    switch (url.scheme) {

    case JM_URL_HTTP:
    case JM_URL_HTTPS:
        return jm_img_remote(w, props, &url, css, index);

    case JM_URL_CID:
        n = (w->cid == NULL) ? 0 : w->cid(w->cid_data, url.rest);

        if (n != 0) {
            *src = jm_arena_printf(w->arena, "attachments/%u", n);
        }

        return 0;

    case JM_URL_DATA:
        *src = jm_img_data(w, raw);
        w->out->removed.image += (src->len == 0);
        return 0;

    default:
        w->out->removed.image++;
        return 0;
    }
}


/* A tag may not begin where the output has reached its limit. */
static int
jm_write_room(jm_writer_t *w)
{
    if (w->html.len >= w->limit) {
        w->full = 1;
        w->out->cut = 1;
    }

    return !w->full;
}


static void
jm_write_img(jm_writer_t *w, xmlNode *node)
{
    jm_buf_t class;
    jm_str_t       src, index, alt;
    jm_prop_t     *style;
    jm_props_t     props;
    jm_css_info_t *css, none;

    jm_props_read(&props, node);
    style = jm_style(w, &props, 0);

    memset(&none, 0, sizeof(jm_css_info_t));
    none.width = -1;
    none.height = -1;
    css = (style == NULL) ? &none : &style->info;

    memset(&src, 0, sizeof(jm_str_t));
    memset(&index, 0, sizeof(jm_str_t));

    if (jm_img_source(w, &props, css, &src, &index) != 0) {
        return;
    }

    jm_buf_adds(&w->html, "<img");

    if (src.len != 0) {
        jm_write_attr(w, "src", src);

    } else {
        if (index.len != 0) {
            jm_write_attr(w, "data-jm-img", index);
        }

        jm_buf_init(&class, w->arena, SIZE_MAX);

        if (props.prop[JM_ATTR_class] != NULL) {
            jm_value_class(&class, props.prop[JM_ATTR_class]->raw);
        }

        jm_buf_adds(&w->html, " class=\"jm-img");

        if (class.len != 0) {
            jm_buf_addc(&w->html, ' ');
            jm_write_escaped(w, jm_buf_str(&class), 1);
        }

        jm_buf_addc(&w->html, '"');
        props.prop[JM_ATTR_class] = NULL;
    }

    jm_write_attrs(w, &props);
    jm_buf_addc(&w->html, '>');

    if (props.prop[JM_ATTR_alt] == NULL || css->hidden || w->hidden) {
        return;
    }

    alt = jm_str_trim(
        jm_str_cut(props.prop[JM_ATTR_alt]->raw, JM_HTML_MAX_TEXT));

    if (alt.len != 0) {
        jm_text_add(&w->text, jm_str(" ["));
        jm_text_add(&w->text, alt);
        jm_text_add(&w->text, jm_str("]"));

        if (w->in_link) {
            jm_buf_add(&w->link_text, alt.data, alt.len);
        }
    }
}


static void
jm_write_link_start(jm_writer_t *w, jm_props_t *props)
{
    memset(&w->link, 0, sizeof(jm_url_t));
    w->in_link = (jm_write_href(w, props->prop[JM_ATTR_href], &w->link) == 0);
    jm_buf_init(&w->link_text, w->arena, JM_HTML_MAX_TEXT);

    /* an anchor's name is an id today */
    if (props->prop[JM_ATTR_id] == NULL) {
        props->prop[JM_ATTR_id] = props->prop[JM_ATTR_name];
    }

    props->prop[JM_ATTR_name] = NULL;
}


/* The address behind the text, unless the text says it already. */
static void
jm_write_link_end(jm_writer_t *w)
{
    jm_str_t text, href;

    if (!w->in_link) {
        return;
    }

    w->in_link = 0;
    text = jm_str_trim(jm_str_cut(jm_buf_str(&w->link_text),
                                  w->link_text.len - w->link_text.truncated));
    jm_report_link(w, &w->link, text);

    href = w->link.href;

    if (w->hidden || w->link.scheme == JM_URL_FRAGMENT || text.len == 0) {
        return;
    }

    if (w->link.scheme == JM_URL_MAILTO) {
        href.data += sizeof("mailto:") - 1;
        href.len -= sizeof("mailto:") - 1;
    }

    /* the serialised form of "http://a.b" ends in "/" */
    if (href.len >= text.len && href.len - text.len <= 1
        && memcmp(href.data, text.data, text.len) == 0)
    {
        return;
    }

    jm_text_add(&w->text, jm_str(" <"));
    jm_text_add(&w->text, w->link.href);
    jm_text_add(&w->text, jm_str(">"));
}


/* The layout of plain text, before an element's content. */
static void
jm_text_start(jm_writer_t *w, jm_tag_t tag, xmlNode *node)
{
    unsigned   number;
    xmlNode   *item;
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
        jm_text_break(text, 1);

        if (node->parent == NULL || jm_node_tag(node->parent) != JM_TAG_ol) {
            jm_text_adds(text, "- ");
            return;
        }

        /* counted once, kept in the list's `line` */
        item = node->parent;
        number = (unsigned) item->line + 1u;
        item->line = (unsigned short) number;
        jm_text_adds(text,
                     (char *) jm_arena_printf(w->arena, "%u. ", number).data);
        return;

    default:
        break;
    }

    if (tag == JM_TAG_p || tag == JM_TAG_pre || tag == JM_TAG_ul
        || tag == JM_TAG_ol || (jm_tags[tag].flags & HEADING))
    {
        jm_text_break(text, 2);

    } else if ((jm_tags[tag].flags & BLOCK) || tag == JM_TAG_tr
               || tag == JM_TAG_caption)
    {
        jm_text_break(text, 1);
    }
}


static void
jm_text_end(jm_writer_t *w, jm_tag_t tag)
{
    if (tag == JM_TAG_blockquote && w->text.quotes != 0) {
        jm_text_break(&w->text, 1);
        w->text.quotes--;
        return;
    }

    if (tag == JM_TAG_p || tag == JM_TAG_pre || tag == JM_TAG_ul
        || tag == JM_TAG_ol || (jm_tags[tag].flags & HEADING))
    {
        jm_text_break(&w->text, 2);

    } else if ((jm_tags[tag].flags & BLOCK) || tag == JM_TAG_tr) {
        jm_text_break(&w->text, 1);
    }
}


/*
 * Three formatting elements alike are open: parsers differ in what the end tag
 * of a fourth closes, so it is left out ("Noah's Ark", 13.2.4.3).
 */
static int
jm_write_is_crowded(jm_writer_t *w, jm_tag_t tag, size_t start)
{
    size_t        i, len, same;
    jm_written_t *open;

    if (!(jm_tags[tag].flags & FORMAT)) {
        return 0;
    }

    same = 0;
    len = w->html.len - start;

    for (i = w->depth; i > 0; i--) {
        open = &w->open[i - 1];

        if ((jm_tags[open->tag].flags & (SCOPE | TABLE_PART))
            == (SCOPE | TABLE_PART)) {
            break;
        }

        same += (open->len == len
                 && memcmp(w->html.data + open->start, w->html.data + start,
                           len)
                        == 0);
    }

    return same >= 3;
}


static void
jm_write_tag(jm_writer_t *w, jm_tag_t tag, jm_props_t *props)
{
    jm_url_t url;

    jm_buf_addc(&w->html, '<');
    jm_buf_adds(&w->html, jm_tags[tag].name);

    if (tag == JM_TAG_a) {
        jm_write_link_start(w, props);

    } else if (tag == JM_TAG_area) {
        jm_write_href(w, props->prop[JM_ATTR_href], &url);
    }

    jm_write_attrs(w, props);
    jm_buf_addc(&w->html, '>');
}


/*
 * Writes a start tag.  Returns 1 if the element's content and end tag are to
 * follow.
 */
static int
jm_write_start(jm_writer_t *w, xmlNode *node)
{
    jm_tag_t      tag;
    jm_prop_t    *style;
    jm_props_t    props;
    jm_written_t *open;

    tag = jm_node_tag(node);

    if (jm_tags[tag].action == TREE || !jm_write_room(w)
        || w->depth == JM_HTML_MAX_DEPTH)
    {
        return 0;
    }

    w->after_pre = 0;

    if (tag == JM_TAG_img) {
        jm_write_img(w, node);
        return 0;
    }

    jm_props_read(&props, node);
    style = jm_style(w, &props, 0);

    if (props.prop[JM_ATTR_background] != NULL) {
        jm_report_background(w, "pixel", props.prop[JM_ATTR_background]->raw);
        w->out->removed.image++;
    }

    open = &w->open[w->depth];
    open->tag = tag;
    open->start = w->html.len;
    open->hidden = (style != NULL && style->info.hidden);

    jm_write_tag(w, tag, &props);

    if (jm_write_is_crowded(w, tag, open->start)) {
        w->html.len = open->start;
        open->hidden = 0;
    }

    if (jm_tags[tag].flags & VOID) {
        if (w->hidden == 0 && !open->hidden) {
            jm_text_start(w, tag, node);
        }

        return 0;
    }

    open->len = w->html.len - open->start;
    w->depth++;
    w->hidden += open->hidden;
    w->pre += (tag == JM_TAG_pre);
    w->after_pre = (tag == JM_TAG_pre);

    if (w->hidden == 0) {
        jm_text_start(w, tag, node);
    }

    return 1;
}


/* Ends what was begun last. */
static void
jm_write_end(jm_writer_t *w)
{
    jm_written_t *open;

    open = &w->open[--w->depth];
    w->after_pre = 0;
    w->pre -= (open->tag == JM_TAG_pre);

    if (open->tag == JM_TAG_a) {
        jm_write_link_end(w);
    }

    if (open->len != 0) {
        jm_buf_adds(&w->html, "</");
        jm_buf_adds(&w->html, jm_tags[open->tag].name);
        jm_buf_addc(&w->html, '>');
    }

    if (w->hidden == 0) {
        jm_text_end(w, open->tag);
    }

    w->hidden -= open->hidden;
}


static void
jm_write_text(jm_writer_t *w, jm_str_t text)
{
    jm_str_t part, rest;

    if (!jm_write_room(w)) {
        return;
    }

    if (w->after_pre && text.data[0] == '\n') {
        jm_buf_addc(&w->html, '\n');
    }

    w->after_pre = 0;

    /* in pieces: escapes may take five times the room */
    for (rest = text; rest.len != 0 && jm_write_room(w);
         rest.data += part.len, rest.len -= part.len)
    {
        part = jm_str_cut(rest, JM_HTML_PIECE);
        jm_write_escaped(w, part, 0);
    }

    if (w->hidden != 0) {
        return;
    }

    if (w->in_link) {
        jm_buf_add(&w->link_text, text.data, text.len);
    }

    if (w->pre != 0) {
        jm_text_add_lines(&w->text, text);
    } else {
        jm_text_add(&w->text, text);
    }
}


static void
jm_write_body_start(jm_writer_t *w, xmlNode *body)
{
    jm_props_t props;

    jm_props_read(&props, body);
    jm_style(w, &props, 1);

    if (props.prop[JM_ATTR_background] != NULL) {
        jm_report_background(w, "pixel", props.prop[JM_ATTR_background]->raw);
        w->out->removed.image++;
    }

    props.prop[JM_ATTR_bgcolor] = NULL;
    props.prop[JM_ATTR_class] = NULL;

    jm_buf_adds(&w->html, "<div class=\"jm-body\"");
    jm_write_attrs(w, &props);
    jm_buf_addc(&w->html, '>');
}


/* The one walk over the tree. */
static void
jm_write_tree(jm_writer_t *w, xmlNode *body)
{
    size_t   start;
    xmlNode *node;
    jm_str_t text;

    jm_write_body_start(w, body);
    start = w->html.len;
    node = body->children;

    while (node != NULL) {

        if (node->type == XML_TEXT_NODE) {
            text.data = node->content;
            text.len = strlen((char *) node->content);

            /* space before the first thing is none of the body's */
            if (w->html.len != start || !jm_html_is_blank(text)) {
                jm_write_text(w, text);
            }

        } else if (jm_write_start(w, node)) {
            if (node->children != NULL) {
                node = node->children;
                continue;
            }

            jm_write_end(w);
        }

        /* past the limit, only end tags */
        while ((node->next == NULL || w->full) && node->parent != body) {
            node = node->parent;
            jm_write_end(w);
        }

        node = w->full ? NULL : node->next;
    }

    jm_buf_adds(&w->html, "</div>");
}


static void
jm_writer_init(jm_writer_t *w, jm_html_t *out, jm_arena_t *arena, size_t size)
{
    memset(w, 0, sizeof(jm_writer_t));
    w->arena = arena;
    w->out = out;
    w->limit = 2 * size + JM_HTML_SLACK;
    jm_buf_init(&w->html, arena, SIZE_MAX);
    jm_text_init(&w->text, arena, JM_HTML_MAX_PLAIN);
}


void
jm_html_clean(jm_html_t *out, jm_arena_t *arena, jm_str_t source,
              jm_html_cid_pt cid, void *data)
{
    jm_tree_t  *tree;
    jm_writer_t w;

    memset(out, 0, sizeof(jm_html_t));

    if (source.len == 0) {
        source = jm_str("");
    }

    if (source.len > JM_HTML_MAX_SOURCE) {
        source = jm_str_cut(source, JM_HTML_MAX_SOURCE);
        out->cut = 1;
    }

    source = jm_html_preprocess(arena, source);
    jm_xml_arena = arena;

    tree = jm_arena_alloc(arena, sizeof(jm_tree_t));
    tree->arena = arena;
    tree->out = out;
    tree->doc = xmlNewDoc((const xmlChar *) "1.0");
    tree->body = jm_tree_element(tree, JM_TAG_body, NULL);
    xmlDocSetRootElement(tree->doc, tree->body);
    jm_tree_push(tree, tree->body);
    jm_tokenizer_init(&tree->tokenizer, arena, source);
    jm_tree_build(tree);

    jm_writer_init(&w, out, arena, source.len);
    w.cid = cid;
    w.cid_data = data;
    jm_write_tree(&w, tree->body);

    out->html = jm_buf_str(&w.html);
    out->text = jm_text_str(&w.text);
}


/* ---- plain text -------------------------------------------------------- */


/* One line without its quote marks, addresses made links. */
static void
jm_plain_line(jm_writer_t *w, jm_str_t line)
{
    size_t   at, len, start;
    jm_url_t url;
    jm_buf_t buf;
    jm_str_t part;

    at = 0;

    while ((len = jm_text_find_url(line, at, &start)) != 0) {
        part.data = line.data + at;
        part.len = start - at;
        jm_write_escaped(w, part, 0);

        part.data = line.data + start;
        part.len = len;
        at = start + len;

        jm_buf_init(&buf, w->arena, SIZE_MAX);

        if ((part.data[0] | 0x20) == 'w') {
            jm_buf_adds(&buf, "http://");
        }

        jm_buf_add(&buf, part.data, part.len);

        if (jm_url_parse(&url, w->arena, jm_buf_str(&buf)) != 0) {
            jm_write_escaped(w, part, 0);
            continue;
        }

        jm_buf_adds(&w->html, "<a");
        jm_write_attr(w, "href", url.href);
        jm_buf_adds(&w->html, JM_HTML_LINK ">");
        jm_write_escaped(w, part, 0);
        jm_buf_adds(&w->html, "</a>");
        jm_report_link(w, &url, part);
    }

    part.data = line.data + at;
    part.len = line.len - at;
    jm_write_escaped(w, part, 0);
}


/* Takes "> > " off the front; returns how many marks. */
static unsigned
jm_plain_quotes(jm_str_t *line)
{
    unsigned n;

    n = 0;

    while (line->len != 0 && line->data[0] == '>' && n < JM_TEXT_MAX_QUOTES) {
        line->data++;
        line->len--;
        n++;

        if (line->len != 0 && line->data[0] == ' ') {
            line->data++;
            line->len--;
        }
    }

    return n;
}


void
jm_html_from_text(jm_html_t *out, jm_arena_t *arena, jm_str_t text)
{
    size_t        depth, quotes;
    jm_str_t      line;
    const u_char *lf;
    jm_writer_t   w;

    memset(out, 0, sizeof(jm_html_t));

    if (text.len == 0) {
        text = jm_str("");
    }

    if (text.len > JM_HTML_MAX_SOURCE) {
        text = jm_str_cut(text, JM_HTML_MAX_SOURCE);
        out->cut = 1;
    }

    text = jm_html_preprocess(arena, text);

    /* the space that jm_html_clean() would not keep in front either */
    while (text.len != 0 && jm_html_space(text.data[0])) {
        text.data++;
        text.len--;
    }

    jm_writer_init(&w, out, arena, text.len);
    jm_buf_adds(&w.html,
                "<div class=\"jm-body\" style=\"white-space:pre-wrap\">");
    depth = 0;

    while (text.len != 0 && jm_write_room(&w)) {
        lf = memchr(text.data, '\n', text.len);
        line.data = text.data;
        line.len = (lf == NULL) ? text.len : (size_t) (lf - text.data);
        text.data += line.len + (lf != NULL);
        text.len -= line.len + (lf != NULL);

        quotes = jm_plain_quotes(&line);

        for (/* void */; depth < quotes; depth++) {
            jm_buf_adds(&w.html, "<blockquote>");
        }

        for (/* void */; depth > quotes; depth--) {
            jm_buf_adds(&w.html, "</blockquote>");
        }

        jm_plain_line(&w, line);

        if (lf != NULL) {
            jm_buf_addc(&w.html, '\n');
        }
    }

    for (/* void */; depth > 0; depth--) {
        jm_buf_adds(&w.html, "</blockquote>");
    }

    jm_buf_adds(&w.html, "</div>");
    out->html = jm_buf_str(&w.html);
}
