/*
 * A message on its way through a backend worker: what mime.c read out of it,
 * what html.c and extract.c made of that.  Filled from top to bottom by
 * jm_message_read(), read by render.c, gone with its arena.
 */

#ifndef JM_MESSAGE_H
#define JM_MESSAGE_H

#include <stdint.h>

#include "arena.h"
#include "html.h"

#define JM_MAX_ATTACHMENTS 200

/* Rises with every release that makes something else of the same mail. */
#define JM_MESSAGE_VERSION 5

/* Ceiling of the arena: one message, raw and in all its forms, takes about
 * eight times its size.  The rest of the address space that sandbox.c leaves
 * is the libraries'. */
#define JM_MESSAGE_MEMORY (256 * 1024 * 1024)

typedef struct {
    jm_str_t filename;     /* UTF-8, at most 255 bytes, never empty */
    jm_str_t content_type; /* as declared, lower-case type/subtype */
    jm_str_t content_id;   /* without the angle brackets; empty if none */
    jm_str_t data;         /* decoded bytes */
    unsigned is_inline : 1;
    unsigned card : 1; /* an entry or a person, to be read with the text */
} jm_attachment_t;

typedef struct {
    jm_arena_t *arena;
    jm_str_t    raw; /* as received, trace header included */

    /* mime.c: headers as UTF-8, empty when absent */
    jm_str_t from;      /* address only */
    jm_str_t from_name; /* display name */
    jm_str_t subject;
    jm_str_t date; /* ISO 8601 UTC, seconds; empty when unreadable */
    jm_str_t message_id;
    jm_str_t in_reply_to;
    jm_str_t reply_to;
    jm_str_t cc;
    jm_str_t list_unsubscribe;

    /* mime.c: bodies as valid UTF-8 with LF line ends; data NULL if none */
    jm_str_t text;
    jm_str_t html;

    jm_sender_t sender; /* sender.c */

    jm_attachment_t *attachments; /* numbered from 1 in the API */
    size_t           nattachments;
    jm_str_t receipt_to; /* who wants one, the sender if nobody is named */
    unsigned receipt_requested : 1; /* Disposition-Notification-To… */
    unsigned cut : 1;               /* a limit of mime.c was hit */
    unsigned unparsed : 1;          /* XRAW: nothing above is set */

    /* message.c: the cleaned HTML and the report; text made from the HTML
     * when the mail has none */
    jm_html_t clean;
    jm_str_t  preview; /* at most 140 characters of one line */

    /* extract.c: one-time codes, best first */
    jm_str_t *codes;
    size_t    ncodes;
} jm_message_t;

/*
 * Which sanitiser and which lists these are: stored with the mail, so that
 * `junkmaild reclean` finds what others have made.
 */
const char *jm_message_stamp(void);

/*
 * Parses and cleans `raw`.  Never fails: what cannot be read is left empty
 * (RFC 5322 and MIME errors are not delivery errors).  Everything returned
 * lives in `arena`, which must be guarded.
 */
void jm_message_read(jm_message_t *m, jm_arena_t *arena, jm_str_t raw);

/* The same without looking inside: for a mail that killed a parser twice. */
void jm_message_unparsed(jm_message_t *m, jm_arena_t *arena, jm_str_t raw);

#endif /* JM_MESSAGE_H */
