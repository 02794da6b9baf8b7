/*
 * MIME in, jm_message_t out: headers, the body to show as text and as HTML,
 * attachments, everything as UTF-8.  Only mime*.c include GMime (and with it
 * GLib).  Called by message.c.  RFC 2045-2049, 2231, 5322, 6532.
 */

#ifndef JM_MIME_H
#define JM_MIME_H

#include "message.h"

/*
 * Once per process, before privileges are dropped: GMime's tables and one
 * iconv descriptor held for every charset we allow, so that no conversion has
 * to open a file later.  0, or -1 when a charset of the list is missing.
 */
int jm_mime_init(void);

/* Fills the fields that message.h marks as mime.c's.  Never fails. */
void jm_mime_read(jm_message_t *m);

#endif /* JM_MIME_H */
