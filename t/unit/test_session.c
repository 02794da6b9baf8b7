/*
 * jm_session.c: each dialogue whole, split at every octet, octet by octet and
 * at random; what it says, what it asks for, and that a pipelined group's
 * replies leave in one write.  The numbers are those of the checklist that
 * t/10-smtp.t names.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <arpa/inet.h>

#include <cmocka.h>

#include "client.h"

#define EHLO "EHLO x.test\r\n"
#define FROM "MAIL FROM:<a@b.test>\r\n"
#define TO   "RCPT TO:<o@y.test>\r\n"
#define OPEN EHLO FROM TO
#define SEEN "[from a@b.test][to o@y.test]"

#define TEXT(name, text) text,

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* `codes` are the replies' first words; `events` what was asked for. */
typedef struct {
    const char *name;
    const char *script;
    size_t      len;
    const char *codes;
    const char *events;
} dialogue_t;

#define SCRIPT(text) text, sizeof(text) - 1

static const dialogue_t dialogues[] = {

    { "5: HELO and EHLO at any time reset",
      SCRIPT("HELO x\r\n" FROM TO "EHLO [127.0.0.1]\r\n" TO "DATA\r\n"),
      "250 250 250 250 503 503", SEEN "[reset]" },

    { "6: verbs in any case, trailing blanks",
      SCRIPT("ehlo x \r\nnOOp \t\r\nrset  \r\nQuit \r\n"), "250 250 250 221",
      "[close]" },

    { "7: <> and <postmaster>",
      SCRIPT(EHLO "MAIL FROM:<>\r\nRCPT TO:<PostMaster>\r\n"), "250 250 250",
      "[from ][to PostMaster]" },

    { "8: quoted local parts",
      SCRIPT(EHLO "MAIL FROM:<\"a b>\\\"@\"@b.test>\r\n"
                  "RCPT TO:<\"o o\"@y.test>\r\n"),
      "250 250 250", "[from \"a b>\\\"@\"@b.test][to \"o o\"@y.test]" },

    { "9: source routes are stripped",
      SCRIPT(EHLO "MAIL FROM:<@r.test:a@b.test>\r\n"
                  "RCPT TO:<@r.test,@s.test:o@y.test>\r\n"),
      "250 250 250", SEEN },

    { "11: commands out of sequence",
      SCRIPT(FROM TO "DATA\r\nBDAT 1\r\nx" EHLO TO FROM FROM "DATA\r\n"
                     "BDAT 1 LAST\r\nx"),
      "503 503 503 503 250 503 250 503 503 503", "[from a@b.test]" },

    { "12: parameters",
      SCRIPT(EHLO "MAIL FROM:<> XX=1\r\nMAIL FROM:<> SIZE=a\r\n"
                  "MAIL FROM:<> BODY=X\r\nMAIL FROM:<> BODY=BINARYMIME\r\n"
                  "MAIL FROM:<> SIZE\r\nMAIL FROM:<> BODY=7BIT BODY=7BIT\r\n"
                  "MAIL FROM:<> size=100 body=8bitmime smtputf8\r\n"
                  "RCPT TO:<o@y.test> XX\r\n"),
      "250 555 501 501 504 501 501 250 555", "[utf8 from ]" },

    { "13: too many recipients keep those accepted",
      SCRIPT(OPEN TO TO TO TO "DATA\r\nhi\r\n.\r\n"),
      "250 250 250 250 250 452 452 354 250",
      SEEN "[to o@y.test][to o@y.test][message hi\r\n]" },

    { "14: control octets, malformed and overlong UTF-8",
      SCRIPT(EHLO "MAIL FROM:<a\1@b.test>\r\nMAIL FROM:<\"\x7f\"@b.test>\r\n"
                  "MAIL FROM:<\xc3@b.test> SMTPUTF8\r\n"
                  "MAIL FROM:<\xc0\xaf@b.test> SMTPUTF8\r\n"
                  "MAIL FROM:<\xed\xa0\x80@b.test> SMTPUTF8\r\n"
                  "MAIL FROM:<\xf4\x90\x80\x80@b.test> SMTPUTF8\r\n"
                  "MAIL FROM:<a@b.test\0>\r\n"),
      "250 500 500 501 501 501 501 500", "" },

    { "15: answers to RCPT",
      SCRIPT(EHLO FROM "RCPT TO:<u@y>\r\nRCPT TO:<c@y>\r\nRCPT TO:<f@y>\r\n"
                       "RCPT TO:<r@y>\r\nRCPT TO:<a@y>\r\nRCPT TO:<>\r\n"
                       "RCPT TO:<x@[127.0.0.1]>\r\nDATA\r\n"),
      "250 250 550 550 452 550 451 501 550 554",
      "[from a@b.test][to u@y][to c@y][to f@y][to r@y][to a@y]" },

    { "15: no space for a transaction",
      SCRIPT(EHLO "MAIL FROM:<n@b.test>\r\n" TO FROM TO),
      "250 452 503 250 250", "[from n@b.test]" SEEN },

    { "16: only CRLF.CRLF ends the message, one dot is removed",
      SCRIPT(OPEN "DATA\r\n..\r\n.a\r\n...\r\n.\r\nNOOP\r\n"),
      "250 250 250 354 250 250", SEEN "[message .\r\na\r\n..\r\n]" },

    { "16: an empty message", SCRIPT(OPEN "DATA\r\n.\r\nNOOP\r\n"),
      "250 250 250 354 250 250", SEEN "[message ]" },

    { "17: one reply a message, then a new transaction",
      SCRIPT(OPEN "DATA\r\nrefuse\r\n.\r\n" TO FROM TO
                  "DATA\r\nb\r\n.\r\nDATA\r\n"),
      "250 250 250 354 554 503 250 250 354 250 503",
      SEEN "[message refuse\r\n]" SEEN "[message b\r\n]" },

    { "18: cut off in the message", SCRIPT(OPEN "DATA\r\nhalf\r\n."),
      "250 250 250 354", SEEN },

    { "19: LF.LF", SCRIPT(OPEN "DATA\r\na\n.\n" FROM "b\r\n.\r\nNOOP\r\n"),
      "250 250 250 354 550 250", SEEN "[reset]" },
    { "19: LF.CRLF", SCRIPT(OPEN "DATA\r\na\n.\r\n" FROM "b\r\n.\r\nNOOP\r\n"),
      "250 250 250 354 550 250", SEEN "[reset]" },
    { "19: CRLF.LF", SCRIPT(OPEN "DATA\r\na\r\n.\n" FROM "b\r\n.\r\nNOOP\r\n"),
      "250 250 250 354 550 250", SEEN "[reset]" },
    { "19: CR.CR", SCRIPT(OPEN "DATA\r\na\r.\r" FROM "b\r\n.\r\nNOOP\r\n"),
      "250 250 250 354 550 250", SEEN "[reset]" },
    { "19: CRLF.CR", SCRIPT(OPEN "DATA\r\na\r\n.\r" FROM "b\r\n.\r\nNOOP\r\n"),
      "250 250 250 354 550 250", SEEN "[reset]" },
    { "19: CR.CRLF", SCRIPT(OPEN "DATA\r\na\r.\r\n" FROM "b\r\n.\r\nNOOP\r\n"),
      "250 250 250 354 550 250", SEEN "[reset]" },
    { "19: CRLF.CRCRLF",
      SCRIPT(OPEN "DATA\r\na\r\n.\r\r\n" FROM "b\r\n.\r\nNOOP\r\n"),
      "250 250 250 354 550 250", SEEN "[reset]" },
    { "19: CRLF NUL.CRLF",
      SCRIPT(OPEN "DATA\r\na\r\n\0.\r\n" FROM "b\r\n.\r\nNOOP\r\n"),
      "250 250 250 354 550 250", SEEN "[reset]" },
    { "19: CRLF.NUL CRLF",
      SCRIPT(OPEN "DATA\r\na\r\n.\0\r\n" FROM "b\r\n.\r\nNOOP\r\n"),
      "250 250 250 354 550 250", SEEN "[reset]" },
    { "19: LF CR.CRLF",
      SCRIPT(OPEN "DATA\r\na\n\r.\r\n" FROM "b\r\n.\r\nNOOP\r\n"),
      "250 250 250 354 550 250", SEEN "[reset]" },

    { "23: the size declared, and the size that comes",
      SCRIPT(EHLO
             "MAIL FROM:<> SIZE=101\r\nMAIL FROM:<> SIZE=18446744073709551616"
             "\r\nMAIL FROM:<> SIZE=100\r\n" TO "DATA\r\n"
             "1234567890123456789012345678901234567890123456789012345678\r\n"
             "12345678901234567890123456789012345678901234567890\r\n"
             ".\r\nNOOP\r\n"),
      "250 552 501 250 250 354 552 250", "[from ][to o@y.test][reset]" },

    { "24: replies in order", /* ASYNC answers between */
      SCRIPT("RSET\r\n" OPEN "RCPT TO:<u@y.test>\r\n" TO
             "NOOP\r\nXX\r\nDATA\r\n"
             "b\r\n.\r\nQUIT\r\n"),
      "250 250 250 250 550 250 250 500 354 250 221",
      SEEN "[to u@y.test][to o@y.test][message b\r\n][close]" },

    { "27: SMTPUTF8",
      SCRIPT(EHLO "MAIL FROM:<\xc3\xa9@b.test>\r\n"
                  "MAIL FROM:<\xc3\xa9@b.test> SMTPUTF8=1\r\n"
                  "MAIL FROM:<\xc3\xa9@b.test> SMTPUTF8 SMTPUTF8\r\n"
                  "MAIL FROM:<\xc3\xa9@b.test> SMTPUTF8\r\n"
                  "RCPT TO:<\xc3\xbc@y.test>\r\nRSET\r\n" FROM
                  "RCPT TO:<\xc3\xbc@y.test>\r\n"
                  "VRFY \xc3\xbc@y.test\r\nVRFY \xc3\xbc@y.test SMTPUTF8\r\n"
                  "VRFY \xc3@y.test SMTPUTF8\r\nVRFY o@y.test\r\n"),
      "250 553 501 501 250 250 250 250 553 553 252 501 252",
      "[utf8 from \xc3\xa9@b.test][to \xc3\xbc@y.test][reset]"
      "[from a@b.test]" },

    { "28: chunks, no dot is special",
      SCRIPT(OPEN
             "BDAT 5\r\na\r\n.\rBDAT 4\r\n\n..aBDAT 2 LAST\r\n\r\nNOOP\r\n"),
      "250 250 250 250 250 250 250", SEEN "[message a\r\n.\r\n..a\r\n]" },

    { "28: BDAT 0 LAST, in small letters",
      SCRIPT(OPEN "bdat 0\r\nBDAT 3\r\na\r\nBdat 0 last\r\n"),
      "250 250 250 250 250 250", SEEN "[message a\r\n]" },

    { "28: an empty message", SCRIPT(OPEN "BDAT 0 LAST\r\n"),
      "250 250 250 250", SEEN "[message ]" },

    { "28: commands in a chunk are text",
      SCRIPT(OPEN "BDAT 20 LAST\r\nQUIT\r\n.\r\nMAIL FROM\r\nNOOP\r\n"),
      "250 250 250 250 250", SEEN "[message QUIT\r\n.\r\nMAIL FROM\r\n]" },

    { "28: chunks refused are consumed",
      SCRIPT("BDAT 6\r\nQUIT\r\n" EHLO "BDAT 6 LAST\r\nQUIT\r\n" FROM
             "BDAT 6 LAST\r\nQUIT\r\nRCPT TO:<u@y>\r\nBDAT 6\r\nQUIT\r\n"
             "NOOP\r\n"),
      "503 250 503 250 503 550 554 250", "[from a@b.test][to u@y]" },

    { "28: after BDAT no DATA, RCPT, MAIL; RSET forgets it",
      SCRIPT(OPEN "BDAT 1\r\nxDATA\r\n" TO        FROM
                  "RSET\r\nBDAT 1 LAST\r\nx" FROM TO "DATA\r\nb\r\n.\r\n"),
      "250 250 250 250 503 503 503 250 503 250 250 354 250",
      SEEN "[reset]" SEEN "[message b\r\n]" },

    { "28: after LAST it is over",
      SCRIPT(OPEN
             "BDAT 3 LAST\r\nx\r\nBDAT 1\r\nxBDAT 1 LAST\r\nxDATA\r\n" FROM),
      "250 250 250 250 503 503 503 250",
      SEEN "[message x\r\n][from a@b.test]" },

    { "28: sizes are summed up, the rest gets the same reply",
      SCRIPT(OPEN "BDAT 90\r\n"
                  "123456789 123456789 123456789 123456789 123456789 "
                  "123456789 123456789 123456789 123456789 "
                  "BDAT 10\r\n123456789 BDAT 1\r\nxBDAT 3 LAST\r\nxyz" FROM),
      "250 250 250 250 250 552 552 250", SEEN "[reset][from a@b.test]" },

    { "28: bare CR, LF and NUL",
      SCRIPT(OPEN "BDAT 3\r\na\nb" FROM                TO
                  "BDAT 2\r\na\rBDAT 1 LAST\r\nx" FROM TO
                  "BDAT 2 LAST\r\na\r" FROM            TO "BDAT 1 LAST\r\n\0"),
      "250 250 250 550 250 250 250 550 250 250 550 250 250 550",
      SEEN "[reset]" SEEN "[reset]" SEEN "[reset]" SEEN "[reset]" },

    { "28: a chunk of nobody knows how many octets",
      SCRIPT(OPEN "BDAT 1x LAST\r\nNOOP\r\n"), "250 250 250 501",
      SEEN "[close]" },
    { "28: no size", SCRIPT(OPEN "BDAT\r\nNOOP\r\n"), "250 250 250 501",
      SEEN "[close]" },
    { "28: neither LAST nor nothing", SCRIPT(OPEN "BDAT 1 LASTx\r\nNOOP\r\n"),
      "250 250 250 501", SEEN "[close]" },
    { "28: a size beyond 63 bits",
      SCRIPT(OPEN "BDAT 18446744073709551617\r\nNOOP\r\n"), "250 250 250 501",
      SEEN "[close]" },
    { "28: a size that would overflow the sum",
      SCRIPT(OPEN "BDAT 2\r\n\r\nBDAT 9223372036854775799\r\nNOOP\r\n"),
      "250 250 250 250", SEEN },
    { "28: a control octet in its line",
      SCRIPT(OPEN "BDAT 6 LAST\1\r\nNOOP\r\n"), "250 250 250 500",
      SEEN "[close]" },
    { "28: cut off in a chunk", SCRIPT(OPEN "BDAT 10 LAST\r\nhalf\r\n"),
      "250 250 250", SEEN },

    { "29: no DSN",
      SCRIPT(EHLO "MAIL FROM:<> RET=HDRS\r\nMAIL FROM:<> ENVID=x\r\n" FROM
                  "RCPT TO:<o@y> NOTIFY=NEVER\r\nRCPT TO:<o@y> ORCPT=x\r\n"),
      "250 555 555 250 555 555", "[from a@b.test]" },

    { "31: the other verbs",
      SCRIPT("AUTH PLAIN\r\nVRFY o\r\nVRFY\r\nEXPN o\r\nHELP\r\nNOOP x y\r\n"
             "TURN\r\nETRN x\r\nQUIT x\r\nRSET x\r\nSTARTTLS\r\n"),
      "502 252 501 502 214 250 502 502 501 501 502", "" },

    { "2: HTTP", SCRIPT("GET / HTTP/1.1\r\nNOOP\r\n"), "554", "[close]" },
    { "2: HTTP with a control octet", SCRIPT("POST /\1 HTTP/1.1\r\nNOOP\r\n"),
      "500", "[close]" },
    { "2: telnet", SCRIPT("\xff\xf4\xff\xfd\6NOOP\r\nNOOP\r\n"), "500 250",
      "" },
    { "2: TLS", SCRIPT("\x16\3\1\r\nNOOP\r\n"), "554", "[close]" },
    { "24: a bare LF ends no command", SCRIPT("NOOP\nNOOP\r\nNOOP\r\n"), "500",
      "[close]" },
    { "24: nor does a bare CR", SCRIPT("NOOP\rNOOP\r\nNOOP\r\n"), "500 250",
      "" },
};


