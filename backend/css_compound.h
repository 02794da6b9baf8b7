/*
 * Compound selectors: what stands between two combinators, such as "p.note" or
 * "a:hover", held to what is kept and written anew.
 *
 * Called by css_selector.c.  Pure C; everything lives in the arena of the
 * tokenizer.
 */

#ifndef JM_CSS_COMPOUND_H
#define JM_CSS_COMPOUND_H

#include "css_token.h"
#include "html_table.h"

/* What holds a cleaned mail: its selectors begin with it. */
#define JM_CSS_WRAPPER ".jm-body"

/*
 * A browser drops a whole rule for one selector that is wrong (JM_BAD), and so
 * do we; one that is right but not kept (JM_UNKNOWN) goes alone.
 */
typedef enum { JM_GOOD, JM_UNKNOWN, JM_BAD } jm_verdict_t;

typedef struct {
    jm_tag_t tag;
    unsigned star : 1;
    unsigned wrapper : 1; /* html, body, :root or the wrapper itself */
    unsigned element : 1; /* ::before and the like: the last one */
    size_t   nclasses, nids, npseudo;
    jm_str_t name; /* of the last class or id, as the mail wrote it */
    jm_buf_t rest; /* all but the tag, as it is written */
} jm_compound_t;

/*
 * Reads on to space, a combinator, "," or "{".  After anything but JM_GOOD the
 * place in the source means nothing.
 */
jm_verdict_t jm_compound_read(jm_css_t *css, jm_compound_t *c);

#endif /* JM_CSS_COMPOUND_H */
