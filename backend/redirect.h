/*
 * Links that go through a tracker: finds by backend/lists/redirectors.tsv
 * whose they are and, where the link itself holds its target, what that is.
 * Nothing is ever asked of anybody: following such a link is a click, which
 * can confirm, unsubscribe or tell that the address is read.
 *
 * Called by link_clean.c.
 */

#ifndef JM_REDIRECT_H
#define JM_REDIRECT_H

#include "url.h"

typedef enum {
    JM_REDIRECT_NONE,
    JM_REDIRECT_OPAQUE, /* only its server knows the target */
    JM_REDIRECT_TARGET  /* `target` is set */
} jm_redirect_is_t;

typedef struct {
    jm_redirect_is_t is;
    const char      *vendor;
    unsigned         security : 1; /* a protection of the reader's own side */
    jm_url_t         target;
} jm_redirect_t;

/* Once per process.  -1 after saying on stderr what is wrong. */
int jm_redirect_init(void);

/* One step.  A target is an absolute http or https URL. */
void jm_redirect_find(jm_redirect_t *found, jm_arena_t *arena,
                      const jm_url_t *url);

#endif /* JM_REDIRECT_H */
