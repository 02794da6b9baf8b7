/*
 * The sanitiser, html*.c, as a whole: the browser's tree, and what would leak
 * on opening, case by case; trackers, links, plain text,
 * limits. Each result is cleaned again and must not change.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "html.h"

#define CEILING (256 * 1024 * 1024)
#define LINK                                                                  \
    " target=\"_blank\" rel=\"noopener noreferrer nofollow\""                 \
    " referrerpolicy=\"no-referrer\""
#define GIF "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

typedef struct {
    const char *in;
    const char *out; /* without the wrapper */
} html_case_t;

static jm_arena_t *arena;


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


static int
reset(void **state)
{
    jm_arena_reset(arena);

    return 0;
}


static jm_str_t
str(const char *s)
{
    jm_str_t out;

    out.data = (u_char *) s;
    out.len = strlen(s);

    return out;
}


static uint32_t
test_cid(void *data, jm_str_t id)
{
    return (id.len == 7 && memcmp(id.data, "a@b.org", 7) == 0) ? 3 : 0;
}


static jm_html_t
clean(jm_str_t in)
{
    jm_html_t out, again;

    jm_html_clean(&out, arena, in, test_cid, NULL, NULL);
    jm_html_clean(&again, arena, out.html, test_cid, NULL, NULL);

    if (again.html.len != out.html.len
        || memcmp(again.html.data, out.html.data, out.html.len) != 0)
    {
        fail_msg("%.*s\n  gives %.*s\n  again %.*s",
                 (int) (in.len > 2000 ? 2000 : in.len), in.data,
                 (int) (out.html.len > 2000 ? 2000 : out.html.len),
                 out.html.data,
                 (int) (again.html.len > 2000 ? 2000 : again.html.len),
                 again.html.data);
    }

    return out;
}


static void
check(jm_str_t in, const char *expected)
{
    char     *whole;
    size_t    size;
    jm_html_t out;

    out = clean(in);
    size = strlen(expected) + 64;
    whole = jm_arena_alloc(arena, size);
    snprintf(whole, size, "<div class=\"jm-body\">%s</div>", expected);

    if (out.html.len != strlen(whole)
        || memcmp(out.html.data, whole, out.html.len) != 0)
    {
        fail_msg("%.*s\n  gives %.*s\n  not   %s", (int) in.len, in.data,
                 (int) out.html.len, out.html.data, whole);
    }
}


static void
check_all(const html_case_t *cases, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        check(str(cases[i].in), cases[i].out);
    }
}

#define CHECK(cases) check_all(cases, sizeof(cases) / sizeof(cases[0]))


/* The body's own looks go to the wrapper. */
static void
test_body(void **state)
{
    jm_html_t out;

    static const char expected[] =
        "<div class=\"jm-body\" style=\"background-color:#ff0000;"
        "color:#0000ff;margin:0\">x</div>";

    out = clean(str("<head></head><body bgcolor=FF0000 text=Blue "
                    "style='margin:0' background=x onload=y>x<p"));
    assert_int_equal(out.removed.script, 1);
    assert_int_equal(out.removed.image, 1);
    assert_int_equal(out.html.len, sizeof(expected) - 1);
    assert_memory_equal(out.html.data, expected, out.html.len);

    /* a forged wrapper is only a wrapper */
    check(str("<div class=jm-body>a</div>b"), "ab");
    check(str("a<div class='jm-body x'>b"), "a<div class=\"jm-1-x\">b</div>");
}


