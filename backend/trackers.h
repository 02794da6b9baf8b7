/*
 * Names the trackers: is this image URL one that is known to report the
 * opening of the mail?  Reads only the table made of the lists, ours and the
 * operator's; a look-up's cost does not depend on their length (rules.h).
 *
 * Called by html_pixel.c for every remote image.
 */

#ifndef JM_TRACKERS_H
#define JM_TRACKERS_H

#include <stdint.h>

#include "jm_str.h"

/* How much a match says (README, "Lists"). */
typedef enum {
    JM_TRACKER_LOW,    /* something, if the image looks like a pixel, too */
    JM_TRACKER_MEDIUM, /* a tracker; whose, if something else agrees */
    JM_TRACKER_HIGH
} jm_confidence_t;

typedef struct {
    const char     *vendor; /* NULL: the shape is known, not whose it is */
    jm_confidence_t confidence;
    const char     *source;        /* where the fact comes from */
    unsigned        host_only : 1; /* whatever the path */
} jm_tracker_rule_t;

/*
 * Makes the table of our rows and those of the file `path` unless it is NULL;
 * may be called again when that has changed.  -1 after saying on stderr what
 * is wrong; the table is then what it was.
 */
int jm_tracker_load(const char *path);

/* A number that changes with the rows of that file; 0 without one. */
uint32_t jm_tracker_version(void);

/* The same without a file, unless there is a table. */
void jm_tracker_init(void);

/*
 * `host` is lower-case ASCII, `rest` is path and query as written in the
 * serialised URL.  Returns the rule that says most of those that match, or
 * NULL.  `touched`, which may be NULL: how many were looked at.
 */
const jm_tracker_rule_t *jm_tracker_find(jm_str_t host, jm_str_t rest,
                                         unsigned *touched);

#endif /* JM_TRACKERS_H */
