/*
 * jm_address.c against RFC 5321 4.1.2, 4.1.3, 4.5.3.1 and RFC 6531 3.3.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "jm_address.h"
#include "jm_idn.h"
#include "jm_utf8.h"

#define L64      "aaaaaaaabbbbbbbbccccccccddddddddeeeeeeeeffffffffgggggggghhhhhhhh"
#define L63      "aaaaaaaabbbbbbbbccccccccddddddddeeeeeeeeffffffffgggggggghhhhhhh"
#define D191     L63 "." L63 "." L63
#define D255     D191 "." L63
#define COUNT(x) (sizeof(x) / sizeof((x)[0]))

/* A copy on the heap with nothing behind it: an over-read is seen by ASan. */

static jm_str_t
exact(const char *text, size_t len)
{
    jm_str_t str;

    str.data = malloc(len == 0 ? 1 : len);
    assert_non_null(str.data);
    memcpy(str.data, text, len);
    str.len = len;

    return str;
}


static ssize_t
path(const char *text, jm_address_t *a)
{
    return jm_path_parse((jm_str_t){ (u_char *) text, strlen(text) }, a);
}


static int
mailbox(const char *text, jm_address_t *a)
{
    return jm_mailbox_parse((jm_str_t){ (u_char *) text, strlen(text) }, a);
}


static void
assert_str(jm_str_t str, const char *text)
{
    assert_int_equal(str.len, strlen(text));
    assert_memory_equal(str.data, text, str.len);
}


/* What is a mailbox, what its local part and domain are, and its key form
   (NULL: none). */

static const struct {
    const char *text, *local, *domain, *key;
    unsigned    utf8, literal;
} good[] = {
    { "a@b", "a", "b", "a@b", 0, 0 },
    { "Jo.Doe@Example.ORG", "Jo.Doe", "Example.ORG", "jo.doe@example.org", 0,
      0 },
    { "!#$%&'*-/=?^_`{|}~@x.y", "!#$%&'*-/=?^_`{|}~", "x.y",
      "!#$%&'*-/=?^_`{|}~@x.y", 0, 0 },
    { "user+tag@x.y", "user+tag", "x.y", "user@x.y", 0, 0 },
    { "user+a+b@x.y", "user+a+b", "x.y", "user@x.y", 0, 0 },
    { "+tag@x.y", "+tag", "x.y", NULL, 0, 0 },
    { "1@1.2.3.4", "1", "1.2.3.4", "1@1.2.3.4", 0, 0 },
    { "a@x-y--z.1a", "a", "x-y--z.1a", "a@x-y--z.1a", 0, 0 },
    { "\"\"@x.y", "\"\"", "x.y", NULL, 0, 0 },
    { "\"a b\"@x.y", "\"a b\"", "x.y", "a b@x.y", 0, 0 },
    { "\"A@B\"@x.y", "\"A@B\"", "x.y", "a@b@x.y", 0, 0 },
    { "\"a>b\"@x.y", "\"a>b\"", "x.y", "a>b@x.y", 0, 0 },
    { "\"a\\\"b\\\\c\"@x.y", "\"a\\\"b\\\\c\"", "x.y", "a\"b\\c@x.y", 0, 0 },
    { "\"\\a\\b\"@x.y", "\"\\a\\b\"", "x.y", "ab@x.y", 0, 0 },
    { "\"ab+c\"@x.y", "\"ab+c\"", "x.y", "ab@x.y", 0, 0 },
    { "\"ab\\+c\"@x.y", "\"ab\\+c\"", "x.y", "ab@x.y", 0, 0 },
    { "\"..\"@x.y", "\"..\"", "x.y", "..@x.y", 0, 0 },
    { "a@[127.0.0.1]", "a", "[127.0.0.1]", NULL, 0, 1 },
    { "a@[001.02.3.255]", "a", "[001.02.3.255]", NULL, 0, 1 },
    { "a@[IPv6:::1]", "a", "[IPv6:::1]", NULL, 0, 1 },
    { "a@[ipv6:2001:db8::192.0.2.1]", "a", "[ipv6:2001:db8::192.0.2.1]", NULL,
      0, 1 },
    { "a@[x-y:any!thing]", "a", "[x-y:any!thing]", NULL, 0, 1 },
    { "m\xc3\xbcller@x.y", "m\xc3\xbcller", "x.y", "m\xc3\xbcller@x.y", 1, 0 },
    { "\"m\xc3\xbcller\"@x.y", "\"m\xc3\xbcller\"", "x.y", "m\xc3\xbcller@x.y",
      1, 0 },
    { "a@b\xc3\xbc"
      "cher.example",
      "a",
      "b\xc3\xbc"
      "cher.example",
      "a@xn--bcher-kva.example", 1, 0 },
    { "\xf0\x9f\x93\xac@x.y", "\xf0\x9f\x93\xac", "x.y",
      "\xf0\x9f\x93\xac@x.y", 1, 0 },
    { L64 "@x.y", L64, "x.y", L64 "@x.y", 0, 0 },
    { "a@" D191, "a", D191, "a@" D191, 0, 0 },
};

