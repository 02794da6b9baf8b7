/*
 * trackers.c: each kind of row by an example, what must not match, and that
 * the table is sorted, since the search depends on it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "trackers.h"

typedef struct {
    const char *host;
    const char *rest;
    const char *vendor; /* NULL: no tracker */
} tracker_case_t;

#define JM_TRACKER(host, kind, path, vendor, source)                          \
    { host, path, vendor, source },

static const char *const rows[][4] = {
#include "trackers.def"
};

static const tracker_case_t cases[] = {
    /* a host and what is below it, but not beside it */
    { "awstrack.me", "/anything", "Amazon SES" },
    { "x1.r.awstrack.me", "/", "Amazon SES" },
    { "notawstrack.me", "/", NULL },
    { "awstrack.me.example.org", "/", NULL },

    /* path prefixes, whatever the case; Epsilon's only as it stands */
    { "us4.list-manage.com", "/track/open.php?u=1&id=2", "Mailchimp" },
    { "us4.list-manage.com", "/Track/Open.php?u=1", "Mailchimp" },
    { "us4.list-manage.com", "/unsubscribe?u=1", NULL },
    { "accts.epicgames.com", "/O/1/2", "Epic Games" },
    { "accts.epicgames.com", "/o/1/2", NULL },

    /* digits in a host */
    { "mkt1234.com", "/open/log/1", "Acoustic" },
    { "mktabc.com", "/open/log/1", NULL },
    { "t.strk07.email", "/x", "HubSpot" },
    { "us12.mailchimp.com", "/mctx/opens?x=1", "Mailchimp" },

    /* patterns */
    { "link.axios.com", "/img/5f/abc.gif", "Axios" },
    { "link.axios.com", "/img/5f/abc.png", NULL },
    { "vpdae.com", "/open/1234.gif?opens=1", "Paved" },
    { "vpdae.com", "/open/123.gif", NULL },
    { "hubspotlinks.com", "/Bto/x", NULL },
    { "hubspotlinks.com", "/bto/x", "HubSpot" },

    /* a label of the host */
    { "links.shop.example", "/oo/abc", "Mailjet" },
    { "click.mail.shop.example", "/open.aspx?ffcb10",
      "Salesforce Marketing Cloud" },
    { "clicks.mail.shop.example", "/opened.aspx", NULL },
    { "mail.sklep.pl", "/o/1", "FreshMail" },
    { "mail.sklep.de", "/o/1", NULL },
    { "vinted.fr", "/crm/email_track?crm_email_id=7", "Vinted" },

    /* any host, by a word of the path */
    { "news.example.org", "/wf/open?upn=abc", "SendGrid" },
    { "news.example.org", "/wf/open", NULL },
    { "news.example.org",
      "/CI0/0102018c0a1b2c3d-0a1b2c3d-1234-5678-9abc-def012345678-000000/x",
      "Amazon SES" },
    { "news.example.org", "/lists/extern/open.php?q=1", "CiviCRM (extern)" },
    { "news.example.org", "/?fluentcrm=1&route=open&mid=1",
      "FluentCRM (WordPress)" },
    { "news.example.org", "/logo.png", NULL },
    { "a.b.c.d.e.f.g.h.i.j.k.l.m.n", "/", NULL },
    { "", "/", NULL },
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
    size_t                   i;
    const jm_tracker_rule_t *rule;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rule = jm_tracker_find(str(cases[i].host), str(cases[i].rest));

        if ((rule == NULL) != (cases[i].vendor == NULL)
            || (rule != NULL && strcmp(rule->vendor, cases[i].vendor) != 0))
        {
            fail_msg("%s%s: %s, expected %s", cases[i].host, cases[i].rest,
                     rule == NULL ? "none" : rule->vendor,
                     cases[i].vendor == NULL ? "none" : cases[i].vendor);
        }
    }
}


static void
test_table(void **state)
{
    size_t i, n;

    n = sizeof(rows) / sizeof(rows[0]);
    assert_true(n > 400);

    for (i = 0; i < n; i++) {
        assert_true(i == 0 || strcmp(rows[i - 1][0], rows[i][0]) <= 0);
        assert_true(rows[i][2][0] != '\0');

        /* only rows that may be part of the project */
        assert_true(strstr(rows[i][3], "MailTrackerBlocker") != NULL
                    || strstr(rows[i][3], "simplify-trackers") != NULL
                    || strstr(rows[i][3], "Trocker") != NULL
                    || strstr(rows[i][3], "junkmail-research") != NULL);
    }
}


static void
test_long(void **state)
{
    char     text[8192];
    jm_str_t rest;

    /* no row may make a long address slow */
    memset(text, '1', sizeof(text));
    text[0] = '/';
    rest.data = (u_char *) text;
    rest.len = sizeof(text);

    assert_null(jm_tracker_find(str("app.frontapp.com"), rest));
    assert_null(jm_tracker_find(str("palomaimages.washingtonpost.com"), rest));
    assert_null(jm_tracker_find(rest, rest));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_long),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
