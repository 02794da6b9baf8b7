/*
 * lmtp.c over a socketpair, with a store of its own in place of Redis: what
 * each answer of the store becomes for each recipient, and what happens when
 * a message does not fit the arena.  The protocol itself is t/15-lmtp.t's.
 *
 * Everything the client says is written before the session begins, as one
 * pipeline.
 */

#define _GNU_SOURCE /* memmem */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "html.h"
#include "lmtp.h"
#include "mime.h"

#define DID  "0123456789abcdef0123456789abcdef"
#define BODY "Subject: hi\r\n\r\ntext\r\n"
#define BDAT "BDAT 21 LAST\r\n" BODY

#define ACCOUNT_A "AAAAAAAAAAAAAAAAAAAAAA"
#define ACCOUNT_B "BBBBBBBBBBBBBBBBBBBBBB"

struct jm_store_s {
    int               check;    /* as resolve was last asked */
    int               calls;    /* of deliver */
    jm_store_status_t status_a; /* of deliver for account A */
    jm_store_status_t status_b;
    size_t            nmails_a;
    char              did[33];
    char              to[300]; /* `to` of A's first mail, from its summary */
    size_t            raw;     /* bytes of the kept original */
};

static struct jm_store_s     store;
static jm_lmtp_status_t      last;
static volatile sig_atomic_t stopping;
static int                   busy_calls;


/* Who is there: local part, then what the store says. */

static const struct {
    const char       *key;
    jm_store_status_t status;
    const char       *account, *id;
} routes[] = {
    { "a1@x.test", JM_STORE_OK, ACCOUNT_A,
      "00000000-0000-7000-8000-0000000000a1" },
    { "a2@x.test", JM_STORE_OK, ACCOUNT_A,
      "00000000-0000-7000-8000-0000000000a2" },
    { "b1@x.test", JM_STORE_OK, ACCOUNT_B,
      "00000000-0000-7000-8000-0000000000b1" },
    { "left@x.test", JM_STORE_OK, ACCOUNT_A,
      "00000000-0000-7000-8000-00000000dead" },
    { "unknown@x.test", JM_STORE_UNKNOWN, "", "" },
    { "foreign@x.test", JM_STORE_FOREIGN, "", "" },
    { "closed@x.test", JM_STORE_CLOSED, "", "" },
    { "quota@x.test", JM_STORE_QUOTA, "", "" },
    { "full@x.test", JM_STORE_FULL, "", "" },
    { "refused@x.test", JM_STORE_REFUSED, "", "" },
    { "down@x.test", JM_STORE_DOWN, "", "" },
};


const char *
jm_store_error(jm_store_t *s)
{
    return "as the test wants it";
}


jm_store_status_t
jm_store_resolve(jm_store_t *s, jm_str_t key, int check, jm_recipient_t *out)
{
    size_t i;

    s->check = check;

    for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (key.len == strlen(routes[i].key)
            && memcmp(key.data, routes[i].key, key.len) == 0)
        {
            strcpy(out->account, routes[i].account);
            strcpy(out->address_id, routes[i].id);
            return routes[i].status;
        }
    }

    fail_msg("asked for %.*s", (int) key.len, key.data);

    return JM_STORE_DOWN;
}


jm_store_status_t
jm_store_deliver(jm_store_t *s, const jm_delivery_t *d,
                 jm_delivered_t *results)
{
    int         a;
    size_t      i;
    const char *p;
    jm_str_t    summary;

    s->calls++;
    a = strcmp(d->account, ACCOUNT_A) == 0;
    strcpy(s->did, d->delivery_id);
    s->raw = d->shared->raw.data.len;

    if (a) {
        s->nmails_a = d->nmails;
        summary = d->mails[0].rendered->summary;
        p = memmem(summary.data, summary.len, "\"to\":\"", 6);
        assert_non_null(p);
        snprintf(s->to, sizeof(s->to), "%.*s", (int) strcspn(p + 6, "\""),
                 p + 6);
    }

    for (i = 0; i < d->nmails; i++) {
        memset(&results[i], 0, sizeof(jm_delivered_t));
        assert_int_equal(strlen(d->mails[i].rendered->id), 36);

        if (strstr(d->mails[i].address_id, "dead") != NULL) {
            results[i].gone = 1;
        } else {
            strcpy(results[i].id, d->mails[i].address_id);
        }
    }

    return a ? s->status_a : s->status_b;
}


static void
count_busy(void *data, int busy)
{
    busy_calls += busy ? 1 : 100;
}


/* Says `script` after LHLO.  `got`, 4096 bytes, are all replies after LHLO's:
   only codes and enhanced codes, one a line. */

