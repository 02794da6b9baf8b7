/*
 * Where libxml2's own HTML parser would part from the browsers, row by row of
 * the list that the sanitiser was specified with: a test each, of the row's
 * name.  Each result is cleaned again and must not change.
 */

#define _GNU_SOURCE /* memmem */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "html.h"

#define CEILING (256 * 1024 * 1024)
#define FFFD    "\xEF\xBF\xBD"
#define LINK                                                                  \
    "<a href=\"http://a.example/\" target=\"_blank\""                         \
    " rel=\"noopener noreferrer nofollow\" referrerpolicy=\"no-referrer\">"

typedef struct {
    const char *row;
    const char *in;
    const char *out; /* without the wrapper */
} pitfall_t;

static jm_arena_t *arena;

/* Rows with more than one case stand together. */
static const pitfall_t pitfalls[] = {
    { "invalid UTF-8", "a\xFF\xC3(b", "a" FFFD FFFD "(b" },
    { "invalid UTF-8", "<p title='\xE2\x82'>x<b>y",
      "<p title=\"" FFFD FFFD "\">x<b>y</b></p>" },
    { "BOM", "\xEF\xBB\xBF<p>a", "\xEF\xBB\xBF<p>a</p>" },
    { "BOM", "\xFF\xFE<p>a", FFFD FFFD "<p>a</p>" },
    { "no encoding given", "<meta charset=iso-8859-1>\xC3\xA9", "\xC3\xA9" },
    { "NUL", "<b title='&#0;x'>y</b>z", "<b title=\"" FFFD "x\">y</b>z" },
    { "comments that end at once", "<!-->a", "a" },
    { "comments that end at once", "<!--->a", "a" },
    { "comments that end in --!>", "<!-- --!>a", "a" },
    { "comments that end in --!>", "<!-- -- > -->a", "a" },
    { "bogus comments", "<![if !mso]>a<![endif]>", "a" },
    { "bogus comments",
      "<!--[if mso]>no<![endif]-->a<!--[if !mso]><!-->b<!--<![endif]-->",
      "ab" },
    { "bogus comments", "<![CDATA[x]]>a", "a" },
    { "bogus comments", "<!x>a</ x>b<? x>c</>d", "abcd" },
    { "PHP", "<?php echo 'x>y' ?>d", "y' ?&gt;d" },
    { "raw text elements", "a<noscript><img src=x></noscript>b", "ab" },
    { "raw text elements", "<textarea><b>x</textarea>y", "&lt;b&gt;xy" },
    { "raw text elements", "<title><b>x</title>y", "y" },
    { "raw text elements", "<xmp><b>x</xmp>y", "<pre>&lt;b&gt;x</pre>y" },
    { "raw text elements", "<iframe><b>x</iframe>y", "y" },
    { "raw text elements", "<noembed><b>x</noembed>y<noframes>z</noframes>",
      "y" },
    { "raw text elements", "a<plaintext></plaintext><b>",
      "a<pre>&lt;/plaintext&gt;&lt;b&gt;</pre>" },
    { "raw text elements", "<template><b>x</b></template>y", "y" },
    { "raw text elements",
      "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">", "" },
    { "svg and math", "<svg><style><img src=x onerror=y></style></svg>z",
      "<img class=\"jm-img\">z" },
    { "svg and math", "<svg><title><i>x</i></title><path></svg>y", "y" },
    { "svg and math",
      "<math><mtext><table><mglyph><style><img src=x></style></math>z", "" },
    { "select", "<select><style></select><img src=x onerror=y>", "" },
    { "select", "<select><option>a</select>b", "b" },
    { "named references", "java&colon;&NewLine;&Tab;&lpar;&check;&apos;",
      "java:\n\t(\xE2\x9C\x93'" },
    { "named references", "&copy2 &amp;lt; &notit; &unknown; & &#x; &#60b",
      "\xC2\xA9"
      "2 &amp;lt; \xC2\xACit; &amp;unknown; &amp; &amp;#x; &lt;b" },
    { "named references", "<p title='&amp;copy=1&copy=2&lt'>x",
      "<p title=\"&amp;copy=1&amp;copy=2&lt;\">x</p>" },
    { "numeric references", "&#128;&#150;&#x9f;",
      "\xE2\x82\xAC\xE2\x80\x93\xC5\xB8" },
    { "numeric references", "&#xD800;&#1114112;&#7;", FFFD FFFD FFFD },
    { "prefixes",
      "<x:script>a</x:script><o:p>b</o:p><svg:img src=x><st1:City>c", "abc" },
    { "prefixes",
      "<v:shape><v:imagedata src=x>x</v:shape>a<w:b/>b<xml>c</xml>d", "abd" },
    { "slashes and form feeds", "<img/src=data:x\f/alt=x/width=3>",
      "<img class=\"jm-img\" alt=\"x/width=3\">" },
    { "slashes and form feeds", "<p\ftitle=a\f/\flang=de>x",
      "<p lang=\"de\" title=\"a\">x</p>" },
    { "a around table",
      "<a href='http://a.example/'><table><tr><td>x</table></a>",
      LINK "<table><tbody><tr><td>x</td></tr></tbody></table></a>" },
    { "p in h1", "<h1><p>a</h1>", "<h1><p>a</p></h1>" },
    { "p in h1", "<h1>a<b><h2>b</h2>", "<h1>a<b><h2>b</h2></b></h1>" },
    { "void elements", "<source><track><embed><keygen>a<wbr>b", "a<wbr>b" },
    { "second body", "a<body>b<html><body tabindex=1>c", "abc" },
    { "second body", "<table><tr><td><html>a</td></tr></table>",
      "<table><tbody><tr><td>a</td></tr></tbody></table>" },
    { "text behind html", "</html>a</body>b", "ab" },
    { "stray table content", "<table>a<tr>b<td>c<form>d</table>e",
      "ab<table><tbody><tr><td>cd</td></tr></tbody></table>e" },
    { "stray table content", "<table> <tr> <td>a</table>",
      "<table> <tbody><tr> <td>a</td></tr></tbody></table>" },
    { "unclosed quote", "a<b title=\"x>y", "a" },
    { "less-than signs", "1 <2 and 3<a 4<5", "1 &lt;2 and 3" },
    { "less-than signs", "1 <2 and 3 < 4 </", "1 &lt;2 and 3 &lt; 4 &lt;/" },
    { "escapes", "<p title=\"a'b`c&quot;<!-- -->&\r\n\">&<>\"'`",
      "<p title=\"a&#39;b&#96;c&quot;&lt;!-- --&gt;&amp;\n\">"
      "&amp;&lt;&gt;\"'`</p>" },
    { "empty input", "", "" },
};

#define NPITFALLS (sizeof(pitfalls) / sizeof(pitfalls[0]))


static int
setup(void **state)
{
    jm_html_init();
    arena = jm_arena_create(CEILING);

    return arena == NULL ? -1 : 0;
}


static int
teardown(void **state)
{
    jm_arena_destroy(arena);

    return 0;
}


static jm_html_t
clean(jm_str_t in)
{
    jm_html_t out, again;

    jm_html_clean(&out, arena, in, NULL, NULL, NULL);
    jm_html_clean(&again, arena, out.html, NULL, NULL, NULL);

    if (again.html.len != out.html.len
        || memcmp(again.html.data, out.html.data, out.html.len) != 0)
    {
        fail_msg("%.*s\n  again %.*s", (int) out.html.len, out.html.data,
                 (int) again.html.len, again.html.data);
    }

    return out;
}


/* `state`: the first case of the row. */
static void
test_row(void **state)
{
    jm_str_t         in, whole;
    jm_html_t        out;
    const pitfall_t *row, *p;

    row = *state;

    for (p = row; p < pitfalls + NPITFALLS && strcmp(p->row, row->row) == 0;
         p++) {
        jm_arena_reset(arena);
        in = jm_arena_str(arena, p->in, strlen(p->in));
        out = clean(in);
        whole = jm_arena_printf(arena, "<div class=\"jm-body\">%s</div>",
                                p->out);

        if (out.html.len != whole.len
            || memcmp(out.html.data, whole.data, whole.len) != 0)
        {
            fail_msg("%s\n  gives %.*s\n  not   %.*s", p->in,
                     (int) out.html.len, out.html.data, (int) whole.len,
                     whole.data);
        }
    }
}


/* `n` times `unit`, cleaned within a time that only linear work keeps. */
static jm_html_t
flood(const char *head, const char *unit, size_t n, const char *tail)
{
    size_t    i;
    double    seconds;
    clock_t   start;
    jm_buf_t  in;
    jm_html_t out;

    jm_arena_reset(arena);
    jm_buf_init(&in, arena, SIZE_MAX);
    jm_buf_adds(&in, head);

    for (i = 0; i < n; i++) {
        jm_buf_adds(&in, unit);
    }

    jm_buf_adds(&in, tail);

    start = clock();
    out = clean(jm_buf_str(&in));
    seconds = (double) (clock() - start) / CLOCKS_PER_SEC;

    if (seconds > 5) {
        fail_msg("%zu times %s: %.1f s", n, unit, seconds);
    }

    return out;
}


static void
test_nesting(void **state)
{
    jm_html_t out;

    out = flood("", "<div>", 100000, "deep</div>still here");
    assert_non_null(memmem(out.html.data, out.html.len, "deep", 4));
    assert_non_null(memmem(out.html.data, out.html.len, "still here", 10));
}


static void
test_attributes(void **state)
{
    jm_html_t out;

    out = flood("<p title=first ", " a=b", 80000, " lang=de>text</p>");
    assert_non_null(memmem(out.html.data, out.html.len,
                           "<p title=\"first\">text</p>", 25));
    assert_int_equal(out.cut, 1);
}


static void
test_nested_tables(void **state)
{
    jm_html_t out;

    out = flood("", "</p><table>", 80000, "<tr><td>text");
    assert_int_equal(out.cut, 1);
}


static void
test_formatting(void **state)
{
    jm_html_t out;

    out = flood("", "<b><i><font color=red><p>", 25000, "text");
    assert_int_equal(out.cut, 1);
}


int
main(void)
{
    size_t            i, n;
    struct CMUnitTest tests[NPITFALLS + 4];

    static const struct CMUnitTest floods[] = {
        { "nesting", test_nesting, NULL, NULL, NULL },
        { "attributes on one tag", test_attributes, NULL, NULL, NULL },
        { "tables in tables", test_nested_tables, NULL, NULL, NULL },
        { "formatting elements", test_formatting, NULL, NULL, NULL },
    };

    memset(tests, 0, sizeof(tests));
    n = 0;

    for (i = 0; i < NPITFALLS; i++) {
        if (i == 0 || strcmp(pitfalls[i].row, pitfalls[i - 1].row) != 0) {
            tests[n].name = pitfalls[i].row;
            tests[n].test_func = test_row;
            tests[n].initial_state = (void *) &pitfalls[i];
            n++;
        }
    }

    for (i = 0; i < 4; i++) {
        tests[n++] = floods[i];
    }

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return _cmocka_run_group_tests("pitfalls", tests, n, setup, teardown);
}