/* The tree that a browser builds. */
static void
test_tree(void **state)
{
    static const html_case_t cases[] = {
        { "<p>a<p>b", "<p>a</p><p>b</p>" },
        { "<p>a<div>b</div>c</p>d", "<p>a</p><div>b</div>c<p></p>d" },
        { "<b>a<i>b</b>c</i>d", "<b>a<i>b</i></b><i>c</i>d" },
        { "<b>a<p>b</b>c</p>", "<b>a</b><p><b>b</b>c</p>" },
        { "<p><b>a<p>b</b>c", "<p><b>a</b></p><p><b>b</b>c</p>" },
        { "<a href=#x>a<div>b<a href=#y>c",
          "<a href=\"#jm-1-x\">a</a><div><a href=\"#jm-1-x\">b</a>"
          "<a href=\"#jm-1-y\">c</a></div>" },
        { "<ul><li>a<li>b<ul><li>c</ul><li>d",
          "<ul><li>a</li><li>b<ul><li>c</li></ul></li><li>d</li></ul>" },
        { "<dl><dt>a<dd>b<dt>c", "<dl><dt>a</dt><dd>b</dd><dt>c</dt></dl>" },
        { "<table><td>a<th>b<tr><td>c<tfoot><td>d",
          "<table><tbody><tr><td>a</td><th>b</th></tr><tr><td>c</td></tr>"
          "</tbody><tfoot><tr><td>d</td></tr></tfoot></table>" },
        { "<table><col width=1><caption>a<tr><td>b",
          "<table><colgroup><col width=\"1\"></colgroup><caption>a</caption>"
          "<tbody><tr><td>b</td></tr></tbody></table>" },
        { "<table><tr><td>a<table><tr><td>b</table>c</table>d",
          "<table><tbody><tr><td>a<table><tbody><tr><td>b</td></tr></tbody>"
          "</table>c</td></tr></tbody></table>d" },
        { "<table><b>a<tr><td>b</table>c",
          "<b>a</b><table><tbody><tr><td>b</td></tr></tbody></table>"
          "<b>c</b>" },
        { "<table><table><tr><td>a", "<table></table><table><tbody><tr><td>a"
                                     "</td></tr></tbody></table>" },
        { "<tr><td>a</td></tr>b</table>", "ab" },
        { "a</br>b</p>c", "a<br>b<p></p>c" },
        { "<pre>\na</pre><pre>\n\nb</pre>", "<pre>a</pre><pre>\n\nb</pre>" },
        { "<pre>&#13;a", "<pre>\n\na</pre>" },
        { "<listing>\na</listing><listing>\n\nb", "<pre>a</pre><pre>\n\nb"
                                                  "</pre>" },
        { "<xmp>\na</xmp><plaintext>\nb", "<pre>\n\na</pre><pre>\n\nb"
                                          "</pre>" },
        { "<pre><!-- -->\na", "<pre>\n\na</pre>" },
        { "<pre><textarea>\na</textarea>\nb", "<pre>a\nb</pre>" },
        { "<pre><img src=http://us4.list-manage.com/track/open.php?u=1>\na",
          "<pre>\n\na</pre>" },
        { "<ruby>a<rt>b<rp>c</ruby>", "<ruby>a<rt>b</rt><rp>c</rp></ruby>" },
        { "<center><font size=+1 color=RED face='A, b'>x",
          "<center><font color=\"#ff0000\" face=\"A,b\" size=\"+1\">x</font>"
          "</center>" },
        { "<nobr>a</nobr><image src=x>",
          "<span style=\"white-space:nowrap\">a</span>"
          "<img class=\"jm-img\">" },
        { "<nobr>a<nobr>b", "<span style=\"white-space:nowrap\">a</span>"
                            "<span style=\"white-space:nowrap\">b</span>" },
        { "<svg><g><circle></svg>a<svg><path><p>b", "a<p>b</p>" },
        { "<math><mrow>x<font>y</math>z<math><font color=red>y</font>",
          "z<font color=\"#ff0000\">y</font>" },
        { "</p><meta></p>a</p>", "a<p></p>" },
        { "<p>a<table></table>b", "<div>a<table></table>b</div>" },
        { "<!DOCTYPE html><p>a<table></table>b", "<p>a</p><table></table>b" },
        { "<a href=#x><table><tr><td><a href=#y class=b>c",
          "<a href=\"#jm-1-x\"><table><tbody><tr><td><span class=\"jm-1-b\">c"
          "</span></td></tr></tbody></table></a>" },
        { "<h1><table><h2>a", "<h1><div>a</div><table></table></h1>" },
        { "<b><b><b><b><b>a", "<b><b><b><b><b>a</b></b></b></b></b>" },
        { "<details><summary>a</summary>b</details>",
          "<div><div>a</div>b</div>" },
        { "<FORM><INPUT type=submit value='Go'><input type=text value=x>"
          "<select><option>y</select><button>z</button></FORM>",
          "Goz" },
        { "<dialog>a</dialog>b<dialog open>c</dialog>", "b<div>c</div>" },
        { "<dialog><p>a</dialog>b<template><li>c</template>d", "bd" },
        { "<table><template><td>a</template><tr><td>b",
          "<table><tbody><tr><td>b</td></tr></tbody></table>" },
    };

    CHECK(cases);
}


