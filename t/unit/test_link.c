/*
 * link_guard.c, redirect.c with its decoders, params.c and link_clean.c: what
 * stays as it is, what is seen through, what is taken out; and how html_link.c
 * tells of it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <zlib.h>

#include "html.h"
#include "html_report.h"
#include "link_clean.h"
#include "link_guard.h"
#include "params.h"
#include "redirect.h"

typedef struct {
    const char *in;
    const char *out; /* NULL: the same */
    const char *vendor;
    int         kept;
} link_case_t;

static jm_arena_t *arena;
static jm_sender_t sender;


static jm_str_t
str(const char *s)
{
    jm_str_t out;

    out.data = (u_char *) s;
    out.len = strlen(s);

    return out;
}


static int
setup(void **state)
{
    arena = jm_arena_create(64 * 1024 * 1024);
    assert_non_null(arena);
    jm_html_init();

    return 0;
}


static int
reset(void **state)
{
    jm_arena_reset(arena);
    jm_sender_read(&sender, arena,
                   str("To: jane.doe@junkmail.test\nList-Unsubscribe: "
                       "<mailto:x@a.example>,\n "
                       "<https://a.example/bye?utm_source=x>\n\n"));

    return 0;
}


static int
teardown(void **state)
{
    jm_arena_destroy(arena);

    return 0;
}


static void
check_one(const link_case_t *c, const char *text)
{
    jm_url_t        url;
    const char     *expected;
    jm_link_clean_t link, again;

    if (jm_url_parse(&url, arena, str(c->in)) != 0) {
        fail_msg("%s does not parse", c->in);
    }

    jm_link_clean(&link, arena, &url, str(text), &sender);
    expected = (c->out == NULL) ? c->in : c->out;

    if (link.url.href.len != strlen(expected)
        || memcmp(link.url.href.data, expected, strlen(expected)) != 0)
    {
        fail_msg("%s: %.*s, expected %s", c->in, (int) link.url.href.len,
                 link.url.href.data, expected);
    }

    if ((link.vendor == NULL) != (c->vendor == NULL)
        || (c->vendor != NULL && strcmp(link.vendor, c->vendor) != 0)
        || link.kept != (unsigned) c->kept)
    {
        fail_msg("%s: %s, kept %d", c->in,
                 link.vendor == NULL ? "nobody's" : link.vendor, link.kept);
    }

    jm_link_clean(&again, arena, &link.url, str(text), &sender);
    assert_int_equal(again.url.href.len, link.url.href.len);
    assert_memory_equal(again.url.href.data, link.url.href.data,
                        link.url.href.len);
}


static void
check(const link_case_t *cases, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        check_one(&cases[i], "Read more");
    }
}

#define CHECK(cases) check(cases, sizeof(cases) / sizeof(cases[0]))


