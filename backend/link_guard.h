/*
 * Links that are not to be touched, because any change may break them or do
 * something in the reader's name: signed ones, those that log in, verify,
 * reset, invite or end a subscription.  When in doubt, a link is one of them.
 *
 * Called by link_clean.c.  Pure C.
 */

#ifndef JM_LINK_GUARD_H
#define JM_LINK_GUARD_H

#include "url.h"

/* By host, path and names of parameters. */
int jm_guard_url(const jm_url_t *url);

/* By what the reader is told that it does, in 14 languages. */
int jm_guard_text(jm_str_t text);

#endif /* JM_LINK_GUARD_H */