/* Elements that end tags do not reach out of, though they are not written. */
static void
test_scopes(void **state)
{
    static const html_case_t cases[] = {
        { "<p><object><p>a</object>b</p>c", "<div><p>a</p>b</div>c" },
        { "<b><marquee>a</b>b</marquee>c", "<b>abc</b>" },
        { "<b><object><i>a</object>b", "<b><i>a</i>b</b>" },
        { "<div><object></div>a</object>b</div>c", "<div>ab</div>c" },
        { "<object></p>a</div></object></object>b", "<p></p>ab" },
        { "<table><tr><td><object></td><td>a",
          "<table><tbody><tr><td></td><td>a</td></tr></tbody></table>" },
        { "<table><object>a<tr><td>b",
          "a<table><tbody><tr><td>b</td></tr></tbody></table>" },

        { "<div><applet></div>a</applet>b</div>c", "<div>b</div>c" },
        { "<b><applet><i></applet>a", "<b>a</b>" },
        { "<div><template></div></template>a</div>b", "<div>a</div>b" },
        { "<i><template></i><b></template>a", "<i>a</i>" },
        { "<p><template><div>a</div></template>b", "<p>b</p>" },

        { "<template><p>a</template></p>b", "b" },

        /* of a picture, all end by their names */
        { "<a>a<svg><a>b</a>c</svg>d</a>e", "<a>ad</a>e" },
        { "<div><math><div2><svg></div2></math>a</div>b", "<div>a</div>b" },
        { "<applet><svg><applet></applet></svg>a</applet>b", "b" },
        { "<svg><title>a</title><g>b</g></svg>c", "c" },
        { "<svg><foreignObject><p>a</p></foreignObject>b</svg>c", "c" },

        /* what would not stay where it is without them */
        { "<h2><object><h1>a</h2>b", "<h2><div>a</div>b</h2>" },
        { "<h1><object><h2>a", "<h1><div>a</div></h1>" },
        { "<ul><li><object><li>a", "<ul><li>a</li></ul>" },
        { "<ruby><rt><object><rt>a", "<ruby><rt>a</rt></ruby>" },
        { "<a href=#x><marquee><a href=#y>a",
          "<a href=\"#jm-1-x\"><span>a</span></a>" },
    };

    CHECK(cases);
}


