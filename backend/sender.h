/*
 * What a mail's header says that helps to see through its body: whom it was
 * sent to (an address or its hash in a URL tells who opened it), by which
 * vendor's machines, and where List-Unsubscribe leads (a link that must stay
 * as it is).
 *
 * Called by message.c before the body is cleaned; asked by pixel.c and
 * link_clean.c.  Pure C; everything lives in the arena.
 */

#ifndef JM_SENDER_H
#define JM_SENDER_H

#include "arena.h"

#define JM_SENDER_RECIPIENTS 4

/* An address in lower case, and the forms in which it hides in URLs. */
typedef struct {
    jm_str_t address;
    jm_str_t hash[3]; /* MD5, SHA-1, SHA-256; hexadecimal, lower case */
    jm_str_t base64;  /* without what depends on where it ends */
} jm_sender_recipient_t;

typedef struct {
    jm_sender_recipient_t recipients[JM_SENDER_RECIPIENTS];
    size_t                nrecipients;
    const char           *vendor;      /* NULL: not told */
    jm_str_t              unsubscribe; /* List-Unsubscribe, as it is */
} jm_sender_t;

/* `raw`: a message or its header. */
void jm_sender_read(jm_sender_t *sender, jm_arena_t *arena, jm_str_t raw);

/* One more recipient; nothing past the last place. */
void jm_sender_recipient(jm_sender_t *sender, jm_arena_t *arena,
                         jm_str_t address);

/* Does a URL, or part of it, name one of the recipients?  `sender` may be
 * NULL. */
int jm_sender_names(const jm_sender_t *sender, jm_str_t url);

#endif /* JM_SENDER_H */
