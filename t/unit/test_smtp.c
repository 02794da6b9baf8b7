/*
 * jm_smtp.c: every input of the line reader is read whole, split at every
 * octet, and octet by octet, and must give the same lines each time.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "jm_smtp.h"

#define COUNT(x) (sizeof(x) / sizeof((x)[0]))

/* What the reader says, written down: "[line]" or "(status)". */

typedef struct {
    jm_smtp_line_t line;
    char           said[4096];
    size_t         len;
} reading_t;


static void
feed(reading_t *r, const u_char *in, size_t len)
{
    jm_str_t           text;
    const u_char      *pos, *last;
    jm_line_status_t   status;
    static const char *names[] = { "",      "",       "(long)",
                                   "(bad)", "(bare)", "(flood)" };

    pos = in;
    last = in + len;

    for (;;) {
        status = jm_smtp_line_read(&r->line, &pos, last, &text);

        if (status == JM_LINE_AGAIN) {
            assert_ptr_equal(pos, last);
            return;
        }

        if (status == JM_LINE_OK) {
            r->len += (size_t) snprintf(r->said + r->len,
                                        sizeof(r->said) - r->len, "[%.*s]",
                                        (int) text.len, (char *) text.data);

        } else {
            r->len += (size_t) snprintf(r->said + r->len,
                                        sizeof(r->said) - r->len, "%s",
                                        names[status]);
        }
    }
}


static void
check_lines(const char *in, size_t len, const char *expected)
{
    size_t     i;
    reading_t *r;

    for (i = 0; i <= len; i++) {
        r = calloc(1, sizeof(reading_t));
        feed(r, (const u_char *) in, i);
        feed(r, (const u_char *) in + i, len - i);
        assert_string_equal(r->said, expected);
        free(r);
    }

    r = calloc(1, sizeof(reading_t));

    for (i = 0; i < len; i++) {
        feed(r, (const u_char *) in + i, 1);
    }

    assert_string_equal(r->said, expected);
    free(r);
}


static void
test_lines(void **state)
{
    size_t i;

    static const struct {
        const char *in;
        size_t      len;
        const char *expected;
    } cases[] = {
#define CASE(in, expected) { in, sizeof(in) - 1, expected }
        CASE("", ""),
        CASE("NOOP", ""),
        CASE("NOOP\r\n", "[NOOP]"),
        CASE("\r\n", "[]"),
        CASE("EHLO a\r\nMAIL FROM:<>\r\nQU", "[EHLO a][MAIL FROM:<>]"),
        CASE("a\tb\r\n", "[a\tb]"),
        CASE("\303\251\r\n", "[\303\251]"),
        CASE("a\nb\r\n", "(bare)[b]"),
        CASE("\n", "(bare)"),
        CASE("a\rb\r\nc\r\n", "(bad)[c]"),
        CASE("a\r\r\nc\r\n", "(bad)[c]"),
        CASE("a\0b\r\nc\r\n", "(bad)[c]"),
        CASE("a\x7f\r\n\x1b[A\r\n", "(bad)(bad)"),
#undef CASE
    };

    for (i = 0; i < COUNT(cases); i++) {
        check_lines(cases[i].in, cases[i].len, cases[i].expected);
    }
}


/* A line of `n` octets with its CRLF, then a NOOP; read at the splits that
 * can matter. */

static void
check_long(size_t n, const char *expected)
{
    size_t     i, len;
    u_char    *in;
    reading_t *r;

    len = n + 6;
    in = malloc(len);
    memset(in, 'x', n);
    memcpy(in + n - 2, "\r\nNOOP\r\n", 8);

    for (i = 0; i <= len; i++) {
        if (i > 2 && i < len - 12 && (i < 2040 || i > 2050) && i % 511 != 0) {
            continue;
        }

        r = calloc(1, sizeof(reading_t));
        feed(r, in, i);
        feed(r, in + i, len - i);

        if (expected[0] == '[') {
            assert_int_equal(r->len, n + 6);
        } else {
            assert_string_equal(r->said, expected);
        }

        free(r);
    }

    free(in);
}


