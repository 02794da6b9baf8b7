/*
 * html_style.c: the size of an element and whether it is hidden, of the ways
 * in which mails say so.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "html.h"
#include "html_judge.h"
#include "html_style.h"
#include "html_tree.h"

static jm_arena_t *arena;


static int
setup(void **state)
{
    jm_html_init();
    arena = jm_arena_create(64 * 1024 * 1024);

    return arena == NULL ? -1 : 0;
}


static int
teardown(void **state)
{
    jm_arena_destroy(arena);

    return 0;
}


/* The style of the first element with the id "x". */
static jm_style_t
style_of(const char *html)
{
    xmlNode    *node, *body;
    jm_html_t   out;
    jm_props_t  props;
    jm_style_t  style;
    jm_str_t    source;
    jm_writer_t w;
    jm_blocks_t blocks;

    jm_arena_reset(arena);
    memset(&out, 0, sizeof(out));
    source.data = (u_char *) html;
    source.len = strlen(html);
    node = jm_tree_build(&out, arena, source, &blocks);
    body = node;
    jm_writer_init(&w, &out, arena, source.len);

    for (;;) {
        if (node->type == XML_ELEMENT_NODE) {
            jm_attr_read(&props, node);

            if (props.prop[JM_ATTR_id] != NULL
                && props.prop[JM_ATTR_id]->raw.data[0] == 'x')
            {
                break;
            }
        }

        while (node->children == NULL && node->next == NULL) {
            node = node->parent;
            node->children = NULL;
        }

        node = (node->children != NULL) ? node->children : node->next;
    }

    jm_judge_blocks(&w, body, &blocks);
    jm_attr_style(&w, &props, 0);
    jm_style_of(&style, &w, jm_node_tag(node), &props);

    return style;
}


static void
test_size(void **state)
{
    size_t     i;
    jm_style_t style;

    static const struct {
        const char *html;
        int         width, height;
    } cases[] = {
        { "<img id=x width=1 height=2px>", 1, 2 },
        { "<img id=x width=100% height=x>", JM_STYLE_UNKNOWN,
          JM_STYLE_UNKNOWN },
        { "<img id=x width=5 style='width:7px;height:0'>", 7, 0 },
        { "<img id=x style='width:1px;height:1PX;width:9px!important'>", 9,
          1 },
        { "<img id=x style='width:9px!important;width:1px'>", 9,
          JM_STYLE_UNKNOWN },
        { "<img id=x style='width:1px;width:wrong\'>", 1, JM_STYLE_UNKNOWN },
        { "<img id=x style='width:0.1px;height:1pt'>", 0, 1 },
        { "<img id=x width=3 style='width:auto;height:50%'>", JM_STYLE_UNKNOWN,
          JM_STYLE_UNKNOWN },
        { "<img id=x style='max-width:1px;border:1px;border-width:1px'>",
          JM_STYLE_UNKNOWN, JM_STYLE_UNKNOWN },
        { "<img id=x data-image-meta='width:1px'>", JM_STYLE_UNKNOWN,
          JM_STYLE_UNKNOWN },
        { "<img id=x style='w\\69 dth:1px;/*width:2px*/'>", 1,
          JM_STYLE_UNKNOWN },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        style = style_of(cases[i].html);

        if (style.width != cases[i].width || style.height != cases[i].height) {
            fail_msg("%s: %d x %d", cases[i].html, style.width, style.height);
        }
    }
}