static void
talk(const char *script, size_t ceiling, int originals, char *got)
{
    int               fds[2];
    char              in[65536], *line, *p;
    size_t            n;
    ssize_t           r;
    jm_conf_t         conf;
    jm_lmtp_t         server;
    sigset_t          mask;
    static const char lhlo[] = "LHLO test\r\n";

    memset(&conf, 0, sizeof(conf));
    conf.message_size = 65536;
    conf.keep_originals = originals;

    memset(&server, 0, sizeof(server));
    sigemptyset(&mask);
    server.conf = &conf;
    server.store = &store;
    server.arena = jm_arena_create(ceiling);
    server.busy = count_busy;
    server.stopping = &stopping;
    server.waiting = &mask;
    strcpy(server.name, "test");

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(write(fds[0], lhlo, sizeof(lhlo) - 1), sizeof(lhlo) - 1);
    assert_int_equal(write(fds[0], script, strlen(script)), strlen(script));
    shutdown(fds[0], SHUT_WR);

    busy_calls = 0;
    last = jm_lmtp_serve(&server, fds[1]);

    for (n = 0; (r = read(fds[0], in + n, sizeof(in) - 1 - n)) > 0; n += r) {
        /* void */
    }

    in[n] = '\0';
    close(fds[0]);
    jm_arena_destroy(server.arena);

    got[0] = '\0';
    p = strstr(in, "250 XDID\r\n");
    line = p == NULL ? in : p + 10;

    for (line = strtok(line, "\r\n"); line != NULL;
         line = strtok(NULL, "\r\n")) {
        n = strlen(got);
        snprintf(got + n, 4096 - n, "%.*s\n",
                 (int) (4 + strcspn(line + 4, " ")), line);
    }
}


static void
session(const char *script, const char *want, size_t ceiling, int originals)
{
    char got[4096];

    talk(script, ceiling, originals, got);
    assert_string_equal(got, want);
}


static int
reset(void **state)
{
    memset(&store, 0, sizeof(store));
    stopping = 0;

    return 0;
}


#define MB (1024 * 1024)


static void
test_refused_at_rcpt(void **state)
{
    session("MAIL FROM:<>\r\n"
            "RCPT TO:<unknown@x.test>\r\nRCPT TO:<foreign@x.test>\r\n"
            "RCPT TO:<closed@x.test>\r\nRCPT TO:<quota@x.test>\r\n"
            "RCPT TO:<full@x.test>\r\nRCPT TO:<refused@x.test>\r\n" BDAT
            "RCPT TO:<down@x.test>\r\nRCPT TO:<a1@x.test>\r\nQUIT\r\n",
            "250 2.1.0\n550 5.1.1\n550 5.7.1\n550 5.2.1\n452 4.2.2\n"
            "452 4.3.1\n451 4.3.0\n503 5.5.1\n451 4.3.0\n451 4.3.0\n"
            "221 2.0.0\n",
            MB, 1);
    assert_int_equal(last, JM_LMTP_STORE_DOWN);
    assert_int_equal(store.check, 1);
    assert_int_equal(store.calls, 0);
    assert_int_equal(busy_calls, 0);
}


static void
test_accepted_with_xdid(void **state)
{
    session("MAIL FROM:<> XDID=" DID "\r\n"
            "RCPT TO:<unknown@x.test>\r\nRCPT TO:<a1@x.test>\r\n"
            "RCPT TO:<closed@x.test>\r\nRCPT TO:<refused@x.test>\r\n"
            "RCPT TO:<left@x.test>\r\n" BDAT "QUIT\r\n",
            "250 2.1.0\n250 2.1.5\n250 2.1.5\n250 2.1.5\n250 2.1.5\n"
            "250 2.1.5\n"
            "250 2.1.5\n250 2.0.0\n250 2.1.5\n451 4.3.0\n250 2.1.5\n"
            "221 2.0.0\n",
            MB, 1);
    assert_int_equal(last, JM_LMTP_OK);
    assert_int_equal(store.check, 0);
    assert_int_equal(store.calls, 1);
    assert_int_equal(store.nmails_a, 2);
    assert_string_equal(store.did, DID);
    assert_int_equal(busy_calls, 101);
}


/* The store goes away at RCPT: a client that has accepted the message gets a
   temporary error for every recipient, not a lost mail. */

static void
test_down_at_rcpt_with_xdid(void **state)
{
    session("MAIL FROM:<> XDID=" DID "\r\n"
            "RCPT TO:<a1@x.test>\r\nRCPT TO:<down@x.test>\r\n"
            "RCPT TO:<a2@x.test>\r\n" BDAT "QUIT\r\n",
            "250 2.1.0\n250 2.1.5\n250 2.1.5\n250 2.1.5\n"
            "451 4.3.0\n451 4.3.0\n451 4.3.0\n221 2.0.0\n",
            MB, 1);
    assert_int_equal(last, JM_LMTP_STORE_DOWN);
    assert_int_equal(store.calls, 0);
}


#define TWO_ACCOUNTS                                                          \
    "MAIL FROM:<> XDID=" DID "\r\n"                                           \
    "RCPT TO:<A1+Tag@x.test>\r\nRCPT TO:<b1@x.test>\r\n"                      \
    "RCPT TO:<a2@x.test>\r\nRCPT TO:<a1@x.test>\r\n" BDAT "QUIT\r\n"

#define TWO_ACCEPTED "250 2.1.0\n250 2.1.5\n250 2.1.5\n250 2.1.5\n250 2.1.5\n"


