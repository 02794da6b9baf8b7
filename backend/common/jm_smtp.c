/*
 * The command line reader and parser behind jm_smtp.h.
 */

#include "jm_smtp.h"

static const u_char *jm_smtp_take_param(const u_char *p, const u_char *end,
                                        jm_smtp_param_t *out);
static int           jm_smtp_is_space(u_char c);
static int           jm_smtp_is_alnum(u_char c);
static u_char        jm_smtp_lower(u_char c);


jm_line_status_t
jm_smtp_line_read(jm_smtp_line_t *line, const u_char **pos, const u_char *last,
                  jm_str_t *text)
{
    u_char           c;
    const u_char    *p;
    jm_line_status_t status;

    status = JM_LINE_AGAIN;

    for (p = *pos; p < last && status == JM_LINE_AGAIN; p++) {
        c = *p;

        if (line->len < JM_SMTP_LINE) {
            line->data[line->len] = c;
        }

        line->len++;

        if (c == '\n') {
            if (!line->cr) {
                /*
                 * RFC 5321, 2.3.8: lines end in CRLF, and bare LF must not be
                 * taken for a line end: what one server reads as one command
                 * another would read as two.  Who sends it gets one answer.
                 */
                status = JM_LINE_BARE;

            } else if (line->bad) {
                status = JM_LINE_BAD;

            } else if (line->len > JM_SMTP_LINE) {
                status = JM_LINE_LONG;

            } else {
                status = JM_LINE_OK;
            }

        } else if (line->len > JM_SMTP_FLOOD) {
            status = JM_LINE_FLOOD;

        } else if (line->cr || (c < ' ' && c != '\t' && c != '\r')
                   || c == 0x7f) {
            line->bad = 1;
        }

        line->cr = (c == '\r');
    }

    *pos = p;

    if (status == JM_LINE_AGAIN) {
        return status;
    }

    text->data = line->data;
    text->len = line->len - 2;

    if (status != JM_LINE_OK) {
        text->len = line->len < JM_SMTP_LINE ? line->len : JM_SMTP_LINE;
    }

    line->len = 0;
    line->cr = 0;
    line->bad = 0;

    return status;
}


void
jm_smtp_split(jm_str_t line, jm_str_t *verb, jm_str_t *arg)
{
    u_char *p, *end;

    p = line.data;
    end = line.data + line.len;

    while (end > p && jm_smtp_is_space(end[-1])) {
        end--;
    }

    verb->data = p;

    while (p < end && !jm_smtp_is_space(*p)) {
        p++;
    }

    verb->len = (size_t) (p - verb->data);

    while (p < end && jm_smtp_is_space(*p)) {
        p++;
    }

    arg->data = p;
    arg->len = (size_t) (end - p);
}


int
jm_smtp_is(jm_str_t text, const char *word)
{
    size_t i;

    for (i = 0; i < text.len; i++) {
        if (word[i] == '\0'
            || jm_smtp_lower(text.data[i]) != jm_smtp_lower((u_char) word[i]))
        {
            return 0;
        }
    }

    return word[i] == '\0';
}


jm_path_status_t
jm_smtp_path(jm_str_t arg, const char *keyword, jm_smtp_path_t *out)
{
    size_t        n;
    ssize_t       taken;
    jm_str_t      word;
    const u_char *p, *end;

    memset(out, 0, sizeof(jm_smtp_path_t));

    n = strlen(keyword);

    if (arg.len <= n || arg.data[n] != ':') {
        return JM_PATH_SYNTAX;
    }

    word.data = arg.data;
    word.len = n;

    if (!jm_smtp_is(word, keyword)) {
        return JM_PATH_SYNTAX;
    }

    p = arg.data + n + 1;
    end = arg.data + arg.len;

    while (p < end && jm_smtp_is_space(*p)) {
        p++;
    }

    if (p == end) {
        return JM_PATH_SYNTAX;
    }

    word.data = (u_char *) p;
    word.len = (size_t) (end - p);

    taken = jm_path_parse(word, &out->address);
    if (taken < 0) {
        return JM_PATH_ADDRESS;
    }

    p += taken;

    if (p < end && !jm_smtp_is_space(*p)) {
        return JM_PATH_ADDRESS;
    }

    for (;;) {
        while (p < end && jm_smtp_is_space(*p)) {
            p++;
        }

        if (p == end) {
            return JM_PATH_OK;
        }

        if (out->nparams == JM_SMTP_PARAMS) {
            return JM_PATH_PARAM;
        }

        p = jm_smtp_take_param(p, end, &out->params[out->nparams]);
        if (p == NULL) {
            return JM_PATH_PARAM;
        }

        out->nparams++;
    }
}


/*
 * esmtp-param of RFC 5321, 4.1.2: a keyword of letters, digits and hyphens,
 * then possibly `=` and a value of printable ASCII without `=`.
 */

static const u_char *
jm_smtp_take_param(const u_char *p, const u_char *end, jm_smtp_param_t *out)
{
    out->name.data = (u_char *) p;

    while (p < end
           && (jm_smtp_is_alnum(*p) || (*p == '-' && p > out->name.data))) {
        p++;
    }

    out->name.len = (size_t) (p - out->name.data);

    if (out->name.len == 0) {
        return NULL;
    }

    if (p < end && *p == '=') {
        p++;
        out->has_value = 1;
        out->value.data = (u_char *) p;

        while (p<end && * p> ' ' && *p < 0x7f && *p != '=') {
            p++;
        }

        out->value.len = (size_t) (p - out->value.data);

        if (out->value.len == 0) {
            return NULL;
        }
    }

    if (p < end && !jm_smtp_is_space(*p)) {
        return NULL;
    }

    return p;
}


const jm_smtp_param_t *
jm_smtp_param(const jm_smtp_path_t *path, const char *name)
{
    size_t i;

    for (i = 0; i < path->nparams; i++) {
        if (jm_smtp_is(path->params[i].name, name)) {
            return &path->params[i];
        }
    }

    return NULL;
}


int
jm_smtp_number(jm_str_t text, uint64_t *out)
{
    size_t   i;
    uint64_t n;

    if (text.len == 0 || text.len > 20) {
        return -1;
    }

    n = 0;

    for (i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return -1;
        }

        if (n > (INT64_MAX - 9) / 10) {
            return -1;
        }

        n = n * 10 + (uint64_t) (text.data[i] - '0');
    }

    *out = n;

    return 0;
}


size_t
jm_smtp_token(jm_str_t text, u_char *out, size_t size)
{
    u_char c;
    size_t i;

    for (i = 0; i < text.len && i < size; i++) {
        c = text.data[i];

        if (c <= ' ' || c >= 0x7f || strchr("()<>@,;\\\"", c) != NULL) {
            c = '?';
        }

        out[i] = c;
    }

    return i;
}


static int
jm_smtp_is_space(u_char c)
{
    return c == ' ' || c == '\t';
}


static int
jm_smtp_is_alnum(u_char c)
{
    c = jm_smtp_lower(c);

    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
}


static u_char
jm_smtp_lower(u_char c)
{
    return c >= 'A' && c <= 'Z' ? (u_char) (c | 0x20) : c;
}
