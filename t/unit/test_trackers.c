/*
 * trackers.c, rules.c and pattern.c: each kind of row by an example, what must
 * not match, that every row of the list matches a URL made of itself, that a
 * look-up touches few rows, and the operator's file with its errors.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "pattern.h"
#include "rules.h"
#include "trackers.h"

#define HEADER                                                                \
    "vendor\tclass\thost_match\thost\tpath_match\tpath\tconfidence\tsources"  \
    "\tnote\n"

typedef struct {
    const char     *host;
    const char     *rest;
    const char     *vendor; /* NULL: no tracker; "": nobody's */
    jm_confidence_t confidence;
} tracker_case_t;

static const tracker_case_t cases[] = {
    /* a host and what is below it, but not beside it */
    { "awstrack.me", "/anything", "Amazon SES", JM_TRACKER_HIGH },
    { "x1.r.awstrack.me", "/", "Amazon SES", JM_TRACKER_HIGH },
    { "x1.r.awstrack.me.", "/", "Amazon SES", JM_TRACKER_HIGH },
    { "notawstrack.me", "/", NULL, JM_TRACKER_LOW },
    { "awstrack.me.example.org", "/", NULL, JM_TRACKER_LOW },

    /* path prefixes, whatever the case; Epsilon's only as it stands */
    { "us4.list-manage.com", "/track/open.php?u=1&id=2", "Mailchimp",
      JM_TRACKER_HIGH },
    { "us4.list-manage.com", "/Track/Open.php?u=1", "Mailchimp",
      JM_TRACKER_HIGH },
    { "us4.list-manage.com", "/unsubscribe?u=1", NULL, JM_TRACKER_LOW },
    { "accts.epicgames.com", "/O/1/2", "Epic Games", JM_TRACKER_HIGH },
    { "accts.epicgames.com", "/o/1/2", NULL, JM_TRACKER_LOW },

    /* digits in a host */
    { "mkt1234.com", "/open/log/1", "Acoustic", JM_TRACKER_HIGH },
    { "mktabc.com", "/open?x", NULL, JM_TRACKER_LOW },
    { "t.strk07.email", "/x", "HubSpot", JM_TRACKER_HIGH },
    { "us12.mailchimp.com", "/mctx/opens?x=1", "Mailchimp", JM_TRACKER_HIGH },

    /* patterns */
    { "link.axios.com", "/img/5f/abc.gif", "Axios", JM_TRACKER_HIGH },
    { "link.axios.com", "/img/5f/abc.png", NULL, JM_TRACKER_LOW },
    { "vpdae.com", "/open/1234.gif?opens=1", "Paved", JM_TRACKER_HIGH },
    { "vpdae.com", "/open/123.gif", "Keila", JM_TRACKER_LOW },
    { "hubspotlinks.com", "/Bto/x", NULL, JM_TRACKER_LOW },
    { "hubspotlinks.com", "/bto/x", "HubSpot", JM_TRACKER_HIGH },

    /* a label of the host */
    { "links.shop.example", "/oo/abc", "Mailjet", JM_TRACKER_HIGH },
    { "click.mail.shop.example", "/open.aspx?ffcb10",
      "Salesforce Marketing Cloud", JM_TRACKER_HIGH },
    { "clicks.mail.shop.example", "/opened.aspx", NULL, JM_TRACKER_LOW },
    { "mail.sklep.pl", "/o/1", "FreshMail", JM_TRACKER_HIGH },
    { "mail.sklep.de", "/o/1", NULL, JM_TRACKER_LOW },
    { "vinted.fr", "/crm/email_track?crm_email_id=7", "Vinted",
      JM_TRACKER_HIGH },
    { "t.hubspotemail.net", "/e2t/o/abc", "HubSpot", JM_TRACKER_MEDIUM },

    /* any host, by a word of the path */
    { "news.example.org", "/wf/open?upn=abc", "SendGrid", JM_TRACKER_HIGH },
    { "news.example.org", "/wf/open", NULL, JM_TRACKER_LOW },
    { "news.example.org",
      "/CI0/0102018c0a1b2c3d-0a1b2c3d-1234-5678-9abc-def012345678-000000/x",
      "Amazon SES", JM_TRACKER_HIGH },
    { "news.example.org", "/lists/extern/open.php?q=1", "CiviCRM (extern)",
      JM_TRACKER_HIGH },
    { "news.example.org", "/?fluentcrm=1&route=open&mid=1",
      "FluentCRM (WordPress)", JM_TRACKER_HIGH },
    { "news.example.org", "/matomo.php?idsite=1&rec=1", "Matomo",
      JM_TRACKER_MEDIUM },
    { "news.example.org", "/x/track/open/v9", "", JM_TRACKER_MEDIUM },
    { "news.example.org", "/img/open.gif", "Zoho", JM_TRACKER_LOW },
    { "news.example.org", "/logo.png", NULL, JM_TRACKER_LOW },
    { "a.b.c.d.e.f.g.h.i.j.k.l.m.n", "/", NULL, JM_TRACKER_LOW },
    { "", "/", NULL, JM_TRACKER_LOW },
};


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
    return jm_tracker_load(NULL);
}