static const char *const bad[] = {
    "",
    "a",
    "@",
    "a@",
    "@b",
    "a@b@c",
    "a b@c",
    "a@b c",
    ".a@b",
    "a.@b",
    "a..b@c",
    "a@.b",
    "a@b.",
    "a@b..c",
    "a@-b",
    "a@b-",
    "a@b.-c",
    "a@b-.c",
    "a@b_c",
    "a,b@c",
    "a:b@c",
    "a;b@c",
    "a<b@c",
    "a>b@c",
    "a(b)@c",
    "a[b@c",
    "a\\b@c",
    "\"a@b",
    "\"a\"b@c",
    "a\"b\"@c",
    "\"a\"",
    "\"a\\\"@b",
    "\"a\tb\"@c",
    "\"a\x7f\"@c",
    "\"a\\\x01\"@c",
    "\"a\\\xc3\xbc\"@c",
    "a\x01@b",
    "a@b\x01",
    "a@[",
    "a@[]",
    "a@[1.2.3]",
    "a@[1.2.3.4",
    "a@[1.2.3.4]x",
    "a@[256.1.1.1]",
    "a@[1.2.3.4.5]",
    "a@[1.2.3.0004]",
    "a@[1..2.3]",
    "a@[IPv6:]",
    "a@[IPv6:1:2]",
    "a@[IPv6:12345::]",
    "a@[IPv6:::1%eth0]",
    "a@[tag]",
    "a@[tag:]",
    "a@[:x]",
    "a@[tag-:x]",
    "a@[t_g:x]",
    "a@[tag:a b]",
    "a@[tag:a\\b]",
    "a@[tag:a[b]",
    /* malformed, cut, overlong, surrogate, too high, C1 control */
    "\x80@b",
    "\xff@b",
    "a\xc3@b",
    "\xc0\xaf@b",
    "\xc1\xbf@b",
    "\xe0\x80\xaf@b",
    "\xe0\x9f\xbf@b",
    "\xf0\x80\x80\xaf@b",
    "\xf0\x8f\xbf\xbf@b",
    "\xed\xa0\x80@b",
    "\xed\xbf\xbf@b",
    "\xf4\x90\x80\x80@b",
    "\xf5\x80\x80\x80@b",
    "\xe2\x82@b",
    "a@b\xc3",
    "a@\xc3\x28",
    "\xc2\x85@b",
    /* a line end, and what turns the direction of text */
    "a\xe2\x80\xa8@b",
    "a\xe2\x80\xae@b",
    "a\xe2\x81\xa6@b",
    "a@\xc2\x9b"
    "b",
    /* one octet past the edge */
    L64 "x@x.y",
    "\"" L63 "\"@x.y",
    "a@" L64,
    "a@" L64 ".x",
    "aa@" D255,
};


