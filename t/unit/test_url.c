/*
 * url.c: what is refused, what is kept, how it is written; the host that a
 * link's text claims.  Each result parses to itself again.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "url.h"

typedef struct {
    const char *in;
    const char *out; /* NULL: refused */
} url_case_t;

static const url_case_t cases[] = {
    /* as it is, or tidied as the URL Standard does */
    { "http://a.example/", "http://a.example/" },
    { "https://a.example", "https://a.example/" },
    { "HTTP://A.EXAMPLE:80/x", "http://a.example/x" },
    { "https://a.example:8443/", "https://a.example:8443/" },
    { " \t\nhttp://a.example/\n ", "http://a.example/" },
    { "ht\ntp:/\t/a.exa\rmple/", "http://a.example/" },
    { "http:\\\\a.example\\b", "http://a.example/b" },
    { "http:////a.example/", "http://a.example/" },
    { "http://a.example/a/../b/./c", "http://a.example/b/c" },
    { "http://a.example/a/%2e%2E/b", "http://a.example/b" },
    { "http://a.example/..", "http://a.example/" },
    { "http://a.example/a b\"<>`", "http://a.example/a%20b%22%3C%3E%60" },
    { "http://a.example/?a='b' c", "http://a.example/?a=%27b%27%20c" },
    { "http://a.example/#x y", "http://a.example/#x%20y" },
    { "http://a.example/\xC3\xA9", "http://a.example/%C3%A9" },
    { "http://a.example/%zz", "http://a.example/%zz" },

    /* after the cases of the web platform's own tests */
    { "http://a.example/a%2fb", "http://a.example/a%2fb" },
    { "http://a.example/a/..", "http://a.example/" },
    { "http://a.example/a/../../b", "http://a.example/b" },
    { "http://a.example/a/.", "http://a.example/a/" },
    { "http://a.example/.a/..b/c...", "http://a.example/.a/..b/c..." },
    { "http://a.example//a//b/", "http://a.example//a//b/" },
    { "http://a.example/a\\b\\..\\c", "http://a.example/a/c" },
    { "http://a.example?q", "http://a.example/?q" },
    { "http://a.example#f", "http://a.example/#f" },
    { "http://a.example/?", "http://a.example/?" },
    { "http://a.example/#", "http://a.example/#" },
    { "http://a.example/?a?b#c#d", "http://a.example/?a?b#c#d" },
    { "http://a.example/?a\\b", "http://a.example/?a\\b" },
    { "http://a.example/#a\\b", "http://a.example/#a\\b" },
    { "http://a.example/{}|^", "http://a.example/%7B%7D|^" },
    { "http://a.example/?{}|^`", "http://a.example/?{}|^`" },
    { "http://a.example/\x7F", "http://a.example/%7F" },
    { "http://a.example/a\tb\nc", "http://a.example/abc" },
    { "http://a.example:/", "http://a.example/" },
    { "http://a.example:080/", "http://a.example/" },
    { "https://a.example:80/", "https://a.example:80/" },
    { "https://a.example:443/", "https://a.example/" },
    { "http://a.example:65535/", "http://a.example:65535/" },
    { "http://a.example:65536/", NULL },
    { "http://a.example:-1/", NULL },
    { "http://a.example:8 0/", NULL },
    { "http://@a.example/", NULL },
    { "http://a.example/@b", "http://a.example/@b" },
    { "http://a.example\\@b.example/", "http://a.example/@b.example/" },
    { "http://:80/", NULL },
    { "http:\\\\\\a.example\\b", "http://a.example/b" },
    { "http:/\\/a.example/", "http://a.example/" },
    { "https:///a.example", "https://a.example/" },

    /* hosts */
    { "http://b\xC3\xBC"
      "cher.example/",
      "http://xn--bcher-kva.example/" },
    { "http://B\xC3\x9C"
      "CHER.example/",
      "http://xn--bcher-kva.example/" },
    { "http://\xD1\x80\xD0\xB0ypal.com/", "http://xn--ypal-43d9g.com/" },
    { "http://a\xE3\x80\x82"
      "example/",
      "http://a.example/" },
    { "http://\xEF\xBD\x81.example/", "http://a.example/" },
    { "http://a\xC2\xAD.example/", "http://a.example/" },
    { "http://%61.example/", "http://a.example/" },
    { "http://a_b.example/", "http://a_b.example/" },
    { "http://fa\xC3\x9F.example/", "http://xn--fa-hia.example/" },
    { "http://xn--fa-hia.example/", "http://xn--fa-hia.example/" },
    { "http://\xEF\xBC\x85\xEF\xBC\x94\xEF\xBC\x91.com/", NULL },
    { "http://a\xE2\x80\x8B"
      "b.example/",
      "http://ab.example/" },
    { "http://%EF%BD%81.example/", "http://a.example/" },
    { "http://%ff.example/", NULL },
    { "http://a^b.example/", NULL },
    { "http://a|b.example/", NULL },
    { "http://a b.example/", NULL },
    { "http://a%20b.example/", NULL },
    { "http://a%25b.example/", NULL },
    { "http://a.example./", "http://a.example./" },
    { "http://./", NULL },
    { "http://0/", "http://0.0.0.0/" },
    { "http://0xffffffff/", "http://255.255.255.255/" },
    { "http://4294967296/", NULL },
    { "http://256/", "http://0.0.1.0/" },
    { "http://1.2.3/", "http://1.2.0.3/" },
    { "http://1.2.3.4./", "http://1.2.3.4/" },
    { "http://1.2.3.08/", NULL },
    { "http://1.2.0x.4/", "http://1.2.0.4/" },
    { "http://a.1.2.3.4/", NULL },
    { "http://a.09/", NULL },
    { "http://1e2/", "http://1e2/" },
    { "http://[1:2::3]/", "http://[1:2::3]/" },
    { "http://[0:0:0:0:0:0:0:1]/", "http://[::1]/" },
    { "http://[2001:DB8::A]/", "http://[2001:db8::a]/" },
    { "http://[::1", NULL },
    { "http://[::1]a/", NULL },
    { "http://[::1%25eth0]/", NULL },
    { "http://[:::1]/", NULL },
    { "http://[1::2::3]/", NULL },
    { "http://2130706433/", "http://127.0.0.1/" },
    { "http://0x7f.1/", "http://127.0.0.1/" },
    { "http://0177.0.0.01/", "http://127.0.0.1/" },
    { "http://1.2.3.256/", NULL },
    { "http://1.2.3.4.5/", NULL },
    { "http://[::1]/", "http://[::1]/" },
    { "http://[::1]:8080/", "http://[::1]:8080/" },
    { "http://[zz]/", NULL },
    { "http://a..example/", NULL },
    { "http://a<b.example/", NULL },
    { "http://a%00.example/", NULL },
    { "http://a%2f.example/", NULL },
    { "http:///", NULL },
    { "http://", NULL },
    { "http://a.example:99999/", NULL },
    { "http://a.example:x/", NULL },
    { "http://user@a.example/", NULL },
    { "http://bank.example:pw@a.example/", NULL },
    { "http://\xE2\x80\xAE"
      "elpmaxe.a/",
      NULL },

    /* schemes */
    { "http:a.example", NULL },
    { "//a.example/", NULL },
    { "\\\\a.example\\share", NULL },
    { "/relative", NULL },
    { "relative", NULL },
    { "", NULL },
    { "javascript:alert(1)", NULL },
    { "java\nscript:alert(1)", NULL },
    { "\x01javascript:alert(1)", NULL },
    { "vbscript:x", NULL },
    { "file:///etc/passwd", NULL },
    { "ftp://a.example/", NULL },
    { "blob:http://a.example/x", NULL },
    { "about:blank", NULL },
    { "view-source:http://a.example/", NULL },
    { "intent://x", NULL },
    { "ms-word:ofe|u|http://a.example/x", NULL },
    { "jar:http://a.example/x", NULL },
    { "resource://x", NULL },
    { "mailto:a@b.example?subject=Hi there",
      "mailto:a@b.example?subject=Hi%20there" },
    { "mailto:a@b.example?attach=/etc/passwd&body=x",
      "mailto:a@b.example?body=x" },
    { "tel:+49 30 1", "tel:+49%2030%201" },
    { "sms:+4930?body=x", "sms:+4930?body=x" },
    { "#top", "#top" },
};


