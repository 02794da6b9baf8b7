/*
 * mime.c and message.c: structure, limits, and that neither hostile nesting
 * nor a full arena does harm.  What whole mails look like is test_golden.c's.
 */

#define _GNU_SOURCE /* memmem */

#include <sys/resource.h>
#include <time.h>

#include "message_case.h"

#define HEAD "From: a@b.c\nSubject: s\nMIME-Version: 1.0\n"


static void
repeat(jm_buf_t *out, const char *format, unsigned count)
{
    unsigned i;
    char     line[300];

    for (i = 0; i < count; i++) {
        snprintf(line, sizeof(line), format, i, i);
        jm_buf_adds(out, line);
    }
}


/* Reads head, `count` times `format`, tail; in less than two seconds of CPU
 * (a sanitizer's build is slow). */
static void
read_many(const char *head, const char *format, unsigned count,
          const char *tail)
{
    clock_t     began;
    jm_buf_t    raw;
    jm_arena_t *own;

    own = jm_arena_create(CEILING);
    jm_buf_init(&raw, own, CEILING);
    jm_buf_adds(&raw, head);
    repeat(&raw, format, count);
    jm_buf_adds(&raw, tail);

    began = clock();
    assert_int_equal(read_message(raw.data, raw.len), 0);
    assert_true(clock() - began < 5 * CLOCKS_PER_SEC);
    jm_arena_destroy(own);
}


static void
test_deep(void **state)
{
    read_many(HEAD, "Content-Type: multipart/mixed; boundary=b%u\n\n--b%u\n",
              40, "\nthe bottom");
    assert_str(message.text, "the bottom");
    assert_false(message.cut);

    read_many(HEAD, "Content-Type: multipart/mixed; boundary=b%u\n\n--b%u\n",
              500, "\nthe bottom");
    assert_true(message.cut);
    assert_str(message.subject, "s");

    read_many(HEAD, "Content-Type: multipart/mixed; boundary=b%u\n\n--b%u\n",
              20000, "\nthe bottom");
    assert_true(message.cut);

    read_many(HEAD, "Content-Type: message/rfc822\n\n", 100000, "bottom");
    assert_int_equal(message.nattachments, 1);
    assert_str(message.attachments[0].content_type, "message/rfc822");
}


static void
test_many(void **state)
{
    const char *mixed = HEAD "Content-Type: multipart/mixed; boundary=x\n\n";

    read_many(mixed, "--x\nContent-Type: text/plain\n\npart %u\n", 900,
              "--x--\n");
    assert_false(message.cut);
    assert_memory_equal(message.text.data, "part 0\npart 1\n", 14);

    read_many(mixed, "--x\nContent-Type: text/plain\n\npart %u\n", 20000,
              "--x--\n");
    assert_true(message.cut);

    read_many(mixed, "--x\nContent-Type: a/b; name=n%u.txt\n\nx\n", 201,
              "--x--\n");
    assert_true(message.cut);
    assert_int_equal(message.nattachments, JM_MAX_ATTACHMENTS);
    assert_str(message.attachments[199].filename, "n199.txt");

    read_many(mixed, "--x\n", 1000000, "");
    read_many(mixed, "--x\n\n", 1000000, "");
    assert_true(message.cut);

    read_many("", "X-%u: %u\n", 100000, HEAD "\nbody");
    assert_true(message.cut);
    assert_str(message.subject, "s");
    assert_str(message.text, "body");

    read_many(HEAD "Content-Type: text/plain;", " name*%u=a;", 5000, "\n\nb");
    assert_str(message.subject, "s");
}


static void
test_big_text(void **state)
{
    read_many(HEAD "Content-Type: text/plain; charset=iso-8859-1\n\n",
              "\xe9 %u \xe9 %u\n", 300000, "");
    assert_true(message.cut);
    assert_true(message.text.len <= 2 * 1024 * 1024);
    assert_true(message.text.len > 2 * 1024 * 1024 - 8);
}