static void
test_good(void **state)
{
    size_t       i;
    ssize_t      n;
    u_char       key[JM_KEY_ADDRESS_MAX];
    jm_str_t     text;
    jm_address_t a;

    for (i = 0; i < COUNT(good); i++) {
        text = exact(good[i].text, strlen(good[i].text));

        if (jm_mailbox_parse(text, &a) != 0) {
            fail_msg("refused: %s", good[i].text);
        }

        assert_str(a.path, good[i].text);
        assert_str(a.local, good[i].local);
        assert_str(a.domain, good[i].domain);
        assert_int_equal(a.utf8, good[i].utf8);
        assert_int_equal(a.literal, good[i].literal);
        assert_int_equal(a.null, 0);
        assert_int_equal(a.postmaster, 0);

        n = jm_address_key(&a, key);

        if (good[i].key == NULL) {
            assert_int_equal(n, -1);
        } else {
            assert_int_equal(n, (ssize_t) strlen(good[i].key));
            assert_memory_equal(key, good[i].key, n);
        }

        free(text.data);
    }
}


static void
test_bad(void **state)
{
    char         buf[1024];
    size_t       i;
    jm_str_t     text;
    jm_address_t a;

    for (i = 0; i < COUNT(bad); i++) {
        text = exact(bad[i], strlen(bad[i]));

        if (jm_mailbox_parse(text, &a) != -1) {
            fail_msg("accepted: %s", bad[i]);
        }

        free(text.data);

        /* "a>b" and the like are a path and a rest: not of interest. */

        if (*bad[i] != '\0' && strchr(bad[i], '>') == NULL) {
            snprintf(buf, sizeof(buf), "<%s>", bad[i]);

            if (path(buf, &a) != -1) {
                fail_msg("accepted: %s", buf);
            }
        }
    }
}


static void
test_nul(void **state)
{
    jm_address_t a;

    assert_int_equal(jm_mailbox_parse(jm_str("a\0b@c"), &a), -1);
    assert_int_equal(jm_mailbox_parse(jm_str("\"a\0b\"@c"), &a), -1);
    assert_int_equal(jm_mailbox_parse(jm_str("a@b\0"), &a), -1);
    assert_int_equal(jm_mailbox_parse(jm_str("a@[IPv6:::1\0]"), &a), -1);
    assert_int_equal(jm_path_parse(jm_str("<a@b\0>"), &a), -1);
}


/* Every good mailbox in brackets, behind every source route, before a rest;
   and no prefix of it is a path. */

static void
test_path(void **state)
{
    char                     buf[1024];
    size_t                   i, j, len, cut;
    jm_str_t                 text;
    jm_address_t             a;
    static const char *const routes[] = { "", "@a:", "@a,@b.c,@d.e.f:" };

    for (i = 0; i < COUNT(good); i++) {
        for (j = 0; j < COUNT(routes); j++) {
            snprintf(buf, sizeof(buf), "<%s%s> SIZE=1", routes[j],
                     good[i].text);
            len = strlen(buf) - 7;

            assert_int_equal(path(buf, &a), (ssize_t) len);
            assert_str(a.path, good[i].text);
            assert_str(a.local, good[i].local);
            assert_str(a.domain, good[i].domain);

            for (cut = 0; cut < len; cut++) {
                text = exact(buf, cut);
                assert_int_equal(jm_path_parse(text, &a), -1);
                free(text.data);
            }
        }
    }
}


static void
test_route_bad(void **state)
{
    size_t                   i;
    jm_address_t             a;
    static const char *const routes[] = {
        "<@:a@b>",         "<@a,:b@c>",   "<@a,b:c@d>",       "<@a b@c>",
        "<@a@b@c>",        "<@a,@:b@c>",  "<@-a:b@c>",        "<@a:>",
        "<@a:postmaster>", "<@\xc3:a@b>", "<@[1.2.3.4]:a@b>", "<@a:@b:c@d>",
    };

    for (i = 0; i < COUNT(routes); i++) {
        if (path(routes[i], &a) != -1) {
            fail_msg("accepted: %s", routes[i]);
        }
    }
}


