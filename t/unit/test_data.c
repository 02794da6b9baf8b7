/*
 * jm_data.c: every input whole, split at every octet, and octet by octet; and
 * against a model that sees the whole input at once.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "jm_data.h"

#define COUNT(x) (sizeof(x) / sizeof((x)[0]))

typedef struct {
    jm_data_t data;
    u_char    out[1024];
    size_t    len;
    size_t    used; /* octets of input up to and with the final dot's LF */
    int       end;
} reading_t;


static void
feed(reading_t *r, const char *in, size_t len)
{
    u_char          *copy;
    jm_str_t         run;
    const u_char    *pos;
    jm_data_status_t status;

    copy = malloc(len == 0 ? 1 : len);
    memcpy(copy, in, len);
    pos = copy;

    while (!r->end) {
        status = jm_data_read(&r->data, &pos, copy + len, &run);

        if (status == JM_DATA_RUN) {
            assert_true(run.len > 0);
            memcpy(r->out + r->len, run.data, run.len);
            r->len += run.len;
            continue;
        }

        if (status == JM_DATA_AGAIN) {
            assert_ptr_equal(pos, copy + len);
            break;
        }

        r->end = 1;
    }

    r->used += (size_t) (pos - copy);
    free(copy);
}


static void
check(const reading_t *r, const char *out, size_t len, int end, size_t used)
{
    assert_int_equal(r->end, end);
    assert_int_equal(r->len, len);
    assert_memory_equal(r->out, out, len);
    assert_int_equal(r->data.size, len);

    if (end) {
        assert_int_equal(r->used, used);
    }
}


static void
check_all(const char *in, size_t inlen, const char *out, size_t len, int end,
          size_t used)
{
    size_t    i;
    reading_t r;

    for (i = 0; i <= inlen; i++) {
        memset(&r, 0, sizeof(r));
        feed(&r, in, i);
        feed(&r, in + i, inlen - i);
        check(&r, out, len, end, used);
    }

    memset(&r, 0, sizeof(r));

    for (i = 0; i < inlen; i++) {
        feed(&r, in + i, 1);
    }

    check(&r, out, len, end, used);
}


static void
test_end(void **state)
{
    size_t i;

    static const struct {
        const char *in, *out;
        int         end;
        const char *rest;
    } cases[] = {
        { ".\r\n", "", 1, "" },
        { ".\r\nQUIT\r\n", "", 1, "QUIT\r\n" },
        { "a\r\n.\r\n", "a\r\n", 1, "" },
        { "a\r\n.\r\n.\r\n", "a\r\n", 1, ".\r\n" },
        { "\r\n.\r\nX", "\r\n", 1, "X" },
        { "..\r\n.\r\n", ".\r\n", 1, "" },
        { "...\r\n.\r\n", "..\r\n", 1, "" },
        { ".a\r\n.\r\n", "a\r\n", 1, "" },
        { "a.\r\n.\r\n", "a.\r\n", 1, "" },
        { "a\r\n..b\r\n\r\n.c\r\n.\r\n", "a\r\n.b\r\n\r\nc\r\n", 1, "" },

        /* Nothing else ends a message. */
        { "a\n.\r\n", "a\n.\r\n", 0, NULL },
        { "a\r.\r\n", "a\r.\r\n", 0, NULL },
        { "a\r\n.\n", "a\r\n\n", 0, NULL },
        { "a\n.\n", "a\n.\n", 0, NULL },
        { "a\r\n.\rb", "a\r\nb", 0, NULL },
        { "a\r\n.\r\r\n", "a\r\n\r\n", 0, NULL },
        { "a\n\n.\r\n\r\n.\r\n", "a\n\n.\r\n\r\n", 1, "" },
        { "a\r\n.", "a\r\n", 0, NULL },
        { "a\r\n.\r", "a\r\n", 0, NULL },
        { "a\r\n. \r\n", "a\r\n \r\n", 0, NULL },
    };

    for (i = 0; i < COUNT(cases); i++) {
        check_all(cases[i].in, strlen(cases[i].in), cases[i].out,
                  strlen(cases[i].out), cases[i].end,
                  strlen(cases[i].in)
                      - (cases[i].rest ? strlen(cases[i].rest) : 0));
    }
}


