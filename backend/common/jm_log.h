/*
 * What of a stranger's bytes goes into a log: made safe, and no more of an
 * address than the operator wants there.  Called by the transaction log and
 * the variables of nginx.  Allocates nothing.
 */

#ifndef JM_LOG_H
#define JM_LOG_H

#include "jm_str.h"

typedef enum {
    JM_LOG_NONE = 0, /* no part of an address */
    JM_LOG_DOMAIN,   /* "@" and its domain */
    JM_LOG_FULL      /* the whole address */
} jm_log_addresses_t;

/*
 * Writes `in` to `out`, at most `size` bytes, so that it can end neither the
 * line nor a quoted field, and moves no cursor: control characters of ASCII
 * and of Unicode (those that turn the direction of text included), quotes,
 * backslashes and what is not UTF-8 become \xHH, byte by byte.  What does not
 * fit is left out, never half a character.  Returns the length written.
 */
size_t jm_log_escape(jm_str_t in, u_char *out, size_t size);

/*
 * The part of `path`, an address without brackets, that may be logged: a slice
 * of it, or a constant.  The null path is "<>" whatever the choice: it is
 * nobody's.
 */
jm_str_t jm_log_address(jm_str_t path, jm_log_addresses_t addresses);

#endif /* JM_LOG_H */
