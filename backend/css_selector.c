/*
 * The selectors of css_selector.h; their parts are read by css_compound.c.
 */

#include "css_selector.h"

#include "css_compound.h"
#include "css_parse.h"
#include "html_str.h"

#define JM_CSS_MAX_COMPOUNDS 16

/* One selector on its way. */
typedef struct {
    jm_css_t     *css;
    jm_buf_t      text; /* behind the wrapper's name */
    jm_compound_t compound;
    size_t        ncompounds;
    size_t        ninner; /* below the wrapper; a child counts double */
    size_t        nclasses, nids, ntags;
    unsigned      at_wrapper : 1; /* nothing but the wrapper was read */
    unsigned      own : 1;        /* the first one may be the body by a name */
} jm_selector_t;

/* Appends a compound behind what is there. */
static jm_verdict_t
jm_selector_add(jm_selector_t *s, u_char combinator)
{
    jm_compound_t *c;

    c = &s->compound;

    if (c->wrapper) {
        /* "html body": one and the same; "div body": nothing */
        if (!s->at_wrapper || (combinator != ' ' && combinator != '>')) {
            return JM_UNKNOWN;
        }

        jm_buf_add(&s->text, c->rest.data, c->rest.len);
        return JM_GOOD;
    }

    if (s->at_wrapper) {
        /* what is beside the wrapper is not the mail's */
        if (combinator != ' ' && combinator != '>') {
            return JM_UNKNOWN;
        }

        s->own = (s->ncompounds == 0 && c->tag == JM_TAG_none);
        s->at_wrapper = 0;
    }

    jm_buf_addc(&s->text, ' ');
    s->ninner++;

    if (combinator != ' ') {
        s->ninner++;
        jm_buf_addc(&s->text, combinator);
        jm_buf_addc(&s->text, ' ');
    }

    if (c->tag != JM_TAG_none) {
        jm_buf_adds(&s->text, jm_tags[c->tag].name);

    } else if (c->rest.len == 0) {
        jm_buf_addc(&s->text, '*');
    }

    jm_buf_add(&s->text, c->rest.data, c->rest.len);

    return JM_GOOD;
}


