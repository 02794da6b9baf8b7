/*
 * jm_ws.c: the handshake, the frame parser after the categories of the
 * Autobahn test suite, and the frames we write.  Every input is also split at
 * every byte, and fed byte by byte.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "jm_ws.h"

#define MAX     4096
#define FRAMES  6
#define FIN     0x80
#define BARE    1   /* not masked */
#define FORM_16 126 /* the length in 16 bits, whether needed or not */
#define FORM_64 127

/* A frame as a client sends it. */
typedef struct {
    unsigned    first; /* FIN, RSV, opcode */
    const char *payload;
    size_t      len; /* 0: strlen of payload; it is repeated to fill `len` */
    unsigned    form;
} frame_t;

typedef struct {
    const char *name;
    const char *expect;
    frame_t     frames[FRAMES];
} case_t;

#define F(first, payload)                                                     \
    {                                                                         \
        first, payload, 0, 0                                                  \
    }
#define N(first, payload, len)                                                \
    {                                                                         \
        first, payload, len, 0                                                \
    }
#define X(first, payload, len, form)                                          \
    {                                                                         \
        first, payload, len, form                                             \
    }

static const u_char mask[4] = { 0x37, 0xfa, 0x21, 0x3d };

static const case_t cases[] = {
    /* 1: messages, empty and at each border of the length's form */
    { "empty text", "text()", { F(FIN | 1, "") } },
    { "text", "text(Hello)", { F(FIN | 1, "Hello") } },
    { "125", "text[125]", { N(FIN | 1, "*", 125) } },
    { "126", "text[126]", { N(FIN | 1, "*", 126) } },
    { "127", "text[127]", { N(FIN | 1, "*", 127) } },
    { "largest", "text[4096]", { N(FIN | 1, "*", 4096) } },
    { "too big", "fail(1009)", { N(FIN | 1, "*", 4097) } },
    { "far too big", "fail(1009)", { N(FIN | 1, "*", 70000) } },
    { "empty binary", "binary()", { F(FIN | 2, "") } },
    { "binary", "binary(\xfe\xff)", { F(FIN | 2, "\xfe\xff") } },
    { "two", "text(a)binary(b)", { F(FIN | 1, "a"), F(FIN | 2, "b") } },

    /* 2: pings and pongs */
    { "ping", "ping()", { F(FIN | 9, "") } },
    { "ping, payload", "ping(abc)", { F(FIN | 9, "abc") } },
    { "ping 125", "ping[125]", { N(FIN | 9, "*", 125) } },
    { "ping 126", "fail(1002)", { N(FIN | 9, "*", 126) } },
    { "pong", "pong(x)", { F(FIN | 10, "x") } },
    { "pings",
      "ping(1)ping(2)ping(3)",
      { F(FIN | 9, "1"), F(FIN | 9, "2"), F(FIN | 9, "3") } },

    /* 3: reserved bits */
    { "RSV3", "fail(1002)", { F(FIN | 0x10 | 1, "a") } },
    { "RSV2", "text(a)fail(1002)", { F(FIN | 1, "a"), F(0xa1, "") } },
    { "RSV1", "ping()fail(1002)", { F(FIN | 9, ""), F(0xc9, "") } },

    /* 4: reserved opcodes */
    { "opcode 3", "fail(1002)", { F(FIN | 3, "") } },
    { "opcode 7", "fail(1002)", { F(FIN | 7, "a") } },
    { "opcode 11", "fail(1002)", { F(FIN | 11, "") } },
    { "opcode 15", "fail(1002)", { F(FIN | 15, "a") } },

    /* 5: fragments */
    { "fragments", "text(ab)", { F(1, "a"), F(FIN, "b") } },
    { "empty fragments",
      "text()",
      { F(1, ""), F(0, ""), F(0, ""), F(FIN, "") } },
    { "ping between",
      "ping(p)text(ab)",
      { F(1, "a"), F(FIN | 9, "p"), F(FIN, "b") } },
    { "fragmented ping", "fail(1002)", { F(9, "a"), F(FIN, "b") } },
    { "fragmented pong", "fail(1002)", { F(10, "a"), F(FIN, "b") } },
    { "fragmented close", "fail(1002)", { F(8, "") } },
    { "nothing to continue", "fail(1002)", { F(FIN, "a") } },
    { "nothing to continue, not final", "fail(1002)", { F(0, "a") } },
    { "continued after the end",
      "text(ab)fail(1002)",
      { F(1, "a"), F(FIN, "b"), F(FIN, "c") } },
    { "text within text", "fail(1002)", { F(1, "a"), F(FIN | 1, "b") } },
    { "binary within text", "fail(1002)", { F(1, "a"), F(2, "b") } },
    { "fragments of 4096",
      "text[4096]",
      { N(1, "*", 4000), N(0, "*", 90), N(FIN, "*", 6) } },
    { "fragments of 4097",
      "fail(1009)",
      { N(1, "*", 4000), N(0, "*", 90), N(FIN, "*", 7) } },

    /* 6: UTF-8 */
    { "Greek", "text(κόσμε)", { F(FIN | 1, "κόσμε") } },
    { "cut character", "text(κ)", { F(1, "\xce"), F(FIN, "\xba") } },
    { "ping within a character",
      "ping()text(κ)",
      { F(1, "\xce"), F(FIN | 9, ""), F(FIN, "\xba") } },
    { "cut at the end", "fail(1007)", { F(FIN | 1, "ab\xce") } },
    { "cut at the end of the fragments",
      "fail(1007)",
      { F(1, "\xe2\x82"), F(FIN, "") } },
    { "the next message starts anew",
      "text(a)text(b)",
      { F(FIN | 1, "a"), F(FIN | 1, "b") } },
    { "stray continuation", "fail(1007)", { F(FIN | 1, "\x80") } },
    { "overlong 2", "fail(1007)", { F(FIN | 1, "\xc0\xaf") } },
    { "overlong 3", "fail(1007)", { F(FIN | 1, "\xe0\x9f\xbf") } },
    { "overlong 4", "fail(1007)", { F(FIN | 1, "\xf0\x8f\xbf\xbf") } },
    { "surrogate", "fail(1007)", { F(FIN | 1, "\xed\xa0\x80") } },
    { "past the last", "fail(1007)", { F(FIN | 1, "\xf4\x90\x80\x80") } },
    { "F5", "fail(1007)", { F(FIN | 1, "\xf5\x80\x80\x80") } },
    { "FE", "fail(1007)", { F(FIN | 1, "\xfe") } },
    { "the borders",
      "text(\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80"
      "\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf)",
      { F(FIN | 1, "\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80"
                   "\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf") } },
    { "fails before the end", "fail(1007)", { F(1, "\xce\xba\xed\xa0") } },
    { "binary is free", "binary(\xed\xa0)", { F(FIN | 2, "\xed\xa0") } },

    /* 7: close */
    { "close", "close(1005)", { F(FIN | 8, "") } },
    { "close 1000", "close(1000)", { F(FIN | 8, "\x03\xe8") } },
    { "close, reason",
      "close(1001,bye)",
      { F(FIN | 8, "\x03\xe9"
                   "bye") } },
    { "one octet", "fail(1002)", { F(FIN | 8, "\x03") } },
    { "close 126", "fail(1002)", { N(FIN | 8, "\x03", 126) } },
    { "bad reason", "fail(1007)", { F(FIN | 8, "\x03\xe8\xed\xa0\x80") } },
    { "cut reason", "fail(1007)", { F(FIN | 8, "\x03\xe8\xce") } },
    { "close within a character",
      "close(1000,\xce\xba)",
      { F(1, "\xce"), F(FIN | 8, "\x03\xe8\xce\xba") } },
    { "nothing after close",
      "close(1000)",
      { F(FIN | 8, "\x03\xe8"), F(FIN | 9, ""), F(0xff, "junk") } },
    { "nothing after a failure",
      "fail(1002)",
      { F(0xff, ""), F(FIN | 8, "\x03\xe8") } },

    /* masks and lengths */
    { "not masked", "fail(1002)", { X(FIN | 1, "a", 0, BARE) } },
    { "ping not masked", "fail(1002)", { X(FIN | 9, "", 0, BARE) } },
    { "16 bits for 125", "fail(1002)", { X(FIN | 1, "*", 125, FORM_16) } },
    { "64 bits for 126", "fail(1002)", { X(FIN | 1, "*", 126, FORM_64) } },
    { "64 bits for 65535", "fail(1002)", { X(FIN | 1, "*", 65535, FORM_64) } },
    { "ping in 16 bits", "fail(1002)", { X(FIN | 9, "*", 12, FORM_16) } },
};