static void
test_params(void **state)
{
    static const link_case_t cases[] = {
        { "https://a.example/p", NULL, NULL, 0 },
        { "https://a.example/p?", NULL, NULL, 0 },
        { "https://a.example/p?id=1&x=%2f+a&y", NULL, NULL, 0 },
        { "https://a.example/p?utm_source=x", "https://a.example/p", NULL, 0 },
        { "https://a.example/p?UTM_Source=x&a=1", "https://a.example/p?a=1",
          NULL, 0 },
        { "https://a.example/p?a=%2f&utm_medium=m&b=%C3%A4&li_fat_id=1#top",
          "https://a.example/p?a=%2f&b=%C3%A4#top", NULL, 0 },
        { "https://a.example/p?a=1&amp;utm_source=x&amp;amp;cjevent=2",
          "https://a.example/p?a=1", NULL, 0 },
        { "https://a.example/p#xtor=EPR-1", "https://a.example/p", NULL, 0 },
        { "https://a.example/p?a=1#utm_source=x&b=2",
          "https://a.example/p?a=1#b=2", NULL, 0 },
        { "https://a.example/p#:~:text=a", NULL, NULL, 0 },
        { "https://a.example/p?utm=1&xutm_source=2&_utm_x=3", NULL, NULL, 0 },

        /* medium: with its host, or another of the same vendor */
        { "https://a.example/p?ncid=1", NULL, NULL, 0 },
        { "https://a.example/p?ncid=1&nlid=2", "https://a.example/p", NULL,
          0 },
        { "https://a.example/p?trk=1", NULL, NULL, 0 },
        { "https://www.linkedin.com/in/x?trk=1",
          "https://www.linkedin.com/in/x", NULL, 0 },
        { "https://www.ebay.de/itm/1?mkcid=1&hash2=a",
          "https://www.ebay.de/itm/1?hash2=a", NULL, 0 },
        { "https://shop.example/itm/1?mkcid=1", NULL, NULL, 0 },

        /* names too common to go alone */
        { "https://a.example/p?j=1&l=2&mid=3", NULL, NULL, 0 },
        { "https://a.example/p?sfmc_sub=9&j=1&l=2&mid=3&q=4",
          "https://a.example/p?q=4", NULL, 0 },

        /* whatever its name */
        { "https://a.example/p?who=Jane.Doe%40junkmail.test&b=1",
          "https://a.example/p?b=1", NULL, 0 },
        { "https://a.example/p?who=4d5dbbcc74afa50484e8921e32efd08b",
          "https://a.example/p", NULL, 0 },
        { "https://a.example/p?who=john@junkmail.test", NULL, NULL, 0 },
    };

    CHECK(cases);
}


static void
test_guards(void **state)
{
    size_t i;

    static const link_case_t cases[] = {
        { "https://a.example/p?utm_source=x&signature=ab", NULL, NULL, 0 },
        { "https://a.example/p?expires=1&utm_source=x", NULL, NULL, 0 },
        { "https://a.example/p?utm_source=x&X-Amz-Date=1", NULL, NULL, 0 },
        { "https://a.example/p?utm_source=x&reset_password_token=1", NULL,
          NULL, 0 },
        { "https://a.example/p?utm_source=x#access_token=1", NULL, NULL, 0 },
        { "https://a.example/p?utm_source=x&checksum=1", NULL, NULL, 0 },
        { "https://a.example/p?utm_source=x&activation_code=1", NULL, NULL,
          0 },
        { "https://a.example/p?confirmationCode=1&utm_source=x", NULL, NULL,
          0 },
        { "https://a.example/p?t=eyJhbGciOiJ9.eyJzdWIi.c2ln&utm_source=x",
          NULL, NULL, 0 },
        { "https://a.example/EmailSettings?utm_source=x", NULL, NULL, 0 },
        { "https://a.example/login?utm_source=x", NULL, NULL, 0 },
        { "https://a.example/sign-in?utm_source=x", NULL, NULL, 0 },
        { "https://a.example/user/verify-email/?utm_source=x", NULL, NULL, 0 },
        { "https://a.example/opt_out/1?utm_source=x", NULL, NULL, 0 },
        { "https://a.example/Unsubscribed?utm_source=x", NULL, NULL, 0 },
        { "https://a.example/x%2Funsubscribe?utm_source=x", NULL, NULL, 0 },
        { "https://a.example/userLogin?utm_source=x", NULL, NULL, 0 },
        { "https://a.example/passwordReset?utm_source=x", NULL, NULL, 0 },
        { "https://a.example/emailVerify.do?utm_source=x", NULL, NULL, 0 },
        { "https://a.example/app/doSSO?utm_source=x", NULL, NULL, 0 },
        { "https://a.example/newsletterOptOut?utm_source=x", NULL, NULL, 0 },
        { "https://a.example/accountSignIn?utm_source=x", NULL, NULL, 0 },
        { "https://a.example/abmelden?utm_source=x", NULL, NULL, 0 },
        { "https://a.example/newsletter/desabonnement?utm_id=x", NULL, NULL,
          0 },
        { "https://accounts.google.com/a?utm_source=x", NULL, NULL, 0 },
        { "https://x.eu.auth0.com/a?utm_source=x", NULL, NULL, 0 },
        { "https://login.a.example/a?utm_source=x", NULL, NULL, 0 },
        { "https://b.s3.amazonaws.com/a?utm_source=x", NULL, NULL, 0 },
        { "https://a.example/invite/1?utm_source=x", NULL, NULL, 0 },
        { "https://a.example/oauth/authorize?utm_source=x", NULL, NULL, 0 },

        /* the header names this one */
        { "https://a.example/bye?utm_source=x", NULL, NULL, 0 },
        { "https://a.example/bye?utm_source=xy", "https://a.example/bye", NULL,
          0 },

        /* not everything that looks a little like it */
        { "https://a.example/authors/x?utm_source=x",
          "https://a.example/authors/x", NULL, 0 },
        { "https://a.example/p/LOGINOV-catalog?utm_source=x",
          "https://a.example/p/LOGINOV-catalog", NULL, 0 },
        { "https://a.example/clearlogins?utm_source=x",
          "https://a.example/clearlogins", NULL, 0 },
        { "https://a.example/magical-places?utm_source=x",
          "https://a.example/magical-places", NULL, 0 },
        { "https://mya.example/x?codes=1&utm_source=x",
          "https://mya.example/x?codes=1", NULL, 0 },
    };

    static const char *const texts[] = {
        "Unsubscribe",
        "Click here to opt-out",
        "Hier ABMELDEN",
        "Newsletter abbestellen",
        "Se désabonner",
        "Darse de baja",
        "Annulla l'iscrizione",
        "Cancelar inscrição",
        "Afmelden",
        "Wypisz się",
        "Avregistrera dig",
        "Frameld / afmeld nyhedsbrev",
        "Meld deg av",
        "Odhlásit odběr",
        "Отписаться",
        "配信停止はこちら",
        "Confirm your address",
        "Passwort zurücksetzen",
        "Log in",
    };

    static const link_case_t untouched = {
        "https://a.example/CL0/https:%2F%2Fb.example%2F/1/"
        "0102018c0a1b2c3d-0a1b2c3d/x?utm_source=x",
        NULL, NULL, 0
    };

    CHECK(cases);

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        check_one(&untouched, texts[i]);
    }

    assert_false(jm_guard_text(str("Read more")));
    assert_false(jm_guard_text(str("")));
}