static void
test_headers(void **state)
{
    size_t i;
    char   raw[200];

    static const struct {
        const char *field;
        const char *to; /* NULL: no receipt asked for */
    } receipts[] = {
        { "Disposition-Notification-To: <s@e.f>", "s@e.f" },
        { "Return-Receipt-To: s@e.f", "s@e.f" },
        { "X-Confirm-Reading-To: s@e.f", "s@e.f" },
        { "Generate-Delivery-Report: s@e.f", "s@e.f" },
        { "Return-Receipt-Requested: 1", "b@c.d" },
        { "X-PMRQC: 1", "b@c.d" },
        { "Original-Recipient: rfc822;me@g.h", "b@c.d" },
        { "Original-Recipient: rfc822;me@g.h\nReturn-Receipt-To: s@e.f",
          "s@e.f" },
        { "Return-Receipt: no", NULL },
    };

    read_text("Subject: first\nSubject: second\nSender: Bob <b@c.d>\n"
              "Return-Receipt-To: x\n\ntext");
    assert_str(message.subject, "first");
    assert_str(message.from, "b@c.d");
    assert_str(message.from_name, "Bob");
    assert_true(message.receipt_requested);
    assert_str(message.text, "text");

    for (i = 0; i < sizeof(receipts) / sizeof(receipts[0]); i++) {
        snprintf(raw, sizeof(raw), "From: b@c.d\n%s\n\ntext",
                 receipts[i].field);
        read_text(raw);
        assert_int_equal(message.receipt_requested, receipts[i].to != NULL);

        if (receipts[i].to != NULL) {
            assert_str(message.receipt_to, receipts[i].to);
        }
    }
    assert_null(message.html.data);

    /* Raw bytes, in a mail that says UTF-8. */
    read_text("Subject: caf\xe9\nContent-Type: text/plain; charset=utf-8\n\n"
              "caf\xe9");
    assert_str(message.subject, "café");
    assert_str(message.text, "café");

    read_text("From: nobody at all\n\n");
    assert_str(message.from, "nobody at all");

    read_text("");
    assert_str(message.subject, "");
    assert_str(message.preview, "");
}


static void
test_bodies(void **state)
{
    /* An attachment by the sender's word, though text. */
    read_text(HEAD "Content-Disposition: attachment; filename=a.txt\n\nx");
    assert_null(message.text.data);
    assert_int_equal(message.nattachments, 1);
    assert_str(message.attachments[0].filename, "a.txt");

    /* The last of several HTML versions. */
    read_text(HEAD "Content-Type: multipart/alternative; boundary=x\n\n"
                   "--x\nContent-Type: text/html\n\none\n"
                   "--x\nContent-Type: text/x-amp-html\n\namp\n"
                   "--x\nContent-Type: text/html\n\ntwo\n--x--");
    assert_str(message.html, "two");
    assert_int_equal(message.nattachments, 0);

    /* HTML after HTML is a file of its own. */
    read_text(HEAD "Content-Type: multipart/mixed; boundary=x\n\n"
                   "--x\nContent-Type: text/html\n\none\n"
                   "--x\nContent-Type: text/html\n\ntwo\n--x--");
    assert_str(message.html, "one");
    assert_int_equal(message.nattachments, 1);
    assert_str(message.attachments[0].filename, "attachment-1.html");
    assert_str(message.attachments[0].data, "two");

    /* The root of a related is named by start. */
    read_text(HEAD "Content-Type: multipart/related; boundary=x;"
                   " start=\"<r@x>\"\n\n"
                   "--x\nContent-Type: image/png\nContent-ID: <i@x>\n\npng\n"
                   "--x\nContent-Type: text/html\nContent-ID: <r@x>\n\n"
                   "<img src=cid:i@x>\n--x--");
    assert_str(message.html, "<img src=cid:i@x>");
    assert_true(message.attachments[0].is_inline);
    assert_str(message.attachments[0].content_id, "i@x");

    /* An image that the HTML names is inline wherever it stands. */
    read_text(HEAD "Content-Type: multipart/mixed; boundary=x\n\n"
                   "--x\nContent-Type: text/html\n\n<img src=cid:i@x>\n"
                   "--x\nContent-Type: image/png\nContent-ID: <i@x>\n\npng\n"
                   "--x\nContent-Type: image/png\nContent-ID: <j@x>\n\npng\n"
                   "--x--");
    assert_true(message.attachments[0].is_inline);
    assert_false(message.attachments[1].is_inline);
}


