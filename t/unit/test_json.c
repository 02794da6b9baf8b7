/*
 * jm_json.c against RFC 8259 and the rules of jm_json.h.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "jm_json.h"

#define COUNT(x) (sizeof(x) / sizeof((x)[0]))


/* A copy on the heap with nothing behind it: an over-read is seen by ASan. */

static jm_str_t
exact(const char *text, size_t len)
{
    jm_str_t str;

    str.data = malloc(len == 0 ? 1 : len);
    assert_non_null(str.data);
    memcpy(str.data, text, len);
    str.len = len;

    return str;
}


static int
parse(const char *text)
{
    int       rc;
    jm_str_t  copy;
    jm_json_t value;

    copy = exact(text, strlen(text));
    rc = jm_json_parse(copy, &value);
    free(copy.data);

    return rc;
}


static void
good(void **state)
{
    size_t             i;
    static const char *texts[] = {
        "{}",
        "[]",
        " [ ] ",
        "null",
        "true",
        "false",
        "0",
        "-0",
        "10",
        "1.5",
        "-1.25e+10",
        "1E5",
        "0.0",
        "\"\"",
        "\"a\\u00e9\\n\\/\"",
        "\"\xc3\xa9\xf0\x9f\x98\x80\"",
        "\"\\ud83d\\ude00\"",
        "{\"a\":1,\"b\":[1,{\"c\":null}],\"a\":2}",
        "\t{\r\n\"a\" : [ 1 , 2 ] }",
    };

    for (i = 0; i < COUNT(texts); i++) {
        if (parse(texts[i]) != 0) {
            fail_msg("refused: %s", texts[i]);
        }
    }
}


static void
bad(void **state)
{
    size_t             i;
    static const char *texts[] = {
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "{]",
        "[}",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{1:1}",
        "{\"a\":1,}",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{} {}",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "0x10",
        "nul",
        "nulls",
        "True",
        "NaN",
        "'a'",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\x41\"",
        "\"\\u12\"",
        "\"\\u00zz\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud83d\\u0041\"",
        "\"\\ud83dx\"",
        "\"\n\"",
        "\"\x01\"",
        "\"\xff\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xc3\"",
        "/**/1",
        "\xef\xbb\xbf{}",
        "[1]x",
    };

    for (i = 0; i < COUNT(texts); i++) {
        if (parse(texts[i]) != -1) {
            fail_msg("taken: %s", texts[i]);
        }
    }

    assert_int_equal(
        jm_json_parse(jm_str("{\"a\":\"x\0y\"}"), &(jm_json_t){ 0 }), -1);
    assert_int_equal(jm_json_parse(jm_str("{}\0"), &(jm_json_t){ 0 }), -1);
}


/* Every prefix of a good document is a bad one, and none is read beyond. */

static void
prefixes(void **state)
{
    size_t            len;
    jm_str_t          copy;
    jm_json_t         value;
    static const char text[] =
        "{\"a\":[1.5e3,\"\\ud83d\\ude00\xc3\xa9\"],\"b\":{\"c\":true}}";

    for (len = 0; len < sizeof(text); len++) {
        copy = exact(text, len);
        assert_int_equal(jm_json_parse(copy, &value),
                         len == sizeof(text) - 1 ? 0 : -1);
        free(copy.data);
    }
}


static void
depth(void **state)
{
    int  n;
    char text[2 * JM_JSON_DEPTH + 3];

    for (n = JM_JSON_DEPTH - 1; n <= JM_JSON_DEPTH + 1; n++) {
        memset(text, '[', n);
        memset(text + n, ']', n);
        text[2 * n] = '\0';
        assert_int_equal(parse(text), n <= JM_JSON_DEPTH ? 0 : -1);
    }
}


/* A million brackets neither take long nor overflow the stack. */

static void
pathological(void **state)
{
    char     *text;
    jm_json_t value;

    text = malloc(1000000);
    assert_non_null(text);
    memset(text, '[', 1000000);
    assert_int_equal(
        jm_json_parse((jm_str_t){ (u_char *) text, 1000000 }, &value), -1);
    free(text);
}


