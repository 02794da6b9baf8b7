/*
 * jm_id.c: UUIDs, delivery ids, times.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "jm_id.h"


static jm_str_t
str(const char *s)
{
    return (jm_str_t){ (u_char *) s, strlen(s) };
}


static void
test_uuid7(void **state)
{
    int  i;
    char id[JM_UUID_LEN + 1], last[JM_UUID_LEN + 1];

    /* RFC 9562, A.6: 2022-02-22 19:22:22 UTC is 017f22e2-79b0. */

    assert_int_equal(jm_uuid7(1645557742000, id), 0);
    assert_int_equal(strlen(id), JM_UUID_LEN);
    assert_memory_equal(id, "017f22e2-79b0-7", 15);
    assert_non_null(strchr("89ab", id[19]));

    assert_int_equal(jm_uuid7(0, id), 0);
    assert_memory_equal(id, "00000000-0000-7", 15);

    assert_int_equal(jm_uuid7(0xffffffffffff, id), 0);
    assert_memory_equal(id, "ffffffff-ffff-7", 15);

    memset(last, 0, sizeof(last));

    for (i = 0; i < 1000; i++) {
        assert_int_equal(jm_uuid7(1700000000000 + i, id), 0);
        assert_true(jm_uuid_valid(str(id)));
        assert_true(strcmp(id, last) > 0);
        memcpy(last, id, sizeof(id));
    }
}


static void
test_uuid_valid(void **state)
{
    int      c, ok;
    char     id[] = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
    size_t   i;
    u_char   saved;
    jm_str_t s;

    assert_true(jm_uuid_valid(str(id)));
    assert_false(jm_uuid_valid(str("")));
    assert_false(jm_uuid_valid(str("017f22e2-79b0-7cc3-98c4-dc0c0c07398")));
    assert_false(jm_uuid_valid(str("017f22e2-79b0-7cc3-98c4-dc0c0c07398f0")));
    assert_false(jm_uuid_valid(str("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")));

    s = str(id);

    for (i = 0; i < JM_UUID_LEN; i++) {
        saved = s.data[i];

        for (c = 0; c < 256; c++) {
            s.data[i] = (u_char) c;
            ok = saved == '-' ? c == '-'
                              : c != 0 && strchr("0123456789abcdef", c);
            assert_int_equal(jm_uuid_valid(s), ok);
        }

        s.data[i] = saved;
    }
}


static void
test_delivery_id(void **state)
{
    char   one[33], two[33];
    size_t i;

    assert_int_equal(jm_delivery_id(one), 0);
    assert_int_equal(jm_delivery_id(two), 0);
    assert_int_equal(strlen(one), 32);
    assert_string_not_equal(one, two);

    for (i = 0; i < 32; i++) {
        assert_non_null(strchr("0123456789abcdef", one[i]));
    }
}


static void
test_iso_time(void **state)
{
    char   out[25];
    size_t i;

    static const struct {
        int64_t     ms;
        const char *text;
    } times[] = {
        { 0, "1970-01-01T00:00:00.000Z" },
        { 1, "1970-01-01T00:00:00.001Z" },
        { -1, "1969-12-31T23:59:59.999Z" },
        { 951782399999, "2000-02-28T23:59:59.999Z" },
        { 951782400000, "2000-02-29T00:00:00.000Z" },
        { 951868800000, "2000-03-01T00:00:00.000Z" },
        { 1709164800000, "2024-02-29T00:00:00.000Z" },
        { 1735689599123, "2024-12-31T23:59:59.123Z" },
        { 4107542400000, "2100-03-01T00:00:00.000Z" },
        { 253402300799999, "9999-12-31T23:59:59.999Z" },
        { 253402300800000, "9999-12-31T23:59:59.999Z" },
        { INT64_MAX, "9999-12-31T23:59:59.999Z" },
        { -62135596800000, "0001-01-01T00:00:00.000Z" },
        { INT64_MIN, "0001-01-01T00:00:00.000Z" },
    };

    for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        jm_iso_time(times[i].ms, out);
        assert_string_equal(out, times[i].text);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uuid7),
        cmocka_unit_test(test_uuid_valid),
        cmocka_unit_test(test_delivery_id),
        cmocka_unit_test(test_iso_time),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
