/*
 * The types of html_value.h.
 */

#include "html_value.h"

#include <stdlib.h>
#include <strings.h>

#include "css.h"
#include "html_colour.h"
#include "html_str.h"

#define JM_HTML_MAX_CLASSES 16
#define JM_HTML_MAX_NAME    64

/* In front of a mail's own names: they cannot meet those of a page. */
#define JM_HTML_PREFIX "jm-1-"


int
jm_value_name(jm_buf_t *buf, jm_str_t name)
{
    size_t i, prefix;
    u_char c;

    prefix = sizeof(JM_HTML_PREFIX) - 1;

    if (name.len > prefix && memcmp(name.data, JM_HTML_PREFIX, prefix) == 0) {
        name.data += prefix;
        name.len -= prefix;
    }

    if (name.len == 0 || name.len > JM_HTML_MAX_NAME) {
        return -1;
    }

    for (i = 0; i < name.len; i++) {
        c = name.data[i];

        if (((c | 0x20) < 'a' || (c | 0x20) > 'z') && (c < '0' || c > '9')
            && c != '-' && c != '_' && c != '.' && c != ':')
        {
            return -1;
        }
    }

    jm_buf_adds(buf, JM_HTML_PREFIX);
    jm_buf_add(buf, name.data, name.len);

    return 0;
}


int
jm_value_class(jm_buf_t *buf, jm_str_t raw)
{
    size_t   i, n, start, len;
    jm_str_t name;

    n = 0;

    for (i = 0; i < raw.len && n < JM_HTML_MAX_CLASSES; i++) {
        if (jm_html_space(raw.data[i])) {
            continue;
        }

        start = i;

        while (i < raw.len && !jm_html_space(raw.data[i])) {
            i++;
        }

        name.data = raw.data + start;
        name.len = i - start;

        /* of a former cleaning: written anew where they apply */
        if (jm_str_is(name, "jm-body") || jm_str_is(name, "jm-img")) {
            continue;
        }

        len = buf->len;

        if (len != 0) {
            jm_buf_addc(buf, ' ');
        }

        if (jm_value_name(buf, name) != 0) {
            buf->len = len;
            continue;
        }

        n++;
    }

    return buf->len == 0 ? -1 : 0;
}


int
jm_value_length(jm_buf_t *buf, jm_str_t raw)
{
    size_t   i, start;
    unsigned number;

    raw = jm_html_trim(raw);
    number = 0;

    for (i = 0; i < raw.len && raw.data[i] >= '0' && raw.data[i] <= '9'; i++) {
        if (number <= 10000) {
            number = number * 10 + (raw.data[i] - '0');
        }
    }

    if (i == 0) {
        return -1;
    }

    jm_buf_number(buf, number > 10000 ? 10000 : number);

    if (i < raw.len && raw.data[i] == '.') {
        start = i++;

        while (i < raw.len && raw.data[i] >= '0' && raw.data[i] <= '9') {
            i++;
        }

        /* "33.33%" of a table */
        if (i - start > 1 && i - start < 6) {
            jm_buf_add(buf, raw.data + start, i - start);
        }
    }

    if (i < raw.len && raw.data[i] == '%') {
        jm_buf_addc(buf, '%');
    }

    return 0;
}


static int
jm_value_number(jm_buf_t *buf, jm_str_t raw, const jm_attr_info_t *info)
{
    int    number, sign;
    size_t i;

    raw = jm_html_trim(raw);
    i = 0;
    sign = 0;

    if (raw.len != 0 && (raw.data[0] == '-' || raw.data[0] == '+')) {
        sign = raw.data[0];
        i = 1;
    }

    if (i == raw.len || raw.data[i] < '0' || raw.data[i] > '9') {
        return -1;
    }

    number = 0;

    for (/* void */; i < raw.len && raw.data[i] >= '0' && raw.data[i] <= '9';
         i++) {
        if (number < 1000000) {
            number = number * 10 + (raw.data[i] - '0');
        }
    }

    if (sign == '-') {
        number = -number;
    }

    if (number < info->min || number > info->max) {
        return -1;
    }

    /* "+1" is a step for a font, a plain number elsewhere */
    if (sign == '+' && info == &jm_attrs[JM_ATTR_size]) {
        jm_buf_addc(buf, '+');
    }

    if (number < 0) {
        jm_buf_addc(buf, '-');
    }

    jm_buf_number(buf, (unsigned long) labs(number));

    return 0;
}


