/*
 * charset.c: the decision, the conversion, what never comes out.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "charset.h"

#define B(literal) literal, sizeof(literal) - 1

static jm_arena_t *arena;

static const struct {
    const char *label;
    const char *in;
    size_t      len;
    const char *out;
} converted[] = {
    { "utf-8", B("caf\xc3\xa9"), "café" },
    { "UTF8", B("\xef\xbb\xbfno mark"), "no mark" },
    { "utf-8", B("a\xc0\xaf\xe2\x82z\xff"),
      "a\xef\xbf\xbd\xef\xbf\xbd"
      "\xef\xbf\xbdz\xef\xbf\xbd" },
    { "utf-8", B("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
    { "utf-8", B("a\0b\x01\x1b\tc\r\n\f"),
      "ab\xef\xbf\xbd\xef\xbf\xbd\tc\r\n " },
    { "utf-8", B("\xef\xbf\xbe\xef\xb7\x90"), "\xef\xbf\xbd\xef\xbf\xbd" },
    { "iso-8859-1", B("\x80 \xe9"), "€ é" },
    { " \"ISO-8859-1\" ", B("\x93x\x94"), "“x”" },
    { "windows-1252", B("\x81"), "\xef\xbf\xbd" },
    { "us-ascii", B("caf\xe9"), "café" },
    { "us-ascii", B("caf\xc3\xa9"), "café" },
    { "unknown-8bit", B("caf\xe9"), "café" },
    { "", B("caf\xe9"), "café" },
    { "windows-1251", B("\xcf\xf0\xe8"), "При" },
    { "koi8-r", B("\xf0\xd2\xc9"), "При" },
    { "koi8-u", B("\xa4"), "є" },
    { "iso-8859-2", B("\xb1\xea"), "ąę" },
    { "iso-8859-15", B("\xa4"), "€" },
    { "windows-1250", B("\x9c"), "ś" },
    { "windows-1254", B("\xf0"), "ğ" },
    { "iso-8859-9", B("\xf0"), "ğ" },
    { "windows-1255", B("\xf9\xec"), "של" },
    { "windows-1256", B("\xc8"), "ب" },
    { "macintosh", B("\x8e"), "é" },
    { "ibm866", B("\x8f"), "П" },
    { "gb2312", B("\xc4\xe3\xba\xc3"), "你好" },
    { "gb18030", B("\x84\x31\xa4\x37"), "\xef\xbf\xbd" },
    { "big5", B("\xa7\x41\xa6\x6e"), "你好" },
    { "euc-jp", B("\xc6\xfc"), "日" },
    { "shift_jis", B("\x93\xfa \x87\x40 \xb1"), "日 ① ｱ" },
    { "ks_c_5601-1987", B("\xb0\xa1"), "가" },
    { "iso-2022-jp", B("\x1b$B%3\x1b(B!"), "コ!" },
    { "iso-2022-jp", B("\x1b$B-!\x1b(I1\x1b(B"), "①ｱ" },
    { "iso-2022-jp", B("\x1b$B%3\nplain"), "コ\nplain" },
    { "iso-2022-jp", B("\x1b$B%"), "\xef\xbf\xbd" },
    { "utf-16le", B("a\0\xac\x20"), "a€" },
    { "utf-16", B("\xfe\xff\0a"), "a" },
    { "utf-16be", B("\xd8\0\0a"),
      "\xef\xbf\xbd"
      "a" },
    { "utf-16le", B("a\0b"), "a\xef\xbf\xbd" },
    { "utf-8", B("Fr\xf6sche \x93\xfc\x94"), "Frösche “ü”" },
    { "utf-8", B("Fr\xf6sche, \xc3\xa4"), "Fr\xef\xbf\xbdsche, ä" },
    { "gb2312", B("你好你好你好你好"), "你好你好你好你好" },
    { "iso-8859-1", B("äöüäöüäö"), "äöüäöüäö" },
    { "iso-8859-1", B("\xc3\xa4"), "Ã¤" },
    { "utf-7", B("+ADw-script+AD4-"), "+ADw-script+AD4-" },
    { "hz-gb-2312", B("~{VPND~}"), "~{VPND~}" },
    { "iso-2022-kr", B("\x1b$)Cx"), "\xef\xbf\xbd$)Cx" },
};


static jm_str_t
body(const char *in, size_t len, const char *label, int html, size_t limit,
     unsigned *cut)
{
    *cut = 0;

    return jm_charset_body(
        arena, (jm_str_t){ (u_char *) in, len },
        jm_charset_find((jm_str_t){ (u_char *) label, strlen(label) }), html,
        limit, cut);
}


static void
test_converted(void **state)
{
    size_t   i;
    unsigned cut;
    jm_str_t out;

    for (i = 0; i < sizeof(converted) / sizeof(converted[0]); i++) {
        out = body(converted[i].in, converted[i].len, converted[i].label, 0,
                   1000, &cut);

        if (out.len != strlen(converted[i].out)
            || memcmp(out.data, converted[i].out, out.len) != 0)
        {
            fail_msg("row %zu (%s): \"%.*s\"", i, converted[i].label,
                     (int) out.len, out.data);
        }

        assert_int_equal(cut, 0);
    }
}


/* Whatever the bytes and wherever they end, the output is clean UTF-8 and at
 * most four times as long. */
