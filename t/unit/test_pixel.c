/*
 * pixel.c, html_pixel.c, sender.c and the report: images of mails as they are
 * known to be taken for trackers wrongly, and trackers as they are known to be
 * missed; vendors inferred; the sentence.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "html.h"
#include "html_report.h"
#include "pixel.h"

typedef struct {
    const char   *name;
    const char   *html;
    jm_pixel_is_t is; /* the worst verdict on any image */
} pixel_case_t;

/* Around each: a text, a visible image from img.shop.example, a text. */
#define BEFORE                                                                \
    "<p>Hello</p><img src='https://img.shop.example/header.png' "             \
    "width=600 height=200 alt=''><p>"
#define AFTER "</p><p>Goodbye</p>"

static const pixel_case_t innocent[] = {
    { "620x1 spacer",
      "<img src='https://img.shop.example/line.gif' width=620 height=1>",
      JM_PIXEL_NO },
    { "1x10 spacer",
      "<img src='https://img.shop.example/x.gif' width=1 height=10>",
      JM_PIXEL_NO },
    { "1x1 spacer by name",
      "<img src='https://img.shop.example/spacer.gif' width=1 height=1>",
      JM_PIXEL_NO },
    { "1x1 transparent by name",
      "<img src='https://img.shop.example/transparent-1.png' width=1 "
      "height=1>",
      JM_PIXEL_NO },
    { "1x100 gradient",
      "<img src='https://img.shop.example/gradient.png' width=1 height=100>",
      JM_PIXEL_NO },
    { "mobile logo of 1x1 attributes, hidden on large screens",
      "<style>@media only screen and (max-width:480px){.m{display:block"
      "!important;width:200px!important;height:60px!important}}</style>"
      "<img class=m style='display:none' src='https://img.shop.example/l.png'"
      " alt='FedEx' width=1 height=1>",
      JM_PIXEL_NO },
    { "dark mode logo",
      "<img style='display:none' src='https://img.shop.example/dark.png' "
      "alt='Shop' width=120 height=40>",
      JM_PIXEL_NO },
    { "icon with text",
      "<img src='https://img.shop.example/apple.png' alt='Apple' width=18 "
      "height=18>",
      JM_PIXEL_NO },
    { "cid with 0x0", "<img src='cid:a@b' width=0 height=0>", JM_PIXEL_NO },
    { "border is not width",
      "<img src='https://img.shop.example/a.png' style='border:1px solid; "
      "border-width:1px' height=1>",
      JM_PIXEL_NO },
    { "max-width is not width",
      "<img src='https://img.shop.example/a.png' style='max-width:1px' "
      "height=1>",
      JM_PIXEL_NO },
    { "10 and 100 are not 1",
      "<img src='https://img.shop.example/a.png' width=10 height=100>",
      JM_PIXEL_NO },
    { "width in another attribute",
      "<img src='https://img.shop.example/a.png' "
      "data-image-meta='{width:1,height:1}'>",
      JM_PIXEL_NO },
    { "hashed file name of a CDN",
      "<img src='https://cdn.shop.example/files/"
      "9f86d081884c7d659a2feaa0c55ad015.png'>",
      JM_PIXEL_NO },
    { "long name of words",
      "<img src='https://img.shop.example/newsletter-spring-collection-"
      "header-mobile.jpg'>",
      JM_PIXEL_NO },
    { "the same spacer again and again",
      "<img src='https://img.shop.example/s' width=1 height=1>"
      "<img src='https://img.shop.example/s' width=1 height=1>",
      JM_PIXEL_NO },
    { "visible picture with a token",
      "<img src='https://cdn.shop.example/i?u=Zk3vQ9xT7bLm2PwR8sYd' "
      "width=300 height=200>",
      JM_PIXEL_NO },
    { "visible picture on a host that has pixels, too",
      "<img src='https://app.frontapp.com/logo.png' width=300 height=80>",
      JM_PIXEL_NO },
};

