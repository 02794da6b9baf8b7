/*
 * text.c, html_text.c and html_plain.c: the plain text that is made of HTML,
 * the preview, and the page that is made of plain text.
 */

#include "message_case.h"

#define LINK                                                                  \
    " target=\"_blank\" rel=\"noopener noreferrer nofollow\" "                \
    "referrerpolicy=\"no-referrer\">"


/* Where the text does not say where the link leads. */
#define LINK_TITLED                                                           \
    " target=\"_blank\" rel=\"noopener noreferrer nofollow\" "                \
    "referrerpolicy=\"no-referrer\" "


static void
read_as(const char *type, const char *body)
{
    char raw[4000];

    snprintf(raw, sizeof(raw), "Content-Type: %s\r\n\r\n%s", type, body);
    read_text(raw);
}


static void
test_from_html(void **state)
{
    size_t i;

    static const struct {
        const char *html;
        const char *text;
    } cases[] = {
        { "<p>One</p><p>Two</p>", "One\n\nTwo" },
        { "a<br>b<br><br>c", "a\nb\n\nc" },
        { "<h1>Title</h1>text", "Title\n\ntext" },
        { "<a href=https://a.test/x>there</a>", "there <https://a.test/x>" },
        { "<a href=https://a.test/x><div>there</div></a><p>on",
          "there <https://a.test/x>\n\non" },
        { "<a href=https://a.test/>https://a.test</a>", "https://a.test" },
        { "<a href=mailto:a@b.test>a@b.test</a>", "a@b.test" },
        { "<a href=https://a.test/><img src=https://a.test/i.png alt=Buy "
          "width=90 height=30></a>",
          "[Buy] <https://a.test/>" },
        { "<ul><li>One<li>Two<ul><li>In<li>Side</ul><li>Three</ul>end",
          "- One\n- Two\n  - In\n  - Side\n- Three\n\nend" },
        { "<ol start=3><li>c<li>d</ol>", "3. c\n4. d" },
        { "<ol start=-3><li>c</ol>", "1. c" },
        { "<p>He said:</p><blockquote>One<br>Two<p>Three</p></blockquote>"
          "<p>end",
          "He said:\n\n> One\n> Two\n>\n> Three\n\nend" },
        { "<blockquote>a<blockquote>b</blockquote></blockquote>",
          "> a\n> > b" },
        { "<table><tr><th>Item<th>Qty<tr><td>Bread<td>2</table>",
          "Item\tQty\nBread\t2" },
        { "<table><tr><td><p>Left</p><td><p>Right</p></table>",
          "Left\tRight" },
        { "<table><tr><td><p>Service 1</p><td><p>$ 19.99</p><tr><td><div>Total"
          "</div><td><div>$ 33.98</div></table>end",
          "Service 1\t$ 19.99\nTotal\t$ 33.98\nend" },
        { "<table><tr><td>One<br>Two<td>Three</table>", "One\nTwo\nThree" },
        { "<table><tr><td><p>A whole sentence of a column that is long.<td><p>"
          "Another</table>",
          "A whole sentence of a column that is long.\n\nAnother" },
        { "<blockquote><table><tr><td><p>a<td><p>b</table></blockquote>",
          "> a\tb" },
        { "<table><tr><td><table><tr><td>a<tr><td>b</table><td><p>c</table>",
          "a\nb\n\nc" },
        { "<a href=#>Home</a><a href=#>About</a>", "Home About" },
        { "<a href=https://a.test/x>Home</a><a href=https://a.test/y>About",
          "Home <https://a.test/x> About <https://a.test/y>" },
        { "<pre>a\n  b</pre>c", "a\n  b\n\nc" },
        { "a<hr>b", "a\n----\nb" },
        { "soft&shy;hyphen  and \n space&nbsp;", "softhyphen and space" },
        { "<div style=display:none>hidden</div>seen", "seen" },
        { "<div style='max-height:0;overflow:hidden'>hidden</div>seen",
          "seen" },
        { "<p>Hello&zwnj;&nbsp;&zwnj;&nbsp;&#847;&zwnj;&nbsp;&#8203;</p>next",
          "Hello\n\nnext" },
        { "<title>no</title><style>p{}</style><script>no</script>yes", "yes" },
        { "<span style=display:block>20</span>Clients", "20\nClients" },
        { "a<b style='display:FLEX !important'>b</b>c", "a\nb\nc" },
        { "<style>.n { display: block } u { display: block } #x { display: "
          "inline }</style><a class=n href=#>20</a><u>c</u><u id=x>d</u>e",
          "20\nc\nde" },
        { "<p><span style=display:block>a</span>", "a" },
        { "<span style=display:table-row><span style=display:table-cell>20"
          "</span><i style=display:table-cell>Clients</i></span>",
          "20\tClients" },
        { "a<span style='display:inline flex'>b</span>"
          "<span style=display:inline-block>c</span>"
          "<span style=display:contents>d</span>",
          "abcd" },
        { "<style>@media print{i{display:block}}</style><i>a</i>b", "ab" },
        { "a<img src=https://a.test/i alt=b style=display:block>c",
          "a\n[b]\nc" },
        { "a<img src=https://a.test/i style=display:block>c", "a\nc" },
        { "<fieldset><legend>a</legend>b</fieldset><fieldset>c</fieldset>d",
          "a\nb\nc\nd" },
        { "<table><tr><td>a<td><div></div>b</table>", "a\tb" },
        { "", "" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        read_as("text/html", cases[i].html);
        assert_str(message.text, cases[i].text);
    }
}


/* 43 characters, and 20 and 19 of one word. */
#define LONG "1 3 5 7 9 1 3 5 7 9 1 3 5 7 9 1 3 5 7 9 12 "
#define HAN  HAN_LESS "\u6c49"
#define HAN_LESS                                                              \
    "\u6c49\u6c49\u6c49\u6c49\u6c49\u6c49\u6c49\u6c49\u6c49\u6c49"            \
    "\u6c49\u6c49\u6c49\u6c49\u6c49\u6c49\u6c49\u6c49\u6c49"


static void
test_preview(void **state)
{
    size_t i;

    static const struct {
        const char *type;
        const char *body;
        const char *preview;
    } cases[] = {
        { "text/html",
          "<p>Hello&zwnj;&nbsp;&zwnj;&nbsp;&shy;&#65279;</p>"
          "<a href=https://a.test/>there</a>",
          "Hello there" },
        { "text/html", "<div style=display:none>x</div>seen", "seen" },
        { "text/plain", "=====\n\nHello \t\n\n-------\nthere", "Hello there" },
        { "text/plain", "See <https://a.test/x> and <b@c.test>, 1 < 2",
          "See and <b@c.test>, 1 < 2" },
        { "text/plain", "<https://open", "<https://open" },
        { "text/plain; charset=utf-8",
          "abc \xe2\x80\xae"
          "def \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb",
          "abc def \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb" },
        { "text/plain", LONG LONG LONG "123 5678 0123456789",
          LONG LONG LONG "123 5678" },
        { "text/plain", LONG LONG LONG "123 567890 234567",
          LONG LONG LONG "123 567890" },
        { "text/plain", LONG LONG LONG "x 2345678901", LONG LONG LONG "x" },
        { "text/plain; charset=utf-8",
          HAN HAN HAN HAN HAN HAN HAN "\U0001f469",
          HAN HAN HAN HAN HAN HAN HAN },
        { "text/plain; charset=utf-8",
          HAN HAN HAN HAN HAN HAN HAN_LESS "\U0001f469\u200d\U0001f4bb",
          HAN HAN HAN HAN HAN HAN HAN_LESS },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        read_as(cases[i].type, cases[i].body);
        assert_str(message.preview, cases[i].preview);
    }
}


static void
test_to_html(void **state)
{
    char   page[4000];
    size_t i;

    static const struct {
        const char *text;
        const char *html;
    } cases[] = {
        { "a < b & \"c\"", "a &lt; b &amp; \"c\"" },
        { "<script>x</script>", "&lt;script&gt;x&lt;/script&gt;" },
        { "See http://a.test/x.",
          "See <a href=\"http://a.test/x\"" LINK "http://a.test/x</a>." },
        { "(http://a.test/x)",
          "(<a href=\"http://a.test/x\"" LINK "http://a.test/x</a>)" },
        { "http://a.test/x_(y)!",
          "<a href=\"http://a.test/x_(y)\"" LINK "http://a.test/x_(y)</a>!" },
        { "<http://a.test/?a=1&b=2>",
          "&lt;<a href=\"http://a.test/?a=1&amp;b=2\"" LINK
          "http://a.test/?a=1&amp;b=2</a>&gt;" },
        { "www.a.test,",
          "<a href=\"http://www.a.test/\"" LINK "www.a.test</a>," },
        { "http://m\xc3\xbc.test/",
          "<a href=\"http://xn--m-eha.test/\"" LINK_TITLED
          "title=\"xn--m-eha.test\">http://m\xc3\xbc.test/</a>" },
        { "\"http://a.test/\"\" onclick=x",
          "\"<a href=\"http://a.test/\"" LINK
          "http://a.test/</a>\"\" onclick=x" },
        { "javascript:alert(1) file:///etc data:text/html,x",
          "javascript:alert(1) file:///etc data:text/html,x" },
        { "xhttp://a.test", "xhttp://a.test" },
        { "> one\n>> two\nthree",
          "<blockquote>one\n<blockquote>two\n</blockquote></blockquote>"
          "three" },
        { "text\n-- \nAda\n> q",
          "text\n<div style=\"color:#767676\">-- \nAda\n<blockquote>q"
          "</blockquote></div>" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        read_as("text/plain; charset=utf-8", cases[i].text);
        snprintf(page, sizeof(page),
                 "<div class=\"jm-body\" style=\"white-space:pre-wrap\">%s"
                 "</div>",
                 cases[i].html);
        assert_str(message.clean.html, page);
    }
}


/* A text of nothing that can be seen is none. */
static void
test_blank(void **state)
{
    read_text("Content-Type: multipart/alternative; boundary=x\r\n\r\n"
              "--x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
              " \u200b\u00a0\r\n\ufeff\u00ad\r\n"
              "--x\r\nContent-Type: text/html\r\n\r\n<p>Hi\r\n--x--\r\n");
    assert_str(message.text, "Hi");
}


/* The page of a text, cleaned as HTML, is the same page. */
static void
test_idempotent(void **state)
{
    char raw[4100], page[4000];

    read_as("text/plain", "Hi,\n> q http://a.test/x\n\n-- \nAda <b@c.test>\n");
    snprintf(page, sizeof(page), "%.*s", (int) message.clean.html.len,
             message.clean.html.data);
    snprintf(raw, sizeof(raw), "Content-Type: text/html\r\n\r\n%s", page);
    read_text(raw);
    assert_str(message.clean.html, page);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_html),  cmocka_unit_test(test_preview),
        cmocka_unit_test(test_to_html),    cmocka_unit_test(test_blank),
        cmocka_unit_test(test_idempotent),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
