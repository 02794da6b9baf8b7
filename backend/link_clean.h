/*
 * What becomes of a link: it leads where it would have led in the end, without
 * telling on the way who has followed it, where that can be had offline.
 * Guards first (link_guard.c), then redirectors (redirect.c), then parameters
 * (params.c); each result is parsed and guarded again.
 *
 * Called by html_link.c and html_plain.c.
 */

#ifndef JM_LINK_CLEAN_H
#define JM_LINK_CLEAN_H

#include "sender.h"
#include "url.h"

#define JM_LINK_LEVELS 5 /* redirectors inside one another */

typedef struct {
    jm_url_t    url;      /* what to write */
    jm_str_t    host;     /* where it ends, as far as can be seen */
    const char *vendor;   /* whose tracker it goes or went through; or NULL */
    jm_str_t    tracker;  /* and that one's host */
    unsigned    kept : 1; /* it still goes there */
} jm_link_clean_t;

/*
 * `url` is http or https, `text` what the reader sees; `sender` may be NULL.
 * Cleaning the result again changes nothing.
 */
void jm_link_clean(jm_link_clean_t *link, jm_arena_t *arena,
                   const jm_url_t *url, jm_str_t text,
                   const jm_sender_t *sender);

#endif /* JM_LINK_CLEAN_H */