static const pixel_case_t guilty[] = {
    { "1x1", "<img src='https://t.shop.example/p?u=1' width=1 height=1>",
      JM_PIXEL_YES },
    { "2x2 (Runtastic)",
      "<img src='https://t.shop.example/p?u=1' width=2 height=2>",
      JM_PIXEL_YES },
    { "3x1 (Google)",
      "<img src='https://notifications.example/g/img/"
      "AD9E4Kx2v7QmPzL1RwTy.gif' width=3 height=1>",
      JM_PIXEL_YES },
    { "no size at all (Mailtrack)",
      "<img src='https://m.example/trace/open/"
      "3f2b8c1d9e4a7056b1c2d3e4f5a60718'>",
      JM_PIXEL_YES },
    { "visible, known (FreshMail)",
      "<img src='https://mail.sklep.pl/o/1' width=200 height=50 alt=Logo>",
      JM_PIXEL_YES },
    { "size by style",
      "<img src='https://t.shop.example/p' style='width:1px;height:1px'>",
      JM_PIXEL_YES },
    { "size by a class",
      "<style>.t{width:1px;height:1px}</style>"
      "<img class=t src='https://t.shop.example/p'>",
      JM_PIXEL_YES },
    { "hidden, with a token",
      "<img style='display:none' src='https://t.shop.example/"
      "5b1c2d3e4f5a60718293a4b5c6d7e8f9'>",
      JM_PIXEL_YES },
    { "inside of something hidden",
      "<div style='display:none'><img src='https://t.shop.example/open/"
      "5b1c2d3e4f5a60718293a4b5c6d7e8f9'></div>",
      JM_PIXEL_YES },
    { "recipient's address",
      "<img src='https://t.shop.example/a.gif?e=Jane.Doe%40junkmail.test'>",
      JM_PIXEL_YES },
    { "MD5 of it",
      "<img src='https://t.shop.example/"
      "4d5dbbcc74afa50484e8921e32efd08b.gif'>",
      JM_PIXEL_YES },
    { "in an image proxy's URL",
      "<img src='https://ci3.googleusercontent.com/x=s0#"
      "https://us1.list-manage.com/track/open.php?u=1'>",
      JM_PIXEL_YES },
    { "in CSS", "<p style='background:url(https://eoapxl.com/1)'>x",
      JM_PIXEL_YES },
    { "in an attribute", "<table background='https://emltrk.com/x'></table>",
      JM_PIXEL_YES },
    { "likely shape and tiny",
      "<img src='https://img.shop.example/email/open/tracking/1.gif' "
      "width=1 height=1>",
      JM_PIXEL_YES },
    { "tiny, and nothing else",
      "<img src='https://img.shop.example/x.gif' width=1 height=1>",
      JM_PIXEL_POSSIBLE },
};

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


