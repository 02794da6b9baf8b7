/*
 * The message between `354` and the final dot (RFC 5321 4.1.1.4 and 4.5.2):
 * undoes dot-stuffing, finds the end, and notices what we refuse.  Called by
 * the SMTP session in nginx and by the LMTP server in junkmaild for each piece
 * that a socket gave.  Copies nothing: the message comes out as runs of the
 * input.
 */

#ifndef JM_DATA_H
#define JM_DATA_H

#include <stdint.h>

#include "jm_str.h"

typedef enum {
    JM_DATA_LINE = 0, /* at the start of a line */
    JM_DATA_DOT,      /* a dot stands there */
    JM_DATA_DOT_CR,   /* dot and CR: LF ends the message */
    JM_DATA_TEXT,
    JM_DATA_CR, /* in the text, the last octet was a CR */
    JM_DATA_DONE
} jm_data_state_t;

/* Start with all zeros. */
typedef struct {
    jm_data_state_t state;
    uint64_t        size;    /* octets of the message so far, unstuffed */
    unsigned        hops;    /* Received: lines of its header */
    unsigned        matched; /* octets of "received:" on this line, or */
#define JM_DATA_NO_MATCH 255
    unsigned bare_cr : 1; /* what we refuse; from here on the runs need not */
    unsigned bare_lf : 1; /* be kept, but must be read to the end */
    unsigned nul : 1;
    unsigned body : 1; /* the empty line after the header has passed */
} jm_data_t;

typedef enum {
    JM_DATA_RUN = 0, /* `run` is the next piece of the message */
    JM_DATA_AGAIN,   /* all input is used up */
    JM_DATA_END      /* CRLF.CRLF; *pos is behind it */
} jm_data_status_t;

/*
 * Reads from *pos to `last` and moves *pos.  To be called until it returns
 * AGAIN or END; `run` points into the input and is never empty.
 */
jm_data_status_t jm_data_read(jm_data_t *data, const u_char **pos,
                              const u_char *last, jm_str_t *run);

/*
 * The same watch over a message that comes in chunks (RFC 3030), where a dot
 * is a dot: looks at the next octets, or at the end of the message.
 */
void jm_data_chunk(jm_data_t *data, jm_str_t run);
void jm_data_last(jm_data_t *data);

/*
 * The other direction: copies `len` octets of a message to `out` with its dots
 * doubled (RFC 5321 4.5.2).  `line` is 1 when `in` begins at the start of a
 * line, and is kept for the next call.  Stops when `out`, `size` octets, is
 * full; returns the octets written and puts those taken into `taken`.
 */
size_t jm_data_stuff(unsigned *line, const u_char *in, size_t len,
                     size_t *taken, u_char *out, size_t size);

#endif /* JM_DATA_H */
