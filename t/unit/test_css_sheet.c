/*
 * css_sheet.c: style blocks; selectors, conditions and at-rules that stay and
 * go, where a rule ends, and the limits.  Each result is its own result again.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "css_sheet.h"

#define W ".jm-body"

typedef struct {
    const char *in;
    const char *out;
} sheet_case_t;

static const sheet_case_t cases[] = {
    /* scope */
    { "p{color:red}", W " p{color:red}" },
    { ".a{color:red}", W " .jm-1-a{color:red}" },
    { "P.Aa#b{color:red}", W " p.jm-1-Aa#jm-1-b{color:red}" },
    { "body{color:red}", W "{color:red}" },
    { "html,:root,BODY{color:red}", W "," W "," W "{color:red}" },
    { "html>body.x p{color:red}", W ".jm-1-x p{color:red}" },
    { "body > p{color:red}", W " > p{color:red}" },
    { "div body p{color:red}", "" },
    { "body + p{color:red}", "" },
    { "body~p,b{color:red}", W " b{color:red}" },
    { W " + p{color:red}", "" },
    { "a>b+c~d e{color:red}", "" },
    { "a>b+i~u p{color:red}", W " a > b + i ~ u p{color:red}" },
    { "*{color:red}", W " *," W "{color:red}" },
    { ".own{color:red}", W " .jm-1-own," W ".jm-1-own{color:red}" },
    { "#me p{color:red}", W " #jm-1-me p," W "#jm-1-me p{color:red}" },
    { ".own + p{color:red}", W " .jm-1-own + p{color:red}" },
    { ".jm-1-a{color:red}", W " .jm-1-a{color:red}" },
    { "img.jm-img{color:red}", W " img.jm-img{color:red}" },

    /* selectors */
    { "a:hover,a:link,a:visited{color:red}",
      W " a:hover," W " a:link{color:red}" },
    { "a:active{color:red}", "" },
    { "p:first-child:last-child{color:red}",
      W " p:first-child:last-child{color:red}" },
    { "p:nth-child( 2N + 1 ){color:red}", W " p:nth-child(2n+1){color:red}" },
    { "p:nth-child(odd){color:red}", W " p:nth-child(odd){color:red}" },
    { "p:nth-child(-n+3){color:red}", W " p:nth-child(-n+3){color:red}" },
    { "p:nth-child(x){color:red}", "" },
    { "p:nth-child(2n of .a),b{color:red}", W " b{color:red}" },
    { "p:not(.a):not(b){color:red}", W " p:not(.jm-1-a):not(b){color:red}" },
    { "p:not(:not(a)),b{color:red}", W " b{color:red}" },
    { "p:not(.a,.b),b{color:red}", W " b{color:red}" },
    { "p:is(a,b),b{color:red}", W " b{color:red}" },
    { "p:has(a),b{color:red}", W " b{color:red}" },
    { "p:before,p::AFTER{content:'x'}",
      W " p::before," W " p::after{content:\"x\"}" },
    { "p::first-line b{color:red}", "" },
    { "[class]{color:red}", W " [class]{color:red}" },
    { "p[class=\"a\"]{color:red}", W " p[class~=\"jm-1-a\"]{color:red}" },
    { "p[class=\"a b\"]{color:red}",
      W " p[class=\"jm-1-a jm-1-b\"]{color:red}" },
    { "p[class*='a-']{color:red}", W " p[class*=\"a-\"]{color:red}" },
    { "p[class~=a]{color:red}", W " p[class~=\"jm-1-a\"]{color:red}" },
    { "p[class^=a]{color:red}p[class$=a],p{color:red}", W " p{color:red}" },
    { "p[id=a]{color:red}", W " p[id=\"jm-1-a\"]{color:red}" },
    { "td[width=\"600\"]{color:red}", W " td[width=\"600\"]{color:red}" },
    { "a[href],b{color:red}", W " b{color:red}" },
    { "a[x-apple-data-detectors]{color:red}", "" },
    { "p[title^=a],b{color:red}", W " b{color:red}" },
    { "o\\:p,b{color:red}", W " b{color:red}" },
    { "button,b{color:red}", W " b{color:red}" },
    { ".a\\:b{color:red}", W " .jm-1-a\\3a b{color:red}" },
    { ".a\\<b,b{color:red}", W " b{color:red}" },
    { "a/**/b{color:red}", "" },
    { ".a/**/.b{color:red}", W " .jm-1-a.jm-1-b{color:red}" },

    /* a browser drops the whole rule for one wrong selector */
    { "p,..a{color:red}b{margin:0}", W " b{margin:0}" },
    { "p,a::foo{color:red}", "" },
    { "p,:-moz-any(a){color:red}", "" },
    { "p,a::-webkit-scrollbar{color:red}", W " p{color:red}" },
    { "p,{color:red}", "" },
    { ",p{color:red}", "" },
    { "svg|a{color:red}", "" },
    { "> p{color:red}", "" },
    { "#1{color:red}", "" },

    /* at-rules */
    { "@import url(x);p{color:red}", W " p{color:red}" },
    { "@import 'x' screen;p{color:red}", W " p{color:red}" },
    { "@charset \"x\";p{color:red}", W " p{color:red}" },
    { "@font-face{font-family:x;src:url(y)}p{color:red}", W " p{color:red}" },
    { "@namespace x url(y);p{color:red}", W " p{color:red}" },
    { "@page{margin:0}@layer x{p{color:red}}@container(x){p{color:red}}", "" },
    { "@keyframes x{from{top:0}}@-ms-viewport{width:1px}b{color:red}",
      W " b{color:red}" },
    { "@scope (p){b{color:red}}@property --x{syntax:'*'}", "" },
    { "@unknown x y z;b{color:red}", W " b{color:red}" },
    { "@media screen{}", "" },
    { "@media screen{p{behavior:url(x)}}", "" },

    /* @media */
    { "@media screen{p{color:red}}", "@media screen{" W " p{color:red}}" },
    { "@media{p{color:red}}", "@media all{" W " p{color:red}}" },
    { "@MEDIA Only Screen And (MAX-width : 600PX){p{color:red}}",
      "@media only screen and (max-width:600px){" W " p{color:red}}" },
    { "@media (prefers-color-scheme:dark){p{color:red}}",
      "@media (prefers-color-scheme:dark){" W " p{color:red}}" },
    { "@media screen and (-webkit-min-device-pixel-ratio:0){p{color:red}}",
      "" },
    { "@media foo,print{p{color:red}}", "@media print{" W " p{color:red}}" },
    { "@media not print{p{color:red}}",
      "@media not print{" W " p{color:red}}" },
    { "@media (width<=600px){p{color:red}}",
      "@media (max-width:600px){" W " p{color:red}}" },
    { "@media (400px<=width<800px){p{color:red}}",
      "@media (min-width:400px) and (max-width:799.98px){" W
      " p{color:red}}" },
    { "@media (min-resolution:2dppx) and (orientation:landscape){p{color:"
      "red}}",
      "@media (min-resolution:2dppx) and (orientation:landscape){" W
      " p{color:red}}" },
    { "@media (max-width:600){p{color:red}}", "" },
    { "@media (max-width:calc(1px)){p{color:red}}", "" },
    { "@media (width:env(x)){p{color:red}}", "" },
    { "@media (any-hover){p{color:red}}", "" },
    { "@media screen{@media (width:1px){p{color:red}}b{color:red}}",
      "@media screen{@media (width:1px){" W " p{color:red}}" W
      " b{color:red}}" },
    { "@media screen{p{color:red}", "@media screen{" W " p{color:red}}" },
    { "@media screen{p{color:red", "@media screen{" W " p{color:red}}" },
    { "@media screen{foo}b{color:red}", W " b{color:red}" },

    /* @supports */
    { "@supports (display:grid){p{color:red}}", W " p{color:red}" },
    { "@supports not (display:grid){p{color:red}}", "" },
    { "@supports (x:y) or (not (z:w)){p{color:red}}", W " p{color:red}" },
    { "@supports (display:flex) and (position:fixed){p{color:red}}", "" },
    { "@supports selector(a){p{color:red}}b{color:red}", W " b{color:red}" },
    { "@supports (background:url(x)){p{color:red}}", "" },

    /* nested rules go, and what comes behind them stays */
    { "p{color:red;b{color:blue}margin:0}", W " p{color:red;margin:0}" },
    { "p{a:hover{color:blue} margin:0}", W " p{margin:0}" },
    { "p{&:hover{color:blue}@media x{color:red}margin:0}", W " p{margin:0}" },
    { "p{@import 'x';margin:0}", W " p{margin:0}" },
    { "p{--x:{a:b};color:var(--x);margin:0}", W " p{margin:0}" },

    /* where a rule ends */
    { "<!-- p{color:red} -->b{margin:0}", W " p{color:red}" W " b{margin:0}" },
    { "p{color:red}}b{margin:0}i{margin:0}",
      W " p{color:red}" W " i{margin:0}" },
    { "p{x:';';color:red}", W " p{color:red}" },
    { "p{x:'\n;color:red}b{margin:0}", W " p{color:red}" W " b{margin:0}" },
    { "p{x:[;}];color:red}", W " p{color:red}" },
    { "p{content:'}'}b{color:red}",
      W " p{content:\"\\7d \"}" W " b{color:red}" },
    { "p;q{color:red}b{margin:0}", W " b{margin:0}" },
    { "p{color:red", W " p{color:red}" },
    { "p", "" },
    { "p{", "" },
    { "/*p{color:red}*/b{margin:0}", W " b{margin:0}" },
    { "/*p{color:red}", "" },

    /* values as in a style attribute */
    { "p{background:#fff url(http://a/)}", W " p{background:#fff none}" },
    { "p{position:fixed;top:0}", "" },
    { "p{position:relative;top:999px}", W " p{position:relative;top:200px}" },
    { "p{font-family:'</style><script>'}",
      W " p{font-family:\"\\3c \\2f style\\3e \\3c script\\3e \"}" },
    { "p{font-family:a\\3c/style\\3e b}",
      W " p{font-family:a\\3c  / style\\3e b}" },
    { ".\\3c\\2fstyle\\3e{color:red}", "" },
};