/* Text files alone, not called attachments: shown, and files all the same. */
static void
test_text_files(void **state)
{
    read_text(HEAD "Content-Type: multipart/mixed; boundary=x\n\n"
                   "--x\nContent-Type: text/plain; name=a.txt\n"
                   "Content-Disposition: inline\n\none\n--x--");
    assert_str(message.text, "one");
    assert_int_equal(message.nattachments, 1);
    assert_str(message.attachments[0].filename, "a.txt");

    read_text(HEAD "Content-Type: multipart/mixed; boundary=x\n\n"
                   "--x\n\n \n"
                   "--x\nContent-Type: text/plain; name=a.txt\n\none\n"
                   "--x\nContent-Type: text/plain; name=b.txt\n\ntwo\n"
                   "--x--");
    assert_str(message.preview, "one two");
    assert_int_equal(message.nattachments, 2);

    read_text(HEAD "Content-Type: multipart/mixed; boundary=x\n\n"
                   "--x\n\nbody\n"
                   "--x\nContent-Type: text/plain; name=a.txt\n"
                   "Content-Disposition: inline\n\none\n--x--");
    assert_str(message.text, "body");

    read_text(HEAD "Content-Type: multipart/mixed; boundary=x\n\n"
                   "--x\nContent-Type: text/plain; name=a.txt\n"
                   "Content-Disposition: attachment\n\none\n--x--");
    assert_null(message.text.data);
}


/* What a mail without text carries is its text. */
static void
test_carried(void **state)
{
    read_text(HEAD "Content-Type: multipart/digest; boundary=x\n\n"
                   "--x\n\nFrom: B <b@x>\nSubject: =?utf-8?q?=C3=BC?=\n"
                   "Date: Tue, 2 Jan 2024 03:04:05 +0000\n\none\n"
                   "--x\n\nFrom: c@x\nContent-Type: text/html\n\n<b>two</b>\n"
                   "--x--");
    assert_str(message.text, "From: B <b@x>\nDate: 2024-01-02T03:04:05Z\n"
                             "Subject: ü\n\none\n\nFrom: c@x\n\ntwo");
    assert_non_null(message.clean.html.data);
    assert_null(message.html.data);
    assert_int_equal(message.nattachments, 2);

    /* A bounce that says why in its status only. */
    read_text(HEAD "Content-Type: multipart/report; boundary=x\n\n"
                   "--x\nContent-Type: message/delivery-status\n\n"
                   "Action: failed\r\nStatus: 5.1.1\r\n\r\n--x--");
    assert_str(message.preview, "Action: failed Status: 5.1.1");
    assert_null(memchr(message.text.data, '\r', message.text.len));

    /* With a text of its own the mail shows that. */
    read_text(HEAD "Content-Type: multipart/mixed; boundary=x\n\n"
                   "--x\n\nsee below\n"
                   "--x\nContent-Type: message/rfc822\n\n"
                   "From: b@x\n\nhidden\n--x--");
    assert_str(message.text, "see below");

    /* Mails in mails come to an end. */
    read_many("From: a@b.c\n", "Content-Type: message/rfc822\n\n", 1000,
              "\nbottom");
    assert_int_equal(message.nattachments, 1);
    assert_true(message.cut);

    read_many(HEAD "Content-Type: multipart/digest; boundary=x\n\n",
              "--x\n\nSubject: m%u\n\none\n", 100, "--x--\n");
    assert_int_equal(message.nattachments, 100);
    assert_true(message.cut);
    assert_non_null(memmem(message.text.data, message.text.len, "m5\n", 3));
}


static void
test_names(void **state)
{
    size_t i;
    char   raw[1000];

    static const struct {
        const char *disposition;
        const char *name;
    } rows[] = {
        { "filename=a.txt", "a.txt" },
        { "filename=\"a b.txt\"", "a b.txt" },
        { "filename=../../etc/passwd", "passwd" },
        { "filename=\"c:\\\\temp\\\\x.txt\"", "x.txt" },
        { "filename=\"c:\\temp\\new.txt\"", "new.txt" },
        { "filename=\"a\tb\"", "a b" },
        { "filename=\"x.txt. \"", "x.txt" },
        { "filename=\"..\"", "attachment-1.bin" },
        { "filename=\"\"", "attachment-1.bin" },
        { "filename*=utf-8''%e2%82%ac.txt", "€.txt" },
        { "filename*=utf-8''a%0d%0ab%00c", "a b" },
        { "filename*0=ab; filename*1=cd.txt", "abcd.txt" },
        { "filename*=utf-8''fdp%e2%80%ae.exe", "fdp.exe" },
        { "filename*=utf-8''a.pdf%e2%80%83%e3%80%80%c2%a0%e2%80%a8.exe",
          "a.pdf .exe" },
        { "filename*=utf-8''%e2%80%8ba.ht%e2%80%8bml%c2%ad", "a.html" },
        { "filename=\"=?utf-8?q?=C3=A4.txt?=\"", "ä.txt" },
        { "filename=\"caf\xe9.txt\"", "café.txt" },
        { "filename=\"caf\xc3\xa9.txt\"", "café.txt" },
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(raw, sizeof(raw),
                 HEAD "Content-Type: application/octet-stream\n"
                      "Content-Disposition: attachment; %s\n\nx",
                 rows[i].disposition);
        read_text(raw);
        assert_int_equal(message.nattachments, 1);
        assert_str(message.attachments[0].filename, rows[i].name);
    }

    read_many(HEAD "Content-Type: a/b; name=\"", "\xc3\xa9", 300,
              ".longish\"\n\nx");
    assert_true(message.attachments[0].filename.len <= 255);
    assert_true(message.attachments[0].filename.len > 250);
    assert_memory_equal(message.attachments[0].filename.data
                            + message.attachments[0].filename.len - 8,
                        ".longish", 8);
}


