/*
 * css.c: what is kept and every way of loading, covering or deceiving that is
 * not, case by case; each result is its own result again.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "css.h"

typedef struct {
    const char *in;
    const char *out;
} css_case_t;

static const css_case_t cases[] = {
    /* plain */
    { "color: red", "color:red" },
    { "COLOR : Red ;; margin: 0 auto;", "color:Red;margin:0 auto" },
    { "color:/**/red/*x*/", "color:red" },
    { "padding:1.50px -0.25em +3%", "padding:1.5px -0.25em 3%" },
    { "font:bold 12px/1.5 'Open Sans', Arial",
      "font:bold 12px / 1.5 \"Open Sans\",Arial" },
    { "color:#AbC !important", "color:#abc !important" },
    { "color:rgba(1, 2,3 , .5)", "color:rgba(1,2,3,0.5)" },
    { "width:calc(100% - (2px * 3))", "width:calc(100% - (2px * 3))" },
    { "width:calc(1px + 2px", "width:calc(1px + 2px)" },

    /* nothing that fetches, in whatever spelling */
    { "background:url(http://a/)", "background:none" },
    { "background:#fff url(http://a/) no-repeat",
      "background:#fff none no-repeat" },
    { "background:#fff url( 'http://a/' )", "background:#fff none" },
    { "background:url(a), url(b) red", "background:none,none red" },
    { "background:red url('a' b)", "" },
    { "background:linear-gradient(url(a),red)", "" },
    { "background-image:url(x)", "background-image:none" },
    { "background-image:u\\72l(x)", "background-image:none" },
    { "background-image:\\75 rl(x)", "background-image:none" },
    { "background-image:URL(x)", "background-image:none" },
    { "background:red url(a b)", "" },
    { "background:red image-set('x' 1x)", "" },
    { "background:red -webkit-image-set('x' 1x)", "" },
    { "background:red src('x')", "" },
    { "background:image('x')", "" },
    { "background:cross-fade(url(a), url(b))", "" },
    { "background:element(#x)", "" },
    { "background:paint(x)", "" },
    { "list-style-image:url(x)", "" },
    { "list-style:url(x) square inside", "list-style:square inside" },
    { "content:url(x)", "" },
    { "cursor:url(x),auto", "" },
    { "filter:url(#x)", "" },
    { "mask:url(x)", "" },
    { "border-image:url(x)", "" },
    { "clip-path:url(#x)", "" },
    { "behavior:url(x)", "" },
    { "-moz-binding:url(x)", "" },
    { "color:red;background:url(x;color:blue", "color:red;background:none" },
    { "font-family:url(x)", "" },

    /* nor a value from elsewhere */
    { "--x:url(y);color:var(--x)", "" },
    { "color:env(x)", "" },
    { "width:attr(x)", "" },
    { "color:if(x)", "" },
    { "width:expression(alert(1))", "" },
    { "width:e\\78pression(alert(1))", "" },
    { "width:exp/**/ression(alert(1))", "" },

    /* recovery as browsers do it */
    { "*zoom:1;_height:1px;color:red", "color:red" },
    { "color;margin:0", "margin:0" },
    { "color:red}*{margin:0;padding:0", "" },
    { "color:red}*{margin:0};padding:0", "padding:0" },
    { "x:{color:red;margin:1px};padding:0", "padding:0" },
    { "x:(;);padding:0", "padding:0" },
    { "x:';';padding:0", "padding:0" },
    { "x:'\n;padding:0", "padding:0" },
    { "color:\"red\";padding:0", "padding:0" },
    { "@import 'x';color:red", "color:red" },
    { "<!--color:red;margin:0-->;padding:0", "padding:0" },
    { "filter:alpha(opacity=50);padding:0", "padding:0" },
    { "mso-line-height-rule:exactly;padding:0", "padding:0" },
    { "color:", "" },
    { "color:red !wrong", "" },
    { "color:red !important x", "" },

    /* an end where browsers see one (tried in Chromium) */
    { "x{color:red}padding:0;margin:0", "margin:0" },
    { "@media x{a:b} padding:0", "padding:0" },
    { "*zoom{x:y}padding:0;margin:0", "margin:0" },
    { "--x:{a;b};padding:0", "padding:0" },
    { "}padding:0;margin:0", "margin:0" },
    { "margin:1px\\;padding:0", "" },

    /* names and strings */
    { "font-family:\"a</style>b\"", "font-family:\"a\\3c \\2f style\\3e b\"" },
    { "font-family:'a\"b\\'c'", "font-family:\"a\\22 b\\27 c\"" },
    { "font-family:\xC3\x9C"
      "ber",
      "font-family:\\dc ber" },
    { "font-family:a\\<b", "font-family:a\\3c b" },
    { "font-family:a\\3c  b", "font-family:a\\3c  b" },
    { "font-family:\\31 a", "font-family:\\31 a" },
    { "font-family:'x\\\ny'", "font-family:\"xy\"" },

    /* nothing that covers */
    { "position:fixed", "" },
    { "position:absolute;top:0;left:0", "" },
    { "position:sticky", "" },
    { "position:relative;top:9999px;z-index:99999",
      "position:relative;top:200px;z-index:200" },
    { "top:5px", "" },
    { "margin:-9999px", "margin:-200px" },
    { "margin-left:calc(-1px * 9999)", "" },
    { "font-size:9999px", "font-size:200px" },
    { "font-size:99em", "font-size:12.5em" },
    { "line-height:400", "line-height:10" },
    { "width:99999999999999999999px", "width:10000px" },
    { "width:1e9px", "width:10000px" },
    { "width:1.5e1px", "width:15px" },
    { "transform:scale(9)", "" },
    { "display:flex", "display:flex" },
    { "display:url(x)", "" },
    { "display:run-in", "" },
    { "overflow:hidden", "overflow:hidden" },
    { "width:5quux", "" },
    { "color:#12345", "" },
    { "animation:x 1s", "" },
    { "box-shadow:0 0 0 9999px rgb(250 250 250 / 50%)",
      "box-shadow:0 0 0 200px rgb(250 250 250 / 50%)" },
    { "font-size:clamp(16px,5vw,999px)", "font-size:clamp(16px,5vw,200px)" },
    { "font-size:min(10px*99,999px)", "" },
    { "content:'\xE2\x80\xA2'", "content:\"\\2022 \"" },
    { "content:'123456789012345678901'", "" },
    { "content:attr(title)", "" },
    { "content:counter(x)", "" },
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
check(jm_arena_t *arena, jm_str_t in, const char *expected)
{
    jm_buf_t      buf;
    jm_css_info_t info;

    jm_buf_init(&buf, arena, SIZE_MAX);
    jm_css_declarations(&buf, &info, in);

    if (buf.len != strlen(expected)
        || (buf.len != 0 && memcmp(buf.data, expected, buf.len) != 0))
    {
        fail_msg("%.*s\n  gives %.*s\n  not   %s", (int) in.len, in.data,
                 (int) buf.len, buf.data, expected);
    }
}