static void
test_cases(void **state)
{
    size_t                   i;
    const char              *name;
    const tracker_case_t    *c;
    const jm_tracker_rule_t *rule;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        c = &cases[i];
        rule = jm_tracker_find(str(c->host), str(c->rest), NULL);
        name = (rule == NULL)         ? NULL
               : rule->vendor == NULL ? ""
                                      : rule->vendor;

        if ((name == NULL) != (c->vendor == NULL)
            || (name != NULL && strcmp(name, c->vendor) != 0)
            || (name != NULL && rule->confidence != c->confidence))
        {
            fail_msg("%s%s: %s (%d), expected %s (%d)", c->host, c->rest,
                     name == NULL ? "none" : name,
                     rule == NULL ? -1 : (int) rule->confidence,
                     c->vendor == NULL ? "none" : c->vendor,
                     (int) c->confidence);
        }
    }
}


static void
test_patterns(void **state)
{
    size_t   i;
    unsigned steps;
    jm_str_t group;

    static const struct {
        const char *pattern;
        const char *in;
        const char *group; /* NULL: no match */
    } patterns[] = {
        { "^/a/([a-z]+)/", "/a/bc/d", "bc" },
        { "^/a/([a-z]+)/", "/b/a/bc/d", NULL },
        { "/a/([a-z]+)/", "/b/a/bc/d", "bc" },
        { "^/(.*)\\.gif$", "/a.gif/b.gif", "a.gif/b" },
        { "^/([^/]{2,3})/", "/abcd/", NULL },
        { "^/([^/]{2,3})/", "/abc/", "abc" },
        { "^/x?([0-9-]{2,})$", "/1-2", "1-2" },
        { "(a?)b", "xb", "" },
        { "\\?(q)=", "/?q=", "q" },
    };

    static const char *const wrong[] = {
        "[a-z", "a\\", "*a", "a|b", "(a", "a)", "((a))", "a{", "a{x}", "a^",
    };

    for (i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        steps = 1000;
        group = str("");
        assert_null(jm_pattern_check(patterns[i].pattern));
        assert_int_equal(jm_pattern_search(patterns[i].pattern,
                                           str(patterns[i].in), &steps,
                                           &group),
                         patterns[i].group != NULL);

        if (patterns[i].group != NULL) {
            assert_int_equal(group.len, strlen(patterns[i].group));
            assert_memory_equal(group.data, patterns[i].group, group.len);
        }
    }

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (jm_pattern_check(wrong[i]) == NULL) {
            fail_msg("%s is no pattern", wrong[i]);
        }
    }

    /* a pattern that would try everything gives up */
    steps = 1000;
    assert_int_equal(jm_pattern_search("a*a*a*a*a*a*b",
                                       str("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
                                       &steps, NULL),
                     0);
    assert_int_equal(steps, 0);
}