/* Bytes come out as they went in. */
static void
test_bytes(void **state)
{
    read_text(HEAD "Content-Type: multipart/mixed; boundary=x\n\n"
                   "--x\nContent-Type: a/b\nContent-Transfer-Encoding: "
                   "base64\n\nAAEC/w==\n"
                   "--x\nContent-Type: a/b\nContent-Transfer-Encoding: "
                   "quoted-printable\n\n=00=FF=\nz\n"
                   "--x\nContent-Type: message/rfc822\n\n"
                   "Subject: y\r\n\r\n--z\r\n \tq\r\n--x--\n");
    assert_int_equal(message.nattachments, 3);
    assert_int_equal(message.attachments[0].data.len, 4);
    assert_memory_equal(message.attachments[0].data.data, "\0\1\2\xff", 4);
    assert_int_equal(message.attachments[1].data.len, 3);
    assert_memory_equal(message.attachments[1].data.data, "\0\xffz", 3);
    assert_str(message.attachments[2].data, "Subject: y\r\n\r\n--z\r\n \tq");

    /* A last group without its padding, as of a mail cut off. */
    read_text(HEAD "Content-Type: a/b\nContent-Transfer-Encoding: base64\n\n"
                   "YWJjZGU");
    assert_str(message.attachments[0].data, "abcde");
    read_text(HEAD "Content-Type: a/b\nContent-Transfer-Encoding: base64\n\n"
                   "YWJjZA\n");
    assert_str(message.attachments[0].data, "abcd");

    /* The uuencoded line that names the file is none of its bytes. */
    read_text(HEAD "Content-Type: a/b\nContent-Transfer-Encoding: x-uuencode"
                   "\n\n\nbegin 644 a.b\n#86)C\n`\nend\n");
    assert_str(message.attachments[0].data, "abc");
}


static void
test_preview(void **state)
{
    size_t i, chars;
    char   raw[3000];

    static const struct {
        const char *text;
        const char *preview;
    } rows[] = {
        { "  a \n\n b\t c ", "a b c" },
        { "a\xe2\x80\x8b\xc2\xad\xcd\x8f\xe2\x80\x8c\xef\xbb\xbf"
          "b",
          "ab" },
        { "\xe2\x80\x8c \xc2\xa0\xe2\x80\x8c\xe2\x80\x87x", "x" },
        { "-----\ntitle\n=====\ntext", "title text" },
        { "👩\xe2\x80\x8d👧", "👩\xe2\x80\x8d👧" },
        { "\xe2\x80\xae"
          "abc",
          "abc" },
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(raw, sizeof(raw),
                 "Content-Type: text/plain; charset=utf-8\n\n%s",
                 rows[i].text);
        read_text(raw);
        assert_str(message.preview, rows[i].preview);
    }

    read_many("Content-Type: text/plain; charset=utf-8\n\n", "é ", 1000, "");

    for (i = 0, chars = 0; i < message.preview.len; i++) {
        chars += (message.preview.data[i] & 0xc0) != 0x80;
    }

    assert_true(chars <= 140 && chars >= 139);
}


static void
test_unparsed(void **state)
{
    jm_message_unparsed(&message, arena, jm_str("Subject: x\n\ny"));
    assert_true(message.unparsed);
    assert_int_equal(message.subject.len, 0);
    assert_int_equal(message.raw.len, 13);
}


