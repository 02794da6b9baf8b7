/*
 * css_token.c against css-syntax-3, section 4, state by state; the cases
 * follow the public css-parsing-tests, which it was compared with.  Tokens are
 * written as a letter and their text in brackets, "!" for a wrong one.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "css_token.h"

typedef struct {
    const char *in;
    const char *out;
} token_case_t;

static const token_case_t cases[] = {
    { "", "" },
    { "  \t\n\f", "_" },
    { "/* a */", "" },
    { "a/**/b/* c", "i[a]i[b]" },
    { "/*/a*/b", "i[b]" },
    { "a /* */ b", "i[a]__i[b]" },

    /* 4.3.4: what looks like an identifier */
    { "a -b --c _d \xC3\xA4", "i[a]_i[-b]_i[--c]_i[_d]_i[\xC3\xA4]" },
    { "- -1 -a- 1a", "-_n[-1]_i[-a-]_d[1 a]" },
    { "a( -b(--(", "f[a]_f[-b]f[--]" },
    { "\\61 b\\000062\\20 c", "i[abb c]" },
    { "\\61\n\\62\tc", "i[abc]" },
    { "\\0 \\d800 \\110000 ", "i[\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD]" },
    { "\\g\\-\\!", "i[g-!]" },
    { "\\\na", "\\_i[a]" },
    { "a\\", "i[a\xEF\xBF\xBD]" },
    { "-\\61 ", "i[-a]" },

    /* 4.3.3: numbers */
    { "0 12 +3 -4 .5 1.25 +.5",
      "n[0]_n[12]_n[3]_n[-4]_N[0.5]_N[1.25]_N[0.5]" },
    { "1. .a 1.2.3", "n[1]._.i[a]_N[1.2]N[0.3]" },
    { "1e2 1E+1 15e-1 1e 1e+ 1e-",
      "N[100]_N[10]_N[1.5]_d[1 e]_d[1 e]+_d[1 e-]" },
    { "1% +2.5%a 1e1%", "%[1]_%[2.5]i[a]_%[10]" },
    { "1px 1e1em 1-a 1--b 1\\70 x 1-2",
      "d[1 px]_d[10 em]_d[1 -a]_d[1 --b]_d[1 px]_n[1]n[-2]" },
    { "+ - . +a", "+_-_._+i[a]" },

    /* 4.3.5: strings */
    { "'a' \"b'c\" 'd\"e'", "s[a]_s[b'c]_s[d\"e]" },
    { "'a\\\nb' 'a\\27 b' 'a\\'b'", "s[ab]_s[a'b]_s[a'b]" },
    { "'a\nb'", "!s_i[b]s[]" },
    { "'a", "s[a]" },
    { "'a\\", "s[a]" },
    { "\"/*\" */", "s[/*]_*/" },

    /* 4.3.6 and 4.3.14: URLs */
    { "url(a) URL( b ) u\\72l(c)", "u[a]_u[b]_u[c]" },
    { "url('a') url( \"b\")", "f[url]s[a])_f[url]_s[b])" },
    { "url() url(", "u[]_u[]" },
    { "url(a b)c", "!ui[c]" },
    { "url(a'b)c", "!ui[c]" },
    { "url(a(b)c", "!ui[c]" },
    { "url(a\\\nb)c", "!ui[c]" },
    { "url(a b\\)c)d", "!ui[d]" },
    { "url(a\\29 b) url(a\\)b)", "u[a)b]_u[a)b]" },
    { "url(a\x01)", "!u" },
    { "url(a", "u[a]" },
    { "url (a)", "i[url]_(i[a])" },
    { "urls(a)", "f[urls]i[a])" },

    /* hashes and at-keywords */
    { "#a #1 #-a #-1 # #\\61 ", "h[a]_H[1]_h[-a]_H[-1]_#_h[a]" },
    { "@a @-b @1 @ @\\61 ", "@[a]_@[-b]_@n[1]_@_@[a]" },

    /* the rest */
    { "<!-- --> <!- ->", "<<_>>_<!-_->" },
    { "a--> --a-->", "i[a--]>_i[--a--]>" },
    { "{}()[],:;*+>~=|$^", "{}()[],:;*+>~=|$^" },
};

static jm_arena_t *arena;


static int
setup(void **state)
{
    arena = jm_arena_create(16 * 1024 * 1024);

    return arena == NULL ? -1 : 0;
}


static int
teardown(void **state)
{
    jm_arena_destroy(arena);

    return 0;
}


static void
print(jm_buf_t *out, const jm_css_token_t *token)
{
    static const char letters[] = {
        [JM_CSS_IDENT] = 'i',  [JM_CSS_FUNCTION] = 'f', [JM_CSS_AT] = '@',
        [JM_CSS_STRING] = 's', [JM_CSS_URL] = 'u',
    };

    switch (token->kind) {

    case JM_CSS_SPACE:
        jm_buf_addc(out, '_');
        return;

    case JM_CSS_DELIM:
        jm_buf_addc(out, token->delim);
        return;

    case JM_CSS_CDO:
        jm_buf_adds(out, "<<");
        return;

    case JM_CSS_CDC:
        jm_buf_adds(out, ">>");
        return;

    case JM_CSS_BAD_STRING:
        jm_buf_adds(out, "!s");
        return;

    case JM_CSS_BAD_URL:
        jm_buf_adds(out, "!u");
        return;

    case JM_CSS_NUMBER:
        jm_buf_printf(out, "%c[%g]", token->integer ? 'n' : 'N',
                      token->number);
        return;

    case JM_CSS_PERCENTAGE:
        jm_buf_printf(out, "%%[%g]", token->number);
        return;

    case JM_CSS_DIMENSION:
        jm_buf_printf(out, "d[%g %.*s]", token->number, (int) token->text.len,
                      token->text.data);
        return;

    case JM_CSS_HASH:
        jm_buf_printf(out, "%c[%.*s]", token->id ? 'h' : 'H',
                      (int) token->text.len, token->text.data);
        return;

    default:
        jm_buf_printf(out, "%c[%.*s]", letters[token->kind],
                      (int) token->text.len, token->text.data);
    }
}


static void
test_cases(void **state)
{
    size_t   i;
    jm_buf_t out;
    jm_css_t css;
    jm_str_t source;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        source.data = (u_char *) cases[i].in;
        source.len = strlen(cases[i].in);
        jm_buf_init(&out, arena, SIZE_MAX);
        jm_css_init(&css, arena, source);

        for (jm_css_next(&css); css.token.kind != JM_CSS_EOF;
             jm_css_next(&css)) {
            print(&out, &css.token);
        }

        if (out.len != strlen(cases[i].out)
            || (out.len != 0 && memcmp(out.data, cases[i].out, out.len) != 0))
        {
            fail_msg("%s\n  gives %.*s\n  not   %s", cases[i].in,
                     (int) out.len, out.data, cases[i].out);
        }
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