/* The first three characters of each reply's last line. */

static void
get_codes(const client_t *c, char *out)
{
    const char   *comma;
    const u_char *p, *end;

    comma = "";
    *out = '\0';

    p = c->replies.data;
    end = p + c->replies.len;

    while (p < end) {
        if (p[3] != '-') {
            out += sprintf(out, "%s%.3s", comma, (const char *) p);
            comma = " ";
        }

        p = (u_char *) memchr(p, '\n', (size_t) (end - p)) + 1;
    }
}


static void
check(const dialogue_t *d, const client_t *c, const char *how)
{
    char codes[512];

    get_codes(c, codes);

    if (strcmp(codes, d->codes) != 0) {
        fail_msg("%s, %s: %s", d->name, how, codes);
    }

    if (c->events.len != strlen(d->events)
        || (c->events.len != 0
            && memcmp(c->events.data, d->events, c->events.len) != 0))
    {
        fail_msg("%s, %s: %.*s", d->name, how, (int) c->events.len,
                 (char *) c->events.data);
    }
}


static void
run(const dialogue_t *d, const char              *how,
    size_t (*next)(size_t at, size_t arg), size_t arg)
{
    size_t   at, n;
    client_t c;

    client_init(&c);

    for (at = 0; at < d->len && !c.closed; at += n) {
        n = next(at, arg);
        n = n > d->len - at ? d->len - at : n;
        client_send(&c, d->script + at, n);
    }

    check(d, &c, how);
    client_free(&c);
}


