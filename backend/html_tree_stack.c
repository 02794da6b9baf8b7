/*
 * The stack of open elements of html_tree_private.h (13.2.4.2): what is open,
 * what ends with what, and the place of a new node (13.2.6.1).
 */

#include "html_tree_private.h"

#include "html_str.h"


jm_open_t *
jm_tree_top(jm_tree_t *tree)
{
    return &tree->open[tree->nopen - 1];
}


int
jm_tree_is_special(jm_tag_t tag)
{
    /* foreign and Office elements are not */
    if (jm_tags[tag].action == TREE) {
        return tag != JM_TAG_xml && tag != JM_TAG_svg && tag != JM_TAG_math;
    }

    return (jm_tags[tag].flags & (BLOCK | SPECIAL)) != 0 || tag == JM_TAG_body;
}


int
jm_tree_is_table_row(jm_tag_t tag)
{
    return tag == JM_TAG_table || tag == JM_TAG_tbody || tag == JM_TAG_thead
           || tag == JM_TAG_tfoot || tag == JM_TAG_tr;
}


void
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
        jm_node_attr(tree->arena, node, attr, token->attrs[i].value);
    }
}


xmlNode *
jm_tree_element(jm_tree_t *tree, jm_tag_t tag, jm_token_t *token)
{
    xmlNode *node;

    node = jm_node_element(tree->doc, tag);
    tree->nodes++;
    jm_tree_attrs(tree, node, tag, token);

    return node;
}


/* Shares the attributes: they are read, never changed nor freed. */
xmlNode *
jm_tree_clone(jm_tree_t *tree, xmlNode *node)
{
    xmlNode *clone;

    clone = jm_tree_element(tree, jm_node_tag(node), NULL);
    clone->properties = node->properties;

    return clone;
}


static jm_mode_t
jm_tree_mode(jm_tag_t tag, jm_mode_t inherited)
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

    case JM_TAG_template:
        return IN_BODY;

    default:
        return inherited;
    }
}


/* The node's `extra` says whether it is on the stack. */
void
jm_tree_push(jm_tree_t *tree, xmlNode *node)
{
    jm_open_t *open;

    open = &tree->open[tree->nopen];
    open->node = node;
    open->tag = jm_node_tag(node);
    open->mode = jm_tree_mode(
        open->tag,
        tree->nopen == 0 ? IN_BODY : tree->open[tree->nopen - 1].mode);
    node->extra = 1;
    tree->nopen++;
}


void
jm_tree_pop(jm_tree_t *tree)
{
    if (tree->nopen > 1) {
        tree->nopen--;
        tree->open[tree->nopen].node->extra = 0;
    }
}


void
jm_tree_pop_to(jm_tree_t *tree, size_t n)
{
    while (tree->nopen > n && tree->nopen > 1) {
        jm_tree_pop(tree);
    }
}


void
jm_tree_remove(jm_tree_t *tree, size_t i)
{
    tree->open[i].node->extra = 0;
    tree->nopen--;
    memmove(&tree->open[i], &tree->open[i + 1],
            (tree->nopen - i) * sizeof(jm_open_t));
}


size_t
jm_tree_index(jm_tree_t *tree, const xmlNode *node)
{
    size_t i;

    for (i = tree->nopen - 1; i > 0 && tree->open[i].node != node; i--) {
        /* void */
    }

    return i;
}


size_t
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


size_t
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


void
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


void
jm_tree_close_p(jm_tree_t *tree)
{
    size_t i;

    i = jm_tree_scope(tree, JM_TAG_p);

    if (i != 0) {
        jm_tree_pop_to(tree, i);
    }
}


void
jm_tree_end_other(jm_tree_t *tree, jm_tag_t tag, jm_str_t name)
{
    size_t i;

    for (i = tree->nopen - 1; i > 0; i--) {
        if (tree->open[i].tag == tag
            && (jm_tags[tag].action != TREE
                || jm_str_is(name, (char *) tree->open[i].node->name)))
        {
            jm_tree_implied(tree, tag);
            jm_tree_pop_to(tree, i);
            return;
        }

        if (jm_tree_is_special(tree->open[i].tag)) {
            return;
        }
    }
}


/* 13.2.6.1, appropriate place for inserting a node. */
void
jm_tree_place(jm_tree_t *tree, xmlNode *target, xmlNode *node)
{
    size_t i;

    if (tree->foster && jm_tree_is_table_row(jm_node_tag(target))) {
        for (i = tree->nopen - 1; i > 0; i--) {
            if (tree->open[i].tag == JM_TAG_table) {
                jm_node_insert_before(tree->open[i].node, node);
                return;
            }
        }
    }

    jm_node_append(target, node);
}


