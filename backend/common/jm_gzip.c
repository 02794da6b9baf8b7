/*
 * The assembly of jm_gzip.h.
 */

#include <zlib.h>

#include "jm_gzip.h"
#include "jm_schema.h"


static u_char  *jm_gzip_u32(u_char *p, uint32_t n);
static uint32_t jm_gzip_read_u32(const u_char *p);


int
jm_gzip_piece(jm_str_t blob, jm_gzip_piece_t *out)
{
    if (blob.len < JM_BLOB_HEADER) {
        return -1;
    }

    out->crc = jm_gzip_read_u32(blob.data);
    out->length = jm_gzip_read_u32(blob.data + 4);
    out->packed = jm_gzip_read_u32(blob.data + 8);

    return 0;
}


u_char *
jm_gzip_begin(jm_gzip_t *gzip, u_char *p)
{
    /* RFC 1952, 2.3: deflate, no flags, no time, no hint, system unknown */

    static const u_char head[JM_GZIP_HEAD] = { 0x1f, 0x8b, 8, 0, 0,
                                               0,    0,    0, 0, 255 };

    gzip->crc = 0;
    gzip->length = 0;

    memcpy(p, head, sizeof(head));

    return p + sizeof(head);
}


size_t
jm_gzip_stored_size(size_t len)
{
    return len + 5 * ((len + JM_GZIP_STORED - 1) / JM_GZIP_STORED);
}


u_char *
jm_gzip_store(jm_gzip_t *gzip, u_char *p, jm_str_t data)
{
    size_t n;

    gzip->crc = crc32(gzip->crc, data.data, data.len);
    gzip->length += data.len;

    while (data.len) {
        n = data.len < JM_GZIP_STORED ? data.len : JM_GZIP_STORED;

        /* RFC 1951, 3.2.4: stored, not final; the length and its complement */

        *p++ = 0;
        *p++ = n & 0xff;
        *p++ = n >> 8;
        *p++ = ~n & 0xff;
        *p++ = (~n >> 8) & 0xff;

        memcpy(p, data.data, n);
        p += n;

        data.data += n;
        data.len -= n;
    }

    return p;
}


void
jm_gzip_fragment(jm_gzip_t *gzip, const jm_gzip_piece_t *blob)
{
    gzip->crc = crc32_combine(gzip->crc, blob->crc, blob->length);
    gzip->length += blob->length;
}


u_char *
jm_gzip_end(jm_gzip_t *gzip, u_char *p)
{
    static const u_char final[] = { 1, 0, 0, 0xff, 0xff };

    memcpy(p, final, sizeof(final));
    p += sizeof(final);

    p = jm_gzip_u32(p, gzip->crc);

    return jm_gzip_u32(p, gzip->length);
}


static u_char *
jm_gzip_u32(u_char *p, uint32_t n)
{
    *p++ = n & 0xff;
    *p++ = (n >> 8) & 0xff;
    *p++ = (n >> 16) & 0xff;
    *p++ = n >> 24;

    return p;
}


static uint32_t
jm_gzip_read_u32(const u_char *p)
{
    return p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16
           | (uint32_t) p[3] << 24;
}
