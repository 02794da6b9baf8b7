/*
 * A chunk of a message (RFC 3030): the argument of BDAT taken apart, and its
 * octets counted off the input.  Called by the SMTP session in nginx and by
 * the LMTP server in junkmaild.  Copies nothing.
 */

#ifndef JM_CHUNK_H
#define JM_CHUNK_H

#include <stdint.h>

#include "jm_str.h"

typedef struct {
    uint64_t left;     /* octets still to come */
    unsigned last : 1; /* the message ends with it */
} jm_chunk_t;

/* `1000` or `1000 LAST`.  0, or -1: then nobody can tell where the next
 * command begins, and the caller must end the session. */
int jm_chunk_parse(jm_chunk_t *chunk, jm_str_t arg);

/* Those of the chunk's octets that lie between *pos and `end`; moves *pos. */
jm_str_t jm_chunk_take(jm_chunk_t *chunk, const u_char **pos,
                       const u_char *end);

#endif /* JM_CHUNK_H */