/* The shortest text that a pattern means, more or less. */
static void
sample_of(char *out, const char *pattern)
{
    char              c;
    unsigned          n;
    jm_pattern_item_t item;

    if (*pattern == '^') {
        pattern++;
    } else {
        *out++ = '/';
    }

    while (*pattern != '\0' && strcmp(pattern, "$") != 0) {
        pattern = jm_pattern_item(pattern, &item);
        c = item.set[0];
        c = (c == '\\')            ? item.set[1]
            : (c == '.')           ? 'x'
            : (c != '[')           ? c
            : (item.set[1] == '^') ? 'x'
                                   : item.set[1];

        for (n = 0; n < item.min; n++) {
            *out++ = c;
        }
    }

    *out = '\0';
}


/* "mkt#.com" is "a.mkt7.com", "vinted.*" is "vinted.example". */
static void
host_of(char *out, const char *host, const char *match)
{
    if (strcmp(match, "any") == 0) {
        strcpy(out, "mail.example.org");
        return;
    }

    out += sprintf(out, "a.");

    for (/* void */; *host != '\0'; host++) {
        if (*host == '*') {
            out += sprintf(out, "example");
        } else {
            *out++ = (*host == '#') ? '7' : *host;
        }
    }

    *out = '\0';
}


/* Each row of the list in the repository matches a URL made of itself. */
static void
test_list(void **state)
{
    char                     line[1024], host[512], rest[1024], *cell[9], *p;
    FILE                    *file;
    size_t                   n, rows;
    const jm_tracker_rule_t *rule;

    file = fopen("backend/lists/trackers.tsv", "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    assert_string_equal(line, HEADER);

    for (rows = 0; fgets(line, sizeof(line), file) != NULL; rows++) {
        line[strcspn(line, "\n")] = '\0';

        for (n = 0, p = line; n < 9; n++) {
            assert_non_null(p);
            cell[n] = strsep(&p, "\t");
        }

        assert_null(p);

        /* only rows that may be part of the project */
        assert_true(strstr(cell[7], "MailTrackerBlocker") != NULL
                    || strstr(cell[7], "simplify-trackers") != NULL
                    || strstr(cell[7], "Trocker") != NULL
                    || strstr(cell[7], "junkmail-research") != NULL);

        host_of(host, cell[3], cell[2]);

        if (strcmp(cell[4], "regex") == 0) {
            sample_of(rest, cell[5]);
        } else {
            sprintf(rest, "%s%s",
                    cell[5][0] == '/' || strcmp(cell[4], "contains") != 0
                        ? ""
                        : "/",
                    cell[5][0] == '\0' ? "/" : cell[5]);
        }

        rule = jm_tracker_find(str(host), str(rest), NULL);

        if (rule == NULL) {
            fail_msg("%s %s: no rule for %s%s", cell[0], cell[5], host, rest);
        }
    }

    fclose(file);
    assert_true(rows > 700);
}


/* The cost: rows looked at, whatever the URL. */
static void
test_touched(void **state)
{
    char     text[4096];
    size_t   i, len;
    unsigned touched;

    static const char *const words[] = { "open", "track", "gif", "o", "t",
                                         "e",    "r",     "q",   "p", "img",
                                         "mail", "email", "php", "id" };

    assert_null(jm_tracker_find(str("www.example.org"),
                                str("/pictures/2026/11/header-image.png"),
                                &touched));
    assert_true(touched <= 4);

    jm_tracker_find(str("click.mail.example.org"),
                    str("/track/open.php?u=123&id=456&e=789"), &touched);
    assert_true(touched <= 24);

    for (len = 0, i = 0; len < sizeof(text) - 16; i++) {
        len += (size_t) sprintf(text + len, "/%s",
                                words[i % (sizeof(words) / sizeof(*words))]);
    }

    jm_tracker_find(str("email.mail.links.click.t.mkt1.com"), str(text),
                    &touched);
    assert_true(touched <= 200);
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

    assert_null(jm_tracker_find(str("app.newegg.com"), rest, NULL));
    assert_null(
        jm_tracker_find(str("palomaimages.washingtonpost.com"), rest, NULL));
    assert_null(jm_tracker_find(rest, rest, NULL));
}


/* Loads a file of the operator with this text; stderr goes to `message`. */
static int
load(const char *text, char *message, size_t size)
{
    int     rc, fd, saved;
    FILE   *errors;
    char    path[] = "/tmp/junkmail-trackers-XXXXXX";
    ssize_t len;

    fd = mkstemp(path);
    assert_true(fd != -1);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);

    errors = tmpfile();
    assert_non_null(errors);
    fflush(stderr);
    saved = dup(2);
    dup2(fileno(errors), 2);
    rc = jm_tracker_load(path);
    fflush(stderr);
    dup2(saved, 2);
    close(saved);
    unlink(path);

    len = pread(fileno(errors), message, size - 1, 0);
    message[len < 0 ? 0 : len] = '\0';
    fclose(errors);

    return rc;
}