int
jm_value_colour(jm_buf_t *buf, jm_str_t raw)
{
    int     shift;
    int32_t colour;

    colour = jm_colour_legacy(raw);

    if (colour < 0) {
        return -1;
    }

    jm_buf_addc(buf, '#');

    for (shift = 20; shift >= 0; shift -= 4) {
        jm_buf_addc(buf, "0123456789abcdef"[colour >> shift & 15]);
    }

    return 0;
}


static int
jm_value_enum(jm_buf_t *buf, jm_str_t raw, const char *const *words)
{
    raw = jm_html_trim(raw);

    for (/* void */; *words != NULL; words++) {
        if (raw.len == strlen(*words)
            && strncasecmp((char *) raw.data, *words, raw.len) == 0)
        {
            /* list types "a" and "A" differ */
            if (raw.len == 1) {
                jm_buf_addc(buf, raw.data[0]);
            } else {
                jm_buf_adds(buf, *words);
            }

            return 0;
        }
    }

    return -1;
}


/* Only letters, digits and `also`; anything else spoils it. */
static int
jm_value_chars(jm_buf_t *buf, jm_str_t raw, const char *also)
{
    size_t i;
    u_char c;

    raw = jm_html_trim(raw);

    if (raw.len == 0 || raw.len > JM_HTML_MAX_TEXT / 4) {
        return -1;
    }

    for (i = 0; i < raw.len; i++) {
        c = raw.data[i];

        if (((c | 0x20) < 'a' || (c | 0x20) > 'z') && (c < '0' || c > '9')
            && (c == '\0' || strchr(also, c) == NULL))
        {
            return -1;
        }
    }

    jm_buf_add(buf, raw.data, raw.len);

    return 0;
}


/* What the property font-family would take. */
static int
jm_value_face(jm_buf_t *buf, jm_str_t raw)
{
    jm_buf_t      source, value;
    jm_str_t      written;
    jm_css_info_t info;

    static const char property[] = "font-family:";

    raw = jm_html_cut(raw, JM_HTML_MAX_TEXT);
    jm_buf_init(&source, buf->arena, SIZE_MAX);
    jm_buf_adds(&source, property);
    jm_buf_add(&source, raw.data, raw.len);

    jm_buf_init(&value, buf->arena, SIZE_MAX);
    jm_css_declarations(&value, &info, jm_buf_str(&source));
    written = jm_buf_str(&value);

    /* one declaration, not what a ";" begins */
    if (written.len < sizeof(property)
        || memcmp(written.data, property, sizeof(property) - 1) != 0
        || memchr(written.data, ';', written.len) != NULL
        || memchr(written.data, '!', written.len) != NULL)
    {
        return -1;
    }

    jm_buf_add(buf, written.data + sizeof(property) - 1,
               written.len - (sizeof(property) - 1));

    return 0;
}


int
jm_value_fragment(jm_buf_t *buf, jm_str_t name)
{
    jm_buf_addc(buf, '#');

    return jm_value_name(buf, name);
}


static int
jm_value_usemap(jm_buf_t *buf, jm_str_t raw)
{
    raw = jm_html_trim(raw);

    if (raw.len < 2 || raw.data[0] != '#') {
        return -1;
    }

    raw.data++;
    raw.len--;

    return jm_value_fragment(buf, raw);
}


int
jm_value(jm_buf_t *buf, jm_str_t raw, const jm_attr_info_t *info)
{
    switch (info->type) {

    case V_TEXT:
        raw = jm_html_cut(raw, JM_HTML_MAX_TEXT);
        jm_buf_add(buf, raw.data, raw.len);
        return 0;

    case V_WORD:
        return jm_value_chars(buf, raw, "-:.+ _");

    case V_ENUM:
        return jm_value_enum(buf, raw, info->words);

    case V_FLAG:
        return 0;

    case V_LENGTH:
        return jm_value_length(buf, raw);

    case V_NUMBER:
    case V_INDEX:
        return jm_value_number(buf, raw, info);

    case V_COLOUR:
        return jm_value_colour(buf, raw);

    case V_CLASS:
    case V_IDS:
        return jm_value_class(buf, raw);

    case V_ID:
        return jm_value_name(buf, jm_html_trim(raw));

    case V_USEMAP:
        return jm_value_usemap(buf, raw);

    case V_COORDS:
        return jm_value_chars(buf, raw, ", .-");

    case V_FACE:
        return jm_value_face(buf, raw);

    case V_LANGUAGE:
        return jm_value_chars(buf, raw, "-");

    default:
        /* links, images and styles are their elements' business */
        return -1;
    }
}
