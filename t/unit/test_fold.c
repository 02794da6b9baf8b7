/*
 * jm_fold.c: case, accents, spaces, limits.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "jm_fold.h"
#include "jm_utf8.h"

static const struct {
    const char *in;
    const char *out;
} cases[] = {
    { "", "" },
    { "Hello World", "hello world" },
    { "ÀÉÎÕÜÇÑ àéîõüçñ ÿŸ", "aeioucn aeioucn yy" },
    { "Straße STRAẞE", "strasse straẞe" },
    { "Æsir œuvre Łódź Đ ŉ ĳ", "aesir oeuvre lodz d 'n ij" },
    { "İstanbul ığdır", "istanbul igdir" },
    { "ΑΒΓ Άέή Ώς ΐΰ", "αβγ αεη ωσ ιυ" },
    { "ПРИВЕТ Ёж йод Їжак", "привет еж иод іжак" },
    { "ҐҒ Ӂ Ӏ Ѡ", "ґғ ӂ ӏ ѡ" },
    { "e\xcc\x81"
      "e и\xcc\x86",
      "ee и" },
    { "日本語 😀", "日本語 😀" },
    { "a  b\t\r\n c", "a b c" },
    { "a\xc2\xa0\xc2\xa0"
      "b\xc2\x85"
      "c",
      "a b c" },
    { "  a  ", " a " },
    { "5 × 3 ÷ 2", "5 × 3 ÷ 2" },
    { "a\xff\xc3)", "a?\x3f)" },
    { "\xe2\x82", "??" },
    { "\x7f"
      "a\x01",
      " a " },
};


static size_t
fold(const char *in, size_t inlen, u_char **out, size_t size)
{
    size_t   len;
    jm_str_t s;

    s.data = malloc(inlen + 1);
    s.len = inlen;
    memcpy(s.data, in, inlen);
    *out = malloc(size + 1);
    (*out)[size] = 0xaa;

    len = jm_fold(s, *out, size);

    assert_int_equal((*out)[size], 0xaa);
    assert_true(len <= size);
    free(s.data);

    return len;
}


static void
test_cases(void **state)
{
    size_t  i, len;
    u_char *out;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        len = fold(cases[i].in, strlen(cases[i].in), &out, 256);

        assert_int_equal(len, strlen(cases[i].out));
        assert_memory_equal(out, cases[i].out, len);
        free(out);

        /* Folding twice changes nothing. */

        len = fold(cases[i].out, strlen(cases[i].out), &out, 256);
        assert_int_equal(len, strlen(cases[i].out));
        assert_memory_equal(out, cases[i].out, len);
        free(out);
    }
}


/* At every size the result is a prefix that ends between characters. */

static void
test_size(void **state)
{
    size_t      i, size, len, full;
    u_char     *out;
    const char *want;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        want = cases[i].out;
        full = strlen(want);

        for (size = 0; size < full; size++) {
            len = fold(cases[i].in, strlen(cases[i].in), &out, size);

            assert_memory_equal(out, want, len);
            assert_true((want[len] & 0xc0) != 0x80);
            assert_true(size - len < 4);
            free(out);
        }
    }
}


/* Every code point: valid UTF-8 out, never longer than in, stable. */

static void
test_all(void **state)
{
    u_char   in[4], out[4], again[4];
    size_t   n, m, k;
    uint32_t cp, back;

    for (cp = 0; cp <= 0x10ffff; cp++) {
        if (cp >= 0xd800 && cp <= 0xdfff) {
            continue;
        }

        n = jm_utf8_encode(cp, in);
        assert_int_equal(jm_utf8_decode(in, in + n, &back), n);
        assert_int_equal(back, cp);

        m = jm_fold((jm_str_t){ in, n }, out, sizeof(out));
        assert_true(m <= n);

        if (m != 0) {
            assert_true(jm_utf8_decode(out, out + m, &back) != 0);
        }

        k = jm_fold((jm_str_t){ out, m }, again, sizeof(again));
        assert_int_equal(k, m);
        assert_memory_equal(again, out, m);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_all),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