static void
test_operator(void **state)
{
    size_t                   i;
    char                     text[8192], message[512], *p;
    const jm_tracker_rule_t *rule;

    static const struct {
        const char *row;
        const char *message;
    } wrong[] = {
        { "V\topen\tsuffix\tA.example\tany\t\thigh\tus\t", ":3: not a host" },
        { "V\topen\tsuffix\ta.example\tany\t\thigh\tus", ":3: too few" },
        { "V\topen\tregex\ta.example\tany\t\thigh\tus\t", ":3: host_match" },
        { "V\topen\tany\t*\tany\t\thigh\tus\t", ":3: matches every" },
        { "V\topen\tany\t*\tcontains\topen\thigh\tus\t", ":3: no host" },
        { "V\topen\tany\t*\tregex\t/[a\thigh\tus\t", ":3: not a pattern" },
        { "V\topen\tany\t*\tlike\t/a/\thigh\tus\t", ":3: path_match" },
        { "V\topen\tany\t*\tcontains\t/a/\tsure\tus\t", ":3: confidence" },
        { "\topen\tany\t*\tcontains\t/a/\thigh\tus\t", ":3: vendor" },
        { "V\topen\tglob\ta*.example\tany\t\thigh\tus\t", ":3: a glob" },
    };

    assert_int_equal(load(HEADER
                          "# ours\n\nAcme\topen\tsuffix\tpx.acme.example"
                          "\tprefix\t/p\thigh\tus\t\r\n",
                          message, sizeof(message)),
                     0);
    rule = jm_tracker_find(str("px.acme.example"), str("/p/1"), NULL);
    assert_non_null(rule);
    assert_string_equal(rule->vendor, "Acme");
    assert_string_equal(rule->source, "us");

    /* a wrong file changes nothing */
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        sprintf(text, HEADER "# x\n%s\n", wrong[i].row);
        assert_int_equal(load(text, message, sizeof(message)), -1);

        if (strstr(message, wrong[i].message) == NULL) {
            fail_msg("%s: %s", wrong[i].row, message);
        }
    }

    assert_int_equal(load("vendor\thost\n", message, sizeof(message)), -1);
    assert_non_null(strstr(message, ":1: the first line"));
    assert_non_null(
        jm_tracker_find(str("px.acme.example"), str("/p/1"), NULL));

    /* too many rows behind one word would make look-ups slow */
    p = text + sprintf(text, HEADER);

    for (i = 0; i < 40; i++) {
        p += sprintf(p, "V\topen\tany\t*\tcontains\t/word/%c\tlow\tus\t\n",
                     (int) ('A' + i));
    }

    assert_int_equal(load(text, message, sizeof(message)), -1);
    assert_non_null(strstr(message, "no whole word"));

    assert_int_equal(jm_tracker_load("/nonexistent/trackers.tsv"), -1);
    assert_int_equal(jm_tracker_load(NULL), 0);
    assert_null(jm_tracker_find(str("px.acme.example"), str("/p/1"), NULL));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases), cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_list),  cmocka_unit_test(test_touched),
        cmocka_unit_test(test_long),  cmocka_unit_test(test_operator),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, NULL);
}