static void
test_always_valid(void **state)
{
    size_t   i, j, len;
    u_char   bytes[300];
    unsigned cut;
    jm_str_t out;

    srand(1);

    for (i = 0; i < sizeof(converted) / sizeof(converted[0]); i++) {
        for (len = 0; len < sizeof(bytes); len += 7) {
            for (j = 0; j < len; j++) {
                bytes[j] = rand() >> 7;
            }

            out = body((char *) bytes, len, converted[i].label, 1, 10000,
                       &cut);
            assert_true(jm_charset_valid(out));
            assert_null(memchr(out.data, 0, out.len));
            assert_true(out.len <= len * 4);
        }

        jm_arena_reset(arena);
    }
}


static void
test_limit(void **state)
{
    size_t   i;
    unsigned cut;
    jm_str_t out;

    for (i = 0; i <= 8; i++) {
        out = body(B("\xe9\xe9\xe9\xe9"), "iso-8859-1", 0, i, &cut);
        assert_int_equal(out.len, i / 2 * 2);
        assert_int_equal(cut, i < 8);

        out = body(B("\xe2\x82\xac\xe2\x82\xac"), "utf-8", 0, i, &cut);
        assert_int_equal(out.len, i >= 6 ? 6 : i / 3 * 3);
        assert_int_equal(cut, i < 6);
    }
}


static void
test_meta(void **state)
{
    size_t   i;
    unsigned cut;
    jm_str_t out;

    static const struct {
        const char *in;
        const char *expected; /* its last character */
    } rows[] = {
        { "<meta charset=koi8-r>\xf0", "П" },
        { "<META CHARSET = 'koi8-r' >\xf0", "П" },
        { "<meta http-equiv=x content=\"text/html; charset=koi8-r\">\xf0",
          "П" },
        { "<meta charset=utf-16>\xd0\x9f", "П" },
        { "<meta charset=nonsense>\xe9", "é" },
        { "charset=koi8-r \xe9", "é" },
        { "<meta charset", "t" },
        { "<meta charset=", "=" },
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        out = body(rows[i].in, strlen(rows[i].in), "", 1, 1000, &cut);
        assert_true(out.len >= strlen(rows[i].expected));
        assert_memory_equal(out.data + out.len - strlen(rows[i].expected),
                            rows[i].expected, strlen(rows[i].expected));
    }

    out = body(B("<meta charset=koi8-r>\xf0"), "windows-1251", 1, 1000, &cut);
    assert_memory_equal(out.data + out.len - 2, "р", 2);
}


/* One stray byte does not turn UTF-8 into windows-1252. */
static void
test_guess(void **state)
{
    unsigned cut;
    jm_str_t out;

    out = body(B("zażółć gęślą jaźń\xff"), "", 0, 1000, &cut);
    assert_memory_equal(out.data, "zażółć gęślą jaźń\xef\xbf\xbd", out.len);
}


static void
test_untouched(void **state)
{
    unsigned    cut;
    jm_str_t    out;
    const char *in = "nothing to do: café";

    out = body(in, strlen(in), "utf-8", 0, 1000, &cut);
    assert_ptr_equal(out.data, in);
}


/* Multibyte characters across the borders of the windows. */
static void
test_long(void **state)
{
    size_t   i, skew;
    u_char   in[100000];
    unsigned cut;
    jm_str_t out;

    for (skew = 0; skew < 4; skew++) {
        memset(in, 'a', skew);

        for (i = skew; i + 1 < sizeof(in); i += 2) {
            memcpy(in + i, "\xc4\xe3", 2);
        }

        out = body((char *) in, i, "gbk", 0, sizeof(in) * 3, &cut);
        assert_int_equal(out.len, skew + (i - skew) / 2 * 3);

        for (i = skew; i < out.len; i += 3) {
            assert_memory_equal(out.data + i, "你", 3);
        }
    }
}


static int
setup(void **state)
{
    arena = jm_arena_create(16 * 1024 * 1024);

    return arena == NULL ? -1 : jm_charset_init();
}


static int
teardown(void **state)
{
    jm_arena_destroy(arena);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_converted), cmocka_unit_test(test_always_valid),
        cmocka_unit_test(test_limit),     cmocka_unit_test(test_meta),
        cmocka_unit_test(test_guess),     cmocka_unit_test(test_untouched),
        cmocka_unit_test(test_long),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
