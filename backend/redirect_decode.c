/*
 * The decoders of redirect_decode.h, each from a string to a string.
 */

#define _GNU_SOURCE /* memmem */

#include "redirect_decode.h"

#include <stdint.h>

#include <zlib.h>

#include "base64.h"
#include "url.h"

#define JM_DECODE_MAX (16 * 1024)

typedef int (*jm_decode_pt)(jm_arena_t *arena, const char *arg, size_t len,
                            jm_str_t *value);

typedef struct {
    const char  *name; /* ends in ":" if the step has an argument */
    jm_decode_pt decode;
} jm_decode_step_t;

static int jm_decode_percent(jm_arena_t *arena, const char *arg, size_t len,
                             jm_str_t *value);
static int jm_decode_base64(jm_arena_t *arena, const char *arg, size_t len,
                            jm_str_t *value);
static int jm_decode_json(jm_arena_t *arena, const char *arg, size_t len,
                          jm_str_t *value);
static int jm_decode_zlib(jm_arena_t *arena, const char *arg, size_t len,
                          jm_str_t *value);
static int jm_decode_form(jm_arena_t *arena, const char *arg, size_t len,
                          jm_str_t *value);
static int jm_decode_http(jm_arena_t *arena, const char *arg, size_t len,
                          jm_str_t *value);
static int jm_decode_https(jm_arena_t *arena, const char *arg, size_t len,
                           jm_str_t *value);
static int jm_decode_skip2(jm_arena_t *arena, const char *arg, size_t len,
                           jm_str_t *value);
static int jm_decode_sparkpost(jm_arena_t *arena, const char *arg, size_t len,
                               jm_str_t *value);
static int jm_decode_proofpoint2(jm_arena_t *arena, const char *arg,
                                 size_t len, jm_str_t *value);
static int jm_decode_proofpoint3(jm_arena_t *arena, const char *arg,
                                 size_t len, jm_str_t *value);

static const jm_decode_step_t jm_decode_steps[] = {
    { "percent", jm_decode_percent },
    { "base64", jm_decode_base64 },
    { "json:", jm_decode_json },
    { "zlib", jm_decode_zlib },
    { "form:", jm_decode_form },
    { "https", jm_decode_https },
    { "http", jm_decode_http },
    { "skip2", jm_decode_skip2 },
    { "sparkpost", jm_decode_sparkpost },
    { "proofpoint2", jm_decode_proofpoint2 },
    { "proofpoint3", jm_decode_proofpoint3 },
};


static int
jm_decode_hex(u_char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


static int
jm_decode_percent(jm_arena_t *arena, const char *arg, size_t len,
                  jm_str_t *value)
{
    *value = jm_url_percent_decode(arena, *value);

    return 0;
}


/* Up to the padding; anything else makes it none. */
static int
jm_decode_base64(jm_arena_t *arena, const char *arg, size_t len,
                 jm_str_t *value)
{
    size_t   i;
    jm_buf_t out;

    jm_decode_percent(arena, NULL, 0, value);

    for (i = 0; i < value->len && value->data[i] != '='; i++) {
        if (jm_base64_digit(value->data[i]) < 0) {
            return -1;
        }
    }

    value->len = i;
    jm_buf_init(&out, arena, SIZE_MAX);
    jm_base64_decode(&out, *value);
    *value = jm_buf_str(&out);

    return value->len == 0 ? -1 : 0;
}


/* Four hexadecimal digits as UTF-8; surrogates are not worth it here. */
static int
jm_decode_unicode(jm_buf_t *buf, const u_char *p, const u_char *end)
{
    int      i, digit;
    uint32_t c;

    if (end - p < 4) {
        return -1;
    }

    for (c = 0, i = 0; i < 4; i++) {
        digit = jm_decode_hex(p[i]);

        if (digit < 0) {
            return -1;
        }

        c = c << 4 | (uint32_t) digit;
    }

    if (c >= 0xD800 && c <= 0xDFFF) {
        return -1;
    }

    if (c < 0x80) {
        jm_buf_addc(buf, (int) c);

    } else if (c < 0x800) {
        jm_buf_addc(buf, (int) (0xC0 | c >> 6));
        jm_buf_addc(buf, (int) (0x80 | (c & 0x3F)));

    } else {
        jm_buf_addc(buf, (int) (0xE0 | c >> 12));
        jm_buf_addc(buf, (int) (0x80 | (c >> 6 & 0x3F)));
        jm_buf_addc(buf, (int) (0x80 | (c & 0x3F)));
    }

    return 0;
}


/* A JSON string behind its quote.  Returns what follows it, or NULL. */
static const u_char *
jm_decode_json_string(jm_buf_t *buf, const u_char *p, const u_char *end)
{
    static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    const char       *escape;

    for (/* void */; p < end && *p != '"'; p++) {
        if (*p != '\\') {
            jm_buf_addc(buf, *p);
            continue;
        }

        if (++p == end) {
            return NULL;
        }

        if (*p == 'u') {
            if (jm_decode_unicode(buf, p + 1, end) != 0) {
                return NULL;
            }

            p += 4;
            continue;
        }

        for (escape = escapes; *escape != '\0' && *escape != (char) *p;
             escape += 2) {
            /* void */
        }

        if (*escape == '\0') {
            return NULL;
        }

        jm_buf_addc(buf, escape[1]);
    }

    return (p == end) ? NULL : p + 1;
}


static const u_char *
jm_decode_json_space(const u_char *p, const u_char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) {
        p++;
    }

    return p;
}