/* The element that a new node would be put into. */
static xmlNode *
jm_tree_parent(jm_tree_t *tree)
{
    size_t i;

    i = tree->nopen - 1;

    if (tree->foster && jm_tree_is_table_row(tree->open[i].tag)) {
        i = jm_tree_table_scope(tree, JM_TAG_table);
        return tree->open[i].node->parent;
    }

    return tree->open[i].node;
}


/* The next element above that will be written, from `node` on. */
static xmlNode *
jm_tree_written(xmlNode *node)
{
    while (jm_tags[jm_node_tag(node)].action == UNWRAP) {
        node = node->parent;
    }

    return node;
}


/* What cannot stand where it came to stand becomes a div. */
void
jm_tree_settle(xmlNode *node)
{
    xmlNode *above;

    above = jm_tree_written(node->parent);

    /* a heading ends the one right above it */
    if ((jm_tags[jm_node_tag(node)].flags & HEADING)
        && (jm_tags[jm_node_tag(above)].flags & HEADING))
    {
        jm_node_rename(node, JM_TAG_div);
    }

    /* a block ends a paragraph */
    for (/* void */; jm_node_tag(above) != JM_TAG_body
                     && !(jm_tags[jm_node_tag(above)].flags & SCOPE);
         above = jm_tree_written(above->parent))
    {
        if (jm_node_tag(above) == JM_TAG_p) {
            jm_node_rename(above, JM_TAG_div);
        }
    }
}


/*
 * Would a browser that reads our output leave the element where we put it?
 * The stack says so for most, but what is moved out of a table lands among
 * elements that the table hides.  (List items end one another.)
 */
static int
jm_tree_fits(jm_tree_t *tree, const xmlNode *parent, jm_tag_t tag)
{
    int            item;
    jm_tag_t       above;
    const xmlNode *node;

    item = (tag == JM_TAG_li || tag == JM_TAG_dd || tag == JM_TAG_dt);

    for (node = parent; item && node != tree->body; node = node->parent) {
        above = jm_node_tag(node);

        if (above == tag || (tag == JM_TAG_dd && above == JM_TAG_dt)
            || (tag == JM_TAG_dt && above == JM_TAG_dd))
        {
            return 0;
        }

        item = !jm_tree_is_special(above) || above == JM_TAG_address
               || above == JM_TAG_div || above == JM_TAG_p
               || jm_tags[above].action == UNWRAP;
    }

    return 1;
}


/* The same for a ruby text, which ends what may be left open (as another one)
   while a ruby can be seen. */
static int
jm_tree_fits_ruby(jm_tree_t *tree, xmlNode *parent)
{
    xmlNode *node;

    node = jm_tree_written(parent);

    if (!(jm_tags[jm_node_tag(node)].flags & IMPLIED)) {
        return 1;
    }

    for (/* void */; node != tree->body; node = jm_tree_written(node->parent))
    {
        if (jm_node_tag(node) == JM_TAG_ruby) {
            return 0;
        }

        if (jm_tags[jm_node_tag(node)].flags & SCOPE) {
            return 1;
        }
    }

    return 1;
}


/* Links do not hold links; the inner one keeps its looks. */
static int
jm_tree_in_link(jm_tree_t *tree, const xmlNode *node)
{
    for (/* void */; node != tree->body; node = node->parent) {
        if (jm_node_tag(node) == JM_TAG_a) {
            return 1;
        }
    }

    return 0;
}


xmlNode *
jm_tree_insert(jm_tree_t *tree, jm_tag_t tag, jm_token_t *token)
{
    int      linked;
    size_t   room;
    xmlNode *node, *parent;

    /* a table needs room for its rows */
    room = (tag == JM_TAG_table) ? 6 : 1;

    if (!(jm_tags[tag].flags & (VOID | TABLE_PART))
        && tree->nopen + room > JM_HTML_MAX_DEPTH - 2)
    {
        tree->overflow[tag]++;
        tree->out->cut = 1;
        return NULL;
    }

    node = jm_tree_element(tree, tag, token);
    parent = jm_tree_parent(tree);

    if (!jm_tree_fits(tree, parent, tag)
        || ((tag == JM_TAG_rt || tag == JM_TAG_rp)
            && !jm_tree_fits_ruby(tree, parent)))
    {
        return NULL;
    }

    linked = (tag == JM_TAG_a && jm_tree_in_link(tree, parent));
    jm_tree_place(tree, jm_tree_top(tree)->node, node);

    if (!(jm_tags[tag].flags & VOID)) {
        jm_tree_push(tree, node);
    }

    /* on the stack it keeps its name */
    if (jm_tags[tag].flags & BLOCK) {
        jm_tree_settle(node);
    }

    if (linked) {
        jm_node_rename(node, JM_TAG_span);
    }

    return node;
}


void
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
