/*
 * Finds what a person looks for in a mail: one-time codes, and the link to
 * click.  Called by message.c when text and links are known.
 */

#ifndef JM_EXTRACT_H
#define JM_EXTRACT_H

#include "message.h"

/* Fills m->codes, best first. */
void jm_extract_codes(jm_message_t *m);

/* Orders m->clean.links: the link to confirm, log in or reset comes first. */
void jm_extract_links(jm_message_t *m);

/* Is `p`, which is behind `from`, behind the end of a sentence? */
int jm_extract_ends(const u_char *from, const u_char *p);

#endif /* JM_EXTRACT_H */
