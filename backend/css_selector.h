/*
 * Selectors: those of a mail's rule in, the same held to the mail's wrapper
 * out: ".jm-body" in front, "html", "body" and ":root" as the wrapper itself,
 * names in the mail's name space.  Grammar after selectors-4, cut down to what
 * mails need.
 *
 * Called by css_sheet.c.  Pure C; everything lives in the arena of the buffer.
 */

#ifndef JM_CSS_SELECTOR_H
#define JM_CSS_SELECTOR_H

#include "css_token.h"
#include "html_table.h"

#define JM_CSS_MAX_SELECTORS 64

typedef enum { JM_KEY_TAG, JM_KEY_CLASS, JM_KEY_ID } jm_key_kind_t;

/* What a selector of one element, class or id alone says, to look it up by. */
typedef struct {
    jm_key_kind_t kind;
    jm_tag_t      tag;  /* JM_TAG_none: any */
    jm_str_t      name; /* of the class or id, as the mail wrote it */
    uint32_t      specificity;
} jm_css_key_t;

typedef struct {
    jm_css_key_t key[JM_CSS_MAX_SELECTORS];
    size_t       nkeys;
} jm_css_keys_t;

/* The body's own names: a rule for one of them is one for the wrapper. */
typedef struct {
    jm_str_t class_names;
    jm_str_t id;
} jm_css_scope_t;

/*
 * Appends the selector list that begins at the current token, with commas;
 * leaves out what is not known.  The current token is then the rule's "{" or
 * the end.  Returns how many were written; 0 drops the rule.
 */
size_t jm_css_selectors(jm_css_t *css, jm_buf_t *out, jm_css_keys_t *keys,
                        const jm_css_scope_t *scope);

#endif /* JM_CSS_SELECTOR_H */
