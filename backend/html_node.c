/*
 * The nodes of html_node.h: libxml2's allocator over the arena, elements,
 * attributes and links.
 */

#include "html_node.h"

#include <libxml/parser.h>
#include <libxml/xmlerror.h>
#include <stdlib.h>

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
        block = jm_arena_take(jm_xml_arena, size + 16);
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
jm_node_init(void)
{
    xmlMemSetup(jm_xml_free, jm_xml_malloc, jm_xml_realloc, jm_xml_strdup);
    xmlInitParser();
    xmlSetStructuredErrorFunc(NULL, jm_xml_error);
}


void
jm_node_use(jm_arena_t *arena)
{
    jm_xml_arena = arena;
}


xmlNode *
jm_node_element(xmlDoc *doc, jm_tag_t tag)
{
    xmlNode *node;

    /* the name is the table's, not a copy; free() is none of ours */
    node = xmlNewDocNodeEatName(doc, NULL, (xmlChar *) jm_tags[tag].name,
                                NULL);
    node->_private = (void *) (uintptr_t) tag;

    return node;
}


void
jm_node_attr(jm_arena_t *arena, xmlNode *node, jm_attr_t attr, jm_str_t value)
{
    xmlAttr   *xml;
    jm_prop_t *prop;

    prop = jm_arena_alloc(arena, sizeof(jm_prop_t));
    prop->attr = attr;
    prop->raw = value;

    /* libxml2 would keep a value as a node of its own, which nobody reads */
    xml = xmlNewProp(node, (const xmlChar *) jm_attrs[attr].name, NULL);

    if (xml != NULL) {
        xml->_private = prop;
    }
}


jm_tag_t
jm_node_tag(const xmlNode *node)
{
    return (jm_tag_t) (uintptr_t) node->_private;
}


void
jm_node_rename(xmlNode *node, jm_tag_t tag)
{
    node->name = (const xmlChar *) jm_tags[tag].name;
    node->_private = (void *) (uintptr_t) tag;
}


void
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


void
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


void
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


int
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