/* The first string that a field of this name has, however deep. */
static int
jm_decode_json(jm_arena_t *arena, const char *arg, size_t len, jm_str_t *value)
{
    int           wanted;
    jm_buf_t      buf;
    const u_char *p, *end;

    p = value->data;
    end = p + value->len;
    wanted = 0;

    while (p < end) {
        if (*p != '"') {
            p++;
            continue;
        }

        jm_buf_init(&buf, arena, JM_DECODE_MAX);
        p = jm_decode_json_string(&buf, p + 1, end);

        if (p == NULL) {
            return -1;
        }

        if (wanted) {
            *value = jm_buf_str(&buf);
            return 0;
        }

        p = jm_decode_json_space(p, end);

        if (p == end || *p != ':') {
            continue;
        }

        p = jm_decode_json_space(p + 1, end);
        wanted = (buf.len == len && memcmp(buf.data, arg, len) == 0 && p < end
                  && *p == '"');
    }

    return -1;
}


/* The checksum at the end is often missing and says nothing to us. */
static int
jm_decode_zlib(jm_arena_t *arena, const char *arg, size_t len, jm_str_t *value)
{
    int      rc;
    u_char   text[JM_DECODE_MAX];
    jm_str_t out;
    z_stream z;

    if (value->len < 4 || (value->data[0] & 15) != Z_DEFLATED) {
        return -1;
    }

    memset(&z, 0, sizeof(z_stream));

    if (inflateInit2(&z, -MAX_WBITS) != Z_OK) {
        return -1;
    }

    /* nothing of the arena's while zlib holds memory: it may jump */
    z.next_in = value->data + 2;
    z.avail_in = (uInt) value->len - 2;
    z.next_out = text;
    z.avail_out = sizeof(text);
    rc = inflate(&z, Z_SYNC_FLUSH);
    out.data = text;
    out.len = sizeof(text) - z.avail_out;
    inflateEnd(&z);

    if ((rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) || out.len == 0
        || out.len == sizeof(text))
    {
        return -1;
    }

    *value = jm_arena_str(arena, out.data, out.len);

    return 0;
}


static int
jm_decode_form(jm_arena_t *arena, const char *arg, size_t len, jm_str_t *value)
{
    jm_str_t      part;
    const u_char *p, *end;

    end = value->data + value->len;

    for (p = value->data; p < end; p = part.data + part.len + 1) {
        part.data = (u_char *) p;
        p = memchr(part.data, '&', (size_t) (end - part.data));
        part.len = (size_t) ((p == NULL ? end : p) - part.data);

        if (part.len > len && part.data[len] == '='
            && memcmp(part.data, arg, len) == 0)
        {
            value->data = part.data + len + 1;
            value->len = part.len - len - 1;
            return jm_decode_percent(arena, NULL, 0, value);
        }
    }

    return -1;
}


static int
jm_decode_http(jm_arena_t *arena, const char *arg, size_t len, jm_str_t *value)
{
    *value = jm_arena_printf(arena, "http://%.*s", (int) value->len,
                             value->data);
    return 0;
}


static int
jm_decode_https(jm_arena_t *arena, const char *arg, size_t len,
                jm_str_t *value)
{
    *value = jm_arena_printf(arena, "https://%.*s", (int) value->len,
                             value->data);
    return 0;
}


static int
jm_decode_skip2(jm_arena_t *arena, const char *arg, size_t len,
                jm_str_t *value)
{
    if (value->len < 2) {
        return -1;
    }

    value->data += 2;
    value->len -= 2;

    return 0;
}


/*
 * Fields of a tag, a length and so many bytes: the one tagged "D" that holds
 * a URL.  Of two, neither is believed.
 */