/* What would call home on opening: nothing of these is in the output. */
static void
test_leaks(void **state)
{
    static const html_case_t cases[] = {
        { "<img src='http://a.example/x.png' srcset='y' sizes=z lowsrc=a "
          "dynsrc=b longdesc=c crossorigin loading=lazy onerror=x width=9>",
          "<img data-jm-img=\"0\" class=\"jm-img\" width=\"9\">" },
        { "<img srcset='http://a.example/x.png 2x, y 1x'>",
          "<img data-jm-img=\"0\" class=\"jm-img\">" },
        { "<picture><source srcset=x><img src=//a.example/x></picture>",
          "<img class=\"jm-img\">" },
        { "<table background=http://a.example/x><td background=y>z",
          "<table "
          "data-jm-bg=\"0\"><tbody><tr><td>z</td></tr></tbody></table>" },
        { "<p style='background:url(http://a.example/);color:red'>x",
          "<p data-jm-bg=\"0\" style=\"background:none;color:red\">x</p>" },
        { "<style>@import 'http://a.example';</style><link rel=stylesheet "
          "href=x><meta http-equiv=refresh content='0;url=x'><base href=x>a",
          "a" },
        { "<iframe src=x></iframe><frame src=x><frameset><embed src=x>"
          "<object data=x>a</object><applet code=x>b</applet><bgsound src=x>",
          "a" },
        { "<video poster=x src=y>a</video><audio src=z>b</audio>", "ab" },
        { "<svg><a href='javascript:x'><text>a</text></a></svg>"
          "<svg/>b<math href=x><mi>c</math>d",
          "bd" },
        { "<form action=x><input type=image src=x><isindex><textarea>t"
          "</textarea></form>",
          "t" },
        { "<script>a</script><script src=x></script>"
          "<script><!-- <script> </script> --></script>b",
          "b" },
        { "<a href='http://a.example/' ping=x download target=_top rel=opener"
          " onclick=x style='position:fixed'>a</a>",
          "<a href=\"http://a.example/\"" LINK ">a</a>" },
        { "<a href='java&#10;script:x'>a</a><a href=' data:text/html,x'>b</a>"
          "<a href='//x'>c</a><a href='\\\\x\\y'>d</a><a href=x>e</a>"
          "<a href=cid:x>f</a>",
          "<a>a</a><a>b</a><a>c</a><a>d</a><a>e</a><a>f</a>" },
        { "<img src='data:image/gif;base64, " GIF "'>",
          "<img src=\"data:image/gif;base64," GIF "\">" },
        { "<img src='data:image/gif;base64," GIF "-_'>",
          "<img class=\"jm-img\">" },
        { "<img src='data:image/gif;base64,R0lGODlhAQABA'>",
          "<img class=\"jm-img\">" },
        { "<img src='data:image/png;base64," GIF "'>",
          "<img class=\"jm-img\">" },
        { "<img src='data:image/svg+xml;base64," GIF "'>",
          "<img class=\"jm-img\">" },
        { "<img src='data:text/html,x'>", "<img class=\"jm-img\">" },
        { "<img src='cid:a@b.org'><img src='cid:a%40b.org'><img src=cid:no>",
          "<img src=\"attachments/3\"><img src=\"attachments/3\">"
          "<img class=\"jm-img\">" },
        { "<img src='attachments/3'><img src='attachments/03'>"
          "<img src='attachments/../x'>",
          "<img src=\"attachments/3\"><img class=\"jm-img\">"
          "<img class=\"jm-img\">" },
        { "<img src='file:///x'><img src='blob:x'><img src='jar:x'>",
          "<img class=\"jm-img\"><img class=\"jm-img\">"
          "<img class=\"jm-img\">" },
        { "<div id=a class='b c\"d jm-1-e jm-img' name=f data-x=y tabindex=1 "
          "contenteditable hidden is=x slot=y role=main aria-hidden=TRUE>x",
          "<div class=\"jm-1-b jm-1-e\" id=\"jm-1-a\" aria-hidden=\"true\""
          " style=\"display:none\">x</div>" },
        { "<a name=x>a</a><map name=m><area href=http://a.example/ shape=RECT"
          " coords='1,2'></map><img usemap=#m src=cid:a@b.org>",
          "<a id=\"jm-1-x\">a</a><map name=\"jm-1-m\"><area "
          "href=\"http://a.example/\"" LINK " shape=\"rect\" coords=\"1,2\">"
          "</map><img src=\"attachments/3\" usemap=\"#jm-1-m\">" },
        { "<td width='1' colspan=0 title=\"a'b`c&quot;<\">", "" },
        { "<p title=\"a'b`c&quot;<>&\r\n\">&<>\"'`",
          "<p title=\"a&#39;b&#96;c&quot;&lt;&gt;&amp;\n\">"
          "&amp;&lt;&gt;\"'`</p>" },
        { "<table><tr><td width=10PX height=5% colspan=2 rowspan=x "
          "bgcolor=#ABC align=CENTER valign=bogus nowrap>a",
          "<table><tbody><tr><td align=\"center\" width=\"10\" height=\"5%\""
          " bgcolor=\"#aabbcc\" colspan=\"2\" nowrap=\"\">a</td></tr></tbody>"
          "</table>" },
    };

    CHECK(cases);
}


