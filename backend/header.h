/*
 * Header fields: finds them in a block of lines, and turns their values into
 * text, a mailbox or a time.  Called by mime.c for the message's own header
 * (those of MIME parts are GMime's work).  RFC 5322, 2047, 6532; lenient,
 * because a mail that breaks them was delivered all the same.
 */

#ifndef JM_HEADER_H
#define JM_HEADER_H

#include <stdint.h>

#include "arena.h"

/* Beyond these only the fields needed to show the mail are kept, and of one
 * field its beginning. */
#define JM_MAX_HEADERS      1000
#define JM_MAX_HEADER_BLOCK (256 * 1024)
#define JM_MAX_HEADER       (64 * 1024)

typedef struct {
    jm_str_t name;  /* as written, without space or colon */
    jm_str_t value; /* raw: folded, encoded, line end included */
    jm_str_t line;  /* both, as they lie in the message */
} jm_header_t;

typedef struct {
    jm_header_t *fields;
    size_t       nfields;
    size_t       body;    /* offset of the body in the message */
    unsigned     cut : 1; /* a limit was hit: fields are missing */
} jm_headers_t;

/*
 * Reads the header block at the start of `raw`; everything points into it.
 * The block ends at an empty line, or before a line that can be no field and
 * is followed by none (RFC 5322 knows no such mail, but people send them).
 */
void jm_headers_read(jm_headers_t *headers, jm_arena_t *arena, jm_str_t raw);

/* The first field called `name`, or NULL. */
const jm_header_t *jm_headers_find(const jm_headers_t *headers,
                                   const char         *name);

/*
 * In its place: white space as one space, none at the ends; at most `max`
 * bytes.  A name or a subject does not turn round what stands beside it, nor
 * has it characters that nobody sees.
 */
jm_str_t jm_header_squeeze(jm_str_t in, size_t max);

/*
 * A value as one line of UTF-8: unfolded, encoded words decoded and joined,
 * at most `max` bytes.  `charset` (charset.h) is what raw 8-bit bytes are
 * taken for if they are no UTF-8.
 */
jm_str_t jm_header_text(jm_arena_t *arena, jm_str_t value, int charset,
                        size_t max);

/*
 * The first mailbox of an address list: `address` as written between the
 * angle brackets, `name` decoded.  What holds no address is returned whole as
 * the address, so that something is shown.
 */
void jm_header_mailbox(jm_arena_t *arena, jm_str_t value, int charset,
                       jm_str_t *address, jm_str_t *name);

/* Unix time in seconds of a date, RFC 5322 or like it; -1 if unreadable. */
int64_t jm_header_date(jm_str_t value);

#endif /* JM_HEADER_H */
