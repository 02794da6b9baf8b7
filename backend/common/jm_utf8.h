/*
 * One UTF-8 character at a time, strict (RFC 3629): no overlong forms, no
 * surrogates, nothing past U+10FFFF.  Used by the address grammar and the
 * search folding; allocates nothing.
 */

#ifndef JM_UTF8_H
#define JM_UTF8_H

#include <stdint.h>

#include "jm_str.h"

/*
 * Reads the character at `p`, which lies before `end`.  Returns its length in
 * bytes, 1 to 4, and its code point; 0 when it is malformed or cut short.
 */
size_t jm_utf8_decode(const u_char *p, const u_char *end, uint32_t *cp);

/* Writes `cp`, at most U+10FFFF, to `out`, room for 4; returns its length. */
size_t jm_utf8_encode(uint32_t cp, u_char *out);

#endif /* JM_UTF8_H */
