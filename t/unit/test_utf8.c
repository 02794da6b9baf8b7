/*
 * jm_utf8.c: every code point there and back, and every way to be wrong that
 * RFC 3629 and Unicode's table of ill-formed sequences name.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "jm_utf8.h"


static void
test_round_trip(void **state)
{
    size_t   len;
    u_char   bytes[4];
    uint32_t cp, back;

    for (cp = 0; cp <= 0x10ffff; cp++) {
        if (cp >= 0xd800 && cp <= 0xdfff) {
            continue;
        }

        len = jm_utf8_encode(cp, bytes);
        assert_int_equal(len, cp < 0x80      ? 1
                              : cp < 0x800   ? 2
                              : cp < 0x10000 ? 3
                                             : 4);
        assert_int_equal(jm_utf8_decode(bytes, bytes + len, &back), len);
        assert_int_equal(back, cp);

        if (len > 1) {
            assert_int_equal(jm_utf8_decode(bytes, bytes + len - 1, &back), 0);
        }
    }
}


static void
test_malformed(void **state)
{
    size_t   i;
    uint32_t cp;

    static const char *const cases[] = {
        "\x80",             /* a continuation alone */
        "\xbf",             /* */
        "\xc0\x80",         /* overlong NUL */
        "\xc1\xbf",         /* overlong, two bytes */
        "\xe0\x9f\xbf",     /* overlong, three */
        "\xf0\x8f\xbf\xbf", /* overlong, four */
        "\xed\xa0\x80",     /* the first surrogate */
        "\xed\xbf\xbf",     /* the last */
        "\xf4\x90\x80\x80", /* past U+10FFFF */
        "\xf5\x80\x80\x80", /* */
        "\xff",             /* never a byte of UTF-8 */
        "\xc3(",            /* no continuation */
        "\xe2\x82(",        /* */
        "\xf0\x9f\x98("     /* */
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(
            jm_utf8_decode((const u_char *) cases[i],
                           (const u_char *) cases[i] + strlen(cases[i]), &cp),
            0);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_malformed),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
