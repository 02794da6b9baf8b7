/*
 * Puts one gzip member (RFC 1952) together from pieces: bytes of the moment in
 * stored blocks, and deflate fragments as they lie in Redis, each ended by a
 * sync flush (so at a byte boundary, without a final block).  The checksum of
 * the whole is combined from those of the pieces; nothing is compressed or
 * uncompressed here, and nothing allocated.  Used by the API's responses.
 *
 * A fragment must not refer to anything before it: it was made by a compressor
 * of its own.
 */

#ifndef JM_GZIP_H
#define JM_GZIP_H

#include <stdint.h>

#include "jm_str.h"

#define JM_GZIP_HEAD   10
#define JM_GZIP_TAIL   13    /* an empty final block, checksum, length */
#define JM_GZIP_STORED 65535 /* the most that one stored block holds */

typedef struct {
    uint32_t crc;
    uint32_t length; /* uncompressed, modulo 2^32 as the format has it */
} jm_gzip_t;

/* What the header of a blob tells (jm_schema.h). */
typedef struct {
    uint32_t crc;
    uint32_t length; /* uncompressed */
    uint32_t packed; /* compressed */
} jm_gzip_piece_t;

/* 0, or -1 when `blob` is too short for a header. */
int jm_gzip_piece(jm_str_t blob, jm_gzip_piece_t *out);

/* All of these return the end of what they wrote at `p`. */

/* JM_GZIP_HEAD bytes. */
u_char *jm_gzip_begin(jm_gzip_t *gzip, u_char *p);

/* How much jm_gzip_store() writes for `len` bytes. */
size_t  jm_gzip_stored_size(size_t len);
u_char *jm_gzip_store(jm_gzip_t *gzip, u_char *p, jm_str_t data);

/* A fragment is about to follow, whose bytes the caller sends as they are. */
void jm_gzip_fragment(jm_gzip_t *gzip, const jm_gzip_piece_t *blob);

/* JM_GZIP_TAIL bytes. */
u_char *jm_gzip_end(jm_gzip_t *gzip, u_char *p);

#endif /* JM_GZIP_H */
