/*
 * The reader of jm_json.h.  One recursive walk checks and skips; it is used
 * both to check the document at first and to find the ends of values later.
 */

#include "jm_json.h"
#include "jm_utf8.h"


/* The longest member name that is compared when it is written with escapes. */
#define JM_JSON_NAME 64


static const u_char *jm_json_value(const u_char *p, const u_char *end,
                                   unsigned depth, jm_json_t *out);
static const u_char *jm_json_list(const u_char *p, const u_char *end,
                                  unsigned depth);
static const u_char *jm_json_text(const u_char *p, const u_char *end);
static const u_char *jm_json_escape(const u_char *p, const u_char *end,
                                    uint32_t *cp);
static int jm_json_hex(const u_char *p, const u_char *end, uint32_t *cp);
static const u_char *jm_json_number(const u_char *p, const u_char *end);
static const u_char *jm_json_digits(const u_char *p, const u_char *end);
static const u_char *jm_json_word(const u_char *p, const u_char *end,
                                  const char *word);
static const u_char *jm_json_space(const u_char *p, const u_char *end);


int
jm_json_parse(jm_str_t document, jm_json_t *value)
{
    const u_char *p, *end;

    p = document.data;
    end = p + document.len;

    p = jm_json_value(jm_json_space(p, end), end, JM_JSON_DEPTH, value);
    if (p == NULL) {
        return -1;
    }

    return jm_json_space(p, end) == end ? 0 : -1;
}


/* Each of these returns the end of what starts at `p`, NULL when it is none.
 * `depth` is how many brackets may still be opened. */

static const u_char *
jm_json_value(const u_char *p, const u_char *end, unsigned depth,
              jm_json_t *out)
{
    const u_char *start;

    if (p == end) {
        return NULL;
    }

    start = p;

    switch (*p) {

    case '{':
    case '[':
        out->type = *p == '{' ? JM_JSON_OBJECT : JM_JSON_ARRAY;
        p = depth ? jm_json_list(p, end, depth - 1) : NULL;
        break;

    case '"':
        out->type = JM_JSON_STRING;
        p = jm_json_text(p, end);
        break;

    case 't':
        out->type = JM_JSON_TRUE;
        p = jm_json_word(p, end, "true");
        break;

    case 'f':
        out->type = JM_JSON_FALSE;
        p = jm_json_word(p, end, "false");
        break;

    case 'n':
        out->type = JM_JSON_NULL;
        p = jm_json_word(p, end, "null");
        break;

    default:
        out->type = JM_JSON_NUMBER;
        p = jm_json_number(p, end);
        break;
    }

    if (p == NULL) {
        return NULL;
    }

    out->text.data = (u_char *) start;
    out->text.len = p - start;

    if (out->type == JM_JSON_STRING) {
        out->text.data++;
        out->text.len -= 2;
    }

    return p;
}


/* An array or an object, which differ by their brackets and the names. */

static const u_char *
jm_json_list(const u_char *p, const u_char *end, unsigned depth)
{
    int       object;
    u_char    close;
    jm_json_t ignored;

    object = *p == '{';
    close = object ? '}' : ']';

    p = jm_json_space(p + 1, end);

    if (p < end && *p == close) {
        return p + 1;
    }

    for (;;) {
        if (object) {
            if (p == end || *p != '"') {
                return NULL;
            }

            p = jm_json_text(p, end);
            if (p == NULL) {
                return NULL;
            }

            p = jm_json_space(p, end);
            if (p == end || *p != ':') {
                return NULL;
            }

            p = jm_json_space(p + 1, end);
        }

        p = jm_json_value(p, end, depth, &ignored);
        if (p == NULL) {
            return NULL;
        }

        p = jm_json_space(p, end);
        if (p == end) {
            return NULL;
        }

        if (*p == close) {
            return p + 1;
        }

        if (*p != ',') {
            return NULL;
        }

        p = jm_json_space(p + 1, end);
    }
}


static const u_char *
jm_json_text(const u_char *p, const u_char *end)
{
    size_t   n;
    uint32_t cp;

    for (p++; p < end; /* void */) {

        if (*p == '"') {
            return p + 1;
        }

        if (*p < 0x20) {
            return NULL;
        }

        if (*p == '\\') {
            p = jm_json_escape(p, end, &cp);
            if (p == NULL) {
                return NULL;
            }

            continue;
        }

        n = *p < 0x80 ? 1 : jm_utf8_decode(p, end, &cp);
        if (n == 0) {
            return NULL;
        }

        p += n;
    }

    return NULL;
}


/* From the backslash on; a surrogate pair is one escape. */

static const u_char *
jm_json_escape(const u_char *p, const u_char *end, uint32_t *cp)
{
    uint32_t            low;
    const char         *found;
    static const char   names[] = "\"\\/bfnrt";
    static const u_char means[] = "\"\\/\b\f\n\r\t";

    if (end - p < 2) {
        return NULL;
    }

    if (p[1] != 'u') {
        found = p[1] ? strchr(names, p[1]) : NULL;
        if (found == NULL) {
            return NULL;
        }

        *cp = means[found - names];
        return p + 2;
    }

    if (jm_json_hex(p + 2, end, cp) != 0 || *cp == 0) {
        return NULL;
    }

    p += 6;

    if (*cp < 0xd800 || *cp > 0xdfff) {
        return p;
    }

    if (*cp > 0xdbff || end - p < 2 || p[0] != '\\' || p[1] != 'u'
        || jm_json_hex(p + 2, end, &low) != 0 || low < 0xdc00 || low > 0xdfff)
    {
        return NULL;
    }

    *cp = 0x10000 + ((*cp - 0xd800) << 10) + (low - 0xdc00);

    return p + 6;
}