static void
test_redirects(void **state)
{
    static const link_case_t cases[] = {
        { "https://x1.r.eu-west-1.awstrack.me/L0/"
          "https:%2F%2Fb.example%2Fp%3Fa=1%26utm_source=x/1/0102-a/b=1",
          "https://b.example/p?a=1", "Amazon SES", 0 },
        { "https://mail.shop.example/CL0/https:%2F%2Fb.example%2F/1/"
          "0102018c0a1b2c3d-0a1b2c3d-1234/x",
          "https://b.example/", "Amazon SES", 0 },
        { "https://click.pstmrk.it/3s/b.example%2Fp%3Fa=1/Xyz/abc/1/2",
          "https://b.example/p?a=1", "Postmark", 0 },
        { "https://mandrillapp.com/track/click/1/b.example?p="
          "eyJzIjoieCIsInAiOiJ7XCJ1XCI6MSxcInVybFwiOlwiaHR0cHM6XFxcL1xcXC9iLm"
          "V4YW1wbGVcXFwvcFwifSJ9",
          "https://b.example/p", "Mandrill (Mailchimp)", 0 },
        { "https://mandrillapp.com/track/click/1/a.example?p="
          "eyJzIjoieCIsInAiOiJ7XCJ1XCI6MSxcInVybFwiOlwiaHR0cHM6XFxcL1xcXC9iLm"
          "V4YW1wbGVcXFwvcFwifSJ9",
          NULL, "Mandrill (Mailchimp)", 1 },
        { "https://link.news.example/f/a/aBc123-"
          "_def456~~/AAQxAQA~/RgQBAgMERBdodHRwczovL2IuZXhhbXBsZS9wP2E9M"
          "VcDc3BjQgoAAQ~",
          "https://b.example/p?a=1", "SparkPost (Bird)", 0 },
        { "https://link.news.example/f/a/aBc123-"
          "_def456~~/AAQxAQA~/RgQBAgMERCtodHRwczovL2IuZXhhbXBsZS9wP2E9M"
          "VcDc3BjQgoAAQ~",
          NULL, "SparkPost (Bird)", 1 },
        { "https://link.news.example/f/a/aBc123-"
          "_def456~~/AAQxAQA~/RBdodHRwczovL2IuZXhhbXBsZS9wP2E9MUQXaHR0c"
          "HM6Ly9iLmV4YW1wbGUvcD9hPTE~",
          NULL, "SparkPost (Bird)", 1 },
        { "https://xyz.mjt.lu/lnk/AAAA/1/BBBB/aHR0cHM6Ly9iLmV4YW1wbGUvcA",
          "https://b.example/p", "Mailjet", 0 },
        { "https://link.news.example/click/123.456/"
          "aHR0cHM6Ly9iLmV4YW1wbGUvcA==/5f3a",
          "https://b.example/p", "Sailthru (Marigold)", 0 },
        { "https://click.convertkit-mail2.com/abc/def/"
          "aHR0cHM6Ly9iLmV4YW1wbGUvcA==",
          "https://b.example/p", "Kit (ConvertKit)", 0 },
        { "https://e.customeriomail.com/e/c/"
          "eyJlbWFpbF9pZCI6IngiLCJocmVmIjoiaHR0cHM6Ly9iLmV4YW1wbGUvcD9hPTFcdT"
          "AwMjZiPTIifQ/abc",
          "https://b.example/p?a=1&b=2", "Customer.io", 0 },
        { "https://lnks.gd/l/eyJhbGciOiJIUzI1NiJ9.eyJ1cmwiOiJodHRwczovL2IuZXh"
          "hbXBsZS9wIn0.sig/s/1",
          "https://b.example/p", "GovDelivery (Granicus)", 0 },
        { "https://substack.com/redirect/2/eyJlIjoiaHR0cHM6Ly9iLmV4YW1wbGUvcC"
          "J9.x",
          "https://b.example/p", "Substack", 0 },
        { "https://x.lt.acemlna.com/Prod/link-tracker?redirectUrl="
          "aHR0cHMlM0ElMkYlMkZiLmV4YW1wbGUlMkZw&sig=1",
          NULL, "ActiveCampaign", 1 },
        { "https://x.lt.acemlna.com/Prod/link-tracker?redirectUrl="
          "aHR0cHM6Ly9iLmV4YW1wbGUvcA%3D%3D&sig=1",
          "https://b.example/p", "ActiveCampaign", 0 },
        { "https://a.example/ahoy/click?u=https%3A%2F%2Fb.example%2Fp",
          "https://b.example/p", "Ahoy Email (Rails)", 0 },
        { "https://www.google.com/url?sa=t&q=https%3A%2F%2Fb.example%2Fp",
          "https://b.example/p", "Google", 0 },
        { "https://l.facebook.com/l.php?u=https%3A%2F%2Fb.example%2Fp%3F"
          "cjevent%3D1&h=AT0",
          "https://b.example/p", "Facebook", 0 },
        { "https://www.bing.com/ck/a?u=a1aHR0cHM6Ly9iLmV4YW1wbGUvcA&ntb=1",
          "https://b.example/p", "Bing", 0 },
        { "https://r.search.yahoo.com/_ylt=A/RV=2/RE=1/RO=10/"
          "RU=https%3a%2f%2fb.example%2fp/RK=2/RS=x",
          "https://b.example/p", "Yahoo", 0 },

        /* one in another */
        { "https://l.facebook.com/l.php?u=https%3A%2F%2Fwww.google.com%2Furl%"
          "3Fq%3Dhttps%253A%252F%252Fb.example%252Fp",
          "https://b.example/p", "Facebook", 0 },

        /* a target that is guarded stays as it is */
        { "https://l.facebook.com/l.php?u=https%3A%2F%2Fb.example%2Flogin%3F"
          "utm_source%3Dx",
          "https://b.example/login?utm_source=x", "Facebook", 0 },

        /* targets that are none */
        { "https://l.facebook.com/l.php?u=javascript%3Aalert(1)", NULL,
          "Facebook", 1 },
        { "https://l.facebook.com/l.php?u=%2Fp", NULL, "Facebook", 1 },
        { "https://l.facebook.com/l.php?u=https%3A%2F%2Fu%40b.example%2F",
          NULL, "Facebook", 1 },
        { "https://l.facebook.com/l.php?u=https%3A%2F%2Fb.example%2F%0Ax",
          NULL, "Facebook", 1 },
        { "https://xyz.mjt.lu/lnk/AAAA/1/BBBB/aHR0cHM6Ly8", NULL, "Mailjet",
          1 },

        /* only their server knows */
        { "https://u1.ct.sendgrid.net/ls/click?upn=u001.abc&utm_source=x",
          NULL, "SendGrid", 1 },
        { "https://news.shop.example/ls/click?upn=abc", NULL, "SendGrid", 1 },
        { "https://shop.us1.list-manage.com/track/click?u=1&id=2&e=3", NULL,
          "Mailchimp", 1 },
        { "https://bit.ly/abc?utm_source=x", NULL, "Bitly", 1 },

        /* a protection is seen through, and kept */
        { "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2F"
          "b.example%2F&data=jane.doe%40junkmail.test",
          NULL, NULL, 0 },
    };

    CHECK(cases);
}