static jm_arena_t *arena;


static int
setup(void **state)
{
    arena = jm_arena_create(64 * 1024 * 1024);

    return arena == NULL ? -1 : 0;
}


static int
teardown(void **state)
{
    jm_arena_destroy(arena);

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


static jm_sheet_t *
sheet(jm_str_t source, const char *media)
{
    jm_sheet_t    *out;
    jm_css_scope_t scope;

    scope.class_names = jm_str("x own");
    scope.id = jm_str("me");
    out = jm_arena_alloc(arena, sizeof(jm_sheet_t));
    jm_sheet_init(out, arena, &scope);
    jm_sheet_add(out, source, str(media));

    return out;
}


static void
check(jm_str_t in, const char *media, const char *expected)
{
    jm_str_t out;

    out = jm_buf_str(&sheet(in, media)->out);

    if (out.len != strlen(expected)
        || (out.len != 0 && memcmp(out.data, expected, out.len) != 0))
    {
        fail_msg("%.*s\n  gives %.*s\n  not   %s", (int) in.len, in.data,
                 (int) out.len, out.data, expected);
    }
}


static void
test_cases(void **state)
{
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check(str(cases[i].in), "", cases[i].out);
        check(str(cases[i].out), "", cases[i].out);
    }
}


/* The attribute of the block. */
static void
test_media(void **state)
{
    check(str("p{color:red}"), "screen and (min-width:1px)",
          "@media screen and (min-width:1px){" W " p{color:red}}");
    check(str("p{color:red}"), "all", W " p{color:red}");
    check(str("p{color:red}"), "tv", "");
    check(str("p{color:red}"), "all{}", "");
    check(str(""), "print", "");
}