static size_t
split(size_t at, size_t arg)
{
    return at < arg ? arg : SIZE_MAX;
}


static size_t
steps(size_t at, size_t arg)
{
    return arg;
}


static size_t
any(size_t at, size_t arg)
{
    return (size_t) rand() % arg + 1;
}


static void
test_dialogues(void **state)
{
    size_t i, at;

    srand(1);

    for (i = 0; i < COUNT(dialogues); i++) {
        for (at = 0; at <= dialogues[i].len; at++) {
            run(&dialogues[i], "split", split, at);
        }

        for (at = 1; at < 8; at++) {
            run(&dialogues[i], "in steps", steps, at);
            run(&dialogues[i], "at random", any, at * 4);
        }
    }
}


/* 26: every 2xx, 4xx and 5xx has an enhanced code of its class but for the
 * greeting and what EHLO is told; no line is longer than 512 octets, values
 * left aside. */

static void
test_replies(void **state)
{
    int n;
    char class, subject[4];
    size_t                   i;
    static const char *const texts[] = { JM_SESSION_REPLIES(TEXT) };

    for (i = 0; i < COUNT(texts); i++) {
        n = 0;

        if (texts[i][0] == '%' || texts[i][0] == '3'
            || strncmp(texts[i], "250 %", 5) == 0
            || strncmp(texts[i], "220 %", 5) == 0)
        {
            continue;
        }

        if (sscanf(texts[i], "%*1[245]%*2[0-9] %c.%3[0-9].%*3[0-9]%n", &class,
                   subject, &n)
                != 2
            || n < 9 || texts[i][n] != ' ' || class != texts[i][0])
        {
            fail_msg("%s", texts[i]);
        }

        assert_true(strlen(texts[i]) <= 510);
    }
}


