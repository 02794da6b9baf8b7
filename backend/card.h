/*
 * Calendar entries and visiting cards as text that people can read: iCalendar
 * (RFC 5545) and vCard (RFC 6350).  Called by message.c for such parts; pure
 * C, output in the caller's arena.
 *
 * Nothing is fetched, answered or shown as HTML: sounds, keys, alarms,
 * attachments and alternative descriptions are left out, addresses are text
 * like any other.  Of pictures only a person's photo counts, and only when its
 * bytes are in the card.
 */

#ifndef JM_CARD_H
#define JM_CARD_H

#include "arena.h"

/* 1 for the media types that jm_card_text() reads. */
int jm_card_type(jm_str_t type);

/*
 * Appends what `data`, valid UTF-8, says, line by line, the last one ended.
 * Nothing when it says nothing.  `photo` is the first one in it, a raster
 * image, or empty.
 */
void jm_card_text(jm_buf_t *out, jm_str_t data, jm_str_t *photo);

#endif /* JM_CARD_H */
