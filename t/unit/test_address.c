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
      "a@b\xc3\xbc"
      "cher.example",
      1, 0 },
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
        "<@:a@b>",          "<@a,:b@c>",
        "<@a,b:c@d>",       "<@a b@c>",
        "<@a@b@c>",         "<@a,@:b@c>",
        "<@-a:b@c>",        "<@a:>",
        "<@a:postmaster>",  "<@\xc3\xbc:a@b>",
        "<@[1.2.3.4]:a@b>", "<@a:@b:c@d>",
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
    assert_int_equal(jm_address_key(&a, key), -1);

    assert_int_equal(path("<postmaster@x.y>", &a), 16);
    assert_int_equal(a.postmaster, 0);

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
    assert_false(jm_alias_valid(jm_str("m\xc3\xbcller")));
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


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),      cmocka_unit_test(test_bad),
        cmocka_unit_test(test_nul),       cmocka_unit_test(test_path),
        cmocka_unit_test(test_route_bad), cmocka_unit_test(test_special),
        cmocka_unit_test(test_limits),    cmocka_unit_test(test_alias),
        cmocka_unit_test(test_domain),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