/* 24: all that is known leaves at once; a look-up does not part a group. */

static void
test_one_write(void **state)
{
    client_t          c;
    static const char group[] = FROM TO "RCPT TO:<u@y.test>\r\n" TO "DATA\r\n";

    client_init(&c);
    client_send(&c, EHLO, sizeof(EHLO) - 1);
    assert_int_equal(c.writes, 1);

    client_send(&c, group, sizeof(group) - 1);
    assert_int_equal(c.writes, 2);

    client_free(&c);
}


/* 1, 4, 24-30: the greeting and what EHLO announces. */

static void
test_announced(void **state)
{
    client_t c;

    client_init(&c);
    c.conf.starttls = 1;

    jm_session_greet(&c.session);
    client_send(&c, EHLO, sizeof(EHLO) - 1);
    client_add(&c.replies, "", 1);

    assert_string_equal((char *) c.replies.data,
                        "220 mx.test ESMTP JunkMail\r\n"
                        "250-mx.test\r\n"
                        "250-PIPELINING\r\n"
                        "250-SIZE 100\r\n"
                        "250-STARTTLS\r\n"
                        "250-ENHANCEDSTATUSCODES\r\n"
                        "250-8BITMIME\r\n"
                        "250-SMTPUTF8\r\n"
                        "250-CHUNKING\r\n"
                        "250 LIMITS RCPTMAX=3 MAILMAX=10\r\n");
    client_free(&c);
}