/* Each attribute's type: what is written of a value, if anything. */
static void
test_values(void **state)
{
    size_t i;
    char   in[512], out[512];

    static const struct {
        const char *tag, *attr, *written;
    } cases[] = {
        { "td", "width=10", "width=\"10\"" },
        { "td", "width='33.33%'", "width=\"33.33%\"" },
        { "td", "width=99999", "width=\"10000\"" },
        { "td", "width=auto", NULL },
        { "td", "width=-1", NULL },
        { "td", "colspan=1001", NULL },
        { "td", "colspan=0", NULL },
        { "td", "rowspan=65534", "rowspan=\"65534\"" },
        { "td", "rowspan=65535", NULL },
        { "td", "scope=COL", "scope=\"col\"" },
        { "td", "headers='a b'", "headers=\"jm-1-a jm-1-b\"" },
        { "td", "charoff=1 char=x axis=y", NULL },
        { "td", "bgcolor=chucknorris", "bgcolor=\"#c00000\"" },
        { "td", "bgcolor=Transparent", NULL },
        { "td", "bgcolor=''", NULL },
        { "td", "bgcolor=#12345678", "bgcolor=\"#124578\"" },
        { "td", "bgcolor=#abc", "bgcolor=\"#aabbcc\"" },
        { "td", "bgcolor=abc", "bgcolor=\"#0a0b0c\"" },
        { "td", "bgcolor='rgb(1,2,3)'", "bgcolor=\"#001030\"" },
        { "td", "bgcolor=LightGoldenrodYellow", "bgcolor=\"#fafad2\"" },
        { "td", "bgcolor='#'", "bgcolor=\"#000000\"" },
        { "td", "bgcolor='\xF0\x9F\x98\x80 f'", "bgcolor=\"#000f00\"" },
        { "td", "lang='de-AT'", "lang=\"de-AT\"" },
        { "td", "lang='d e'", NULL },
        { "td", "role=none", NULL },
        { "td", "role=presentation", "role=\"presentation\"" },
        { "td",
          "tabindex=1 accesskey=a contenteditable draggable=true is=x "
          "slot=x part=x nonce=x popover itemprop=x data-x=y",
          NULL },
        { "td", "data-jm-bg=7", "data-jm-bg=\"7\"" },
        { "td", "data-jm-bg=x", NULL },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(in, sizeof(in), "<table><tr><%s %s>", cases[i].tag,
                 cases[i].attr);
        snprintf(out, sizeof(out),
                 "<table><tbody><tr><%s%s%s></%s></tr></tbody></table>",
                 cases[i].tag, cases[i].written == NULL ? "" : " ",
                 cases[i].written == NULL ? "" : cases[i].written,
                 cases[i].tag);
        check(str(in), out);
    }

    check(str("<font face=\"'Segoe UI', Arial;color:red\" size=9>a"),
          "<font size=\"9\">a</font>");
    check(str("<font face=\"'Segoe UI', Arial\">a"),
          "<font face=\"&quot;Segoe UI&quot;,Arial\">a</font>");
    check(str("<font face='\xE5\xAE\x8B, url(x)'>a"), "<font>a</font>");
    check(str("<table summary=x border=1 frame=VOID rules=bogus>"),
          "<table border=\"1\" frame=\"void\"></table>");
}


static void
test_removed(void **state)
{
    jm_html_t out;

    out = clean(str("<script>x</script><p onclick=x><form><input><video>"
                    "</video><iframe></iframe><style>y</style><object>"
                    "</object><a href=javascript:x>y</a>"
                    "<p style='background-image:url(x)'>"
                    "<img src='data:text/html,x'>"));
    assert_int_equal(out.removed.script, 2);
    assert_int_equal(out.removed.form, 2);
    assert_int_equal(out.removed.media, 1);
    assert_int_equal(out.removed.frame, 1);
    assert_int_equal(out.removed.style, 1);
    assert_int_equal(out.removed.other, 1);
    assert_int_equal(out.removed.link, 1);
    assert_int_equal(out.removed.image, 1);
    assert_int_equal(out.cut, 0);
}


