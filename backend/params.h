/*
 * Takes tracking parameters out of a URL: those of backend/lists/params.tsv by
 * their names, and any whose value names the reader.  What stays is left byte
 * by byte as it was.
 *
 * Called by link_clean.c with links that may be changed.
 */

#ifndef JM_PARAMS_H
#define JM_PARAMS_H

#include "sender.h"
#include "url.h"

/* Once per process.  -1 after saying on stderr what is wrong. */
int jm_params_init(void);

/*
 * The URL without them, in query and fragment; `href` itself if there are
 * none.  `sender` may be NULL.
 */
jm_str_t jm_params_strip(jm_arena_t *arena, const jm_url_t *url,
                         const jm_sender_t *sender);

#endif /* JM_PARAMS_H */