static void
test_special(void **state)
{
    u_char       key[JM_KEY_ADDRESS_MAX];
    jm_address_t a;

    assert_int_equal(path("<>", &a), 2);
    assert_int_equal(a.null, 1);
    assert_int_equal(a.path.len, 0);
    assert_int_equal(a.domain.len, 0);
    assert_int_equal(jm_address_key(&a, key), -1);

    assert_int_equal(path("<> BODY=7BIT", &a), 2);

    assert_int_equal(path("<PostMaster>", &a), 12);
    assert_int_equal(a.postmaster, 1);
    assert_int_equal(a.null, 0);
    assert_str(a.local, "PostMaster");
    assert_int_equal(a.domain.len, 0);
    assert_int_equal(jm_address_key(&a, key), 11);
    assert_memory_equal(key, "postmaster@", 11);

    assert_int_equal(path("<postmaster@x.y>", &a), 16);
    assert_int_equal(a.postmaster, 0);

    assert_int_equal(path("<@\xc3\xbc.x:a@b>", &a), 11);
    assert_int_equal(a.utf8, 1);
    assert_str(a.path, "a@b");

    assert_int_equal(path("< >", &a), -1);
    assert_int_equal(path("<postmaste>", &a), -1);
    assert_int_equal(path("<postmasterr>", &a), -1);
    assert_int_equal(path("< a@b>", &a), -1);
    assert_int_equal(path("<a@b >", &a), -1);
    assert_int_equal(path("a@b", &a), -1);
    assert_int_equal(path("", &a), -1);
    assert_int_equal(path("<<a@b>>", &a), -1);
    assert_int_equal(path(" <a@b>", &a), -1);

    assert_int_equal(mailbox("<a@b>", &a), -1);
    assert_int_equal(mailbox("a@b ", &a), -1);
    assert_int_equal(mailbox("@r:a@b", &a), -1);
}


/* A path of 256 octets between the brackets, and one of 257. */

static void
test_limits(void **state)
{
    char         buf[JM_PATH_MAX + 8];
    jm_address_t a;

    assert_int_equal(strlen(L63), 63);
    assert_int_equal(strlen(D255), 255);

    snprintf(buf, sizeof(buf), "%.64s@%s", L64, D191);
    assert_int_equal(strlen(buf), JM_PATH_MAX);
    assert_int_equal(mailbox(buf, &a), 0);

    snprintf(buf, sizeof(buf), "<%.64s@%s>", L64, D191);
    assert_int_equal(path(buf, &a), JM_PATH_MAX + 2);

    snprintf(buf, sizeof(buf), "<%.64s@%s.>", L63, D191);
    assert_int_equal(path(buf, &a), -1);

    snprintf(buf, sizeof(buf), "%.63s@%s.x", L63, D191);
    assert_int_equal(strlen(buf), JM_PATH_MAX + 1);
    assert_int_equal(mailbox(buf, &a), -1);

    snprintf(buf, sizeof(buf), "%.62s@%s.x", L63, D191);
    assert_int_equal(mailbox(buf, &a), 0);

    /* Quotes count: 62 characters between them are 64 octets. */

    snprintf(buf, sizeof(buf), "\"%.62s\"@x.y", L64);
    assert_int_equal(mailbox(buf, &a), 0);

    /* The longest domain leaves no room for a local part in 256. */

    assert_int_equal(mailbox("a@" D255, &a), -1);
}


static void
test_alias(void **state)
{
    assert_true(jm_alias_valid(jm_str("a")));
    assert_true(jm_alias_valid(jm_str("a.b-c_d")));
    assert_true(jm_alias_valid(jm_str("A{}~")));
    assert_true(jm_alias_valid(jm_str(L64)));
    assert_false(jm_alias_valid(jm_str(L64 "x")));
    assert_false(jm_alias_valid(jm_str("")));
    assert_false(jm_alias_valid(jm_str("a+b")));
    assert_false(jm_alias_valid(jm_str(".a")));
    assert_false(jm_alias_valid(jm_str("a.")));
    assert_false(jm_alias_valid(jm_str("a..b")));
    assert_false(jm_alias_valid(jm_str("a b")));
    assert_false(jm_alias_valid(jm_str("a@b")));
    assert_false(jm_alias_valid(jm_str("\"a\"")));
    assert_false(jm_alias_valid(jm_str("a\0b")));
    assert_true(jm_alias_valid(jm_str("m\xc3\xbcller")));
    assert_true(jm_alias_valid(jm_str("\xe7\x94\xb0\xe4\xb8\xad.x")));
    assert_true(jm_alias_valid(jm_str("mu\xcc\x88ller")));
    assert_false(jm_alias_valid(jm_str("\xcc\x88u")));        /* a mark */
    assert_false(jm_alias_valid(jm_str("a.\xcc\x88u")));      /* a mark */
    assert_false(jm_alias_valid(jm_str("a\xe2\x80\x8b")));    /* no width */
    assert_false(jm_alias_valid(jm_str("\xf0\x9f\x93\xac"))); /* symbol */
    assert_false(jm_alias_valid(jm_str("a\xc2\xa0")));        /* space */
    assert_false(jm_alias_valid(jm_str("a\xc3")));            /* cut */
}