static void
test_limits(void **state)
{
    check_long(JM_SMTP_LINE, "[whole][NOOP]");
    check_long(JM_SMTP_LINE + 1, "(long)[NOOP]");
    check_long(JM_SMTP_FLOOD, "(long)[NOOP]");
}


static void
test_flood(void **state)
{
    u_char         in[JM_SMTP_FLOOD + 1];
    jm_str_t       text;
    const u_char  *pos;
    jm_smtp_line_t line;

    memset(in, 'x', sizeof(in));
    memset(&line, 0, sizeof(line));
    pos = in;

    assert_int_equal(jm_smtp_line_read(&line, &pos, in + sizeof(in), &text),
                     JM_LINE_FLOOD);
}


static void
test_split(void **state)
{
    size_t   i;
    char     got[256];
    jm_str_t verb, arg;

    static const struct {
        const char *in, *expected;
    } cases[] = {
        { "", "|" },
        { "NOOP", "NOOP|" },
        { "NOOP  ", "NOOP|" },
        { "  NOOP", "|NOOP" },
        { "EHLO\t a b \t", "EHLO|a b" },
        { "MAIL FROM:<a@b> SIZE=1", "MAIL|FROM:<a@b> SIZE=1" },
    };

    for (i = 0; i < COUNT(cases); i++) {
        jm_smtp_split(
            (jm_str_t){ (u_char *) cases[i].in, strlen(cases[i].in) }, &verb,
            &arg);
        snprintf(got, sizeof(got), "%.*s|%.*s", (int) verb.len,
                 (char *) verb.data, (int) arg.len, (char *) arg.data);
        assert_string_equal(got, cases[i].expected);
    }
}


/* The path and its parameters as "path name=value name". */

static void
test_path(void **state)
{
    size_t           i, j, n;
    char             got[1024], *in;
    jm_smtp_path_t   path;
    jm_path_status_t status;

    static const struct {
        const char      *in;
        jm_path_status_t status;
        const char      *expected;
    } cases[] = {
        { "FROM:<a@b.c>", JM_PATH_OK, "a@b.c" },
        { "from: <a@b.c>", JM_PATH_OK, "a@b.c" },
        { "FROM:<>", JM_PATH_OK, "" },
        { "FROM:<> SIZE=12 BODY=8BITMIME", JM_PATH_OK,
          " SIZE=12 BODY=8BITMIME" },
        { "FROM:<a@b.c>  SMTPUTF8  X-1=<>", JM_PATH_OK,
          "a@b.c SMTPUTF8 X-1=<>" },
        { "FROM:<\"a b>c\"@d.e> SIZE=1", JM_PATH_OK, "\"a b>c\"@d.e SIZE=1" },
        { "FROM:<@x.y,@z.w:a@b.c>", JM_PATH_OK, "a@b.c" },
        { "", JM_PATH_SYNTAX, "" },
        { "FROM", JM_PATH_SYNTAX, "" },
        { "FROM:", JM_PATH_SYNTAX, "" },
        { "FROM: ", JM_PATH_SYNTAX, "" },
        { "FROM <a@b.c>", JM_PATH_SYNTAX, "" },
        { "FROM :<a@b.c>", JM_PATH_SYNTAX, "" },
        { "TO:<a@b.c>", JM_PATH_SYNTAX, "" },
        { "FRAM:<a@b.c>", JM_PATH_SYNTAX, "" },
        { "FROM:a@b.c", JM_PATH_ADDRESS, "" },
        { "FROM:<a@b.c", JM_PATH_ADDRESS, "" },
        { "FROM:<a@b.c>x", JM_PATH_ADDRESS, "" },
        { "FROM:<a@b.c>SIZE=1", JM_PATH_ADDRESS, "" },
        { "FROM:<a@b..c>", JM_PATH_ADDRESS, "" },
        { "FROM:<a@b.c> =1", JM_PATH_PARAM, "" },
        { "FROM:<a@b.c> SIZE=", JM_PATH_PARAM, "" },
        { "FROM:<a@b.c> SIZE==1", JM_PATH_PARAM, "" },
        { "FROM:<a@b.c> SIZE=1=2", JM_PATH_PARAM, "" },
        { "FROM:<a@b.c> -A=1", JM_PATH_PARAM, "" },
        { "FROM:<a@b.c> A_B", JM_PATH_PARAM, "" },
        { "FROM:<a@b.c> \303\251", JM_PATH_PARAM, "" },
        { "FROM:<a@b.c> A=\303\251", JM_PATH_PARAM, "" },
        { "FROM:<> 1 2 3 4 5 6 7 8 9 a b c d e f g", JM_PATH_OK,
          " 1 2 3 4 5 6 7 8 9 a b c d e f g" },
        { "FROM:<> 1 2 3 4 5 6 7 8 9 a b c d e f g h", JM_PATH_PARAM, "" },
    };

    for (i = 0; i < COUNT(cases); i++) {
        n = strlen(cases[i].in);
        in = malloc(n == 0 ? 1 : n);
        memcpy(in, cases[i].in, n);

        status = jm_smtp_path((jm_str_t){ (u_char *) in, n }, "FROM", &path);
        assert_int_equal(status, cases[i].status);

        if (status == JM_PATH_OK) {
            n = (size_t) snprintf(got, sizeof(got), "%.*s",
                                  (int) path.address.path.len,
                                  (char *) path.address.path.data);

            for (j = 0; j < path.nparams; j++) {
                n += (size_t) snprintf(got + n, sizeof(got) - n, " %.*s%s%.*s",
                                       (int) path.params[j].name.len,
                                       (char *) path.params[j].name.data,
                                       path.params[j].has_value ? "=" : "",
                                       (int) path.params[j].value.len,
                                       (char *) path.params[j].value.data);
            }

            assert_string_equal(got, cases[i].expected);
        }

        free(in);
    }

    assert_int_equal(
        jm_smtp_path(jm_str("TO:<Postmaster> a B=c"), "TO", &path),
        JM_PATH_OK);
    assert_true(path.address.postmaster);
    assert_non_null(jm_smtp_param(&path, "A"));
    assert_non_null(jm_smtp_param(&path, "b"));
    assert_null(jm_smtp_param(&path, "c"));
}


