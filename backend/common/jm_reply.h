/*
 * Replies of an SMTP or LMTP server as its client reads them (RFC 5321 4.2,
 * RFC 2034): bytes in, one line after the other out.  Called by nginx's
 * hand-off.  Allocates nothing.
 */

#ifndef JM_REPLY_H
#define JM_REPLY_H

#include "jm_str.h"

#define JM_REPLY_LINE  1024 /* octets of a line with CRLF; RFC 5321: 512 */
#define JM_REPLY_LINES 100  /* lines of one reply */

/* Start with all zeros. */
typedef struct {
    u_char   line[JM_REPLY_LINE];
    size_t   len;
    unsigned lines;    /* of this reply, so far */
    unsigned code;     /* 200–599 */
    jm_str_t enhanced; /* "2.1.5", or empty; this line's */
    jm_str_t text;     /* what follows code and enhanced code, this line's */
    unsigned done : 1; /* the last line was the last of its reply */
} jm_reply_t;

typedef enum {
    JM_REPLY_LAST = 0, /* the only or last line of a reply */
    JM_REPLY_MORE,     /* a line, and the reply goes on */
    JM_REPLY_AGAIN,    /* all input is used up */
    JM_REPLY_ERROR     /* not a reply; the connection is of no more use */
} jm_reply_status_t;

/*
 * Reads from *pos to `last`, at most one line, and moves *pos.  The slices in
 * `reply` stay valid until the next call.
 */
jm_reply_status_t jm_reply_read(jm_reply_t *reply, const u_char **pos,
                                const u_char *last);

#endif /* JM_REPLY_H */