/* 30: MAILMAX and what is enforced are one. */

static void
test_mailmax(void **state)
{
    size_t            i;
    client_t          c;
    static const char turn[] = FROM "RSET\r\n";

    client_init(&c);
    client_send(&c, EHLO, sizeof(EHLO) - 1);

    for (i = 0; i < c.conf.transactions; i++) {
        client_send(&c, turn, sizeof(turn) - 1);
        assert_int_equal(c.session.reply, 250);
    }

    client_send(&c, FROM, sizeof(FROM) - 1);
    assert_int_equal(c.session.reply, 421);
    assert_true(c.closed);
    client_free(&c);
}


/* 25: STARTTLS forgets everything; nothing may stand behind it. */

static void
test_starttls(void **state)
{
    client_t          c;
    static const char before[] = OPEN "STARTTLS x\r\nSTARTTLS\r\n";
    static const char after[] = TO FROM "EHLO y\r\nSTARTTLS\r\n" FROM TO;
    static const char behind[] = "STARTTLS\r\nMAIL FROM:<evil@b.test>\r\n";

    client_init(&c);
    c.conf.starttls = 1;
    c.conf.tls_required = 1;

    client_send(&c, FROM, sizeof(FROM) - 1);
    assert_int_equal(c.session.reply, 530);

    c.conf.tls_required = 0;
    client_send(&c, before, sizeof(before) - 1);
    assert_int_equal(c.session.reply, 220);
    assert_int_equal(c.session.errors, 2);
    assert_int_equal(c.session.helo.len, 0);
    assert_true(c.session.tls);

    client_send(&c, after, sizeof(after) - 1);
    assert_int_equal(c.session.reply, 250);
    assert_int_equal(c.session.errors, 5);

    client_add(&c.events, "", 1);
    assert_string_equal((char *) c.events.data, SEEN "[tls]" SEEN);
    client_free(&c);

    client_init(&c);
    c.conf.starttls = 1;
    client_send(&c, behind, sizeof(behind) - 1);
    assert_int_equal(c.session.reply, 554);
    assert_true(c.closed);
    client_free(&c);
}


