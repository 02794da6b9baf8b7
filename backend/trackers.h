/*
 * Names the trackers: is this image URL one that reports the opening of the
 * mail?  Called by html_report.c for every remote image; reads only the table
 * compiled from trackers.def (sorted by host, searched in constant time).
 */

#ifndef JM_TRACKERS_H
#define JM_TRACKERS_H

#include "jm_str.h"

typedef struct {
    const char *vendor; /* never NULL; "unknown" rows do not exist */
    const char *source; /* where the fact comes from */
} jm_tracker_rule_t;

/*
 * `host` is lower-case ASCII, `rest` is path and query as written in the
 * serialised URL.  Returns the high-confidence rule that matches, or NULL.
 */
const jm_tracker_rule_t *jm_tracker_find(jm_str_t host, jm_str_t rest);

#endif /* JM_TRACKERS_H */
