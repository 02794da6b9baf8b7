/*
 * What the MIME files share: a message while its parts are walked, and what
 * each file asks of those above it here.  Included by mime*.c alone, the only
 * files that know GMime.
 */

#ifndef JM_MIME_PRIVATE_H
#define JM_MIME_PRIVATE_H

#include <gmime/gmime.h>

#include "message.h"

#define JM_MAX_PARTS 1000 /* looked at */
#define JM_MAX_BODIES                                                         \
    (3 * JM_MAX_PARTS + 1) /* of a winmail.dat there are two */
#define JM_MAX_FIELD 2048  /* bytes of a header field in the API */

/* A text part that may be shown, in the order of the message. */
typedef struct {
    jm_str_t data; /* transfer encoding undone */
    int      charset;
    unsigned html : 1;
    unsigned flowed : 1; /* RFC 3676 */
    unsigned delsp : 1;
    unsigned dropped : 1; /* an alternative that lost */
    unsigned spare : 1;   /* an attachment, shown where nothing else is */
} jm_mime_body_t;

typedef struct {
    jm_message_t   *m;
    jm_mime_body_t *bodies;
    size_t          nbodies;
    size_t          parts;
    size_t          prefix; /* bytes of our own before the body */
    jm_str_t        body;   /* in the raw message */
    uint64_t        related[(JM_MAX_ATTACHMENTS + 63) / 64]; /* by index */
} jm_mime_t;


/*
 * mime_part.c: one part's type, bytes and name.  Strings are slices of the raw
 * message or in its arena.
 */

/* A parameter of Content-Type, "" if it has none of the name; GMime's. */
const char *jm_mime_param(GMimeObject *object, const char *name);

/* "type/subtype", lower case; octet-stream when it holds anything odd. */
jm_str_t jm_mime_type(jm_arena_t *arena, GMimeObject *object);

int jm_mime_is(jm_str_t type, const char *name);

/* The content, its transfer encoding undone as far as it can be. */
jm_str_t jm_mime_decoded(jm_mime_t *w, GMimePart *part);

/* The same for text, which at times is not in the base64 it claims. */
jm_str_t jm_mime_decoded_text(jm_mime_t *w, GMimePart *part);

/* The file name as the sender wrote it, "" when there is none; GMime's, or in
 * the arena. */
const char *jm_mime_declared_name(jm_mime_t *w, GMimeObject *object);

/* That name as a file may bear it: UTF-8 without any path, at most 255 bytes;
 * empty when nothing is left. */
jm_str_t jm_mime_filename(jm_arena_t *arena, const char *declared);

/* The name of the next attachment when it brings none. */
jm_str_t jm_mime_default_name(jm_mime_t *w, jm_str_t type);


/* mime_walk.c: which part is a body and which an attachment. */

/* An attachment that is no MIME part: a file in winmail.dat or in a text.
 * Names and types as found; NULL when there are too many. */
jm_attachment_t *jm_mime_attach_file(jm_mime_t *w, jm_str_t name,
                                     jm_str_t type, jm_str_t data);

/*
 * Fills the bodies and attachments from `object` and what is in it; 0 and 0
 * for the root.  `in` is what it stands in, bits of mime_walk.c.
 */
void jm_mime_walk(jm_mime_t *w, GMimeObject *object, unsigned depth,
                  unsigned in);


/* mime_uu.c: files in a text. */

/*
 * The files that stand uuencoded between the lines of a text become
 * attachments.  Returns the text without them.
 */
jm_str_t jm_mime_uu(jm_mime_t *w, jm_str_t text);


/* mime_body.c: what is shown of the bodies that were found. */

/* Sets the message's text and html; HTML beyond the first is attached. */
void jm_mime_bodies(jm_mime_t *w);

/* Sets is_inline of the images that belong to the HTML. */
void jm_mime_mark_inline(jm_mime_t *w);

#endif /* JM_MIME_PRIVATE_H */