static jm_str_t
str(const char *s)
{
    jm_str_t out;

    out.data = (u_char *) s;
    out.len = strlen(s);

    return out;
}


static void
test_cases(void **state)
{
    int         rc;
    size_t      i;
    jm_url_t    url, again;
    jm_arena_t *arena;

    arena = jm_arena_create(1024 * 1024);

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rc = jm_url_parse(&url, arena, str(cases[i].in));

        if ((rc == 0) != (cases[i].out != NULL)) {
            fail_msg("%s: %d", cases[i].in, rc);
        }

        if (rc != 0) {
            continue;
        }

        if (url.href.len != strlen(cases[i].out)
            || memcmp(url.href.data, cases[i].out, url.href.len) != 0)
        {
            fail_msg("%s: %.*s", cases[i].in, (int) url.href.len,
                     url.href.data);
        }

        assert_int_equal(jm_url_parse(&again, arena, url.href), 0);
        assert_int_equal(again.href.len, url.href.len);
        assert_memory_equal(again.href.data, url.href.data, url.href.len);
    }

    jm_arena_destroy(arena);
}


static void
test_parts(void **state)
{
    char        text[JM_URL_MAX + 2];
    jm_url_t    url;
    jm_str_t    source;
    jm_arena_t *arena;

    arena = jm_arena_create(1024 * 1024);

    assert_int_equal(
        jm_url_parse(&url, arena, str("http://A.example:81/p?q#f")), 0);
    assert_int_equal(url.scheme, JM_URL_HTTP);
    assert_memory_equal(url.host.data, "a.example", 9);
    assert_int_equal(url.host.len, 9);
    assert_memory_equal(url.rest.data, "/p?q#f", 6);
    assert_int_equal(url.rest.len, 6);

    assert_int_equal(jm_url_parse(&url, arena, str("cid:a%40b")), 0);
    assert_int_equal(url.scheme, JM_URL_CID);
    assert_memory_equal(url.rest.data, "a@b", 3);

    memset(text, 'a', sizeof(text));
    memcpy(text, "http://a/", 9);
    source.data = (u_char *) text;
    source.len = JM_URL_MAX + 1;
    assert_int_equal(jm_url_parse(&url, arena, source), -1);
    source.len = JM_URL_MAX;
    assert_int_equal(jm_url_parse(&url, arena, source), 0);

    jm_arena_destroy(arena);
}