/* Is it among the body's class names? */
static int
jm_selector_is_own_class(const jm_css_scope_t *scope, jm_str_t name)
{
    size_t   i, start;
    jm_str_t classes;

    classes = scope->class_names;

    for (i = 0; i < classes.len; i++) {
        if (jm_html_space(classes.data[i])) {
            continue;
        }

        for (start = i; i < classes.len && !jm_html_space(classes.data[i]);
             i++) {
            /* void */
        }

        if (i - start == name.len
            && memcmp(classes.data + start, name.data, name.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* May the first compound be the body itself? */
static int
jm_selector_is_own(const jm_css_scope_t *scope, const jm_compound_t *c)
{
    if (c->tag != JM_TAG_none || c->nclasses + c->nids > 1) {
        return 0;
    }

    if (c->nclasses == 1) {
        return c->name.len != 0 && jm_selector_is_own_class(scope, c->name);
    }

    if (c->nids == 1) {
        return scope->id.len == c->name.len
               && memcmp(scope->id.data, c->name.data, c->name.len) == 0;
    }

    return c->star && c->rest.len == 0;
}


/*
 * Reads one selector up to "," or "{".  s->text is what comes behind the
 * wrapper's name.
 */
static jm_verdict_t
jm_selector_read(jm_selector_t *s, const jm_css_scope_t *scope)
{
    int          solid;
    u_char       combinator;
    jm_css_t    *css;
    jm_verdict_t verdict;

    css = s->css;
    combinator = ' ';
    s->at_wrapper = 1;

    for (;;) {
        verdict = jm_compound_read(css, &s->compound);

        if (verdict == JM_GOOD && s->ncompounds == JM_CSS_MAX_COMPOUNDS) {
            verdict = JM_UNKNOWN;
        }

        if (verdict == JM_GOOD) {
            verdict = jm_selector_add(s, combinator);
        }

        if (verdict != JM_GOOD) {
            return verdict;
        }

        s->nclasses += s->compound.nclasses + s->compound.npseudo;
        s->nids += s->compound.nids;
        s->ntags += (s->compound.tag != JM_TAG_none);

        if (s->ncompounds == 0) {
            s->own = s->own && jm_selector_is_own(scope, &s->compound);
        }

        s->ncompounds++;
        solid = (css->token.kind != JM_CSS_SPACE);

        while (css->token.kind == JM_CSS_SPACE) {
            jm_css_next(css);
        }

        if (css->token.kind == JM_CSS_EOF || jm_css_is_delim(css, ',')
            || jm_css_is_delim(css, '{'))
        {
            return JM_GOOD;
        }

        if (s->compound.element) {
            return JM_BAD;
        }

        combinator = ' ';

        if (css->token.kind == JM_CSS_DELIM
            && strchr(">+~", css->token.delim) != NULL) {
            combinator = css->token.delim;
            jm_css_next_solid(css);

        } else if (solid) {
            return JM_BAD;
        }

        /* the wrapper itself has no brother */
        s->own = s->own
                 && (s->ncompounds > 1 || combinator == ' '
                     || combinator == '>');
    }
}


/* The selectors that an element can be looked up by. */
static void
jm_selector_key(jm_selector_t *s, jm_css_keys_t *keys)
{
    jm_css_key_t        *key;
    const jm_compound_t *c;

    c = &s->compound;

    if (keys->nkeys == JM_CSS_MAX_SELECTORS || c->wrapper || c->npseudo != 0
        || c->element || c->nclasses + c->nids > 1
        || (c->nclasses + c->nids == 1 && c->name.len == 0))
    {
        return;
    }

    key = &keys->key[keys->nkeys++];
    key->kind = c->nclasses ? JM_KEY_CLASS : c->nids ? JM_KEY_ID : JM_KEY_TAG;
    key->tag = c->tag;
    key->name = c->name;
    key->specificity = (uint32_t) (s->nids * 256 + s->nclasses * 16
                                   + s->ntags);
}


static size_t
jm_selector_write(jm_selector_t *s, jm_buf_t *out)
{
    size_t   n;
    jm_str_t text;

    text = jm_buf_str(&s->text);
    jm_buf_adds(out, JM_CSS_WRAPPER);
    jm_buf_add(out, text.data, text.len);
    n = 1;

    if (s->own) {
        /* without the space, and without "*" */
        text.data++;
        text.len--;

        if (text.data[0] == '*') {
            text.data++;
            text.len--;
        }

        jm_buf_adds(out, "," JM_CSS_WRAPPER);
        jm_buf_add(out, text.data, text.len);
        n++;
    }

    return n;
}


size_t
jm_css_selectors(jm_css_t *css, jm_buf_t *out, jm_css_keys_t *keys,
                 const jm_css_scope_t *scope)
{
    size_t        n, start;
    jm_css_t      rule, selector;
    jm_verdict_t  verdict;
    jm_selector_t s;

    n = 0;
    start = out->len;
    keys->nkeys = 0;
    rule = *css;

    for (;;) {
        while (css->token.kind == JM_CSS_SPACE) {
            jm_css_next(css);
        }

        selector = *css;
        memset(&s, 0, sizeof(jm_selector_t));
        s.css = css;
        jm_buf_init(&s.text, css->arena, SIZE_MAX);
        verdict = jm_selector_read(&s, scope);

        if (verdict == JM_BAD) {
            *css = rule;
            jm_css_skip_to(css, css->nested ? "{}" : "{");
            out->len = start;
            return 0;
        }

        if (verdict == JM_UNKNOWN) {
            *css = selector;
            jm_css_skip_to(css, css->nested ? ",{}" : ",{");
        }

        if (verdict == JM_GOOD && n + s.own < JM_CSS_MAX_SELECTORS) {
            if (n != 0) {
                jm_buf_addc(out, ',');
            }

            n += jm_selector_write(&s, out);

            if (s.ninner == 1) {
                jm_selector_key(&s, keys);
            }
        }

        if (!jm_css_is_delim(css, ',')) {
            return n;
        }

        jm_css_next(css);
    }
}
