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


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_hidden),
        cmocka_unit_test(test_font),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