static size_t
put_frame(u_char *out, const frame_t *f)
{
    size_t   i, n, len, have;
    u_char  *p;
    unsigned form, bits;

    have = strlen(f->payload);
    len = f->len ? f->len : have;
    form = f->form > BARE  ? f->form
           : len < 126     ? (unsigned) len
           : len <= 0xffff ? FORM_16
                           : FORM_64;
    bits = form < FORM_16 ? 0 : form == FORM_16 ? 16 : 64;

    p = out;
    *p++ = (u_char) f->first;
    *p++ = (u_char) (form | (f->form == BARE ? 0 : 0x80));

    for (i = bits; i > 0; i -= 8) {
        *p++ = (u_char) ((uint64_t) len >> (i - 8));
    }

    if (f->form != BARE) {
        memcpy(p, mask, 4);
        p += 4;
    }

    for (n = 0; n < len; n++) {
        *p++ = (u_char) (f->payload[n % have]
                         ^ (f->form == BARE ? 0 : mask[n & 3]));
    }

    return p - out;
}


static size_t
put_frames(u_char *out, const frame_t *frames)
{
    size_t i, n;

    n = 0;

    for (i = 0; i < FRAMES && frames[i].payload != NULL; i++) {
        n += put_frame(out + n, &frames[i]);
    }

    return n;
}