static void
test_trackers(void **state)
{
    jm_html_t out;

    out = clean(
        str("<img src='https://x.awstrack.me/I0/1' width=600 height=200>"
            "<img src='https://x.awstrack.me/I0/2'>"
            "<img src='https://news.example.org/p?u=1' width=1 height=1>"
            "<img src='https://news.example.org/q' style='height:0px'>"
            "<img src='https://news.example.org/img/spacer.gif' width=1 "
            "height=1>"
            "<img src='https://news.example.org/line.gif' width=600 "
            "height=1>"
            "<img src='https://ci3.googleusercontent.com/x=s0-d-e1-ft#"
            "https://us1.list-manage.com/track/open.php?u=1'>"
            "<td background='https://emltrk.com/x'>"
            "<p style='background:url(https://eoapxl.com/1)'>x"
            "<a href='https://x.awstrack.me/L0/y'>link</a>"
            "<img src='http://a.example/Logo.png' alt='Logo' width=80px "
            "height=20%>"));

    assert_int_equal(out.ntrackers, 4);
    assert_string_equal(out.trackers[0].kind, "css");
    assert_memory_equal(out.trackers[1].vendor.data, "Amazon SES", 10);
    assert_memory_equal(out.trackers[1].host.data, "x.awstrack.me", 13);
    assert_string_equal(out.trackers[1].kind, "pixel");
    assert_int_equal(out.trackers[1].count, 2);
    assert_memory_equal(out.trackers[2].vendor.data, "unknown", 7);
    assert_int_equal(out.trackers[2].count, 2);
    assert_memory_equal(out.trackers[3].vendor.data, "Mailchimp", 9);

    assert_int_equal(out.nimages, 3);
    assert_int_equal(out.images[2].index, 2);
    assert_int_equal(out.images[2].width, 80);
    assert_int_equal(out.images[2].height, 0);
    assert_memory_equal(out.images[2].url.data, "http://a.example/Logo.png",
                        25);
    assert_memory_equal(out.images[2].alt.data, "Logo", 4);
}


static void
test_links(void **state)
{
    jm_html_t out;

    out = clean(str("<a href='http://evil.example.org/x'>https://<b>bank.com"
                    "</b></a> <a href='https://www.bank.com/'>bank.com</a> "
                    "<a href='mailto:a@b.org'>write</a>"
                    "<a href='#x'>down</a>"
                    "<a href='http://evil.example.org/y'>Click here</a>"));

    assert_int_equal(out.nlinks, 4);
    assert_memory_equal(out.links[0].href.data, "http://evil.example.org/x",
                        25);
    assert_memory_equal(out.links[0].text.data, "https://bank.com", 16);
    assert_int_equal(out.links[0].text.len, 16);
    assert_int_equal(out.nwarnings, 1);
    assert_string_equal(out.warnings[0].code, "link-mismatch");
    assert_memory_equal(out.warnings[0].host.data, "evil.example.org", 16);
}