static void
test_refused(void **state)
{
    size_t    i, j;
    reading_t r;

    static const struct {
        const char *in;
        size_t      len;
        unsigned    cr, lf, nul;
    } cases[] = {
#define CASE(in, cr, lf, nul) { in, sizeof(in) - 1, cr, lf, nul }
        CASE("a\r\n\tb\x01\xff\r\n.\r\n", 0, 0, 0),
        CASE("a\n.\r\n", 0, 1, 0),
        CASE("\na\r\n", 0, 1, 0),
        CASE("a\r\n\n", 0, 1, 0),
        CASE("a\rb", 1, 0, 0),
        CASE("a\r\r\n", 1, 0, 0),
        CASE("a\r\n.\rb", 1, 0, 0),
        CASE("a\r\tb", 1, 0, 0),
        CASE("a\0b\r\n", 0, 0, 1),
        CASE("a\r\0b\r\n", 1, 0, 1),
        CASE("a\r\n.\n", 0, 1, 0),
#undef CASE
    };

    for (i = 0; i < COUNT(cases); i++) {
        for (j = 0; j <= cases[i].len; j++) {
            memset(&r, 0, sizeof(r));
            feed(&r, cases[i].in, j);
            feed(&r, cases[i].in + j, cases[i].len - j);

            assert_int_equal(r.data.bare_cr, cases[i].cr);
            assert_int_equal(r.data.bare_lf, cases[i].lf);
            assert_int_equal(r.data.nul, cases[i].nul);
        }
    }
}


static void
test_hops(void **state)
{
    size_t    i, j, len;
    reading_t r;

    static const struct {
        const char *in;
        unsigned    hops;
    } cases[] = {
        { "Received: a\r\nreceived:b\r\n\r\nReceived: c\r\n.\r\n", 2 },
        { "X-Received: a\r\nReceived : b\r\n Received: c\r\n.\r\n", 0 },
        { "\r\nReceived: a\r\n.\r\n", 0 },
        { "RECEIVED:\r\n.Received: b\r\nReceive\r\nd: c\r\n.\r\n", 2 },
        { "a\r\n\r\nReceived: a\r\n.\r\n", 0 },
    };

    for (i = 0; i < COUNT(cases); i++) {
        len = strlen(cases[i].in);

        for (j = 0; j <= len; j++) {
            memset(&r, 0, sizeof(r));
            feed(&r, cases[i].in, j);
            feed(&r, cases[i].in + j, len - j);
            assert_int_equal(r.data.hops, cases[i].hops);
        }
    }
}


/* The model: the whole input as a string, for messages without bare CR. */

static size_t
model(const char *in, size_t len, char *out, int *end, size_t *used)
{
    size_t i, n;

    for (i = 0, n = 0; i < len; i++) {
        if (in[i] == '.'
            && (i == 0 || (i > 1 && in[i - 2] == '\r' && in[i - 1] == '\n')))
        {
            if (len - i >= 3 && in[i + 1] == '\r' && in[i + 2] == '\n') {
                *end = 1;
                *used = i + 3;
                return n;
            }

            continue;
        }

        out[n++] = in[i];
    }

    *end = 0;
    *used = len;

    return n;
}


static void
test_model(void **state)
{
    int      end;
    char     in[32], out[32];
    size_t   i, len, n, used;
    uint32_t random;

    static const char *pieces[] = { "\r\n", ".", "a", "\r\n", "\n" };

    random = 1;

    for (i = 0; i < 20000; i++) {
        for (len = 0; len < 14;) {
            random = random * 1103515245 + 12345;
            n = (random >> 16) % COUNT(pieces);
            memcpy(in + len, pieces[n], strlen(pieces[n]));
            len += strlen(pieces[n]);
        }

        n = model(in, len, out, &end, &used);
        check_all(in, len, out, n, end, used);
    }
}