/* XCLIENT begins anew, for clients that we trust. */

static void
test_xclient(void **state)
{
    client_t          c;
    static const char first[] = "XCLIENT NAME=m+2Btest+0D+0A ADDR=192.0.2.1 "
                                "port=25 PROTO=ESMTP HELO=h.test LOGIN=x "
                                "DESTADDR=[UNAVAILABLE]\r\n";
    static const char second[] = "XCLIENT ADDR=IPV6:2001:db8::1\r\n" FROM;
    static const char bad[] = "XCLIENT\r\nXCLIENT ADDR\r\nXCLIENT X=1\r\n"
                              "XCLIENT ADDR=1.2.3\r\nXCLIENT PORT=65536\r\n"
                              "XCLIENT NAME=+\r\nXCLIENT NAME=+0\r\n"
                              "XCLIENT NAME=+0x\r\nXCLIENT PROTO=X\r\n"
                              "XCLIENT ADDR=2001:db8::1\r\n"
                              "XCLIENT ADDR=IPV6:1.2.3.4\r\n";

    client_init(&c);
    client_send(&c, first, sizeof(first) - 1);
    assert_int_equal(c.session.reply, 550);
    client_free(&c);

    client_init(&c);
    c.session.trusted = 1;
    client_send(&c, EHLO "XX\r\n", sizeof(EHLO "XX\r\n") - 1);
    client_send(&c, first, sizeof(first) - 1);

    assert_int_equal(c.session.reply, 220);
    assert_int_equal(c.session.errors, 0);
    assert_int_equal(c.session.esmtp, 1);
    assert_int_equal(c.session.xclient.family, AF_INET);
    assert_memory_equal(c.session.xclient.addr, "\xc0\0\2\1", 4);
    assert_int_equal(c.session.xclient.port, 25);
    assert_int_equal(c.session.name.len, 8);
    assert_memory_equal(c.session.name.data, "m+test??", 8);
    assert_memory_equal(c.session.helo.data, "h.test", 6);

    /* What the first one said stays, so MAIL may follow. */
    client_send(&c, second, sizeof(second) - 1);
    assert_int_equal(c.session.reply, 250);
    assert_int_equal(c.session.xclient.family, AF_INET6);
    assert_int_equal(c.session.name.len, 0);

    client_send(&c, first, sizeof(first) - 1);
    assert_int_equal(c.session.reply, 503);

    /* EHLO is of the client behind it; then it is to be said again. */
    client_send(&c, EHLO, sizeof(EHLO) - 1);
    client_send(&c, second, sizeof(second) - 1);
    assert_int_equal(c.session.reply, 503);

    client_send(&c, bad, sizeof(bad) - 1);
    assert_int_equal(c.session.reply, 501);
    assert_int_equal(c.session.errors, 12);
    client_free(&c);
}


