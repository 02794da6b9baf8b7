/*
 * header.c: the block, encoded words, mailboxes, dates.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "charset.h"
#include "header.h"

static jm_arena_t *arena;


static jm_str_t
str(const char *s)
{
    return (jm_str_t){ (u_char *) s, strlen(s) };
}


static void
assert_text(jm_str_t s, const char *expected)
{
    if (s.len != strlen(expected)
        || (s.len != 0 && memcmp(s.data, expected, s.len) != 0))
    {
        fail_msg("\"%.*s\" is not \"%s\"", (int) s.len,
                 s.data == NULL ? (u_char *) "" : s.data, expected);
    }
}


static void
test_block(void **state)
{
    size_t       i;
    jm_headers_t headers;

    static const struct {
        const char *raw;
        size_t      fields;
        const char *body;
    } rows[] = {
        { "", 0, "" },
        { "\n", 0, "" },
        { "\r\nbody", 0, "body" },
        { "A: b\r\n\r\nbody", 1, "body" },
        { "A: b\n c\n\td\nE:f\n\nbody", 2, "body" },
        { "A: b\n \nE: f\n\nbody", 2, "body" },
        { "A : b\n\nbody", 1, "body" },
        { "A: b", 1, "" },
        { "A: b\nno header\nno header\n\nbody", 1,
          "no header\nno header\n\nbody" },
        { "A: b\njunk line\nSubject: c\n\nbody", 2, "body" },
        { "From someone at once\nA: b\n\nbody", 1, "body" },
        { "just text", 0, "just text" },
        { " From: a@b\nTo: c\n\nbody", 2, "body" },
        { "Received: x\n by y; z\n From: a@b\n\nbody", 2, "body" },
        { "Received: x\n from y\n id:z\n\nbody", 1, "body" },
        { "A: b\n From: a@b\n\nbody", 1, "body" },
        { "Receiv\xc3\xa9: x\n\nbody", 0, "Receiv\xc3\xa9: x\n\nbody" },
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        jm_headers_read(&headers, arena, str(rows[i].raw));

        if (headers.nfields != rows[i].fields
            || strcmp(rows[i].raw + headers.body, rows[i].body) != 0)
        {
            fail_msg("row %zu: %zu fields, body \"%s\"", i, headers.nfields,
                     rows[i].raw + headers.body);
        }
    }
}


static void
test_limits(void **state)
{
    int          i;
    jm_buf_t     raw;
    jm_headers_t headers;

    jm_buf_init(&raw, arena, 10 * 1024 * 1024);

    for (i = 0; i < 100000; i++) {
        jm_buf_printf(&raw, "X-%d: v\r\n", i);
    }

    jm_buf_adds(&raw, "Subject: still found\r\n\r\nbody");
    jm_headers_read(&headers, arena, jm_buf_str(&raw));
    assert_true(headers.cut);
    assert_int_equal(headers.nfields, JM_MAX_HEADERS + 1);
    assert_non_null(jm_headers_find(&headers, "subject"));
    assert_int_equal(raw.len - headers.body, 4);

    raw.len = 0;
    jm_buf_adds(&raw, "Subject: ");

    for (i = 0; i < 100000; i++) {
        jm_buf_adds(&raw, "word ");
    }

    jm_headers_read(&headers, arena, jm_buf_str(&raw));
    assert_true(headers.cut);
    assert_int_equal(headers.fields[0].line.len, JM_MAX_HEADER);
}


static void
test_text(void **state)
{
    size_t i;

    static const struct {
        const char *in;
        const char *out;
    } rows[] = {
        { "", "" },
        { "  plain \r\n", "plain" },
        { "a\r\n b\r\n\tc", "a b c" },
        { "=?utf-8?q?caf=C3=A9?=", "café" },
        { "=?UTF-8*fr?Q?caf=C3=A9?=", "café" },
        { "=?iso-8859-1?b?Y2Fm6Q==?= x", "café x" },
        { "a =?utf-8?q?b_c?= d", "a b c d" },
        { "=?utf-8?q?a?= =?utf-8?q?b?=\r\n =?utf-8?q?c?=", "abc" },
        { "=?utf-8?q?a?= x =?utf-8?q?b?=", "a x b" },
        { "=?utf-8?q?=F0=9F?= =?utf-8?q?=98=80?=", "😀" },
        { "=?utf-8?b?8J+Y?= =?utf-8?b?gA==?=", "😀" },
        { "=?utf-8?q?=F0=9F?= =?koi8-r?q?=F0?=", "\xef\xbf\xbdП" },
        { "=?utf-8?q?a b?=", "a b" },
        { "a \xe2\x80\xae"
          "b =?utf-8?q?=E2=81=A6c=E2=80=8Fd?=",
          "a b c\xe2\x80\x8f"
          "d" },
        { "=?utf-8?q?=EF=BB=BFPay=E2=80=8BPal=C2=AD_x?=", "PayPal x" },
        { "=?utf-8?q?=F0=9F=91=A9=E2=80=8D=F0=9F=94=A7?=",
          "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xa7" },
        { "=?utf-8?q?=41?=x", "Ax" },
        { "=?nonsense?q?caf=E9?=", "café" },
        { "=?utf-8?x?abc?=", "=?utf-8?x?abc?=" },
        { "=?utf-8?q?open", "=?utf-8?q?open" },
        { "=?", "=?" },
        { "=?utf-8?q?"
          "?=",
          "" },
        { "=?utf-8?q?=4?= =?utf-8?q?=?=", "=4=" },
        { "=?utf-8?q?a=00b=0D=0Ac=1B?=", "ab c\xef\xbf\xbd" },
        { "caf\xc3\xa9", "café" },
        { "\xf0\xd2\xc9", "При" },
        { "=?utf-8?q?a?= \xf0", "a П" },
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_text(jm_header_text(arena, str(rows[i].in),
                                   jm_charset_find(jm_str("koi8-r")), 1000),
                    rows[i].out);
    }

    assert_text(jm_header_text(arena, str("caf\xc3\xa9"), JM_CHARSET_GUESS, 4),
                "caf");
}


static void
test_mailbox(void **state)
{
    size_t   i;
    jm_str_t address, name;

    static const struct {
        const char *in;
        const char *address;
        const char *name;
    } rows[] = {
        { "a@b.c", "a@b.c", "" },
        { "<a@b.c>", "a@b.c", "" },
        { "Ada <a@b.c>", "a@b.c", "Ada" },
        { "\"Love, Ada\" <a@b.c>, z@y", "a@b.c", "Love, Ada" },
        { "\"a \\\"b\\\"\" <a@b.c>", "a@b.c", "a \"b\"" },
        { "Love, Ada <a@b.c>", "a@b.c", "Love, Ada" },
        { "a@b.c, d@e.f", "a@b.c", "" },
        { "a@b.c (Ada (her))", "a@b.c", "Ada (her)" },
        { "Ada a@b.c", "a@b.c", "Ada" },
        { "=?utf-8?q?=C3=84da=2C_x?= <a@b.c>", "a@b.c", "Äda, x" },
        { "\"=?utf-8?q?=C3=84da?=\" <a@b.c>", "a@b.c", "Äda" },
        { "\xc3\x84"
          "da <\xc3\xa4@b.c>",
          "ä@b.c", "Äda" },
        { "group: a@b.c, d@e.f;", "a@b.c", "" },
        { "undisclosed-recipients:;", "", "" },
        { "<@x,@y:a@b.c>", "a@b.c", "" },
        { "Ada <mailto:a@b.c>", "a@b.c", "Ada" },
        { "a@b.c <>", "a@b.c", "" },
        { "\"open <a@b.c>", "a@b.c", "open" },
        { "Ada <a@b.c", "a@b.c", "Ada" },
        { "<>", "", "" },
        { "just words", "just words", "" },
        { "", "", "" },
        { "(", "", "" },
        { "\"", "", "" },
        { "\\", "\\", "" },
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        jm_header_mailbox(arena, str(rows[i].in), JM_CHARSET_GUESS, &address,
                          &name);
        assert_text(address, rows[i].address);
        assert_text(name, rows[i].name);
    }
}


static void
test_date(void **state)
{
    size_t i;

    static const struct {
        const char *in;
        int64_t     out;
    } rows[] = {
        { "Tue, 2 Jan 2024 03:04:05 +0000", 1704164645 },
        { "Tue, 2 Jan 2024 04:04:05 +0100 (CET)", 1704164645 },
        { "2 Jan 2024 03:04:05 GMT", 1704164645 },
        { "Mon, 01 Jan 2024 22:04:05 EST", 1704164645 },
        { "2 Jan 24 03:04 -0000", 1704164640 },
        { "2 Jan 124 03:04", 1704164640 },
        { "02-Jan-2024 03:04:05", 1704164645 },
        { "Tue Jan  2 03:04:05 2024", 1704164645 },
        { "Tue, 2 January 2024 03:04:05 -0000", 1704164645 },
        { "1 Jan 1970 00:00:00 +0000", 0 },
        { "2024", -1 },
        { "yesterday", -1 },
        { "32 Jan 2024 03:04:05 +0000", -1 },
        { "2 Jan 2024 25:00:00 +0000", -1 },
        { "", -1 },
        { "((((", -1 },
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (jm_header_date(str(rows[i].in)) != rows[i].out) {
            fail_msg("\"%s\" is %ld", rows[i].in,
                     (long) jm_header_date(str(rows[i].in)));
        }
    }
}


static int
setup(void **state)
{
    arena = jm_arena_create(64 * 1024 * 1024);

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
        cmocka_unit_test(test_block), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_text),  cmocka_unit_test(test_mailbox),
        cmocka_unit_test(test_date),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