static int
jm_decode_sparkpost(jm_arena_t *arena, const char *arg, size_t len,
                    jm_str_t *value)
{
    size_t        n;
    jm_str_t      url;
    const u_char *p, *end;

    n = 0;
    memset(&url, 0, sizeof(jm_str_t));
    end = value->data + value->len;

    for (p = value->data; p + 2 + 4 < end; p++) {
        if (p[0] == 'D' && memcmp(p + 2, "http", 4) == 0
            && p[1] <= end - (p + 2)) {
            url.data = (u_char *) p + 2;
            url.len = p[1];
            n++;
        }
    }

    *value = url;

    return (n == 1) ? 0 : -1;
}


/* "-" stands for "%", "_" for "/". */
static int
jm_decode_proofpoint2(jm_arena_t *arena, const char *arg, size_t len,
                      jm_str_t *value)
{
    size_t   i;
    jm_str_t out;

    out = jm_arena_str(arena, value->data, value->len);

    for (i = 0; i < out.len; i++) {
        out.data[i] = (out.data[i] == '-')   ? '%'
                      : (out.data[i] == '_') ? '/'
                                             : out.data[i];
    }

    *value = out;

    return 0;
}


/*
 * "https://a.example/x*y__;Iw": each "*" is the next byte of what stands in
 * base64 behind ";"; "**" and a letter is a run of them, from two for "A" on.
 * One of the two slashes behind the scheme may have got lost.
 */
static int
jm_decode_proofpoint3(jm_arena_t *arena, const char *arg, size_t len,
                      jm_str_t *value)
{
    int           digit;
    size_t        i, run, used;
    jm_buf_t      buf;
    jm_str_t      bytes;
    const u_char *p;

    p = memmem(value->data, value->len, "__;", 3);

    if (p == NULL) {
        return -1;
    }

    memset(&bytes, 0, sizeof(jm_str_t));
    bytes.data = (u_char *) p + 3;
    bytes.len = value->len - (size_t) (p + 3 - value->data);
    value->len = (size_t) (p - value->data);

    if (bytes.len != 0 && jm_decode_base64(arena, NULL, 0, &bytes) != 0) {
        return -1;
    }

    jm_buf_init(&buf, arena, JM_DECODE_MAX);
    used = 0;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] != '*') {
            jm_buf_addc(&buf, value->data[i]);

            if (buf.len >= 6 && buf.len <= 7 && value->data[i] == '/'
                && buf.data[buf.len - 2] == ':' && i + 1 < value->len
                && value->data[i + 1] != '/')
            {
                jm_buf_addc(&buf, '/');
            }

            continue;
        }

        run = 1;

        if (i + 2 < value->len && value->data[i + 1] == '*') {
            digit = jm_base64_digit(value->data[i + 2]);

            if (digit < 0) {
                return -1;
            }

            run = (size_t) digit + 2;
            i += 2;
        }

        if (run > bytes.len - used) {
            return -1;
        }

        jm_buf_add(&buf, bytes.data + used, run);
        used += run;
    }

    *value = jm_buf_str(&buf);

    return 0;
}


/* The step that `p` begins with, its argument in `arg` and `len`. */
static const jm_decode_step_t *
jm_decode_step(const char *p, const char **arg, size_t *len)
{
    size_t i, n, size;

    size = strcspn(p, ",");

    for (i = 0; i < sizeof(jm_decode_steps) / sizeof(jm_decode_steps[0]); i++)
    {
        n = strlen(jm_decode_steps[i].name);

        if (size >= n && memcmp(jm_decode_steps[i].name, p, n) == 0
            && (size == n) == (p[n - 1] != ':'))
        {
            *arg = p + n;
            *len = size - n;
            return &jm_decode_steps[i];
        }
    }

    return NULL;
}


const char *
jm_redirect_check(const char *steps)
{
    size_t      len;
    const char *arg;

    while (*steps != '\0') {
        if (jm_decode_step(steps, &arg, &len) == NULL) {
            return "decode has a step that does not exist";
        }

        steps = arg + len;
        steps += (*steps == ',');
    }

    return NULL;
}


int
jm_redirect_decode(jm_arena_t *arena, const char *steps, jm_str_t *value)
{
    size_t                  len;
    const char             *arg;
    const jm_decode_step_t *step;

    while (*steps != '\0' && value->len <= JM_DECODE_MAX) {
        step = jm_decode_step(steps, &arg, &len);

        if (step->decode(arena, arg, len, value) != 0 || value->len == 0) {
            return -1;
        }

        steps = arg + len;
        steps += (*steps == ',');
    }

    return (*steps == '\0') ? 0 : -1;
}