/* What the parser said so far, as text; a message once it is whole. */
typedef struct {
    jm_ws_t ws;
    char    text[16384];
    size_t  len;
    u_char  message[MAX];
    size_t  held;
} script_t;


static void
say(script_t *s, const char *what, const u_char *p, size_t len)
{
    s->len += snprintf(s->text + s->len, sizeof(s->text) - s->len,
                       len > 100 ? "%s[%zu]" : "%s(", what, len);

    if (len <= 100) {
        memcpy(s->text + s->len, p, len);
        s->len += len;
        s->text[s->len++] = ')';
        s->text[s->len] = '\0';
    }
}


static void
feed(script_t *s, u_char *data, size_t len)
{
    jm_str_t      in;
    jm_ws_frame_t f;

    in.data = data;
    in.len = len;

    for (;;) {

        switch (jm_ws_read(&s->ws, &in, &f)) {

        case JM_WS_MORE:
            assert_int_equal(in.len, 0);
            return;

        case JM_WS_DATA:
            assert_true(s->held + f.payload.len <= MAX);
            memcpy(s->message + s->held, f.payload.data, f.payload.len);
            s->held += f.payload.len;

            if (f.end) {
                say(s, f.opcode == JM_WS_TEXT ? "text" : "binary", s->message,
                    s->held);
                s->held = 0;
            }

            break;

        case JM_WS_CONTROL:
            say(s, f.opcode == JM_WS_PING ? "ping" : "pong", f.payload.data,
                f.payload.len);
            break;

        case JM_WS_CLOSED:
            s->len += sprintf(s->text + s->len, "close(%u%s%.*s)", f.code,
                              f.payload.len ? "," : "", (int) f.payload.len,
                              f.payload.data);
            break;

        case JM_WS_FAILED:
            s->len += sprintf(s->text + s->len, "fail(%u)", f.code);
            break;
        }
    }
}