static void
test_text(void **state)
{
    size_t    i;
    jm_html_t out;

    static const html_case_t cases[] = {
        { "<p>a  b\n c</p><p>d<br>e", "a b c\n\nd\ne" },
        { "<style>x</style><script>y</script><title>z</title>a", "a" },
        { "<div style='display:none'>pre<b>header</b></div>a<span hidden>b",
          "a" },
        { "x&nbsp;&zwnj;&#847;&#173;&zwnj; y", "x y" },
        { "<ul><li>a<li>b</ul><ol><li>c<li>d</ol>", "- a\n- b\n\n1. c\n2. d" },
        { "<table><tr><td>a<td>b<tr><td>c", "a\tb\nc" },
        { "<blockquote>a<br>b<blockquote>c</blockquote></blockquote>d",
          "> a\n> b\n> > c\nd" },
        { "<pre>a  b\n  c</pre>", "a  b\n  c" },
        { "see <a href='http://a.example/x'>this</a>.",
          "see this <http://a.example/x>." },
        { "<a href='http://a.example/'>http://a.example</a>",
          "http://a.example" },
        { "<a href='mailto:a@b.org'>a@b.org</a>", "a@b.org" },
        { "<a href='http://a.example/'><img src=cid:a@b.org alt=Shop></a>",
          "[Shop] <http://a.example/>" },
        { "a<hr>b", "a\n----\nb" },
        { "", "" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        out = clean(str(cases[i].in));

        if (out.text.len != strlen(cases[i].out)
            || (out.text.len != 0
                && memcmp(out.text.data, cases[i].out, out.text.len) != 0))
        {
            fail_msg("%s\n  gives %.*s\n  not %s", cases[i].in,
                     (int) out.text.len, out.text.data, cases[i].out);
        }
    }
}


static void
test_from_text(void **state)
{
    size_t    i;
    char      whole[1024];
    jm_html_t out, again;

    static const html_case_t cases[] = {
        { "a <b> & \"c\"\n  d\n", "a &lt;b&gt; &amp; \"c\"\n  d\n" },
        { "see http://a.example/x?a=1&b=2, (https://b.example/).",
          "see <a href=\"http://a.example/x?a=1&amp;b=2\"" LINK
          ">http://a.example/x?a=1&amp;b=2</a>, (<a "
          "href=\"https://b.example/\"" LINK ">https://b.example/</a>)." },
        { "www.a.example <http://user@b.example/> xhttp://c.example",
          "<a href=\"http://www.a.example/\"" LINK ">www.a.example</a> "
          "&lt;http://user@b.example/&gt; xhttp://c.example" },
        { "http://a.example/\"onclick=x",
          "<a href=\"http://a.example/\"" LINK ">http://a.example/</a>"
          "\"onclick=x" },
        { "Ask a.b+c@d.example. Or <e@f.example>, x@y, @z.example, g@h.1.",
          "Ask <a href=\"mailto:a.b+c@d.example\"" LINK
          ">a.b+c@d.example</a>. "
          "Or &lt;<a href=\"mailto:e@f.example\"" LINK ">e@f.example</a>&gt;, "
          "x@y, @z.example, g@h.1." },
        { "http://a.example/?m=b@c.example d@e.example www.f.example",
          "<a href=\"http://a.example/?m=b@c.example\"" LINK
          ">http://a.example/?m=b@c.example</a> <a "
          "href=\"mailto:d@e.example\"" LINK ">d@e.example</a> <a "
          "href=\"http://www.f.example/\"" LINK ">www.f.example</a>" },
        { "www.a.example:8080/?t=10:30 www@b.example",
          "<a href=\"http://www.a.example:8080/?t=10:30\"" LINK
          ">www.a.example:8080/?t=10:30</a> <a "
          "href=\"mailto:www@b.example\"" LINK ">www@b.example</a>" },
        { "mailto:a@b.example?bcc=c@d.example&x=\"onclick=",
          "mailto:<a href=\"mailto:a@b.example\"" LINK ">a@b.example</a>"
          "?bcc=c@d.example&amp;x=\"onclick=" },
        { "a\n> b\n>> c\n> d\ne",
          "a\n<blockquote>b\n<blockquote>c\n</blockquote>d\n</blockquote>e" },
        { "\n\n a", "a" },
        { "", "" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        jm_html_from_text(&out, arena, str(cases[i].in), NULL);
        snprintf(whole, sizeof(whole),
                 "<div class=\"jm-body\" style=\"white-space:pre-wrap\">%s"
                 "</div>",
                 cases[i].out);

        if (out.html.len != strlen(whole)
            || memcmp(out.html.data, whole, out.html.len) != 0)
        {
            fail_msg("%s\n  gives %.*s\n  not   %s", cases[i].in,
                     (int) out.html.len, out.html.data, whole);
        }

        jm_html_clean(&again, arena, out.html, NULL, NULL, NULL);
        assert_int_equal(again.html.len, out.html.len);
        assert_memory_equal(again.html.data, out.html.data, out.html.len);
    }

    jm_html_from_text(&out, arena, str("http://a.example/x"), NULL);
    assert_int_equal(out.nlinks, 1);
    assert_memory_equal(out.links[0].text.data, "http://a.example/x", 18);
}


/* Two MiB of `unit` in fresh memory.  A parameter outlives a longjmp. */
static void
flood(const char *unit)
{
    size_t    len;
    u_char   *source;
    double    seconds;
    clock_t   start;
    jm_html_t out;
    jm_str_t  in;

    jm_arena_reset(arena);

    if (setjmp(*jm_arena_guard(arena)) != 0) {
        fail_msg("%s: too much memory", unit);
    }

    source = jm_arena_alloc(arena, 2 * 1024 * 1024);

    for (len = 0; len + 64 < 2 * 1024 * 1024; len += strlen(unit)) {
        memcpy(source + len, unit, strlen(unit));
    }

    if (unit[0] == ' ') {
        memcpy(source, "<p", 2);
    }

    in.data = source;
    in.len = len;
    start = clock();
    jm_html_clean(&out, arena, in, NULL, NULL, NULL);
    seconds = (double) (clock() - start) / CLOCKS_PER_SEC;

    if (seconds > 5) {
        fail_msg("%s: %.1f s", unit, seconds);
    }

    assert_memory_equal(out.html.data + out.html.len - 6, "</div>", 6);

    if (out.html.len > 2 * len + 128 * 1024) {
        fail_msg("%s: %zu bytes", unit, out.html.len);
    }
}


/* Whatever the mail repeats, time is linear and the result is whole. */
static void
test_floods(void **state)
{
    size_t i;

    static const char *const units[] = {
        "<div>",
        "<b>",
        "<b><p>",
        "<a href=#x><p>",
        "<table>",
        "<table><td>",
        "</p><table>",
        "<p><font color=red>",
        "<i><b><p></i></b>",
        "x<x>",
        "<",
        "&",
        "&#",
        "<!--",
        "</",
        "<a ",
        " a=b",
        "<svg><select>",
        "<ul><li>",
        "<b style='color:red'><p>",
        "<h1><b>",
        "<dd><div>",
        "<pre>\n",
        "<script><!--",
        "<blockquote>x",
        "<td>",
        "\"",
        "&notit",
        "<!--[if",
    };

    for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        flood(units[i]);
    }
}


static void
test_limits(void **state)
{
    size_t    i;
    jm_buf_t  in;
    jm_html_t out;

    /* too deep: flattened, the text kept, the end tags still paired */
    jm_buf_init(&in, arena, SIZE_MAX);

    for (i = 0; i < 500; i++) {
        jm_buf_adds(&in, "<div>");
    }

    jm_buf_adds(&in, "deep");

    for (i = 0; i < 499; i++) {
        jm_buf_adds(&in, "</div>");
    }

    jm_buf_adds(&in, "shallow");
    out = clean(jm_buf_str(&in));
    assert_int_equal(out.cut, 1);
    assert_memory_equal(out.html.data + out.html.len - 19,
                        "shallow</div></div>", 19);

    /* too long: cut at a whole character */
    jm_buf_init(&in, arena, SIZE_MAX);

    for (i = 0; i < 700 * 1024; i++) {
        jm_buf_adds(&in, "\xE2\x82\xAC");
    }

    jm_html_clean(&out, arena, jm_buf_str(&in), NULL, NULL, NULL);
    assert_int_equal(out.cut, 1);
    assert_memory_equal(out.html.data + out.html.len - 9, "\xE2\x82\xAC</div>",
                        9);
}


#define TEST(name) cmocka_unit_test_setup(name, reset)


int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_body),      TEST(test_tree),   TEST(test_scopes),
        TEST(test_leaks),     TEST(test_values), TEST(test_removed),
        TEST(test_trackers),  TEST(test_links),  TEST(test_text),
        TEST(test_from_text), TEST(test_limits), TEST(test_floods),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