/* Five in one another are followed, six are not believed. */
static void
test_levels(void **state)
{
    int             i;
    size_t          n;
    jm_buf_t        href;
    jm_str_t        inner;
    jm_url_t        url;
    jm_link_clean_t link;

    inner = str("https://b.example/p");

    for (i = 1; i <= 6; i++) {
        jm_buf_init(&href, arena, SIZE_MAX);
        jm_buf_adds(&href, "https://l.facebook.com/l.php?u=");

        for (n = 0; n < inner.len; n++) {
            if (strchr(":/?=%&", inner.data[n]) != NULL) {
                jm_buf_printf(&href, "%%%02X", inner.data[n]);
            } else {
                jm_buf_addc(&href, inner.data[n]);
            }
        }

        inner = jm_buf_str(&href);
        assert_int_equal(jm_url_parse(&url, arena, inner), 0);
        jm_link_clean(&link, arena, &url, str("x"), NULL);
        assert_int_equal(link.kept, i > 5);
        assert_int_equal(link.url.host.len, i > 5 ? 14 : 9);
    }
}


/* Mailgun: base64 of zlib of a form, which may be a bomb. */
static void
test_zlib(void **state)
{
    size_t          i, n;
    uLongf          size;
    u_char          packed[4096];
    jm_buf_t        href;
    jm_url_t        url;
    jm_str_t        form;
    jm_link_clean_t link;

    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789-_";

    for (i = 0; i < 2; i++) {
        form = str("h=1&l=https%3A%2F%2Fb.example%2Fp&r=jane.doe%40junkmail."
                   "test&s=Hello");

        if (i == 1) {
            form.data = jm_arena_alloc(arena, 1024 * 1024);
            form.len = 1024 * 1024;
            memset(form.data, '&', form.len);
        }

        size = sizeof(packed);
        assert_int_equal(compress2(packed, &size, form.data, form.len, 9),
                         Z_OK);
        size -= 4; /* the checksum is missing */

        jm_buf_init(&href, arena, SIZE_MAX);
        jm_buf_adds(&href, "https://email.mg.shop.example/c/");

        /* the header's second byte differs with the level; theirs is "eJ" */
        packed[1] = 0x9C;

        for (n = 0; n + 3 <= size; n += 3) {
            jm_buf_addc(&href, digits[packed[n] >> 2]);
            jm_buf_addc(&href,
                        digits[(packed[n] & 3) << 4 | packed[n + 1] >> 4]);
            jm_buf_addc(
                &href, digits[(packed[n + 1] & 15) << 2 | packed[n + 2] >> 6]);
            jm_buf_addc(&href, digits[packed[n + 2] & 63]);
        }

        assert_int_equal(jm_url_parse(&url, arena, jm_buf_str(&href)), 0);
        jm_link_clean(&link, arena, &url, str("x"), NULL);
        assert_string_equal(link.vendor, "Mailgun");
        assert_int_equal(link.kept, i == 1);

        if (i == 0) {
            assert_int_equal(link.url.href.len, 19);
            assert_memory_equal(link.url.href.data, "https://b.example/p", 19);
        }
    }
}


