/*
 * The tables of html_table.h and their searches.
 */

#include "html_table.h"

#include "names.h"

#define JM_TAG(name, action, flags, to) { #name, action, flags, to },

const jm_tag_info_t jm_tags[JM_NTAGS] = {
    { "", SKIP, 0, 0 },
#include "html_tags.def"
};

#undef JM_TAG

static const char *const jm_words_dir[] = { "ltr", "rtl", "auto", NULL };
static const char *const jm_words_align[] = {
    "left",   "right",     "center",   "justify", "top", "middle",
    "bottom", "absmiddle", "baseline", "texttop", NULL
};
static const char *const jm_words_valign[] = { "top", "middle", "bottom",
                                               "baseline", NULL };
static const char *const jm_words_role[] = { "presentation", "img",
                                             "heading",      "list",
                                             "listitem",     NULL };
static const char *const jm_words_scope[] = { "row", "col", "rowgroup",
                                              "colgroup", NULL };
static const char *const jm_words_bool[] = { "true", "false", NULL };
static const char *const jm_words_frame[] = { "void",   "above",  "below",
                                              "hsides", "vsides", "lhs",
                                              "rhs",    "box",    "border",
                                              NULL };
static const char *const jm_words_rules[] = { "none", "groups", "rows",
                                              "cols", "all",    NULL };
static const char *const jm_words_type[] = { "1",      "a",      "i", "disc",
                                             "circle", "square", NULL };
static const char *const jm_words_clear[] = { "left", "right", "all", "none",
                                              NULL };
static const char *const jm_words_shape[] = { "rect", "circle", "poly",
                                              "default", NULL };

#define ON_CELLS (ON_TABLE | ON_CELL | ON_ROW)

const jm_attr_info_t jm_attrs[JM_NATTRS] = {
    { "", V_TEXT, 0, NULL, 0, 0 },
    { "href", V_HREF, ON_A | ON_AREA, NULL, 0, 0 },
    { "src", V_SRC, ON_IMG, NULL, 0, 0 },
    { "srcset", V_SRCSET, ON_IMG, NULL, 0, 0 },
    { "data-jm-img", V_INDEX, ON_IMG, NULL, 0, 9999 },
    { "data-jm-bg", V_INDEX, ON_ALL, NULL, 0, 9999 },
    { "class", V_CLASS, ON_ALL, NULL, 0, 0 },
    { "id", V_ID, ON_ALL, NULL, 0, 0 },
    { "name", V_ID, ON_A | ON_MAP, NULL, 0, 0 },
    { "dir", V_ENUM, ON_ALL, jm_words_dir, 0, 0 },
    { "lang", V_LANGUAGE, ON_ALL, NULL, 0, 0 },
    { "title", V_TEXT, ON_ALL, NULL, 0, 0 },
    { "alt", V_TEXT, ON_IMG | ON_AREA, NULL, 0, 0 },
    { "role", V_ENUM, ON_ALL, jm_words_role, 0, 0 },
    { "aria-label", V_TEXT, ON_ALL, NULL, 0, 0 },
    { "aria-hidden", V_ENUM, ON_ALL, jm_words_bool, 0, 0 },
    { "align", V_ENUM, ON_ALL, jm_words_align, 0, 0 },
    { "valign", V_ENUM, ON_ALL, jm_words_valign, 0, 0 },
    { "width", V_LENGTH, ON_IMG | ON_CELLS | ON_COL | ON_HR, NULL, 0, 0 },
    { "height", V_LENGTH, ON_IMG | ON_CELLS, NULL, 0, 0 },
    { "border", V_LENGTH, ON_IMG | ON_TABLE, NULL, 0, 0 },
    { "cellpadding", V_LENGTH, ON_TABLE, NULL, 0, 0 },
    { "cellspacing", V_LENGTH, ON_TABLE, NULL, 0, 0 },
    { "bgcolor", V_COLOUR, ON_CELLS | ON_BODY, NULL, 0, 0 },
    { "bordercolor", V_COLOUR, ON_TABLE, NULL, 0, 0 },
    { "frame", V_ENUM, ON_TABLE, jm_words_frame, 0, 0 },
    { "rules", V_ENUM, ON_TABLE, jm_words_rules, 0, 0 },
    { "abbr", V_TEXT, ON_CELL, NULL, 0, 0 },
    { "scope", V_ENUM, ON_CELL, jm_words_scope, 0, 0 },
    { "headers", V_IDS, ON_CELL, NULL, 0, 0 },
    { "colspan", V_NUMBER, ON_CELL, NULL, 1, 1000 },
    { "rowspan", V_NUMBER, ON_CELL, NULL, 0, 65534 },
    { "nowrap", V_FLAG, ON_CELL, NULL, 0, 0 },
    { "span", V_NUMBER, ON_COL, NULL, 1, 1000 },
    { "color", V_COLOUR, ON_FONT | ON_HR, NULL, 0, 0 },
    { "face", V_FACE, ON_FONT, NULL, 0, 0 },
    { "size", V_NUMBER, ON_FONT | ON_HR, NULL, -7, 100 },
    { "noshade", V_FLAG, ON_HR, NULL, 0, 0 },
    { "start", V_NUMBER, ON_OL, NULL, -100000, 100000 },
    { "value", V_NUMBER, ON_LI, NULL, -100000, 100000 },
    { "type", V_ENUM, ON_OL | ON_UL | ON_LI, jm_words_type, 0, 0 },
    { "reversed", V_FLAG, ON_OL, NULL, 0, 0 },
    { "clear", V_ENUM, ON_BR, jm_words_clear, 0, 0 },
    { "datetime", V_WORD, ON_TIME, NULL, 0, 0 },
    { "shape", V_ENUM, ON_AREA, jm_words_shape, 0, 0 },
    { "coords", V_COORDS, ON_AREA, NULL, 0, 0 },
    { "usemap", V_USEMAP, ON_IMG, NULL, 0, 0 },
    { "hspace", V_LENGTH, ON_IMG, NULL, 0, 0 },
    { "vspace", V_LENGTH, ON_IMG, NULL, 0, 0 },
    { "hidden", V_HIDDEN, ON_ALL, NULL, 0, 0 },
    { "background", V_BACKGROUND, ON_CELLS | ON_BODY, NULL, 0, 0 },
    { "text", V_BODY_TEXT, ON_BODY, NULL, 0, 0 },
    { "style", V_STYLE, ON_ALL, NULL, 0, 0 },
};