static void
test_hidden(void **state)
{
    size_t     i;
    jm_style_t style;

    static const struct {
        int         hidden;
        const char *html;
    } cases[] = {
        { 0, "<p id=x>" },
        { 1, "<p id=x hidden>" },
        { 1, "<p id=x style='display:none'>" },
        { 1, "<p id=x style='DISPLAY : NONE !important;display:block'>" },
        { 0, "<p id=x style='display:none;display:block'>" },
        { 0, "<p id=x style='display:\"none\"'>" },
        { 1, "<p id=x style='visibility:hidden'>" },
        { 1, "<p id=x style='visibility:collapse'>" },
        { 0, "<p id=x style='visibility:visible'>" },
        { 1, "<p id=x style='opacity:0'>" },
        { 1, "<p id=x style='opacity:0.0%'>" },
        { 0, "<p id=x style='opacity:.5'>" },
        { 1, "<p id=x style='max-height:0;overflow:hidden'>" },
        { 1, "<p id=x style='height:0px;overflow:hidden'>" },
        { 0, "<p id=x style='max-height:0'>" },
        { 1, "<img id=x style='max-height:0'>" },
        { 1, "<p id=x style='position:absolute;left:-9999px'>" },
        { 1, "<p id=x style='margin:0 0 0 -5000px'>" },
        { 0, "<p id=x style='margin:0 -20px'>" },
        { 1, "<p id=x style='text-indent:-999em'>" },
        { 1, "<p id=x style='position:absolute;clip:rect(0,0,0,0)'>" },
        { 1, "<p id=x style='clip:rect(1px 1px 1px 1px)'>" },
        { 0, "<p id=x style='clip:rect(0,50px,20px,0)'>" },
        { 1, "<p id=x style='clip-path:inset(100%)'>" },
        { 0, "<p id=x style='clip-path:inset(10%)'>" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        style = style_of(cases[i].html);

        if (style.hidden != (unsigned) cases[i].hidden) {
            fail_msg("%s: %d", cases[i].html, style.hidden);
        }
    }
}


static void
test_font(void **state)
{
    jm_style_t style;

    style = style_of("<p id=x style='font:bold 12px/1.5 Arial'>");
    assert_int_equal(style.font_size, 12);
    style = style_of("<p id=x style='font:0/0 a'>");
    assert_int_equal(style.font_size, 0);
    style = style_of("<p id=x style='font-size:1px;line-height:1px'>");
    assert_int_equal(style.font_size, 1);
    assert_int_equal(style.line_height, 1);
    style = style_of("<p id=x>");
    assert_int_equal(style.font_size, JM_STYLE_UNKNOWN);
}


/* What the style blocks say counts by the cascade. */
static void
test_rules(void **state)
{
    size_t     i;
    jm_style_t style;

    static const struct {
        int         hidden, width;
        const char *html;
    } cases[] = {
        { 1, JM_STYLE_UNKNOWN,
          "<style>.a{display:none}</style>"
          "<p id=x class='b a'>" },
        { 1, JM_STYLE_UNKNOWN, "<p id=x class=a><style>.a{opacity:0}" },
        { 1, JM_STYLE_UNKNOWN, "<style>#x{display:none}</style><p id=x>" },
        { 1, JM_STYLE_UNKNOWN, "<style>p{display:none}</style><p id=x>" },
        { 1, JM_STYLE_UNKNOWN, "<style>*{display:none}</style><p id=x>" },
        { 1, JM_STYLE_UNKNOWN,
          "<style>body p.a{display:none}</style><p id=x class=a>" },
        { 0, JM_STYLE_UNKNOWN,
          "<style>b.a{display:none}</style><p id=x class=a>" },
        { 0, JM_STYLE_UNKNOWN,
          "<style>.b .a{display:none}</style><p id=x class=a>" },
        { 0, JM_STYLE_UNKNOWN,
          "<style>.a:hover{display:none}</style><p id=x class=a>" },
        { 0, JM_STYLE_UNKNOWN,
          "<style>.a{display:none}</style><p id=x class=A>" },
        { 0, JM_STYLE_UNKNOWN,
          "<style>.a{display:none}</style>"
          "<p id=x class=a style=display:block>" },
        { 1, JM_STYLE_UNKNOWN,
          "<style>.a{display:none!important}</style>"
          "<p id=x class=a style=display:block>" },
        { 0, JM_STYLE_UNKNOWN,
          "<style>#x{display:block}.a{display:none}"
          "</style><p id=x class=a>" },
        { 1, JM_STYLE_UNKNOWN,
          "<style>.a{display:block}.a{display:none}</style>"
          "<p id=x class=a>" },
        { 1, JM_STYLE_UNKNOWN,
          "<style>p.a{display:none}.a{display:block}</style>"
          "<p id=x class=a>" },
        { 0, 1, "<style>.a{width:1px}</style><img id=x class=a width=9>" },
        { 0, 9, "<style>.b{width:1px}</style><img id=x class=a width=9>" },
        { 1, JM_STYLE_UNKNOWN,
          "<style>.a{position:absolute;left:-999px}</style>"
          "<p id=x class=a>" },
        { 0, JM_STYLE_UNKNOWN,
          "<style>@media print{.a{display:none}}</style><p id=x class=a>" },
        { 1, JM_STYLE_UNKNOWN,
          "<style>@media screen{.a{display:none}}</style>"
          "<p id=x class=a>" },
        { 1, JM_STYLE_UNKNOWN,
          "<style>[class=\"a\"]{display:none}</style><p id=x class=a>" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        style = style_of(cases[i].html);

        if (style.hidden != (unsigned) cases[i].hidden
            || style.width != cases[i].width)
        {
            fail_msg("%s: %d, %d", cases[i].html, style.hidden, style.width);
        }
    }
}


/* A media query can show what is hidden, and enlarge what is small. */
static void
test_media(void **state)
{
    jm_style_t style;

    style = style_of("<style>@media (max-width:600px){.a{display:block"
                     "!important}}</style>"
                     "<img id=x class=a style=display:none>");
    assert_int_equal(style.hidden, 1);
    assert_int_equal(style.may_be_shown, 1);

    style = style_of("<style>@media (max-width:600px){.a{width:100%}}"
                     "</style><img id=x class=a style=display:none>");
    assert_int_equal(style.hidden, 1);
    assert_int_equal(style.may_be_shown, 0);

    style = style_of("<style>@media (prefers-color-scheme:dark){.a{width:90px"
                     "!important;height:auto}}</style>"
                     "<img id=x class=a width=1 height=1>");
    assert_int_equal(style.width, 1);
    assert_int_equal(style.may_be_larger, 1);

    style = style_of("<style>.a{display:none}</style><img id=x class=a>");
    assert_int_equal(style.may_be_shown, 0);
}


/* As many elements as rules: no time to compare each with each. */
static void
test_many(void **state)
{
    size_t    i;
    jm_buf_t  buf;
    jm_html_t out;

    jm_arena_reset(arena);
    jm_buf_init(&buf, arena, SIZE_MAX);
    jm_buf_adds(&buf, "<style>");

    for (i = 0; i < 2000; i++) {
        jm_buf_printf(&buf, ".a%zu,p.b{width:1px}", i);
    }

    jm_buf_adds(&buf, "</style>");

    for (i = 0; i < 20000; i++) {
        jm_buf_printf(&buf, "<b class='a%zu b c d'></b>", i % 2000);
    }

    jm_html_clean(&out, arena, jm_buf_str(&buf), NULL, NULL, NULL);
    assert_int_equal(out.cut, 0);
}


static void
test_hidden_text(void **state)
{
    jm_html_t out;

    static const char *const sources[] = {
        "<div style='display:none'>%s</div>",
        "<style>.a{opacity:0}</style><div class=a><b>%s</b></div>",
        "<div style='font-size:0'>%s<b style='font-size:9px'>x</b></div>",
    };

    size_t i;
    char   html[1024], text[512];

    memset(text, 'a', sizeof(text));

    for (i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        text[201] = '\0';
        snprintf(html, sizeof(html), sources[i], text);
        jm_html_clean(&out, arena, jm_arena_str(arena, html, strlen(html)),
                      NULL, NULL, NULL);
        assert_int_equal(out.nwarnings, 1);
        assert_string_equal(out.warnings[0].code, "hidden-text");
        assert_true(out.text.len < 5);

        text[200] = '\0';
        snprintf(html, sizeof(html), sources[i], text);
        jm_html_clean(&out, arena, jm_arena_str(arena, html, strlen(html)),
                      NULL, NULL, NULL);
        assert_int_equal(out.nwarnings, 0);
        text[200] = 'a';
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size),        cmocka_unit_test(test_hidden),
        cmocka_unit_test(test_font),        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_media),       cmocka_unit_test(test_many),
        cmocka_unit_test(test_hidden_text),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