static jm_html_t
clean(const char *html)
{
    jm_html_t out;

    jm_html_clean(&out, arena, str(html), NULL, NULL, &sender);

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


/* The address of the mail in all cases. */
static int
reset(void **state)
{
    jm_arena_reset(arena);
    jm_sender_read(
        &sender, arena,
        str("Subject: x\r\nTo: Jane\r\n <jane.doe@junkmail.test>\r\n"
            "\r\nTo: body@junkmail.test\r\n"));

    return 0;
}


static int
teardown(void **state)
{
    jm_arena_destroy(arena);

    return 0;
}


static void
check(const pixel_case_t *cases, size_t n)
{
    size_t        i;
    jm_buf_t      html;
    jm_html_t     out;
    jm_pixel_is_t is;

    for (i = 0; i < n; i++) {
        jm_buf_init(&html, arena, SIZE_MAX);
        jm_buf_adds(&html, BEFORE);
        jm_buf_adds(&html, cases[i].html);
        jm_buf_adds(&html, AFTER);
        jm_buf_addc(&html, '\0');

        out = clean((char *) html.data);
        is = (out.ntrackers != 0)   ? JM_PIXEL_YES
             : (out.npossible != 0) ? JM_PIXEL_POSSIBLE
                                    : JM_PIXEL_NO;

        if (is != cases[i].is) {
            fail_msg("%s: %d, expected %d", cases[i].name, is, cases[i].is);
        }
    }
}


static void
test_innocent(void **state)
{
    check(innocent, sizeof(innocent) / sizeof(innocent[0]));
}


static void
test_guilty(void **state)
{
    check(guilty, sizeof(guilty) / sizeof(guilty[0]));
}


/* Each sign alone has its weight, and no other comes with it. */
static void
test_signs(void **state)
{
    size_t          i;
    jm_url_t        url;
    jm_pixel_t      pixel;
    jm_pixel_look_t look;

    static const struct {
        const char     *url;
        jm_pixel_look_t look;
        int             score;
    } cases[] = {
        { "https://a.example/a.png", { .width = -1, .height = -1 }, 5 },
        { "https://a.example/a.png", { .width = 2, .height = 1 }, 55 },
        { "https://a.example/a.png", { .width = 0, .height = -1 }, 55 },
        { "https://a.example/a.png", { .width = 3, .height = 3 }, 35 },
        { "https://a.example/a.png", { .width = 2, .height = 10 }, -55 },
        { "https://a.example/a.png", { .width = 20, .height = 20 }, -55 },
        { "https://a.example/a.png", { .width = 20, .height = 19 }, 5 },
        { "https://a.example/a.png",
          { .width = -1, .height = -1, .hidden = 1 },
          45 },
        { "https://a.example/a.png",
          { .width = -1, .height = -1, .hidden_above = 1 },
          35 },
        { "https://a.example/a.png",
          { .width = -1, .height = -1, .alt = 1 },
          -20 },
        { "https://a.example/a.png",
          { .width = -1, .height = -1, .edge = 1 },
          15 },
        { "https://a.example/a.png",
          { .width = -1, .height = -1, .apart = 1 },
          10 },
        { "https://a.example/a.png",
          { .width = -1, .height = -1, .repeated = 1 },
          -35 },
        { "https://a.example/a.png",
          { .width = -1, .height = -1, .shown_else = 1 },
          -35 },
        { "https://a.example/blank.png", { .width = -1, .height = -1 }, -35 },
        { "https://a.example/blank.png?1", { .width = -1, .height = -1 }, 5 },
        { "https://a.example/a.php", { .width = -1, .height = -1 }, 15 },
        { "https://a.example/a", { .width = -1, .height = -1 }, 15 },
        { "https://a.example/pixel/a.png", { .width = -1, .height = -1 }, 20 },
        { "https://a.example/openly/a.png", { .width = -1, .height = -1 }, 5 },
        { "https://a.example/o/a.png", { .width = -1, .height = -1 }, 20 },
        { "https://a.example/a.png?mid=1&uid=2",
          { .width = -1, .height = -1 },
          30 },
        { "https://a.example/a.png?mid=1", { .width = -1, .height = -1 }, 5 },
        { "https://a.example/0123abcd-0000-4000-8000-0123456789ab.png",
          { .width = -1, .height = -1 },
          30 },
        { "https://a.example/aaaaaaaaaaaaaaaaaaaaaaaa11.png",
          { .width = -1, .height = -1 },
          5 },
        { "https://a.example/a.png?x=jane.doe@junkmail.test",
          { .width = -1, .height = -1 },
          85 },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(jm_url_parse(&url, arena, str(cases[i].url)), 0);
        look = cases[i].look;
        jm_pixel_judge(&pixel, &look, &url, &sender);

        if (pixel.score != cases[i].score) {
            fail_msg("%zu, %s: %d, expected %d", i, cases[i].url, pixel.score,
                     cases[i].score);
        }
    }
}


static void
test_hashes(void **state)
{
    size_t i;

    static const char *const told[] = {
        "/x?e=jane.doe@junkmail.test",
        "/x?e=JANE.DOE%40JunkMail.test&y",
        "/4d5dbbcc74afa50484e8921e32efd08b",
        "/4D5DBBCC74AFA50484E8921E32EFD08B",
        "/0f03b00365f32d8f17d8c4a61cb7a311288d50bc",
        "/x?_cldee=amFuZS5kb2VAanVua21haWwudGVzdA%3d%3d",
    };

    /* the hash in the list is the address's, which this proves */
    assert_int_equal(sender.nrecipients, 1);
    assert_int_equal(sender.recipients[0].hash[0].len, 32);
    assert_int_equal(sender.recipients[0].hash[1].len, 40);
    assert_int_equal(sender.recipients[0].hash[2].len, 64);

    for (i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        if (!jm_sender_names(&sender, str(told[i]))) {
            fail_msg("%s, MD5 is %.32s", told[i],
                     (char *) sender.recipients[0].hash[0].data);
        }
    }

    assert_true(jm_sender_names(&sender, sender.recipients[0].hash[1]));
    assert_true(jm_sender_names(&sender, sender.recipients[0].hash[2]));
    assert_false(jm_sender_names(&sender, str("/x?e=ajane.doe@junkmail.org")));
    assert_false(jm_sender_names(&sender, str("@@%40%4@")));
    assert_false(jm_sender_names(NULL, str("/x?e=jane.doe@junkmail.test")));
}


static void
test_vendors(void **state)
{
    size_t    i;
    jm_html_t out;

    static const struct {
        const char *header;
        const char *vendor;
    } cases[] = {
        { "X-SG-EID: abc\n", "SendGrid" },
        { "x-mailgun-sid: abc\n", "Mailgun" },
        { "X-MC-User: abc\n", "Mailchimp" },
        { "X-SES-Outgoing: 2026\n", "Amazon SES" },
        { "X-PM-Message-Id: 1\n", "Postmark" },
        { "X-Mandrill-User: x\n", "Mandrill (Mailchimp)" },
        { "X-CampaignID: mailchimp1.2\n", "Mailchimp" },
        { "X-HubSpot-Email-Id: 1\n", "HubSpot" },
        { "X-SFMC-Stack: 1\n", "Salesforce Marketing Cloud" },
        { "X-Mailer: MailChimp Mailer\n", "Mailchimp" },
        { "Feedback-ID: 1.eu-west-1.x:AmazonSES\n", "Amazon SES" },
        { "List-Unsubscribe:\n <https://x.list-manage.com/u>\n", "Mailchimp" },
        { "X-Mailer: MailChimp\nX-SG-EID: 1\n", "SendGrid" },
        { "Subject: X-SG-EID: 1\n\nX-SG-EID: 1\n", NULL },
    };

    static const char html[] =
        "x<img src='https://t.shop.example/p?u=1' width=1 height=1>";

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        jm_sender_read(&sender, arena, str(cases[i].header));

        if ((sender.vendor == NULL) != (cases[i].vendor == NULL)
            || (sender.vendor != NULL
                && strcmp(sender.vendor, cases[i].vendor) != 0))
        {
            fail_msg("%s: %s", cases[i].header, sender.vendor);
        }
    }

    out = clean(html);
    assert_int_equal(out.ntrackers, 1);
    assert_memory_equal(out.trackers[0].vendor.data, "unknown", 7);
    assert_int_equal(out.trackers[0].inferred, 0);

    jm_sender_read(&sender, arena, str("X-SG-EID: abc\n"));
    out = clean(html);
    assert_memory_equal(out.trackers[0].vendor.data, "SendGrid", 8);
    assert_int_equal(out.trackers[0].inferred, 1);
}