static void
members(void **state)
{
    jm_json_t object, value;

    assert_int_equal(jm_json_parse(jm_str("{ \"a\":1 ,\"\\u0062\" : \"x\","
                                          "\"a\":{\"c\":[]} , \"d\":null}"),
                                   &object),
                     0);

    assert_int_equal(jm_json_member(&object, "a", &value), 1);
    assert_int_equal(value.type, JM_JSON_OBJECT);
    assert_int_equal(jm_json_member(&object, "b", &value), 1);
    assert_int_equal(value.type, JM_JSON_STRING);
    assert_int_equal(jm_json_member(&object, "d", &value), 1);
    assert_int_equal(value.type, JM_JSON_NULL);
    assert_int_equal(jm_json_member(&object, "c", &value), 0);
    assert_int_equal(jm_json_member(&object, "", &value), 0);

    assert_int_equal(jm_json_parse(jm_str("[1]"), &object), 0);
    assert_int_equal(jm_json_member(&object, "a", &value), 0);
}


static void
elements(void **state)
{
    size_t    at, n;
    jm_json_t array, value;

    assert_int_equal(jm_json_parse(jm_str(" [ 1, \"a\" ,[ 2 ],{}]"), &array),
                     0);

    at = 0;

    for (n = 0; jm_json_next(&array, &at, &value); n++) {
        assert_int_equal(value.type, ((jm_json_type_e[]){
                                         JM_JSON_NUMBER, JM_JSON_STRING,
                                         JM_JSON_ARRAY, JM_JSON_OBJECT })[n]);
    }

    assert_int_equal(n, 4);

    at = 0;
    assert_int_equal(jm_json_parse(jm_str("[ ]"), &array), 0);
    assert_int_equal(jm_json_next(&array, &at, &value), 0);
    assert_int_equal(jm_json_parse(jm_str("{}"), &array), 0);
    assert_int_equal(jm_json_next(&array, &at, &value), 0);
}


static void
strings(void **state)
{
    u_char            out[16];
    jm_json_t         value;
    static const char want[] = "\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80";

    assert_int_equal(
        jm_json_parse(
            jm_str("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\""),
            &value),
        0);
    assert_int_equal(jm_json_string(&value, out, sizeof(out)),
                     sizeof(want) - 1);
    assert_memory_equal(out, want, sizeof(want) - 1);
    assert_int_equal(jm_json_string(&value, out, sizeof(want) - 2), -1);

    assert_int_equal(jm_json_parse(jm_str("1"), &value), 0);
    assert_int_equal(jm_json_string(&value, out, sizeof(out)), -1);
}


static void
integers(void **state)
{
    size_t    i;
    int64_t   n;
    jm_json_t value;

    static const struct {
        const char *text;
        int         rc;
        int64_t     n;
    } cases[] = {
        { "0", 0, 0 },
        { "-0", 0, 0 },
        { "42", 0, 42 },
        { "-7", 0, -7 },
        { "999999999999999", 0, 999999999999999 },
        { "1000000000000000", -1, 0 },
        { "1.0", -1, 0 },
        { "1e3", -1, 0 },
        { "\"1\"", -1, 0 },
        { "true", -1, 0 },
    };

    for (i = 0; i < COUNT(cases); i++) {
        n = 0;
        assert_int_equal(jm_json_parse((jm_str_t){ (u_char *) cases[i].text,
                                                   strlen(cases[i].text) },
                                       &value),
                         0);
        assert_int_equal(jm_json_integer(&value, &n), cases[i].rc);
        assert_int_equal(n, cases[i].n);
    }
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),         cmocka_unit_test(bad),
        cmocka_unit_test(prefixes),     cmocka_unit_test(depth),
        cmocka_unit_test(pathological), cmocka_unit_test(members),
        cmocka_unit_test(elements),     cmocka_unit_test(strings),
        cmocka_unit_test(integers),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