/* RFC 3676: what flows, what does not, quotes, stuffing, signatures. */
static void
test_flowed(void **state)
{
    size_t i;
    char   raw[400];

    static const struct {
        const char *params;
        const char *text;
        const char *flows;
    } cases[] = {
        { "", "one \ntwo\nthree", "one two\nthree" },
        { "; delsp=yes", "one \ntwo\nthree", "onetwo\nthree" },
        { "; DelSp=YES", "wide  \nword", "wide word" },
        { "", " >not \n quoted", ">not quoted" },
        { "", "> a \n> b\nc", "> a b\nc" },
        { "", "> a \n>> b\n> c", "> a \n>> b\n> c" },
        { "", "> a \nmine", "> a \nmine" },
        { "", "end \n-- \nAda", "end \n-- \nAda" },
        { "", "last ", "last " },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(raw, sizeof(raw),
                 "Content-Type: text/plain; format=flowed%s\n\n%s",
                 cases[i].params, cases[i].text);
        read_text(raw);
        assert_str(message.text, cases[i].flows);
    }
}


static const char everything[] = HEAD
    "Content-Type: multipart/mixed; boundary=\"x\"\n\n"
    "--x\nContent-Type: multipart/alternative; boundary=y\n\n"
    "--y\nContent-Type: text/plain; format=flowed\n\none \ntwo\n"
    "--y\nContent-Type: text/html; charset=iso-2022-jp\n"
    "Content-Transfer-Encoding: quoted-printable\n\n"
    "<b>=1B$B%3=1B(B</b>\n--y--\n"
    "--x\nContent-Type: image/png; name*=utf-8''%e2%82%ac\n"
    "Content-Transfer-Encoding: base64\n\niVBORw0KGgo=\n"
    "--x\nContent-Type: message/rfc822\n\nSubject: in\n\nx\n--x--\n";


/* A mail cut off anywhere is still read. */
static void
test_every_length(void **state)
{
    size_t len;

    for (len = 0; len < sizeof(everything); len++) {
        assert_int_equal(read_message(everything, len), 0);
    }

    assert_int_equal(message.nattachments, 2);
}


/* However early the memory ends, nothing is lost for good (the sanitizer's
 * build checks leaks) and the next message is read as ever. */
static void
test_full_arena(void **state)
{
    size_t      ceiling;
    jm_arena_t *normal;

    normal = arena;

    for (ceiling = 1024; ceiling < 400000; ceiling += 3001) {
        arena = jm_arena_create(ceiling);
        (void) read_message(everything, sizeof(everything) - 1);
        jm_arena_destroy(arena);
    }

    arena = normal;
    read_text(everything);
    assert_str(message.text, "one two");
}


/* A sandboxed worker can open no file: all conversions must work without. */
static void
test_no_files(void **state)
{
    size_t        i;
    char          raw[1000];
    struct rlimit old, none;

    static const struct {
        const char *charset;
        const char *bytes; /* quoted-printable */
        const char *text;
    } rows[] = {
        { "iso-8859-1", "=E9", "é" },
        { "iso-8859-2", "=B1", "ą" },
        { "iso-8859-9", "=F0", "ğ" },
        { "iso-8859-15", "=A4", "€" },
        { "windows-1252", "=80", "€" },
        { "windows-1251", "=CF", "П" },
        { "koi8-r", "=F0", "П" },
        { "gb2312", "=C4=E3", "你" },
        { "gbk", "=C4=E3", "你" },
        { "gb18030", "=C4=E3", "你" },
        { "big5", "=A7=41", "你" },
        { "euc-kr", "=B0=A1", "가" },
        { "ks_c_5601-1987", "=B0=A1", "가" },
        { "shift_jis", "=93=FA", "日" },
        { "euc-jp", "=C6=FC", "日" },
        { "iso-2022-jp", "=1B$BF|=1B(B", "日" },
    };

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = old;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(raw, sizeof(raw),
                 "Date: Tue, 2 Jan 2024 03:04:05 +0000\n"
                 "Subject: =?%s?q?%s?=\n"
                 "Content-Type: a/b; name=\"=?%s?q?%s?=.x\"\n\n",
                 rows[i].charset, rows[i].bytes, rows[i].charset,
                 rows[i].bytes);
        read_text(raw);
        assert_str(message.subject, rows[i].text);
        assert_memory_equal(message.attachments[0].filename.data, rows[i].text,
                            strlen(rows[i].text));
        assert_str(message.date, "2024-01-02T03:04:05Z");
    }

    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_files), /* first: nothing is loaded yet */
        cmocka_unit_test(test_deep),         cmocka_unit_test(test_many),
        cmocka_unit_test(test_big_text),     cmocka_unit_test(test_headers),
        cmocka_unit_test(test_flowed),       cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_names),        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_preview),      cmocka_unit_test(test_unparsed),
        cmocka_unit_test(test_every_length), cmocka_unit_test(test_full_arena),
        cmocka_unit_test(test_text_files),   cmocka_unit_test(test_carried),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