static void
test_sentence(void **state)
{
    size_t    i;
    jm_str_t  text;
    jm_html_t out;

#define A "<img src='https://us1.list-manage.com/track/open.php?u=1'>"
#define B "<img src='https://us2.list-manage.com/track/open.php?u=1'>"
#define C "<img src='https://t.strk07.email/x'>"
#define D "<img src='https://a.example/?e=1' width=1 height=1>"
#define E "<img src='https://b.example/?e=1' width=1 height=1>"

    static const char *const cases[][2] = {
        { "x", "No trackers found" },
        { A, "1 tracker removed: Mailchimp" },
        { A A, "1 tracker removed: Mailchimp" },
        { A C, "2 trackers removed: Mailchimp and HubSpot" },
        { A C D, "3 trackers removed: Mailchimp, HubSpot and 1 unknown" },
        { D A E C, "4 trackers removed: Mailchimp, HubSpot and 2 unknown" },
        { A B, "2 trackers removed: Mailchimp (2)" },
        { D, "1 tracker removed: 1 unknown" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        out = clean(cases[i][0]);
        text = jm_report_sentence(&out, arena);

        if (text.len != strlen(cases[i][1])
            || memcmp(text.data, cases[i][1], text.len) != 0)
        {
            fail_msg("%.*s, expected %s", (int) text.len, text.data,
                     cases[i][1]);
        }
    }
}


/* What may be a tracker keeps its place, but cannot be asked for. */
static void
test_possible(void **state)
{
    jm_html_t out;

    out = clean(BEFORE "<img src='https://img.shop.example/x.gif' width=1 "
                       "height=1>" AFTER);
    assert_int_equal(out.ntrackers, 0);
    assert_int_equal(out.npossible, 1);
    assert_int_equal(out.nimages, 1);
    assert_non_null(strstr((char *) out.html.data,
                           "<img class=\"jm-img\" width=\"1\" height=\"1\">"));
}


/* Ten thousand images, nested as deep as can be, take no time. */
static void
test_many(void **state)
{
    size_t    i;
    jm_buf_t  html;
    jm_html_t out;

    jm_buf_init(&html, arena, SIZE_MAX);

    for (i = 0; i < 150; i++) {
        jm_buf_adds(&html, "<div style='color:red'>");
    }

    for (i = 0; i < 10000; i++) {
        jm_buf_printf(&html,
                      "<img src='https://a%zu.example/open/track?e=1' "
                      "width=1>",
                      i % 3000);
    }

    jm_html_clean(&out, arena, jm_buf_str(&html), NULL, NULL, &sender);
    assert_true(out.npossible + out.ntrackers + out.nimages > 0);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_innocent, reset),
        cmocka_unit_test_setup(test_guilty, reset),
        cmocka_unit_test_setup(test_signs, reset),
        cmocka_unit_test_setup(test_hashes, reset),
        cmocka_unit_test_setup(test_vendors, reset),
        cmocka_unit_test_setup(test_sentence, reset),
        cmocka_unit_test_setup(test_possible, reset),
        cmocka_unit_test_setup(test_many, reset),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