static jm_names_t jm_tag_names = JM_NAMES(jm_tags);
static jm_names_t jm_attr_names = JM_NAMES(jm_attrs);


jm_tag_t
jm_tag_find(jm_str_t name)
{
    const jm_tag_info_t *info;

    info = jm_names_find(&jm_tag_names, name);

    return (info == NULL) ? JM_TAG_none : (jm_tag_t) (info - jm_tags);
}


jm_attr_t
jm_attr_find(jm_str_t name)
{
    const jm_attr_info_t *info;

    info = jm_names_find(&jm_attr_names, name);

    return (info == NULL) ? JM_ATTR_none : (jm_attr_t) (info - jm_attrs);
}


unsigned
jm_attr_groups(jm_tag_t tag)
{
    switch (tag) {

    case JM_TAG_a:
        return ON_ALL | ON_A;

    case JM_TAG_area:
        return ON_ALL | ON_AREA;

    case JM_TAG_img:
        return ON_ALL | ON_IMG;

    case JM_TAG_table:
        return ON_ALL | ON_TABLE;

    case JM_TAG_td:
    case JM_TAG_th:
        return ON_ALL | ON_CELL;

    case JM_TAG_tr:
    case JM_TAG_tbody:
    case JM_TAG_thead:
    case JM_TAG_tfoot:
        return ON_ALL | ON_ROW;

    case JM_TAG_col:
    case JM_TAG_colgroup:
        return ON_ALL | ON_COL;

    case JM_TAG_font:
        return ON_ALL | ON_FONT;

    case JM_TAG_hr:
        return ON_ALL | ON_HR;

    case JM_TAG_ol:
        return ON_ALL | ON_OL;

    case JM_TAG_ul:
        return ON_ALL | ON_UL;

    case JM_TAG_li:
        return ON_ALL | ON_LI;

    case JM_TAG_br:
        return ON_ALL | ON_BR;

    case JM_TAG_time:
    case JM_TAG_ins:
    case JM_TAG_del:
        return ON_ALL | ON_TIME;

    case JM_TAG_map:
        return ON_ALL | ON_MAP;

    case JM_TAG_body:
        return ON_ALL | ON_BODY;

    default:
        return ON_ALL;
    }
}