static int
jm_json_hex(const u_char *p, const u_char *end, uint32_t *cp)
{
    int      i;
    u_char   c;
    uint32_t n;

    if (end - p < 4) {
        return -1;
    }

    n = 0;

    for (i = 0; i < 4; i++) {
        c = p[i];
        n <<= 4;

        if (c >= '0' && c <= '9') {
            n |= c - '0';

        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
            n |= (c | 0x20) - 'a' + 10;

        } else {
            return -1;
        }
    }

    *cp = n;

    return 0;
}


static const u_char *
jm_json_number(const u_char *p, const u_char *end)
{
    if (p < end && *p == '-') {
        p++;
    }

    if (p < end && *p == '0') {
        p++;

    } else {
        p = jm_json_digits(p, end);
    }

    if (p != NULL && p < end && *p == '.') {
        p = jm_json_digits(p + 1, end);
    }

    if (p != NULL && p < end && (*p | 0x20) == 'e') {
        p++;

        if (p < end && (*p == '+' || *p == '-')) {
            p++;
        }

        p = jm_json_digits(p, end);
    }

    return p;
}


static const u_char *
jm_json_digits(const u_char *p, const u_char *end)
{
    const u_char *start;

    for (start = p; p < end && *p >= '0' && *p <= '9'; p++) {
        /* void */
    }

    return p == start ? NULL : p;
}


static const u_char *
jm_json_word(const u_char *p, const u_char *end, const char *word)
{
    size_t len;

    len = strlen(word);

    if ((size_t) (end - p) < len || memcmp(p, word, len) != 0) {
        return NULL;
    }

    return p + len;
}


static const u_char *
jm_json_space(const u_char *p, const u_char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) {
        p++;
    }

    return p;
}


/* From here on the document is known to be right. */


int
jm_json_member(const jm_json_t *object, const char *name, jm_json_t *out)
{
    int           found;
    u_char        text[JM_JSON_NAME];
    ssize_t       len;
    jm_json_t     key, value;
    const u_char *p, *end;

    if (object->type != JM_JSON_OBJECT) {
        return 0;
    }

    found = 0;
    p = object->text.data + 1;
    end = object->text.data + object->text.len;

    for (p = jm_json_space(p, end); *p != '}'; p = jm_json_space(p, end)) {

        if (*p == ',') {
            p = jm_json_space(p + 1, end);
        }

        p = jm_json_value(p, end, 0, &key);
        p = jm_json_space(p, end);
        p = jm_json_space(p + 1, end);
        p = jm_json_value(p, end, JM_JSON_DEPTH, &value);

        len = jm_json_string(&key, text, sizeof(text));

        if (len >= 0 && strlen(name) == (size_t) len
            && memcmp(text, name, len) == 0) {
            *out = value;
            found = 1;
        }
    }

    return found;
}


int
jm_json_next(const jm_json_t *array, size_t *at, jm_json_t *out)
{
    const u_char *p, *start, *end;

    if (array->type != JM_JSON_ARRAY) {
        return 0;
    }

    start = array->text.data;
    end = start + array->text.len;

    /* `at` is the offset after the last element; 0: the bracket is next. */

    p = jm_json_space(start + (*at ? *at : 1), end);

    if (*p == ',') {
        p = jm_json_space(p + 1, end);
    }

    if (*p == ']') {
        return 0;
    }

    p = jm_json_value(p, end, JM_JSON_DEPTH, out);
    *at = p - start;

    return 1;
}


ssize_t
jm_json_string(const jm_json_t *value, u_char *out, size_t size)
{
    size_t        len, n;
    u_char        utf8[4];
    uint32_t      cp;
    const u_char *p, *end;

    if (value->type != JM_JSON_STRING) {
        return -1;
    }

    len = 0;
    p = value->text.data;
    end = p + value->text.len;

    while (p < end) {

        if (*p == '\\') {
            p = jm_json_escape(p, end, &cp);
            n = jm_utf8_encode(cp, utf8);

        } else {
            utf8[0] = *p++;
            n = 1;
        }

        if (len + n > size) {
            return -1;
        }

        memcpy(out + len, utf8, n);
        len += n;
    }

    return (ssize_t) len;
}


int
jm_json_integer(const jm_json_t *value, int64_t *out)
{
    int           negative;
    int64_t       n;
    const u_char *p, *end;

    if (value->type != JM_JSON_NUMBER) {
        return -1;
    }

    p = value->text.data;
    end = p + value->text.len;

    negative = *p == '-';
    p += negative;

    if (end - p > 15) {
        return -1;
    }

    for (n = 0; p < end; p++) {
        if (*p < '0' || *p > '9') {
            return -1;
        }

        n = n * 10 + (*p - '0');
    }

    *out = negative ? -n : n;

    return 0;
}