/* Safe Links and Proofpoint: where they end. */
static void
test_security(void **state)
{
    size_t          i;
    jm_url_t        url;
    jm_link_clean_t link;

    static const char *const links[] = {
        "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2F"
        "b.example%2Fp&data=x",
        "https://urldefense.proofpoint.com/v1/url?u=http://b.example/p&k=x",
        "https://urldefense.proofpoint.com/v2/url?u=https-3A__b.example_p&d=x",
        "https://urldefense.com/v3/__https://b.example/*p__;Iw!!abc!def$",
        "https://urldefense.com/v3/__https:/b.example/p**A__;IyM!!abc!def$",
        "https://linkprotect.cudasvc.com/url?a=https%3a%2f%2fb.example%2fp",
        "https://secure-web.cisco.com/1abc/https%3A%2F%2Fb.example%2Fp",
    };

    for (i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
        assert_int_equal(jm_url_parse(&url, arena, str(links[i])), 0);
        jm_link_clean(&link, arena, &url, str("x"), &sender);

        if (link.host.len != 9 || memcmp(link.host.data, "b.example", 9) != 0)
        {
            fail_msg("%s: %.*s", links[i], (int) link.host.len,
                     link.host.data);
        }

        assert_int_equal(link.url.href.len, url.href.len);
    }
}


