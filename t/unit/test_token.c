/*
 * html_token.c: where tags, text and references begin and end, case by case
 * after the states of the HTML Standard, 13.2.5.  A token is written as
 * `text`, `<name a="v">`, `</name>` or `<name/>`.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "html_token.h"

#define CEILING (64 * 1024 * 1024)
#define FFFD    "\xEF\xBF\xBD"

typedef struct {
    const char *in;
    const char *out;
} token_case_t;

static jm_arena_t *arena;


static int
setup(void **state)
{
    arena = jm_arena_create(CEILING);

    return arena == NULL ? -1 : 0;
}


static int
teardown(void **state)
{
    jm_arena_destroy(arena);

    return 0;
}


static void
show(jm_buf_t *buf, const jm_token_t *token)
{
    size_t i;

    if (token->kind == JM_TOKEN_TEXT) {
        jm_buf_add(buf, token->text.data, token->text.len);
        return;
    }

    jm_buf_adds(buf, token->kind == JM_TOKEN_END ? "</" : "<");
    jm_buf_add(buf, token->name.data, token->name.len);

    for (i = 0; i < token->nattrs && token->kind == JM_TOKEN_START; i++) {
        jm_buf_addc(buf, ' ');
        jm_buf_add(buf, token->attrs[i].name.data, token->attrs[i].name.len);
        jm_buf_adds(buf, "=\"");
        jm_buf_add(buf, token->attrs[i].value.data, token->attrs[i].value.len);
        jm_buf_adds(buf, "\"");
    }

    jm_buf_adds(buf, token->self_closing && token->kind == JM_TOKEN_START
                         ? "/>"
                         : ">");
}


static void
check(const char *in, size_t len, const char *expected, jm_content_t content,
      const char *name)
{
    jm_str_t       source;
    jm_buf_t       buf;
    jm_token_t     token;
    jm_tokenizer_t tokenizer;

    source = jm_html_preprocess(arena, jm_arena_str(arena, in, len));
    jm_tokenizer_init(&tokenizer, arena, source);
    jm_buf_init(&buf, arena, SIZE_MAX);

    if (content != JM_CONTENT_DATA) {
        jm_tokenizer_content(&tokenizer, content,
                             jm_arena_str(arena, name, strlen(name)));
    }

    for (;;) {
        jm_tokenizer_next(&tokenizer, &token);

        if (token.kind == JM_TOKEN_EOF) {
            break;
        }

        show(&buf, &token);
    }

    jm_buf_addc(&buf, '\0');

    if (strcmp((char *) buf.data, expected) != 0) {
        fail_msg("%s\n  gives %s\n  not   %s", in, buf.data, expected);
    }
}


static void
check_all(const token_case_t *cases, size_t n, jm_content_t content,
          const char *name)
{
    size_t i;

    for (i = 0; i < n; i++) {
        jm_arena_reset(arena);
        check(cases[i].in, strlen(cases[i].in), cases[i].out, content, name);
    }
}

#define CHECK(cases, content, name)                                           \
    check_all(cases, sizeof(cases) / sizeof(cases[0]), content, name)


static void
test_tags(void **state)
{
    static const token_case_t cases[] = {
        { "<a>", "<a>" },
        { "<A HREF=X>", "<a href=\"X\">" },
        { "</A >", "</a>" },
        { "</a href=x>", "</a>" },
        { "<a/>", "<a/>" },
        { "<a / b>", "<a b=\"\">" },
        { "<a/b/c>", "<a b=\"\" c=\"\">" },
        { "<a b=c/>", "<a b=\"c/\">" },
        { "<a b='c'd=\"e\"f>", "<a b=\"c\" d=\"e\" f=\"\">" },
        { "<a b = c>", "<a b=\"c\">" },
        { "<a b\n=\t'c'\f>", "<a b=\"c\">" },
        { "<a =b>", "<a =b=\"\">" },
        { "<a ==b>", "<a ==\"b\">" },
        { "<a b=>", "<a b=\"\">" },
        { "<a b=\"\">", "<a b=\"\">" },
        { "<a b=c\"d'e`f<g>", "<a b=\"c\"d'e`f<g\">" },
        { "<a b\"c'd<e>", "<a b\"c'd<e=\"\">" },
        { "<a b='>'>c", "<a b=\">\">c" },
        { "<a b=1 B=2>", "<a b=\"1\" b=\"2\">" },
        { "<a:b-c.d>", "<a:b-c.d>" },
        { "<a<b>", "<a<b>" },
        { "<a\xC3\x89>", "<a\xC3\x89>" },
        { "<\xC3\x89>", "<\xC3\x89>" },
        { "<1>", "<1>" },
        { "<", "<" },
        { "<<a>", "<<a>" },
        { "a < b", "a < b" },
        { "</", "</" },
        { "</>a", "a" },
        { "</ a>b", "b" },
        { "</1>b", "b" },
        { "<a", "" },
        { "<a b", "" },
        { "<a b=", "" },
        { "<a b='c>d", "" },
        { "<a b=\"c\"", "" },
        { "</a", "" },
        { "x<a\0y>", "x" },
    };

    CHECK(cases, JM_CONTENT_DATA, "");
}


static void
test_comments(void **state)
{
    static const token_case_t cases[] = {
        { "a<!---->b", "ab" },
        { "a<!-->b", "ab" },
        { "a<!--->b", "ab" },
        { "a<!--b-->c", "ac" },
        { "a<!--b--!>c", "ac" },
        { "a<!--b--!c-->d", "ad" },
        { "a<!--b->c-->d", "ad" },
        { "a<!-- -- -->b", "ab" },
        { "a<!--b--->c", "ac" },
        { "a<!--<!--b-->c-->d", "ac-->d" },
        { "a<!--b", "a" },
        { "a<!--b-", "a" },
        { "a<!--b--", "a" },
        { "a<!-b>c", "ac" },
        { "a<!>b", "ab" },
        { "a<!DOCTYPE html>b", "ab" },
        { "a<!doctype x 'y>z'>b", "az'>b" },
        { "a<![CDATA[b]]>c", "ac" },
        { "a<![CDATA[b>c]]>d", "ac]]>d" },
        { "a<![if !mso]>b<![endif]>c", "abc" },
        { "a<?b?>c", "ac" },
        { "a<?b c='>'?>d", "a'?>d" },
        { "a<!b", "a" },
        { "a<?", "a" },
    };

    CHECK(cases, JM_CONTENT_DATA, "");
}


static void
test_references(void **state)
{
    static const token_case_t cases[] = {
        { "&amp;&lt;&gt;&quot;&apos;", "&<>\"'" },
        { "&AMP &LT;&copy&COPY;", "& <\xC2\xA9\xC2\xA9" },
        { "&nbsp;&nbspx", "\xC2\xA0\xC2\xA0x" },
        { "&not&notin;&notit;", "\xC2\xAC\xE2\x88\x89\xC2\xACit;" },
        { "&ampamp;", "&amp;" },
        { "&NotEqualTilde;", "\xE2\x89\x82\xCC\xB8" },
        { "&CounterClockwiseContourIntegral;", "\xE2\x88\xB3" },
        { "&colon;&NewLine;&Tab;&lpar;", ":\n\t(" },
        { "&zwnj;&zwj;&shy;", "\xE2\x80\x8C\xE2\x80\x8D\xC2\xAD" },
        { "&Afr;", "\xF0\x9D\x94\x84" },
        { "&", "&" },
        { "& ", "& " },
        { "&;", "&;" },
        { "&x", "&x" },
        { "&unknown;", "&unknown;" },
        { "&ammmp;", "&ammmp;" },
        { "&alpha", "&alpha" },
        { "&#65;&#x41;&#X41;&#065;", "AAAA" },
        { "&#65 &#65x&#x41g", "A AxAg" },
        { "&#;&#x;&#xg;&#a;", "&#;&#x;&#xg;&#a;" },
        { "&#", "&#" },
        { "&#x", "&#x" },
        { "&#0;&#xD800;&#xDFFF;&#x110000;&#99999999999999999999;",
          FFFD FFFD FFFD FFFD FFFD },
        { "&#128;&#x85;&#145;&#159;",
          "\xE2\x82\xAC\xE2\x80\xA6\xE2\x80\x98\xC5\xB8" },
        { "&#129;", "\xC2\x81" },
        { "&#13;&#10;", "\r\n" },
        { "&#x10FFFD;&#xFFFE;&#x1FFFF;&#xFDD0;",
          "\xF4\x8F\xBF\xBD" FFFD FFFD FFFD },
        { "<a b='&lt;&copy;&copy'>", "<a b=\"<\xC2\xA9\xC2\xA9\">" },
        { "<a b=&copy=1&copyx&copy1>", "<a b=\"&copy=1&copyx&copy1\">" },
        { "<a b='&copy;=1&copy &not-'>",
          "<a b=\"\xC2\xA9=1\xC2\xA9 \xC2\xAC-\">" },
        { "<a b='&notin;&notit;&notit'>",
          "<a b=\"\xE2\x88\x89&notit;&notit\">" },
        { "<a b=&#106avascript&colon;>", "<a b=\"javascript:\">" },
        { "<a b='?x=1&lang=de&reg_id=2'>",
          "<a b=\"?x=1&lang=de\xC2\xAE_id=2\">" },
        { "<&amp;>", "<&>" },
        { "</&amp;>a", "a" },
    };

    CHECK(cases, JM_CONTENT_DATA, "");
}


static void
test_rcdata(void **state)
{
    static const token_case_t cases[] = {
        { "a<b>&amp;</c></title>d", "a<b>&</c></title>d" },
        { "</TITLE >d", "</title>d" },
        { "</title/>d", "</title>d" },
        { "</titlex></title", "</titlex></title" },
        { "</title x='>'>d", "</title>d" },
        { "<!--</title>-->", "<!--</title>-->" },
        { "</", "</" },
        { "a", "a" },
    };

    CHECK(cases, JM_CONTENT_RCDATA, "title");
}


static void
test_rawtext(void **state)
{
    static const token_case_t cases[] = {
        { "a<b>&amp;</style>d", "a<b>&amp;</style>d" },
        { "<!--</style>-->", "<!--</style>-->" },
        { "</styles></style>", "</styles></style>" },
        { "<</style>", "<</style>" },
    };

    static const token_case_t plain[] = {
        { "a<b></plaintext>&amp;", "a<b></plaintext>&amp;" },
    };

    CHECK(cases, JM_CONTENT_RAWTEXT, "style");
    CHECK(plain, JM_CONTENT_PLAIN, "plaintext");
}


static void
test_script(void **state)
{
    static const token_case_t cases[] = {
        { "a</script>b", "a</script>b" },
        { "a<b&amp;</script >", "a<b&amp;</script>" },
        { "<!--a</script>b", "<!--a</script>b" },
        { "<!--<script>a</script>b</script>c",
          "<!--<script>a</script>b</script>c" },
        { "<!--<script>a</script>--></script><c>",
          "<!--<script>a</script>--></script><c>" },
        { "<!--<script>a--></script><c>", "<!--<script>a--></script><c>" },
        { "<!--><script></script><c>", "<!--><script></script><c>" },
        { "<!--<scriptx></script><c>", "<!--<scriptx></script><c>" },
        { "<!--<script ></script><c>", "<!--<script ></script><c>" },
    };

    CHECK(cases, JM_CONTENT_SCRIPT, "script");
}


/* Bytes that are no characters. */
static void
test_bytes(void **state)
{
    static const token_case_t cases[] = {
        { "a\xFF", "a" FFFD },
        { "a\xC3", "a" FFFD },
        { "\xE2\x82", FFFD FFFD },
        { "\xC0\x80", FFFD FFFD },
        { "\xED\xA0\x80", FFFD FFFD FFFD },
        { "\xF4\x90\x80\x80", FFFD FFFD FFFD FFFD },
        { "\xC3(", FFFD "(" },
        { "a\r\nb\rc\n\rd", "a\nb\nc\n\nd" },
        { "\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80" },
        { "a\xEF\xBF\xBE\xF0\x9F\xBF\xBF\xEF\xB7\x90z",
          "a" FFFD FFFD FFFD "z" },
        { "0123456\r89abcdef\r\n\xC3\xA9", "0123456\n89abcdef\n\xC3\xA9" },
    };

    CHECK(cases, JM_CONTENT_DATA, "");

    jm_arena_reset(arena);
    check("a\0b", 3, "a" FFFD "b", JM_CONTENT_DATA, "");
    check("<a\0b c\0d=\0e>", 12, "<a" FFFD "b c" FFFD "d=\"" FFFD "e\">",
          JM_CONTENT_DATA, "");
}


