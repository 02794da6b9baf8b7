/*
 * jm_reply.c: every input whole, split at every octet, and octet by octet.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "jm_reply.h"

#define COUNT(x) (sizeof(x) / sizeof((x)[0]))

typedef struct {
    jm_reply_t reply;
    char       said[2048];
    size_t     len;
    int        error;
} reading_t;


/* Writes each line down as "code/enhanced/text" and "+" or "." behind it. */

static void
feed(reading_t *r, const char *in, size_t len)
{
    u_char           *copy;
    const u_char     *pos;
    jm_reply_status_t status;

    copy = malloc(len == 0 ? 1 : len);
    memcpy(copy, in, len);
    pos = copy;

    while (!r->error) {
        status = jm_reply_read(&r->reply, &pos, copy + len);

        if (status == JM_REPLY_AGAIN) {
            assert_ptr_equal(pos, copy + len);
            break;
        }

        if (status == JM_REPLY_ERROR) {
            r->error = 1;
            r->len += (size_t) sprintf(r->said + r->len, "!");
            break;
        }

        r->len += (size_t) sprintf(
            r->said + r->len, "%u/%.*s/%.*s%s", r->reply.code,
            (int) r->reply.enhanced.len, (char *) r->reply.enhanced.data,
            (int) r->reply.text.len, (char *) r->reply.text.data,
            status == JM_REPLY_MORE ? "+" : ".");
    }

    free(copy);
}


static void
test_replies(void **state)
{
    size_t    i, j, len;
    reading_t r;

    static const struct {
        const char *in, *expected;
    } cases[] = {
        { "", "" },
        { "250 OK\r\n", "250//OK." },
        { "250\r\n", "250//." },
        { "250 \r\n", "250//." },
        { "250 2.0.0 stored\r\n", "250/2.0.0/stored." },
        { "250 2.0.0\r\n", "250/2.0.0/." },
        { "451 4.13.999 x\r\n", "451/4.13.999/x." },
        { "451 2.0.0 class\r\n", "451//2.0.0 class." },
        { "451 4.0 x\r\n", "451//4.0 x." },
        { "451 4.0.1000 x\r\n", "451//4.0.1000 x." },
        { "451 4.0.1x\r\n", "451//4.0.1x." },
        { "451 4..1 x\r\n", "451//4..1 x." },
        { "250-a\r\n250-SIZE 1\r\n250 b\r\n", "250//a+250//SIZE 1+250//b." },
        { "250-\r\n250 b\r\n220 c\r\n", "250//+250//b.220//c." },
        { "250 a\r\n451 4.3.0 b\r\n", "250//a.451/4.3.0/b." },
        { "250-a\r\n251 b\r\n", "250//a+!" },
        { "250 a\n", "!" },
        { "25 a\r\n", "!" },
        { "2500 a\r\n", "!" },
        { "250_a\r\n", "!" },
        { "150 a\r\n", "!" },
        { "650 a\r\n", "!" },
        { "\r\n", "!" },
        { "HTTP/1.1 400\r\n", "!" },
    };

    for (i = 0; i < COUNT(cases); i++) {
        len = strlen(cases[i].in);

        for (j = 0; j <= len; j++) {
            memset(&r, 0, sizeof(r));
            feed(&r, cases[i].in, j);
            feed(&r, cases[i].in + j, len - j);
            assert_string_equal(r.said, cases[i].expected);
        }

        memset(&r, 0, sizeof(r));

        for (j = 0; j < len; j++) {
            feed(&r, cases[i].in + j, 1);
        }

        assert_string_equal(r.said, cases[i].expected);
    }
}


static void
test_limits(void **state)
{
    size_t    i;
    char      in[JM_REPLY_LINE + 1];
    reading_t r;

    memset(in, 'x', sizeof(in));
    memcpy(in, "250 ", 4);
    memcpy(in + JM_REPLY_LINE - 2, "\r\n", 2);

    memset(&r, 0, sizeof(r));
    feed(&r, in, JM_REPLY_LINE);
    assert_int_equal(r.error, 0);
    assert_int_equal(r.len, strlen("250//.") + JM_REPLY_LINE - 6);

    memcpy(in + JM_REPLY_LINE - 1, "\r\n", 2);
    memset(&r, 0, sizeof(r));
    feed(&r, in, JM_REPLY_LINE + 1);
    assert_int_equal(r.error, 1);

    memset(&r, 0, sizeof(r));
    feed(&r, "250 a\0b\r\n", 9);
    assert_int_equal(r.error, 1);

    memset(&r, 0, sizeof(r));

    for (i = 0; i <= JM_REPLY_LINES; i++) {
        assert_int_equal(r.error, 0);
        feed(&r, "250-a\r\n", 7);
    }

    assert_int_equal(r.error, 1);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_limits),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
