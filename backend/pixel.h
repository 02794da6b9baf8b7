/*
 * Is this image there to be seen, or to tell that the mail was opened?  What
 * is known of it in, a verdict out, by adding up signs of both (the weights
 * stand in one table in pixel.c).  All remote images are held back anyway; the
 * verdict says what is named in the report and never loaded at all.
 *
 * Called by html_pixel.c.  Pure C, allocates nothing.
 */

#ifndef JM_PIXEL_H
#define JM_PIXEL_H

#include <stdint.h>

#include "sender.h"
#include "trackers.h"
#include "url.h"

/* What its place in the mail says. */
typedef struct {
    int      width, height;    /* CSS pixels; -1: not known */
    unsigned hidden : 1;       /* by its own style */
    unsigned hidden_above : 1; /* by that of an element around it */
    unsigned shown_else : 1;   /* a media query may show it */
    unsigned alt : 1;          /* it has a text */
    unsigned edge : 1;         /* first or last thing, or behind the tables */
    unsigned apart : 1;        /* no image to be seen comes from its host */
    unsigned repeated : 1;     /* the same URL stands twice */
    unsigned background : 1;   /* in CSS or an attribute: has no size */
} jm_pixel_look_t;

typedef enum { JM_PIXEL_NO, JM_PIXEL_POSSIBLE, JM_PIXEL_YES } jm_pixel_is_t;

typedef struct {
    jm_pixel_is_t            is;
    int                      score;
    uint32_t                 signs; /* by their place in pixel.c's table */
    const jm_tracker_rule_t *rule;
    unsigned                 named : 1; /* the rule is sure whose it is */
} jm_pixel_t;

/* `sender` may be NULL. */
void jm_pixel_judge(jm_pixel_t *pixel, const jm_pixel_look_t *look,
                    const jm_url_t *url, const jm_sender_t *sender);

/* From now on each judgement is told on stderr, with its signs. */
void jm_pixel_explain(void);

#endif /* JM_PIXEL_H */