static void
test_claims(void **state)
{
    size_t      i;
    jm_str_t    host;
    jm_arena_t *arena;

    static const url_case_t claims[] = {
        { "http://bank.example/login", "bank.example" },
        { "https://Bank.example", "bank.example" },
        { "www.bank.example", "www.bank.example" },
        { " bank.com ", "bank.com" },
        { "bank.com/login", "bank.com" },
        { "bank.com.br", "bank.com.br" },
        { "\u00a0bank.com\u00a0", "bank.com" },
        { "bank.com.", "bank.com" },
        { "\u00bb (Bank.com) \u203a", "bank.com" },
        { "\u2192 www.bank.example", "www.bank.example" },
        { "Log in: https://bank.example/login.", "bank.example" },
        { "Mail a@www.bank.com, or http://bank.example", "bank.example" },
        { "bank.com is here", "" },
        { "\u2192 \u203a", "" },
        { "readme.md", "" },
        { "Click here", "" },
        { "someone@bank.com", "" },
        { "3.50", "" },
        { "", "" },
    };

    arena = jm_arena_create(1024 * 1024);

    for (i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        host = jm_url_claimed_host(arena, str(claims[i].in));

        if (host.len != strlen(claims[i].out)
            || (host.len != 0
                && memcmp(host.data, claims[i].out, host.len) != 0))
        {
            fail_msg("%s: %.*s", claims[i].in, (int) host.len, host.data);
        }
    }

    assert_true(jm_url_same_site(str("a.bank.com"), str("www.bank.com")));
    assert_true(jm_url_same_site(str("bank.com"), str("bank.com.")));
    assert_true(jm_url_same_site(str("a.bank.co.uk"), str("bank.co.uk")));
    assert_false(jm_url_same_site(str("bank.co.uk"), str("evil.co.uk")));
    assert_false(jm_url_same_site(str("bank.com"), str("evilbank.com")));
    assert_false(jm_url_same_site(str("bank.com.evil.org"), str("bank.com")));
    assert_false(jm_url_same_site(str("a.github.io"), str("b.github.io")));
    assert_true(jm_url_same_site(str("x.a.github.io"), str("a.github.io")));
    assert_false(jm_url_same_site(str("a.com.br"), str("b.com.br")));
    assert_true(jm_url_same_site(str("[::1]"), str("[::1]")));
    assert_false(jm_url_same_site(str(""), str("com")));
    assert_false(jm_url_same_site(str("1.2.3.4"), str("9.9.3.4")));

    jm_arena_destroy(arena);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_claims),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    jm_url_init();

    return cmocka_run_group_tests(tests, NULL, NULL);
}