/* 2: errors and junk are counted, and end the session. */

static void
test_counted(void **state)
{
    size_t   i;
    client_t c;

    client_init(&c);
    client_send(&c, EHLO FROM, sizeof(EHLO FROM) - 1);

    for (i = 0; i < c.conf.unknown; i++) {
        assert_false(c.closed);
        client_send(&c, "RCPT TO:<u@y>\r\n", 15);
    }

    assert_int_equal(c.session.reply, 421);
    assert_int_equal(c.session.ended, JM_SAY_MANY_UNKNOWN);
    assert_int_equal(c.session.unknown, c.conf.unknown);
    assert_int_equal(c.session.errors, 0);
    assert_true(c.closed);
    client_free(&c);

    client_init(&c);

    for (i = 0; i < c.conf.errors; i++) {
        assert_false(c.closed);
        client_send(&c, "BOGUS\r\n", 7);
    }

    assert_int_equal(c.session.reply, 421);
    assert_int_equal(c.session.ended, JM_SAY_MANY_ERRORS);
    assert_int_equal(c.session.errors, c.conf.errors);
    assert_int_equal(c.session.replies[5], c.conf.errors - 1);
    assert_int_equal(c.session.replies[4], 1);
    assert_true(c.closed);
    client_free(&c);

    client_init(&c);

    for (i = 0; i < c.conf.junk; i++) {
        client_send(&c, "NOOP\r\n", 6);
        assert_int_equal(c.session.reply, 250);
    }

    client_send(&c, "NOOP\r\n", 6);
    assert_int_equal(c.session.reply, 421);
    assert_int_equal(c.session.ended, JM_SAY_MUCH_JUNK);
    client_free(&c);

    /* So is a chunk of nothing, but not the last one, nor one of an octet. */
    client_init(&c);
    client_send(&c, OPEN, sizeof(OPEN) - 1);
    client_send(&c, "BDAT 1\r\nx", 9);
    assert_int_equal(c.session.junk, 1); /* EHLO */

    for (i = c.session.junk; i < c.conf.junk; i++) {
        client_send(&c, "BDAT 0\r\n", 8);
        assert_int_equal(c.session.reply, 250);
    }

    client_send(&c, "BDAT 0 LAST\r\n", 13);
    assert_int_equal(c.session.reply, 250);
    assert_int_equal(c.session.messages, 1);
    client_free(&c);

    client_init(&c);
    client_send(&c, OPEN, sizeof(OPEN) - 1);

    for (i = 0; i < c.conf.junk; i++) {
        client_send(&c, "BDAT 0\r\n", 8);
    }

    assert_int_equal(c.session.ended, JM_SAY_MUCH_JUNK);
    client_free(&c);

    /* Recipients past the limit are neither junk nor errors. */
    client_init(&c);
    client_send(&c, OPEN, sizeof(OPEN) - 1);

    for (i = 0; i < c.conf.recipients + c.conf.errors + c.conf.junk; i++) {
        client_send(&c, TO, sizeof(TO) - 1);
    }

    assert_int_equal(c.session.reply, 452);
    assert_int_equal(c.session.accepted, c.conf.recipients);
    assert_int_equal(c.session.errors, 0);
    assert_false(c.closed);
    client_free(&c);
}


/* 3: who speaks before the greeting, or no SMTP at all. */