/* Feeds `bytes` in two pieces, or one by one when `cut` is past the end. */

static const char *
run(script_t *s, const u_char *bytes, size_t len, size_t cut)
{
    size_t  i;
    u_char *copy;

    memset(s, 0, sizeof(script_t));
    jm_ws_init(&s->ws, MAX);

    copy = malloc(len + 1);
    assert_non_null(copy);
    memcpy(copy, bytes, len);

    if (cut <= len) {
        feed(s, copy, cut);
        feed(s, copy + cut, len - cut);

    } else {
        for (i = 0; i < len; i++) {
            feed(s, copy + i, 1);
        }
    }

    free(copy);

    return s->text;
}


static void
test_frames(void **state)
{
    size_t          i, n, cut, step;
    const case_t   *t;
    static u_char   bytes[80000];
    static script_t s;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        t = &cases[i];
        n = put_frames(bytes, t->frames);

        /* Every byte of what is short; the long ones at the borders. */

        step = n < 5000 ? 1 : 997;

        for (cut = 0; cut <= n + 1; cut += cut < 20 ? 1 : step) {
            if (strcmp(run(&s, bytes, n, cut), t->expect) != 0) {
                print_error("%s, cut at %zu: %s\n", t->name, cut, s.text);
                fail();
            }
        }

        assert_string_equal(run(&s, bytes, n, n + 1), t->expect);
    }
}


static void
test_huge_length(void **state)
{
    u_char          bytes[14] = { FIN | 2, 0x80 | FORM_64, 0x80 };
    static script_t s;

    assert_string_equal(run(&s, bytes, 14, 0), "fail(1002)");

    memset(bytes + 2, 0x7f, 8);
    assert_string_equal(run(&s, bytes, 14, 0), "fail(1009)");
}


static void
test_close_codes(void **state)
{
    size_t          i, n;
    unsigned        code;
    u_char          bytes[16];
    char            payload[3], expect[16];
    frame_t         f = { FIN | 8, payload, 2, 0 };
    static script_t s;
    static const struct {
        unsigned from, to, valid;
    } ranges[] = {
        { 0, 999, 0 },      { 1000, 1003, 1 }, { 1004, 1006, 0 },
        { 1007, 1014, 1 },  { 1015, 2999, 0 }, { 3000, 4999, 1 },
        { 5000, 65535, 0 },
    };

    for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        for (code = ranges[i].from; code <= ranges[i].to; code++) {

            /* A payload that is a C string cannot hold a zero. */

            payload[0] = payload[1] = 'x';
            payload[2] = '\0';
            n = put_frame(bytes, &f);
            bytes[6] = (u_char) (code >> 8) ^ mask[0];
            bytes[7] = (u_char) code ^ mask[1];

            snprintf(expect, sizeof(expect),
                     ranges[i].valid ? "close(%u)" : "fail(1002)", code);
            assert_string_equal(run(&s, bytes, n, 0), expect);
        }
    }
}


static void
test_header(void **state)
{
    u_char out[JM_WS_HEADER_MAX];

    assert_int_equal(jm_ws_header(out, JM_WS_TEXT, 0), 2);
    assert_memory_equal(out, "\x81\x00", 2);
    assert_int_equal(jm_ws_header(out, JM_WS_PING, 125), 2);
    assert_memory_equal(out, "\x89\x7d", 2);
    assert_int_equal(jm_ws_header(out, JM_WS_TEXT, 126), 4);
    assert_memory_equal(out, "\x81\x7e\x00\x7e", 4);
    assert_int_equal(jm_ws_header(out, JM_WS_TEXT, 65535), 4);
    assert_memory_equal(out, "\x81\x7e\xff\xff", 4);
    assert_int_equal(jm_ws_header(out, JM_WS_TEXT, 65536), 10);
    assert_memory_equal(out, "\x81\x7f\0\0\0\0\0\1\0\0", 10);
}