static void
test_domain(void **state)
{
    char     buf[300];
    jm_str_t str;

    assert_true(jm_domain_valid(jm_str("junkmail.test")));
    assert_true(jm_domain_valid(jm_str("A.B-c.xn--p1ai")));
    assert_true(jm_domain_valid(jm_str("1.2.3.x4")));
    assert_true(jm_domain_valid(jm_str(L63 ".x")));
    assert_false(jm_domain_valid(jm_str(L64 ".x")));
    assert_false(jm_domain_valid(jm_str("")));
    assert_false(jm_domain_valid(jm_str("localhost")));
    assert_false(jm_domain_valid(jm_str("1.2.3.4")));
    assert_false(jm_domain_valid(jm_str("a.b.")));
    assert_false(jm_domain_valid(jm_str(".a.b")));
    assert_false(jm_domain_valid(jm_str("a..b")));
    assert_false(jm_domain_valid(jm_str("-a.b")));
    assert_false(jm_domain_valid(jm_str("a-.b")));
    assert_false(jm_domain_valid(jm_str("a_b.c")));
    assert_false(jm_domain_valid(jm_str("[1.2.3.4]")));
    assert_false(jm_domain_valid(jm_str("b\xc3\xbc"
                                        "cher.example")));
    assert_false(jm_domain_valid(jm_str("a.b c")));

    str.data = (u_char *) buf;

    snprintf(buf, sizeof(buf), "%s.%.61s", D191, L63);
    str.len = strlen(buf);
    assert_int_equal(str.len, 253);
    assert_true(jm_domain_valid(str));

    snprintf(buf, sizeof(buf), "%s.%.62s", D191, L63);
    str.len = strlen(buf);
    assert_false(jm_domain_valid(str));
}


/* What is the same mailbox, and what is not. */

