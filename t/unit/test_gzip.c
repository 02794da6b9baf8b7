/*
 * jm_gzip.c: what it puts together is unpacked by zlib, which checks the
 * header, the checksum and the length.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

#include "jm_gzip.h"
#include "jm_schema.h"

#define ROOM (1 << 20)


/* Unpacks the one member that `gz` is; the caller frees. */

static u_char *
unpack(const u_char *gz, size_t len, size_t *out_len)
{
    u_char  *out;
    z_stream z;

    out = malloc(ROOM);
    assert_non_null(out);
    memset(&z, 0, sizeof(z));

    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);

    z.next_in = (u_char *) gz;
    z.avail_in = len;
    z.next_out = out;
    z.avail_out = ROOM;

    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);

    *out_len = z.total_out;
    inflateEnd(&z);

    return out;
}


/* A blob as the backend makes it: header, raw deflate, sync flush. */

static size_t
make_blob(const u_char *data, size_t len, u_char *out)
{
    size_t   i, n;
    uint32_t head[3];
    z_stream z;

    memset(&z, 0, sizeof(z));
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, 0), Z_OK);

    z.next_in = (u_char *) data;
    z.avail_in = len;
    z.next_out = out + JM_BLOB_HEADER;
    z.avail_out = ROOM;

    assert_int_equal(deflate(&z, Z_SYNC_FLUSH), Z_OK);
    n = z.total_out;
    deflateEnd(&z);

    head[0] = crc32(0, data, len);
    head[1] = len;
    head[2] = n;

    for (i = 0; i < sizeof(head); i++) {
        out[i] = head[i / 4] >> 8 * (i % 4);
    }

    return JM_BLOB_HEADER + n;
}


static void
empty(void **state)
{
    u_char    gz[JM_GZIP_HEAD + JM_GZIP_TAIL], *p, *out;
    size_t    len;
    jm_gzip_t gzip;

    p = jm_gzip_begin(&gzip, gz);
    assert_ptr_equal(p, gz + JM_GZIP_HEAD);
    p = jm_gzip_end(&gzip, p);
    assert_ptr_equal(p, gz + sizeof(gz));

    out = unpack(gz, sizeof(gz), &len);
    assert_int_equal(len, 0);
    free(out);
}


/* Around the edges of a stored block, each buffer of exactly the size told. */

static void
stored(void **state)
{
    u_char             *data, *gz, *p, *out;
    size_t              i, len, size;
    jm_gzip_t           gzip;
    static const size_t lengths[] = { 0,      1,      65534,  65535, 65536,
                                      131069, 131070, 131071, 300000 };

    data = malloc(300000);
    assert_non_null(data);

    for (i = 0; i < 300000; i++) {
        data[i] = i * 2654435761u >> 24;
    }

    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        size = JM_GZIP_HEAD + jm_gzip_stored_size(lengths[i]) + JM_GZIP_TAIL;
        gz = malloc(size);
        assert_non_null(gz);

        p = jm_gzip_begin(&gzip, gz);
        p = jm_gzip_store(&gzip, p, (jm_str_t){ data, lengths[i] });
        p = jm_gzip_end(&gzip, p);
        assert_ptr_equal(p, gz + size);

        out = unpack(gz, size, &len);
        assert_int_equal(len, lengths[i]);
        assert_memory_equal(out, data, len);

        free(out);
        free(gz);
    }

    free(data);
}


/* Stored, fragment, fragment, stored; `text` cut in four at every offset. */

static void
assemble(const u_char *text, size_t len, size_t a, size_t b, size_t c)
{
    u_char          gz[4096], blob[2][2048], *p, *out;
    size_t          n, got;
    jm_gzip_t       gzip;
    jm_gzip_piece_t piece;

    p = jm_gzip_begin(&gzip, gz);
    p = jm_gzip_store(&gzip, p, (jm_str_t){ (u_char *) text, a });

    n = make_blob(text + a, b - a, blob[0]);
    assert_int_equal(jm_gzip_piece((jm_str_t){ blob[0], n }, &piece), 0);
    assert_int_equal(piece.length, b - a);
    assert_int_equal(piece.packed, n - JM_BLOB_HEADER);
    jm_gzip_fragment(&gzip, &piece);
    memcpy(p, blob[0] + JM_BLOB_HEADER, piece.packed);
    p += piece.packed;

    n = make_blob(text + b, c - b, blob[1]);
    assert_int_equal(jm_gzip_piece((jm_str_t){ blob[1], n }, &piece), 0);
    jm_gzip_fragment(&gzip, &piece);
    memcpy(p, blob[1] + JM_BLOB_HEADER, piece.packed);
    p += piece.packed;

    p = jm_gzip_store(&gzip, p, (jm_str_t){ (u_char *) text + c, len - c });
    p = jm_gzip_end(&gzip, p);

    out = unpack(gz, p - gz, &got);
    assert_int_equal(got, len);
    assert_memory_equal(out, text, len);
    free(out);
}


static void
fragments(void **state)
{
    size_t              a, b, c, len;
    static const u_char text[] = "{\"data\":{\"a\":\"aaaaaaaaaa\"}}";

    len = sizeof(text) - 1;

    for (a = 0; a <= len; a += 3) {
        for (b = a; b <= len; b++) {
            for (c = b; c <= len; c += 5) {
                assemble(text, len, a, b, c);
            }
        }
    }
}


static void
short_blob(void **state)
{
    size_t          n;
    u_char          blob[JM_BLOB_HEADER] = { 1, 2, 3, 4, 5, 0, 0, 0, 6 };
    jm_gzip_piece_t piece;

    for (n = 0; n < JM_BLOB_HEADER; n++) {
        assert_int_equal(jm_gzip_piece((jm_str_t){ blob, n }, &piece), -1);
    }

    assert_int_equal(jm_gzip_piece((jm_str_t){ blob, n }, &piece), 0);
    assert_int_equal(piece.crc, 0x04030201);
    assert_int_equal(piece.length, 5);
    assert_int_equal(piece.packed, 6);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty),
        cmocka_unit_test(stored),
        cmocka_unit_test(fragments),
        cmocka_unit_test(short_blob),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests_name("gzip", tests, NULL, NULL);
}
