/*
 * The sanitiser's tables: which elements and attributes exist for it, what
 * becomes of each, and of what type each attribute's value is.  Whatever is
 * written comes from here by number, so that no name of a mail can reach the
 * output.
 *
 * Used by the html_*.c files; constants, no state.
 */

#ifndef JM_HTML_TABLE_H
#define JM_HTML_TABLE_H

#include <stdint.h>

#include "jm_str.h"

/* What becomes of an element. */
typedef enum {
    KEEP,      /* under its own name, or written as another one */
    RENAME,    /* treated as another one from the start */
    BODY,      /* its attributes go to the wrapper */
    SKIP,      /* tags go, content stays */
    BREAK,     /* the same, but it is a block: a paragraph ends there */
    UNWRAP,    /* the same, but it is in the tree, where it has a scope */
    CONTROL,   /* form controls without content */
    VOID_DROP, /* elements without content that go */
    RAW,       /* raw text: dropped, counted, or kept as text */
    TREE       /* goes with everything in it */
} jm_tag_action_t;

/* How the tree construction treats it (HTML Standard, 13.2.4 and 13.2.6). */
enum jm_tag_flag {
    VOID = 1,        /* has no content */
    BLOCK = 2,       /* special, ends an open p, ends like a block */
    SPECIAL = 4,     /* special, and nothing else */
    FORMAT = 8,      /* formatting element */
    HEADING = 16,    /* one does not hold another */
    IMPLIED = 32,    /* its end tag may be implied */
    SCOPE = 64,      /* ends the search for an open element */
    TABLE_PART = 128 /* only inside a table */
};

#define JM_TAG(name, action, flags, to) JM_TAG_##name,

/* Sorted as the names are. */
typedef enum {
    JM_TAG_none,
#include "html_tags.def"
    JM_NTAGS
} jm_tag_t;

#undef JM_TAG

typedef struct {
    const char     *name;
    jm_tag_action_t action;
    unsigned        flags;
    jm_tag_t        to; /* what it becomes, where it does not stay */
} jm_tag_info_t;

/* By tag; row 0 is for names that are not known. */
extern const jm_tag_info_t jm_tags[JM_NTAGS];

/* `name` in lower case; JM_TAG_none if it is not known. */
jm_tag_t jm_tag_find(jm_str_t name);

/* How an attribute's value is checked and written. */
typedef enum {
    V_TEXT, /* any text, shortened */
    V_WORD, /* letters, digits, "-", ":", ".", "+": dates */
    V_LANGUAGE,
    V_ENUM,   /* one of `words` */
    V_FLAG,   /* present or not */
    V_LENGTH, /* digits, then nothing, "%" or "px" */
    V_NUMBER, /* an integer from min to max */
    V_COLOUR,
    V_CLASS, /* names, prefixed */
    V_ID,    /* a name, prefixed */
    V_IDS,
    V_USEMAP,
    V_COORDS,
    V_FACE, /* font names */
    V_STYLE,
    V_HREF,
    V_SRC,        /* handled with the image */
    V_SRCSET,     /* only a source for src */
    V_HIDDEN,     /* becomes display: none */
    V_BACKGROUND, /* its picture is held back */
    V_BODY_TEXT,  /* body's text colour */
    V_INDEX       /* our own placeholder's number */
} jm_value_type_t;

/* Groups of elements that an attribute is kept on. */
enum jm_attr_group {
    ON_ALL = 1,
    ON_A = 2,
    ON_AREA = 4,
    ON_IMG = 8,
    ON_TABLE = 16,
    ON_CELL = 32, /* td, th */
    ON_ROW = 64,  /* tr, tbody, thead, tfoot */
    ON_COL = 128, /* col, colgroup */
    ON_FONT = 256,
    ON_HR = 512,
    ON_OL = 1024,
    ON_UL = 2048,
    ON_LI = 4096,
    ON_BR = 8192,
    ON_TIME = 16384,
    ON_MAP = 32768,
    ON_BODY = 65536
};

typedef enum {
    JM_ATTR_none,
    JM_ATTR_href,
    JM_ATTR_src,
    JM_ATTR_srcset,
    JM_ATTR_data_jm_img,
    JM_ATTR_data_jm_bg,
    JM_ATTR_class,
    JM_ATTR_id,
    JM_ATTR_name,
    JM_ATTR_dir,
    JM_ATTR_lang,
    JM_ATTR_title,
    JM_ATTR_alt,
    JM_ATTR_role,
    JM_ATTR_aria_label,
    JM_ATTR_aria_hidden,
    JM_ATTR_align,
    JM_ATTR_valign,
    JM_ATTR_width,
    JM_ATTR_height,
    JM_ATTR_border,
    JM_ATTR_cellpadding,
    JM_ATTR_cellspacing,
    JM_ATTR_bgcolor,
    JM_ATTR_bordercolor,
    JM_ATTR_frame,
    JM_ATTR_rules,
    JM_ATTR_abbr,
    JM_ATTR_scope,
    JM_ATTR_headers,
    JM_ATTR_colspan,
    JM_ATTR_rowspan,
    JM_ATTR_nowrap,
    JM_ATTR_span,
    JM_ATTR_color,
    JM_ATTR_face,
    JM_ATTR_size,
    JM_ATTR_noshade,
    JM_ATTR_start,
    JM_ATTR_value,
    JM_ATTR_type,
    JM_ATTR_reversed,
    JM_ATTR_clear,
    JM_ATTR_datetime,
    JM_ATTR_shape,
    JM_ATTR_coords,
    JM_ATTR_usemap,
    JM_ATTR_hspace,
    JM_ATTR_vspace,
    JM_ATTR_hidden,
    JM_ATTR_background,
    JM_ATTR_text,
    JM_ATTR_style,
    JM_NATTRS
} jm_attr_t;

typedef struct {
    const char        *name;
    jm_value_type_t    type;
    unsigned           groups;
    const char *const *words;    /* V_ENUM */
    int                min, max; /* V_NUMBER */
} jm_attr_info_t;

/* By attribute, in the order in which they are written. */
extern const jm_attr_info_t jm_attrs[JM_NATTRS];

jm_attr_t jm_attr_find(jm_str_t name);

/* The groups `tag` belongs to. */
unsigned jm_attr_groups(jm_tag_t tag);

#endif /* JM_HTML_TABLE_H */