static void
test_keys(void **state)
{
    size_t       i;
    u_char       key[JM_KEY_ADDRESS_MAX];
    ssize_t      n;
    jm_address_t a;
    static const struct {
        const char *text, *key;
    } rows[] = {
        /* composed, decomposed, in capitals; the accent stays */
        { "M\xc3\xbcller@x.y", "m\xc3\xbcller@x.y" },
        { "mu\xcc\x88ller@x.y", "m\xc3\xbcller@x.y" },
        { "M\xc3\x9cLLER@x.y", "m\xc3\xbcller@x.y" },
        { "MU\xcc\x88LLER@x.y", "m\xc3\xbcller@x.y" },
        { "muller@x.y", "muller@x.y" },
        /* the three sigmas; long s; Kelvin; dotted capital i */
        { "\xce\xa3\xcf\x83\xcf\x82@x.y", "\xcf\x83\xcf\x83\xcf\x83@x.y" },
        { "po\xc5\xbft@x.y", "post@x.y" },
        { "\xe2\x84\xaa@x.y", "k@x.y" },
        { "\xc4\xb0@x.y", "i@x.y" },
        /* sharp s is neither ss nor gone */
        { "stra\xc3\x9f"
          "e@x.y",
          "stra\xc3\x9f"
          "e@x.y" },
        { "STRA\xe1\xba\x9e"
          "E@x.y",
          "stra\xc3\x9f"
          "e@x.y" },
        /* iota below an alpha, composed and not */
        { "\xe1\xbe\xbc@x.y", "\xe1\xbe\xb3@x.y" },
        { "\xce\x91\xcd\x85@x.y", "\xe1\xbe\xb3@x.y" },
        { "M\xc3\x9c+\xc3\xa9@x.y", "m\xc3\xbc@x.y" },
        { "\"M\xc3\x9c \\\\\"@x.y", "m\xc3\xbc \\@x.y" },
        /* U-labels and the A-label they are */
        { "a@B\xc3\x9c"
          "CHER.Example",
          "a@xn--bcher-kva.example" },
        { "a@bu\xcc\x88"
          "cher.example",
          "a@xn--bcher-kva.example" },
        { "a@XN--BCHER-kva.example", "a@xn--bcher-kva.example" },
        { "a@fa\xc3\x9f.de", "a@xn--fa-hia.de" },
        { "a@\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.x",
          "a@xn--e1afmkfd.x" },
        { "a@\xef\xbd\x81.\xc3\xa9.x", "a@a.xn--9ca.x" },
        /* well-formed, but no U-label: an emoji, mixed directions, what
           would become a slash */
        { "a@\xf0\x9f\x93\xac.x", NULL },
        { "a@\xd7\x90"
          "a.x",
          NULL },
        { "a@\xe2\x84\x80.x", NULL },
        /* 22 letters of 3 octets; in small letters 66 octets */
        { "\xc8\xba\xc8\xba\xc8\xba\xc8\xba\xc8\xba\xc8\xba\xc8\xba"
          "\xc8\xba\xc8\xba\xc8\xba\xc8\xba\xc8\xba\xc8\xba\xc8\xba"
          "\xc8\xba\xc8\xba\xc8\xba\xc8\xba\xc8\xba\xc8\xba\xc8\xba"
          "\xc8\xba@x.y",
          NULL },
    };

    for (i = 0; i < COUNT(rows); i++) {
        if (mailbox(rows[i].text, &a) != 0) {
            fail_msg("refused: %s", rows[i].text);
        }

        n = jm_address_key(&a, key);

        if (rows[i].key == NULL) {
            assert_int_equal(n, -1);
            continue;
        }

        if (n != (ssize_t) strlen(rows[i].key)
            || memcmp(key, rows[i].key, (size_t) n) != 0)
        {
            fail_msg("%s is %.*s", rows[i].text, (int) n, key);
        }
    }
}


/* The key of a key is the key, for every character of the first two planes,
   where those with case and composition are: before an ordinary letter, and
   before a mark that may compose with it. */

static void
test_key_of_key(void **state)
{
    char                  text[16];
    size_t                i, len;
    u_char                one[64], two[64];
    ssize_t               n, m;
    uint32_t              cp;
    static const uint32_t marks[] = {
        'x', 0x300, 0x308, 0x327, 0x345, 0x1161
    };

    for (cp = 0xa0; cp <= 0x1ffff; cp++) {
        if (cp >= 0xd800 && cp <= 0xdfff) {
            continue;
        }

        for (i = 0; i < COUNT(marks); i++) {
            len = jm_utf8_encode(cp, (u_char *) text);
            len += jm_utf8_encode(marks[i], (u_char *) text + len);

            n = jm_idn_local((jm_str_t){ (u_char *) text, len }, one,
                             sizeof(one));
            assert_true(n > 0);

            m = jm_idn_local((jm_str_t){ one, (size_t) n }, two, sizeof(two));

            if (m != n || memcmp(one, two, (size_t) n) != 0) {
                fail_msg("U+%04X U+%04X", cp, marks[i]);
            }
        }
    }
}


