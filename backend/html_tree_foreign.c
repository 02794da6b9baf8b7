/*
 * The rules of html_tree_private.h for pictures and formulas in the source
 * (svg and math, "in foreign content", 13.2.6.5): nothing of them is kept, but
 * a tag that they do not end by is not swallowed with them.
 */

#include "html_tree_private.h"

#include "html_str.h"


/* Tags of HTML that end a picture or formula (13.2.6.5). */
static const jm_tag_t jm_foreign_breakouts[] = {
    JM_TAG_b,      JM_TAG_big,     JM_TAG_blockquote, JM_TAG_body,
    JM_TAG_br,     JM_TAG_center,  JM_TAG_code,       JM_TAG_dd,
    JM_TAG_div,    JM_TAG_dl,      JM_TAG_dt,         JM_TAG_em,
    JM_TAG_embed,  JM_TAG_font,    JM_TAG_h1,         JM_TAG_h2,
    JM_TAG_h3,     JM_TAG_h4,      JM_TAG_h5,         JM_TAG_h6,
    JM_TAG_head,   JM_TAG_hr,      JM_TAG_i,          JM_TAG_img,
    JM_TAG_li,     JM_TAG_listing, JM_TAG_menu,       JM_TAG_meta,
    JM_TAG_nobr,   JM_TAG_ol,      JM_TAG_p,          JM_TAG_pre,
    JM_TAG_ruby,   JM_TAG_s,       JM_TAG_small,      JM_TAG_span,
    JM_TAG_strike, JM_TAG_strong,  JM_TAG_sub,        JM_TAG_sup,
    JM_TAG_table,  JM_TAG_tt,      JM_TAG_u,          JM_TAG_ul,
    JM_TAG_var,
};


static int
jm_foreign_is_breakout(jm_tag_t tag, jm_token_t *token)
{
    size_t i;

    if (tag == JM_TAG_font && jm_token_find(token, "color") == NULL
        && jm_token_find(token, "face") == NULL
        && jm_token_find(token, "size") == NULL)
    {
        return 0;
    }

    for (i = 0;
         i < sizeof(jm_foreign_breakouts) / sizeof(jm_foreign_breakouts[0]);
         i++)
    {
        if (jm_foreign_breakouts[i] == tag) {
            return 1;
        }
    }

    return 0;
}


int
jm_foreign_is(jm_tree_t *tree)
{
    jm_tag_t tag;

    tag = jm_tree_top(tree)->tag;

    return tag == JM_TAG_svg || tag == JM_TAG_math;
}


/*
 * Elements of a picture have the tag of the picture and their own names, those
 * that may hold HTML again the one of Office's: there, its rules hold.
 */
int
jm_foreign_start(jm_tree_t *tree, jm_tag_t tag, jm_token_t *token)
{
    xmlNode           *node;
    const char *const *name;

    static const char *const in_svg[] = { "desc", "foreignobject", "title",
                                          NULL };
    static const char *const in_math[] = {
        "annotation-xml", "mi", "mn", "mo", "ms", "mtext", NULL
    };

    if (jm_foreign_is_breakout(tag, token)) {
        while (jm_foreign_is(tree)) {
            jm_tree_pop(tree);
        }

        return 1;
    }

    if (token->self_closing) {
        return 0;
    }

    tag = jm_tree_top(tree)->tag;
    name = (tag == JM_TAG_svg) ? in_svg : in_math;

    while (*name != NULL && !jm_str_is(token->name, *name)) {
        name++;
    }

    tag = (*name == NULL) ? tag : JM_TAG_xml;
    node = jm_tree_insert(tree, tag, NULL);

    if (node == NULL) {
        tree->overflow[tag]--; /* ends with what holds it */
        return 0;
    }

    node->name = (xmlChar *) jm_arena_cstr(tree->arena, token->name.data,
                                           token->name.len);

    return 0;
}


int
jm_foreign_end(jm_tree_t *tree, jm_str_t name)
{
    size_t   i;
    jm_tag_t tag;

    for (i = tree->nopen - 1; i > 0; i--) {
        tag = tree->open[i].tag;

        if (tag != JM_TAG_svg && tag != JM_TAG_math && tag != JM_TAG_xml) {
            return 0;
        }

        if (jm_str_is(name, (char *) tree->open[i].node->name)) {
            jm_tree_pop_to(tree, i);
            return 1;
        }
    }

    return 0;
}