static void
test_close(void **state)
{
    u_char out[JM_WS_CONTROL_MAX];
    u_char longer[200];

    assert_int_equal(jm_ws_close(out, JM_WS_NO_CODE, jm_str("x")), 0);
    assert_int_equal(jm_ws_close(out, 1001, jm_str("")), 2);
    assert_memory_equal(out, "\x03\xe9", 2);
    assert_int_equal(jm_ws_close(out, 1013, jm_str("slow")), 6);
    assert_memory_equal(out, "\x03\xf5slow", 6);

    memset(longer, 'a', sizeof(longer));
    assert_int_equal(
        jm_ws_close(out, 1008, (jm_str_t){ longer, sizeof(longer) }), 125);
}


static jm_str_t
str(const char *s)
{
    return (jm_str_t){ (u_char *) s, strlen(s) };
}


static void
test_handshake(void **state)
{
    u_char out[JM_WS_ACCEPT_LEN];

    /* The example of RFC 6455, 1.3. */

    assert_true(jm_ws_key_valid(str("dGhlIHNhbXBsZSBub25jZQ==")));
    jm_ws_accept(str("dGhlIHNhbXBsZSBub25jZQ=="), out);
    assert_memory_equal(out, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 28);

    assert_true(jm_ws_key_valid(str("AAAAAAAAAAAAAAAAAA+/AA==")));
    assert_false(jm_ws_key_valid(str("")));
    assert_false(jm_ws_key_valid(str("dGhlIHNhbXBsZSBub25jZQ=")));
    assert_false(jm_ws_key_valid(str("dGhlIHNhbXBsZSBub25jZQ===")));
    assert_false(jm_ws_key_valid(str("dGhlIHNhbXBsZSBub25jZQaa")));
    assert_false(jm_ws_key_valid(str("dGhlIHNhbXBsZSBub25jZQ=a")));
    assert_false(jm_ws_key_valid(str("dGhlIHNhbXBsZSBub25j Q==")));
    assert_false(jm_ws_key_valid(str("dGhlIHNhbXBsZSBub25jZQaaaaaa")));
}


static void
test_tokens(void **state)
{
    jm_str_t list, token;

    list = str(" ,junkmail.v1 ,\tbearer.jm_live_a, ,x");

    assert_int_equal(jm_ws_token_next(&list, &token), 1);
    assert_int_equal(token.len, 11);
    assert_memory_equal(token.data, "junkmail.v1", 11);
    assert_int_equal(jm_ws_token_next(&list, &token), 1);
    assert_memory_equal(token.data, "bearer.jm_live_a", token.len);
    assert_int_equal(jm_ws_token_next(&list, &token), 1);
    assert_int_equal(token.len, 1);
    assert_int_equal(jm_ws_token_next(&list, &token), 0);
    assert_int_equal(jm_ws_token_next(&list, &token), 0);

    assert_true(jm_ws_token_find(str("keep-alive, Upgrade"), str("upgrade")));
    assert_true(jm_ws_token_find(str("UPGRADE"), str("upgrade")));
    assert_false(jm_ws_token_find(str("upgrades"), str("upgrade")));
    assert_false(jm_ws_token_find(str("no upgrade"), str("upgrade")));
    assert_false(jm_ws_token_find(str(""), str("upgrade")));
    assert_false(jm_ws_token_find(str(",,  ,"), str("upgrade")));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),      cmocka_unit_test(test_huge_length),
        cmocka_unit_test(test_close_codes), cmocka_unit_test(test_header),
        cmocka_unit_test(test_close),       cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_tokens),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