/* What the report says of links, and what the reader can see. */
static void
test_report(void **state)
{
    size_t      i;
    jm_html_t   out, again;
    const char *html;

    static const struct {
        const char *html;
        const char *written; /* somewhere in it */
        const char *warning; /* NULL: none */
    } cases[] = {
        { "<a href='https://a.example/'>www.bank.example.com</a>",
          " title=\"a.example\"", "link-mismatch" },
        { "<a href='https://a.example/'>a.example.</a>",
          "href=\"https://a.exa"
          "mple/\"",
          NULL },
        { "<a href='https://www.paypal.com/x'>paypal.com</a>",
          " referrerpolicy=\"no-referrer\">paypal.com", NULL },
        { "<a href='https://x.awstrack.me/L0/https:%2F%2Fb.example%2F/1/a'>"
          "b.example</a>",
          "href=\"https://b.example/\"", NULL },
        { "<a href='https://x.awstrack.me/L0/https:%2F%2Fb.com%2F/1/a'>"
          "www.bank.com</a>",
          " title=\"b.com\"", "link-mismatch" },
        { "<a href='https://p\xD0\xB0ypal.com/'>here</a>",
          " title=\"xn--pypal-4ve.com\"", "link-lookalike" },
        { "<a href='https://\xD0\xBF\xD0\xBE.xn--bcher-kva.com/'>here</a>",
          " title=\"xn--n1ab.xn--bcher-kva.com\"", NULL },
        { "<a href='https://a.example/'>\xE2\x80\xAEmoc.knab</a>", "<a ",
          "link-bidi" },
        { "<a href='mailto:a@b.example?subject=x&attach=y'>x</a>",
          "href=\"mailto:a@b.example?subject=x\"", NULL },
        { "<a href='tel:+49 30 1'>x</a>", "href=\"tel:+49%2030%201\"", NULL },
        { "<a href='https://a.example/p?utm_source=x'><img src='cid:x' "
          "alt='Unsubscribe'></a>",
          "p?utm_source=x\"", NULL },
        { "<a href='https://a.example/p?utm_source=x'><b>un</b>subscribe</a>",
          "p?utm_source=x\"", NULL },
        { "<a href='http://a.example/'>http://b.example/?a\x1F)x</a>",
          " title=\"a.example\"", "link-mismatch" },
        { "<map name=m><area href='https://a.example/p?utm_source=x'></map>",
          "href=\"https://a.example/p\"", NULL },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        jm_html_clean(&out, arena, str(cases[i].html), NULL, NULL, &sender);
        html = jm_arena_cstr(arena, out.html.data, out.html.len);

        if (strstr(html, cases[i].written) == NULL) {
            fail_msg("%s: %s", cases[i].html, html);
        }

        if (out.nwarnings != (cases[i].warning != NULL)
            || (out.nwarnings != 0
                && strcmp(out.warnings[0].code, cases[i].warning) != 0))
        {
            fail_msg("%s: %zu warnings", cases[i].html, out.nwarnings);
        }

        jm_html_clean(&again, arena, out.html, NULL, NULL, &sender);
        assert_int_equal(again.html.len, out.html.len);
        assert_memory_equal(again.html.data, out.html.data, out.html.len);
    }

    jm_html_clean(&out, arena,
                  str("<a href='https://u1.ct.sendgrid.net/ls/click?upn=1'>a"
                      "</a><a href='https://u1.ct.sendgrid.net/ls/click?upn=2"
                      "'>b</a><a href='https://x.awstrack.me/L0/"
                      "https:%2F%2Fb.example%2F/1/a'>c</a>"
                      "<img src='https://o.ct.sendgrid.example/p?e=1' width=1 "
                      "height=1>"),
                  NULL, NULL, NULL);
    assert_int_equal(out.ntrackers, 3);
    assert_string_equal(out.trackers[0].kind, "link");
    assert_int_equal(out.trackers[0].count, 2);
    assert_int_equal(out.trackers[0].kept, 1);
    assert_int_equal(out.trackers[1].kept, 0);

    /* links of two vendors: the pixel may be either's */
    assert_memory_equal(out.trackers[2].vendor.data, "unknown", 7);
}