static const struct {
    jm_str_t           said;
    jm_session_reply_t early; /* before the greeting */
    jm_session_reply_t later; /* after it; NONE when it may stay */
} strangers[] = {
    { { (u_char *) "EHLO x\r\n", 8 }, JM_SAY_EARLY, JM_SAY_NONE },
    { { (u_char *) "\0", 1 }, JM_SAY_EARLY, JM_SAY_NONE },
    { { (u_char *) "\x16\x03\x01", 3 }, JM_SAY_NOT_TLS, JM_SAY_NOT_TLS },
    { { (u_char *) "GET / HTTP/1.1\r\n", 16 },
      JM_SAY_NOT_HTTP,
      JM_SAY_NOT_HTTP },
    { { (u_char *) "PROXY TCP4 1.2.3.4 1.2.3.5 1 2\r\n", 32 },
      JM_SAY_NOT_PROXY,
      JM_SAY_NOT_PROXY },
    { { (u_char *) "\r\n\r\n\0\r\nQUIT\n\x21", 13 },
      JM_SAY_NOT_PROXY,
      JM_SAY_NOT_PROXY },
};


static void
test_strangers(void **state)
{
    size_t   i;
    client_t c;

    for (i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
        client_init(&c);
        jm_session_early(&c.session, strangers[i].said);
        assert_int_equal(c.session.ended, strangers[i].early);
        assert_int_equal(c.session.reply, 554);
        assert_int_equal(c.session.state, JM_SESSION_OVER);
        client_free(&c);

        client_init(&c);
        client_send(&c, (char *) strangers[i].said.data,
                    strangers[i].said.len);
        assert_int_equal(c.session.ended, strangers[i].later);
        client_free(&c);
    }
}


/* 10: lines of 2,048 octets, and longer ones. */

static void
test_long_lines(void **state)
{
    char              line[JM_SMTP_FLOOD + 1];
    size_t            i;
    client_t          c;
    static const char fatal[][6] = { "BDAT ", "post ", "HEAD " };

    client_init(&c);
    memset(line, 'x', sizeof(line));
    memcpy(line, "NOOP ", 5);

    memcpy(line + JM_SMTP_LINE - 2, "\r\n", 2);
    client_send(&c, line, JM_SMTP_LINE);
    assert_int_equal(c.session.reply, 250);

    memcpy(line + JM_SMTP_LINE - 2, "xx\r\n", 4);
    client_send(&c, line, JM_SMTP_LINE + 2);
    assert_int_equal(c.session.reply, 500);
    assert_false(c.closed);

    memset(line, 'x', sizeof(line));
    client_send(&c, line, sizeof(line));
    assert_true(c.closed);
    client_free(&c);

    /* What is behind these is no command. */
    for (i = 0; i < COUNT(fatal); i++) {
        client_init(&c);
        memcpy(line, fatal[i], 5);
        memcpy(line + JM_SMTP_LINE, "\r\n", 2);
        client_send(&c, line, JM_SMTP_LINE + 2);
        assert_int_equal(c.session.reply, 500);
        assert_true(c.closed);
        client_free(&c);
    }
}


/* A session that waits or is over takes nothing; the caller can end it. */

static void
test_caller(void **state)
{
    client_t      c;
    const u_char *pos;
    jm_str_t      text;

    client_init(&c);
    client_send(&c, EHLO, sizeof(EHLO) - 1);

    text = jm_str(FROM "NOOP\r\n");
    pos = text.data;

    assert_int_equal(jm_session_read(&c.session, &pos, pos + text.len),
                     JM_SESSION_BEGIN);
    assert_int_equal(jm_session_read(&c.session, &pos, text.data + text.len),
                     JM_SESSION_BEGIN);
    assert_int_equal(text.data + text.len - pos, 6);

    jm_session_close(&c.session, JM_SAY_TIMED_OUT);
    assert_int_equal(jm_session_read(&c.session, &pos, text.data + text.len),
                     JM_SESSION_CLOSE);
    assert_int_equal(text.data + text.len - pos, 6);
    assert_int_equal(c.session.reply, 421);
    client_free(&c);

    /* A spool that is full. */
    client_init(&c);
    text = jm_str(OPEN "DATA\r\nb\r\n");
    client_send(&c, text.data, text.len);
    jm_session_refuse(&c.session, JM_SAY_NO_SPACE);
    client_send(&c, ".\r\n", 3);
    assert_int_equal(c.session.reply, 452);
    assert_int_equal(c.session.mail, 0);
    client_free(&c);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dialogues), cmocka_unit_test(test_replies),
        cmocka_unit_test(test_one_write), cmocka_unit_test(test_announced),
        cmocka_unit_test(test_mailmax),   cmocka_unit_test(test_starttls),
        cmocka_unit_test(test_counted),   cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_xclient),   cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_caller),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