static void
test_two_accounts(void **state)
{
    size_t i;

    static const struct {
        jm_store_status_t a, b;
        const char       *replies;
        int               calls;
        jm_lmtp_status_t  status;
    } cases[] = {
        { JM_STORE_OK, JM_STORE_OK,
          "250 2.0.0\n250 2.0.0\n250 2.0.0\n250 2.0.0\n", 2, JM_LMTP_OK },
        { JM_STORE_FULL, JM_STORE_OK,
          "452 4.3.1\n250 2.0.0\n452 4.3.1\n452 4.3.1\n", 2, JM_LMTP_OK },
        { JM_STORE_OK, JM_STORE_REFUSED,
          "250 2.0.0\n451 4.3.0\n250 2.0.0\n250 2.0.0\n", 2, JM_LMTP_OK },
        { JM_STORE_OK, JM_STORE_DOWN,
          "250 2.0.0\n451 4.3.0\n250 2.0.0\n250 2.0.0\n", 2,
          JM_LMTP_STORE_DOWN },
        { JM_STORE_DOWN, JM_STORE_OK,
          "451 4.3.0\n451 4.3.0\n451 4.3.0\n451 4.3.0\n", 1,
          JM_LMTP_STORE_DOWN },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char want[512];

        memset(&store, 0, sizeof(store));
        store.status_a = cases[i].a;
        store.status_b = cases[i].b;

        snprintf(want, sizeof(want), TWO_ACCEPTED "%s221 2.0.0\n",
                 cases[i].replies);
        session(TWO_ACCOUNTS, want, MB, 1);

        assert_int_equal(last, cases[i].status);
        assert_int_equal(store.calls, cases[i].calls);
        assert_int_equal(store.nmails_a, 2);
        assert_string_equal(store.to, "A1+Tag@x.test, a1@x.test");
    }
}


static void
test_delivery_id_is_made(void **state)
{
    session("MAIL FROM:<>\r\nRCPT TO:<a1@x.test>\r\n" BDAT "QUIT\r\n",
            "250 2.1.0\n250 2.1.5\n250 2.0.0\n221 2.0.0\n", MB, 1);
    assert_int_equal(strlen(store.did), 32);
    assert_int_equal(strspn(store.did, "0123456789abcdef"), 32);
    assert_int_equal(store.check, 1);
}


static void
test_originals(void **state)
{
    static const char script[] = "MAIL FROM:<>\r\nRCPT TO:<a1@x.test>\r\n" BDAT
                                 "QUIT\r\n";
    static const char want[] = "250 2.1.0\n250 2.1.5\n250 2.0.0\n221 2.0.0\n";

    session(script, want, MB, 1);
    assert_true(store.raw != 0);
    session(script, want, MB, 0);
    assert_int_equal(store.raw, 0);
}


/*
 * Arenas of growing size: first the message is refused for now, then stored
 * unparsed, then stored; never anything else, and the worker knows that it is
 * worn out.
 */

static void
test_arena(void **state)
{
    char             got[4096], script[20000], *p;
    size_t           ceiling;
    unsigned         i, phase, seen;
    static const int lines = 400;

    p = script
        + sprintf(script,
                  "MAIL FROM:<>\r\nRCPT TO:<a1@x.test>\r\n"
                  "BDAT %d LAST\r\nSubject: hi\r\n\r\n",
                  15 + lines * 35);

    for (i = 0; i < (unsigned) lines; i++) {
        p += sprintf(p, "%04u https://example.com/%08x\r\n", i,
                     i * 2654435761u);
    }

    strcpy(p, "QUIT\r\n");

    for (ceiling = 1024, phase = 0, seen = 0; ceiling < 4 * MB;
         ceiling += ceiling / 4)
    {
        memset(&store, 0, sizeof(store));
        talk(script, ceiling, 1, got);

        if (strcmp(got, "250 2.1.0\n250 2.1.5\n452 4.3.1\n221 2.0.0\n") == 0) {
            assert_int_equal(phase, 0);
            assert_int_equal(store.calls, 0);
            assert_int_equal(last, JM_LMTP_WORN);

        } else {
            assert_string_equal(
                got, "250 2.1.0\n250 2.1.5\n250 2.0.0\n221 2.0.0\n");
            assert_int_equal(store.calls, 1);

            i = last == JM_LMTP_WORN ? 1 : 2;
            assert_true(i >= phase);
            phase = i;
        }

        seen |= 1u << phase;
    }

    assert_int_equal(seen, 7);
}


static void
test_stopping(void **state)
{
    stopping = 1;
    session("NOOP\r\n", "220 test\n421 4.3.2\n", MB, 1);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_refused_at_rcpt, reset),
        cmocka_unit_test_setup(test_accepted_with_xdid, reset),
        cmocka_unit_test_setup(test_down_at_rcpt_with_xdid, reset),
        cmocka_unit_test_setup(test_two_accounts, reset),
        cmocka_unit_test_setup(test_delivery_id_is_made, reset),
        cmocka_unit_test_setup(test_originals, reset),
        cmocka_unit_test_setup(test_arena, reset),
        cmocka_unit_test_setup(test_stopping, reset),
    };

    if (jm_mime_init() != 0) {
        return 1;
    }

    jm_html_init();
    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