static void
test_number(void **state)
{
    size_t   i;
    uint64_t n;

    static const struct {
        const char *in;
        int         rc;
        uint64_t    n;
    } cases[] = {
        { "0", 0, 0 },
        { "00000000000000000001", 0, 1 },
        { "26214400", 0, 26214400 },
        { "9223372036854775799", 0, 9223372036854775799u },
        { "", -1, 0 },
        { "000000000000000000001", -1, 0 },
        { "18446744073709551616", -1, 0 },
        { "99999999999999999999", -1, 0 },
        { "-1", -1, 0 },
        { "1k", -1, 0 },
        { " 1", -1, 0 },
    };

    for (i = 0; i < COUNT(cases); i++) {
        n = 0;
        assert_int_equal(
            jm_smtp_number(
                (jm_str_t){ (u_char *) cases[i].in, strlen(cases[i].in) }, &n),
            cases[i].rc);
        assert_int_equal(n, cases[i].n);
    }
}


static void
test_token(void **state)
{
    u_char out[32];

    assert_int_equal(jm_smtp_token(jm_str("[IPv6:::1]"), out, 32), 10);
    assert_memory_equal(out, "[IPv6:::1]", 10);

    assert_int_equal(jm_smtp_token(jm_str("a(b)\r\n\0\303;c"), out, 32), 10);
    assert_memory_equal(out, "a?b??????c", 10);

    assert_int_equal(jm_smtp_token(jm_str("abcdef"), out, 4), 4);
}


static void
test_is(void **state)
{
    assert_true(jm_smtp_is(jm_str("eHlO"), "EHLO"));
    assert_true(jm_smtp_is(jm_str(""), ""));
    assert_false(jm_smtp_is(jm_str("EHL"), "EHLO"));
    assert_false(jm_smtp_is(jm_str("EHLO"), "EHL"));
    assert_false(jm_smtp_is(jm_str("EHL\0"), "EHL"));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_flood), cmocka_unit_test(test_split),
        cmocka_unit_test(test_path),  cmocka_unit_test(test_number),
        cmocka_unit_test(test_token), cmocka_unit_test(test_is),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