/* Attributes and values beyond the caps are cut; the tag still ends there. */
static void
test_caps(void **state)
{
    size_t         i;
    jm_buf_t       in;
    jm_token_t     token;
    jm_tokenizer_t tokenizer;

    jm_arena_reset(arena);
    jm_buf_init(&in, arena, SIZE_MAX);
    jm_buf_adds(&in, "<a");

    for (i = 0; i < 100000; i++) {
        jm_buf_printf(&in, " a%zu=b", i);
    }

    jm_buf_adds(&in, "><b c=\"");

    for (i = 0; i <= JM_TOKEN_MAX_VALUE; i++) {
        jm_buf_addc(&in, 'x');
    }

    jm_buf_adds(&in, "\" d=e>f");

    jm_tokenizer_init(&tokenizer, arena, jm_buf_str(&in));
    jm_tokenizer_next(&tokenizer, &token);
    assert_int_equal(token.kind, JM_TOKEN_START);
    assert_int_equal(token.nattrs, JM_TOKEN_MAX_ATTRS);
    assert_int_equal(token.cut, 1);

    jm_tokenizer_next(&tokenizer, &token);
    assert_int_equal(token.nattrs, 2);
    assert_int_equal(token.attrs[0].value.len, 0);
    assert_int_equal(token.attrs[1].value.len, 1);
    assert_int_equal(token.cut, 1);

    jm_tokenizer_next(&tokenizer, &token);
    assert_int_equal(token.kind, JM_TOKEN_TEXT);
    assert_int_equal(token.text.len, 1);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tags),       cmocka_unit_test(test_comments),
        cmocka_unit_test(test_references), cmocka_unit_test(test_rcdata),
        cmocka_unit_test(test_rawtext),    cmocka_unit_test(test_script),
        cmocka_unit_test(test_bytes),      cmocka_unit_test(test_caps),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