static void
test_cases(void **state)
{
    size_t      i;
    jm_arena_t *arena;

    arena = jm_arena_create(16 * 1024 * 1024);

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check(arena, str(cases[i].in), cases[i].out);
        check(arena, str(cases[i].out), cases[i].out);
    }

    jm_arena_destroy(arena);
}


/* What would be fetched is counted, and named. */
static void
test_info(void **state)
{
    jm_buf_t      buf;
    jm_arena_t   *arena;
    jm_css_info_t info;

    arena = jm_arena_create(1024 * 1024);
    jm_buf_init(&buf, arena, SIZE_MAX);

    jm_css_declarations(&buf, &info,
                        str("background:url(http://a/b);mask:url('c')"));
    assert_int_equal(info.dropped, 1);
    assert_int_equal(info.nurls, 1);
    assert_memory_equal(info.urls[0].data, "http://a/b", 10);

    jm_arena_destroy(arena);
}


/* No input may take more than linear time or memory. */
static void
test_long(void **state)
{
    size_t                   i, j, n;
    jm_buf_t                 in, out;
    jm_arena_t              *arena;
    jm_css_info_t            info;
    static const char *const units[] = {
        "(",          "[{(",  "a:",           "a:b;", "\\",        "/*",
        "color:red;", "url(", "margin:calc(", "'",    "width:1px "
    };

    arena = jm_arena_create(64 * 1024 * 1024);

    for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        jm_arena_reset(arena);
        jm_buf_init(&in, arena, 64 * 1024);
        n = 64 * 1024 / strlen(units[i]);

        for (j = 0; j < n; j++) {
            jm_buf_adds(&in, units[i]);
        }

        if (setjmp(*jm_arena_guard(arena)) != 0) {
            fail_msg("%s: too much memory", units[i]);
        }

        jm_buf_init(&out, arena, SIZE_MAX);
        jm_css_declarations(&out, &info, jm_buf_str(&in));
    }

    jm_arena_destroy(arena);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_long),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
