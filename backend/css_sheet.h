/*
 * The style blocks of a mail: their sources in, one style sheet held to the
 * mail's wrapper out, and the index of its simple rules.  Kept: style rules
 * and @media; @supports is answered here; every other at-rule is dropped with
 * its block, and so is what is nested in a rule.
 *
 * Called by html_tree.c, which finds the blocks, and html_judge.c, which
 * writes the sheet.  Pure C; everything lives in the arena.
 */

#ifndef JM_CSS_SHEET_H
#define JM_CSS_SHEET_H

#include "css.h"
#include "css_rules.h"
#include "css_selector.h"

#define JM_SHEET_MAX_URLS 64

typedef struct {
    jm_arena_t    *arena;
    jm_css_scope_t scope;
    jm_buf_t       out; /* ASCII, free of "<" and "&"; ">" parts selectors */
    size_t         read;
    size_t         nrules;
    uint32_t       dropped; /* taken out because it would fetch */
    jm_str_t       urls[JM_SHEET_MAX_URLS]; /* as the mail wrote them */
    size_t         nurls;
    jm_css_rules_t rules;
    unsigned       cut : 1; /* a limit was hit */
} jm_sheet_t;

void jm_sheet_init(jm_sheet_t *sheet, jm_arena_t *arena,
                   const jm_css_scope_t *scope);

/* The next style block, and its attribute `media`. */
void jm_sheet_add(jm_sheet_t *sheet, jm_str_t source, jm_str_t media);

#endif /* JM_CSS_SHEET_H */