static void
test_fetched(void **state)
{
    jm_sheet_t *out;

    out = sheet(str("p{background:url(http://a/b);mask:url(x)}"
                    "b{list-style-image:url('c')}"),
                "");
    assert_int_equal(out->nurls, 2);
    assert_memory_equal(out->urls[0].data, "http://a/b", 10);
    assert_memory_equal(out->urls[1].data, "c", 1);
}


/* `head`, `unit` many times over, `tail`. */
static jm_str_t
many(const char *head, const char *unit, const char *tail, size_t size)
{
    size_t   n;
    jm_buf_t buf;

    jm_buf_init(&buf, arena, SIZE_MAX);
    jm_buf_adds(&buf, head);

    for (n = strlen(head); n < size; n += strlen(unit)) {
        jm_buf_adds(&buf, unit);
    }

    jm_buf_adds(&buf, tail);

    return jm_buf_str(&buf);
}


static size_t
count(jm_str_t str, u_char c)
{
    size_t i, n;

    n = 0;

    for (i = 0; i < str.len; i++) {
        n += (str.data[i] == c);
    }

    return n;
}


static void
test_limits(void **state)
{
    jm_str_t    twice;
    jm_sheet_t *out;

    jm_arena_reset(arena);

    out = sheet(many("", "p{top:0;color:red}", "", 200 * 1024), "");
    assert_int_equal(out->nrules, 2000);
    assert_int_equal(out->cut, 1);

    out = sheet(many("p", ",b", "{color:red}", 1000), "");
    assert_int_equal(count(jm_buf_str(&out->out), ',') + 1, 64);

    /* what is written is read again, whole */
    out = sheet(many("", ".own,.own{color:red}", "", 30 * 1024), "");
    assert_int_equal(out->cut, 1);
    twice = jm_buf_str(&sheet(jm_buf_str(&out->out), "")->out);
    assert_int_equal(twice.len, out->out.len);
    assert_memory_equal(twice.data, out->out.data, twice.len);

    /* one block too large */
    out = sheet(many("p{color:red}", " ", "", 256 * 1024 + 1), "");
    assert_int_equal(out->out.len, 0);
    assert_int_equal(out->cut, 1);
}


/* No input may take more than linear time or memory. */
static void
test_bombs(void **state)
{
    volatile size_t i; /* longjmp() is not to forget it */

    static const char *const units[] = { "{",
                                         "(",
                                         "[",
                                         "a{",
                                         "@media x{",
                                         "a,",
                                         "a>",
                                         ":not(",
                                         "a b ",
                                         "@supports(",
                                         "@a{",
                                         "}",
                                         "@supports not (",
                                         "*",
                                         "a:not(",
                                         "p{top:0}",
                                         ".a.a",
                                         "\\",
                                         "/*",
                                         "a{b:c;",
                                         "@media all{",
                                         "a{b{",
                                         "@media a,",
                                         "(width)",
                                         "*{margin:0}",
                                         "@media (1px<=width<=",
                                         "p:nth-child(",
                                         "'",
                                         "a{url(" };

    for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        jm_arena_reset(arena);

        if (setjmp(*jm_arena_guard(arena)) != 0) {
            fail_msg("%s: too much memory", units[i]);
        }

        sheet(many("", units[i], "", 250 * 1024), "");
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),   cmocka_unit_test(test_media),
        cmocka_unit_test(test_fetched), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_bombs),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
