/*
 * Feeds the JSON reader.  What it must hold: views lie inside the text, a
 * decoded string is no longer than the written one, every view of a good
 * document is itself good.
 */

#include <stdint.h>
#include <stdlib.h>

#include "jm_json.h"

#define CHECK(condition)                                                      \
    if (!(condition)) {                                                       \
        abort();                                                              \
    }


static void
walk(const jm_json_t *value, jm_str_t text)
{
    size_t    at;
    u_char   *out;
    int64_t   n;
    ssize_t   len;
    jm_json_t inner, again;

    CHECK(value->text.data >= text.data);
    CHECK(value->text.data + value->text.len <= text.data + text.len);

    (void) jm_json_integer(value, &n);
    (void) jm_json_member(value, "a", &inner);

    if (value->type == JM_JSON_STRING) {
        out = malloc(value->text.len + 1);
        CHECK(out != NULL);
        len = jm_json_string(value, out, value->text.len);
        CHECK(len >= 0);
        CHECK(memchr(out, '\0', len) == NULL);
        free(out);

    } else {
        CHECK(jm_json_parse(value->text, &again) == 0);
    }

    at = 0;

    while (jm_json_next(value, &at, &inner)) {
        walk(&inner, text);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    jm_str_t  text;
    jm_json_t value;

    text.data = (u_char *) data;
    text.len = size;

    if (jm_json_parse(text, &value) == 0) {
        walk(&value, text);
    }

    return 0;
}