/* Scripts that nobody writes together in one label, and disguises. */
static void
test_lookalike(void **state)
{
    size_t  i;
    u_char  key[JM_DOMAIN_MAX];
    ssize_t n;
    static const struct {
        const char *text;
        int         lookalike;
    } rows[] = {
        { "example.org", 0 },
        { "b\xc3\xbc"
          "cher.example",
          0 },
        { "p\xd0\xb0ypal.com", 1 },     /* a Cyrillic a */
        { "www.g\xce\xbfogle.com", 1 }, /* a Greek o */
        { "\xd1\x8f\xd0\xbd\xd0\xb4\xd0\xb5\xd0\xba\xd1\x81-1.com", 0 },
        { "\xd0\xb0\xce\xb1.com", 1 },
        { "\xd0\xb0.\xce\xb1.com", 0 }, /* each label for itself */
        { "abc\xe6\x97\xa5\xe3\x81\x82\xe3\x82\xa2.jp", 0 },
        { "\xe6\x97\xa5\xea\xb0\x80.kr", 0 },
        { "\xe3\x81\x82\xea\xb0\x80.kr", 1 },
        /* Cyrillic alone: apple and paypal, with a palochka */
        { "\u0430\u0440\u0440\u04cf\u0435.com", 1 },
        { "www.\u0440\u0430\u0443\u0440\u0430\u04cf-1.com", 1 },
        { "\u0455\u0441\u043e\u0440\u0435.example.org", 1 },
        /* real words of letters with twins, and a palochka among others */
        { "\u043e\u0440\u0435\u0445.com", 0 },
        { "\u0441\u0430\u0445\u0430\u0440\u0430.com", 0 },
        { "\u0445\u0456\u0440\u043e\u0441\u0456.com", 0 },
        { "\u0441\u043e\u0458\u0430.rs", 0 },
        { "\u043d\u043e\u0445\u0447\u0438\u0439\u0447\u04cf.com", 0 },
        { "\u0455\u0438\u0434.mk", 0 },
        { "\u04bb\u0430.com", 0 },
    };

    for (i = 0; i < COUNT(rows); i++) {
        n = jm_idn_domain(
            (jm_str_t){ (u_char *) rows[i].text, strlen(rows[i].text) }, key,
            sizeof(key));
        assert_true(n > 0);

        if (jm_idn_is_lookalike((jm_str_t){ key, (size_t) n })
            != rows[i].lookalike) {
            fail_msg("%s", rows[i].text);
        }
    }

    assert_false(jm_idn_is_lookalike((jm_str_t){ (u_char *) "xn--\xff", 5 }));
    assert_false(jm_idn_is_lookalike((jm_str_t){ (u_char *) "xn--99zz", 8 }));
}


static void
test_domain_key(void **state)
{
    size_t  i;
    u_char  key[JM_DOMAIN_MAX];
    ssize_t n;
    static const struct {
        const char *text, *key;
    } rows[] = {
        { "Example.ORG", "example.org" },
        { "b\xc3\xbc"
          "cher.example",
          "xn--bcher-kva.example" },
        { "a\xe3\x80\x82"
          "b",
          "a.b" }, /* an ideographic full stop */
        { "\xc3\xbc", NULL },
        { "localhost", NULL },
        { "", NULL },
        { "a.b.", NULL },
        { "\xc3\xbc..x", NULL },
        { "\xc3\xbc.x.", NULL },
        { "\xc3\xbc_.x", NULL },
        { "\xef\xbc\x91.2.3.4", NULL }, /* would be 1.2.3.4 */
        { "\xc3.x", NULL },
        { "[1.2.3.4]", NULL },
    };

    for (i = 0; i < COUNT(rows); i++) {
        n = jm_domain_key(
            (jm_str_t){ (u_char *) rows[i].text, strlen(rows[i].text) }, key);

        if (rows[i].key == NULL) {
            assert_int_equal(n, -1);
        } else {
            assert_int_equal(n, (ssize_t) strlen(rows[i].key));
            assert_memory_equal(key, rows[i].key, n);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),       cmocka_unit_test(test_bad),
        cmocka_unit_test(test_nul),        cmocka_unit_test(test_path),
        cmocka_unit_test(test_route_bad),  cmocka_unit_test(test_special),
        cmocka_unit_test(test_limits),     cmocka_unit_test(test_alias),
        cmocka_unit_test(test_domain),     cmocka_unit_test(test_keys),
        cmocka_unit_test(test_key_of_key), cmocka_unit_test(test_lookalike),
        cmocka_unit_test(test_domain_key),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
