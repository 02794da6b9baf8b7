/*
 * jm_log.c: nothing that a log's reader or terminal would obey, no more of an
 * address than asked for.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "jm_log.h"
#include "jm_utf8.h"

static const struct {
    const char *in;
    const char *out;
} cases[] = {
    { "", "" },
    { "plain text, <a@b>", "plain text, <a@b>" },
    { "grüße 日本 😀", "grüße 日本 😀" },
    { "a\r\nb\tc", "a\\x0D\\x0Ab\\x09c" },
    { "\x1b[2J\x7f", "\\x1B[2J\\x7F" },
    { "say \"hi\\\"", "say \\x22hi\\x5C\\x22" },
    { "\xff\xc3(", "\\xFF\\xC3(" },
    { "\xc0\xaf", "\\xC0\\xAF" },
    { "\xc2\x9b"
      "2J",
      "\\xC2\\x9B2J" },
    { "\xe2\x80\xae"
      "x",
      "\\xE2\\x80\\xAEx" },
    { "\xe2\x80\xa8", "\\xE2\\x80\\xA8" },
    { "\xed\xa0\x80", "\\xED\\xA0\\x80" },
};


static void
test_escape(void **state)
{
    u_char   out[64];
    size_t   i, size, len, whole;
    jm_str_t in;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        in.data = (u_char *) cases[i].in;
        in.len = strlen(cases[i].in);
        whole = strlen(cases[i].out);

        /* Whatever the room, a beginning of it, and not a byte past it. */
        for (size = 0; size <= whole + 1; size++) {
            memset(out, 0xaa, sizeof(out));
            len = jm_log_escape(in, out, size);

            assert_true(len <= size);
            assert_memory_equal(out, cases[i].out, len);
            assert_int_equal(out[size], 0xaa);
        }

        assert_int_equal(len, whole);
    }
}


static void
test_escape_nul(void **state)
{
    u_char   out[8];
    jm_str_t in = jm_str("a\0b");

    assert_int_equal(jm_log_escape(in, out, sizeof(out)), 6);
    assert_memory_equal(out, "a\\x00b", 6);
}


/* Every pair of bytes: what comes out is UTF-8 without a control. */

static void
test_escape_pairs(void **state)
{
    u_char        in[2], out[8];
    size_t        n, len;
    uint32_t      cp;
    unsigned      i;
    const u_char *p;

    for (i = 0; i < 65536; i++) {
        in[0] = (u_char) (i >> 8);
        in[1] = (u_char) i;
        len = jm_log_escape((jm_str_t){ in, 2 }, out, sizeof(out));
        assert_true(len >= 2);

        for (p = out; p < out + len; p += n) {
            n = jm_utf8_decode(p, out + len, &cp);
            assert_true(n != 0 && cp >= 0x20 && cp != 0x7f && cp != '"');
            assert_false(cp >= 0x80 && cp <= 0x9f);
        }
    }
}


static const struct {
    const char *path;
    const char *domain;
} addresses[] = {
    { "a@b.example", "@b.example" },
    { "\"a@x\"@b.example", "@b.example" },
    { "a@[127.0.0.1]", "@[127.0.0.1]" },
    { "Postmaster", "" },
    { "", "<>" },
};


static void
assert_str(jm_str_t s, const char *expected)
{
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.data, expected, s.len);
}


static void
test_address(void **state)
{
    size_t   i;
    jm_str_t path;

    for (i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        path.data = (u_char *) addresses[i].path;
        path.len = strlen(addresses[i].path);

        assert_str(jm_log_address(path, JM_LOG_DOMAIN), addresses[i].domain);
        assert_str(jm_log_address(path, JM_LOG_NONE), path.len ? "" : "<>");
        assert_str(jm_log_address(path, JM_LOG_FULL),
                   path.len ? addresses[i].path : "<>");
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_escape_nul),
        cmocka_unit_test(test_escape_pairs),
        cmocka_unit_test(test_address),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