static void
test_text(void **state)
{
    jm_html_t   out;
    const char *html;

    jm_html_from_text(&out, arena,
                      str("See https://x.awstrack.me/L0/https:%2F%2F"
                          "b.example%2Fp/1/a or https://a.example/?utm_id=1"),
                      &sender);
    html = jm_arena_cstr(arena, out.html.data, out.html.len);
    assert_non_null(strstr(html, ">https://b.example/p</a>"));
    assert_non_null(strstr(html, ">https://a.example/</a>"));
    assert_int_equal(out.ntrackers, 1);
    assert_int_equal(out.nwarnings, 0);
}


/* Only rows that may be part of the project: each names where it is from. */
static void
test_lists(void **state)
{
    char   line[1024], *cell[12], *p;
    FILE  *file;
    size_t i, n, rows;

    static const struct {
        const char *path;
        size_t      columns, sources, rows;
    } lists[] = {
        { "backend/lists/redirectors.tsv", 11, 9, 150 },
        { "backend/lists/params.tsv", 8, 6, 90 },
        { "backend/lists/trackers.tsv", 9, 7, 700 },
    };

    for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        file = fopen(lists[i].path, "r");
        assert_non_null(file);
        assert_non_null(fgets(line, sizeof(line), file));

        for (rows = 0; fgets(line, sizeof(line), file) != NULL; rows++) {
            line[strcspn(line, "\n")] = '\0';

            for (n = 0, p = line; p != NULL && n < 12; n++) {
                cell[n] = strsep(&p, "\t");
            }

            assert_int_equal(n, lists[i].columns);
            p = cell[lists[i].sources];

            if (strstr(p, "MailTrackerBlocker") == NULL
                && strstr(p, "simplify-trackers") == NULL
                && strstr(p, "Trocker") == NULL
                && strstr(p, "junkmail-research") == NULL)
            {
                fail_msg("%s: %s", cell[0], p);
            }
        }

        fclose(file);
        assert_true(rows >= lists[i].rows);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_params, reset),
        cmocka_unit_test_setup(test_guards, reset),
        cmocka_unit_test_setup(test_redirects, reset),
        cmocka_unit_test_setup(test_levels, reset),
        cmocka_unit_test_setup(test_zlib, reset),
        cmocka_unit_test_setup(test_security, reset),
        cmocka_unit_test_setup(test_report, reset),
        cmocka_unit_test_setup(test_text, reset),
        cmocka_unit_test_setup(test_lists, reset),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