/* What is refused, by the book. */

static unsigned
faults(const char *in, size_t len)
{
    size_t   i;
    unsigned found;

    for (i = 0, found = 0; i < len; i++) {
        if (in[i] == '\0') {
            found |= 1;
        }

        if (in[i] == '\n' && (i == 0 || in[i - 1] != '\r')) {
            found |= 2;
        }

        if (in[i] == '\r' && (i + 1 == len || in[i + 1] != '\n')) {
            found |= 4;
        }
    }

    return found;
}


static unsigned
found(const jm_data_t *data)
{
    return data->nul | data->bare_lf << 1 | data->bare_cr << 2;
}


/* Longer inputs of everything that matters, in pieces of any size: after DATA,
 * and as chunks. */

static void
test_any_pieces(void **state)
{
    int       end;
    char      in[800], out[800];
    size_t    i, n, len, at, used;
    jm_str_t  run;
    jm_data_t chunks;
    reading_t r;

    static const struct {
        const char *text;
        size_t      len;
    } pieces[] = { { "\r\n", 2 }, { ".", 1 },     { "a", 1 },
                   { "\r\n", 2 }, { "\r\n.", 3 }, { "\n", 1 },
                   { "\r", 1 },   { "", 1 },      { "\r\nReceived:", 11 } };

    srand(1);

    for (i = 0; i < 20000; i++) {

        /* One in two has none of what is refused. */
        for (len = 0; len < (size_t) rand() % 700; /* void */) {
            n = (size_t) rand() % (i % 2 ? COUNT(pieces) : 5);
            memcpy(in + len, pieces[n].text, pieces[n].len);
            len += pieces[n].len;
        }

        memset(&r, 0, sizeof(r));
        memset(&chunks, 0, sizeof(chunks));

        for (at = 0; at < len; at += n) {
            n = (size_t) rand() % 40 + 1;
            n = n > len - at ? len - at : n;

            if (!r.end) {
                feed(&r, in + at, n);
            }

            run.data = (u_char *) in + at;
            run.len = n;
            jm_data_chunk(&chunks, run);
        }

        jm_data_last(&chunks);
        assert_int_equal(found(&chunks), faults(in, len));
        assert_int_equal(chunks.size, len);

        n = model(in, len, out, &end, &used);
        assert_int_equal(r.end, end);

        if (end) {
            assert_int_equal(r.used, used);
            assert_int_equal(found(&r.data), faults(in, used));

            if (!r.data.bare_cr) {
                assert_int_equal(r.len, n);
                assert_memory_equal(r.out, out, n);
            }
        }
    }
}


static void
test_stuff(void **state)
{
    char     in[512];
    size_t   i, size, len, n, at, taken;
    unsigned line;

    static const char *cases[] = {
        "",
        "a\r\n",
        ".\r\n",
        "..\r\n",
        ".a\r\n.b\r\na.\r\n\r\n.\r\n",
        "a\r\n.\r\n.\r\n",
    };

    for (i = 0; i < COUNT(cases); i++) {
        for (size = 2; size < 12; size++) {
            line = 1;
            len = strlen(cases[i]);

            for (n = 0, at = 0; at < len; at += taken) {
                n += jm_data_stuff(&line, (const u_char *) cases[i] + at,
                                   len - at, &taken, (u_char *) in + n, size);
                assert_true(taken > 0);
            }

            memcpy(in + n, ".\r\n", 3);
            check_all(in, n + 3, cases[i], len, 1, n + 3);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_end),        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_hops),       cmocka_unit_test(test_model),
        cmocka_unit_test(test_any_pieces), cmocka_unit_test(test_stuff),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
