/*
 * The tree construction of html_tree.h: each token goes to the rules of the
 * place it stands in.  Those are in html_tree_body.c and html_tree_table.c;
 * they work on the stack of open elements (html_tree_stack.c) and the list of
 * formatting elements (html_tree_format.c).
 */

#include "html_tree_private.h"

#include <strings.h>

#include "html_doctype.h"
#include "html_str.h"

#define JM_HTML_MAX_NODES 100000


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
        || (jm_tree_is_table_row(jm_tree_top(tree)->tag)
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


/*
 * Is this style element's text to be applied?  Not where it is of another
 * language, or in what is dropped.
 */
static int
jm_tree_is_sheet(jm_tree_t *tree, jm_token_t *token)
{
    size_t          i;
    const jm_str_t *type;

    type = jm_token_find(token, "type");

    if (type != NULL && type->len != 0
        && (type->len != 8
            || strncasecmp((char *) type->data, "text/css", 8) != 0))
    {
        return 0;
    }

    for (i = 1; i < tree->nopen; i++) {
        if (jm_tags[tree->open[i].tag].action == TREE) {
            return 0;
        }
    }

    return 1;
}


/*
 * Raw text is dropped with its tags; that of a textarea is shown, that of a
 * style block kept for later.
 */
static void
jm_tree_raw(jm_tree_t *tree, jm_tag_t tag, jm_token_t *start)
{
    jm_str_t        none;
    jm_token_t      token;
    jm_blocks_t    *blocks;
    const jm_str_t *media;

    blocks = NULL;
    memset(&none, 0, sizeof(jm_str_t));
    media = &none;

    if (tag == JM_TAG_style && tree->blocks->n < JM_HTML_MAX_BLOCKS
        && jm_tree_is_sheet(tree, start))
    {
        blocks = tree->blocks;
        media = jm_token_find(start, "media");
    }

    if (blocks != NULL) {
        blocks->media[blocks->n] = (media == NULL) ? none : *media;
    }

    jm_tokenizer_next(&tree->tokenizer, &token);

    if (token.kind == JM_TOKEN_TEXT) {
        if (tag == JM_TAG_textarea) {
            tree->ignore_lf = 1;
            jm_tree_characters(tree, token.text);
            tree->ignore_lf = 0;
        }

        if (blocks != NULL) {
            blocks->source[blocks->n++] = token.text;
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


/* Start tags that are the head's, or nobody's, before the body has begun. */
static int
jm_tree_is_head(jm_tag_t tag)
{
    switch (tag) {

    case JM_TAG_base:
    case JM_TAG_basefont:
    case JM_TAG_bgsound:
    case JM_TAG_head:
    case JM_TAG_html:
    case JM_TAG_link:
    case JM_TAG_meta:
    case JM_TAG_noframes:
    case JM_TAG_noscript:
    case JM_TAG_script:
    case JM_TAG_style:
    case JM_TAG_template:
    case JM_TAG_title:
        return 1;

    default:
        return 0;
    }
}


/*
 * Our own wrapper at the very beginning is the body, so that cleaning twice
 * adds none.
 */
static int
jm_tree_is_wrapper(jm_tree_t *tree, jm_tag_t tag, jm_token_t *token)
{
    const jm_str_t *class_name;

    if (tag != JM_TAG_div || tree->begun) {
        return 0;
    }

    class_name = jm_token_find(token, "class");

    return class_name != NULL && class_name->len >= 7
           && memcmp(class_name->data, "jm-body", 7) == 0
           && (class_name->len == 7 || class_name->data[7] == ' ');
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

    if (jm_foreign_is(tree) && !jm_foreign_start(tree, tag, token)) {
        return;
    }

    if (jm_tree_is_wrapper(tree, tag, token)) {
        tag = JM_TAG_body;
    }

    tree->begun = 1;

    /* what a template of the head holds is not the body's */
    if (tree->nopen == 1) {
        tree->in_body |= !jm_tree_is_head(tag);
    }

    tree->ignore_lf = 0;

    if (content != JM_CONTENT_DATA) {
        jm_tokenizer_content(&tree->tokenizer, content, token->name);
    }

    if (jm_tags[tag].action == RAW) {
        jm_tree_raw(tree, tag, token);
        return;
    }

    if (jm_tags[tag].action == BODY) {
        jm_tree_attrs(tree, tree->body, JM_TAG_body, token);
        return;
    }

    /* behind a comment it would stay */
    tree->ignore_lf = (tag == JM_TAG_pre || tag == JM_TAG_listing)
                      && tree->tokenizer.pos < tree->tokenizer.end
                      && *tree->tokenizer.pos != '<';

    if (tag == JM_TAG_dialog && jm_token_find(token, "open") == NULL) {
        tag = JM_TAG_template;

    } else if (jm_tags[tag].action == RENAME) {
        tag = jm_tags[tag].to;
    }

    jm_tree_start(tree, tag, token);
}


/* By the name, which dialogs and renamed elements do not keep. */
static void
jm_tree_end_token(jm_tree_t *tree, jm_token_t *token)
{
    jm_tag_t tag;

    tag = jm_tree_tag(token->name);

    while ((tag == JM_TAG_p || tag == JM_TAG_br) && jm_foreign_is(tree)) {
        jm_tree_pop(tree);
    }

    if (jm_foreign_end(tree, token->name)) {
        return;
    }

    if (tag == JM_TAG_dialog && jm_tree_scope(tree, JM_TAG_template) != 0) {
        tag = JM_TAG_template;

    } else if (jm_tags[tag].action == RENAME) {
        tag = jm_tags[tag].to;
    }

    if (jm_tags[tag].action == KEEP || jm_tags[tag].action == UNWRAP
        || jm_tags[tag].action == TREE)
    {
        jm_tree_end(tree, tag, token->name);
    }
}


xmlNode *
jm_tree_build(jm_html_t *out, jm_arena_t *arena, jm_str_t source,
              jm_blocks_t *blocks)
{
    jm_tree_t *tree;
    jm_token_t token;

    jm_node_use(arena);

    tree = jm_arena_alloc(arena, sizeof(jm_tree_t));
    tree->arena = arena;
    tree->out = out;
    tree->blocks = blocks;
    blocks->n = 0;
    tree->doc = xmlNewDoc((const xmlChar *) "1.0");
    tree->body = jm_tree_element(tree, JM_TAG_body, NULL);
    xmlDocSetRootElement(tree->doc, tree->body);
    jm_tree_push(tree, tree->body);
    jm_tokenizer_init(&tree->tokenizer, arena, source);

    for (;;) {
        jm_tokenizer_next(&tree->tokenizer, &token);

        if (token.kind == JM_TOKEN_EOF) {
            break;
        }

        if (tree->nodes >= JM_HTML_MAX_NODES) {
            out->cut = 1;
            break;
        }

        if (!tree->begun) {
            tree->quirks = jm_doctype_is_quirks(tree->tokenizer.doctype);
        }

        if (token.kind == JM_TOKEN_START) {
            jm_tree_start_token(tree, &token);
            continue;
        }

        if (token.kind == JM_TOKEN_TEXT) {
            if (!jm_html_is_blank(token.text)) {
                tree->begun = 1;
                tree->in_body |= (tree->nopen == 1);
            }

            jm_tree_characters(tree, token.text);

        } else {
            jm_tree_end_token(tree, &token);
        }

        tree->ignore_lf = 0;
    }

    return tree->body;
}
