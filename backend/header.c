/*
 * The reading of a header block behind header.h: which line belongs to which
 * field, and where the body begins.
 */

#include "header.h"

#include <strings.h>

#define JM_MAX_KNOWN 50 /* well-known fields kept past JM_MAX_HEADERS */


/* Names that show a junk line to stand inside a header, not after it. */
static const char *const jm_header_known[] = {
    "from",         "to",           "cc",         "subject",
    "date",         "message-id",   "reply-to",   "sender",
    "mime-version", "content-type", "received",   "return-path",
    "in-reply-to",  "references",   "x-mailer",   "content-transfer-encoding",
    "delivered-to", "list-id",      "user-agent",
};


static int
jm_header_is_known(jm_str_t name)
{
    size_t i;

    for (i = 0; i < sizeof(jm_header_known) / sizeof(char *); i++) {
        if (strlen(jm_header_known[i]) == name.len
            && strncasecmp(jm_header_known[i], (char *) name.data, name.len)
                   == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* The field's name when the line begins with one, else an empty string. */
static jm_str_t
jm_header_name(const u_char *p, const u_char *end)
{
    jm_str_t name;

    name.data = (u_char *) p;

    while (p<end && * p> 0x20 && *p < 0x7f && *p != ':') {
        p++;
    }

    name.len = p - name.data;

    /* RFC 5322, 4.5: obsolete syntax has space before the colon. */
    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }

    if (p == end || *p != ':') {
        name.len = 0;
    }

    return name;
}


static const u_char *
jm_header_line_end(const u_char *p, const u_char *end)
{
    const u_char *lf;

    lf = memchr(p, '\n', end - p);

    return lf == NULL ? end : lf + 1;
}


static int
jm_header_blank(const u_char *p, const u_char *end)
{
    return p == end || *p == '\n'
           || (*p == '\r' && end - p > 1 && p[1] == '\n')
           || (*p == '\r' && end - p == 1);
}


/* Does a well-known field follow before the block ends? */
static int
jm_header_goes_on(const u_char *p, const u_char *end)
{
    int lines;

    for (lines = 0; lines < 50 && !jm_header_blank(p, end); lines++) {
        if (jm_header_is_known(jm_header_name(p, end))) {
            return 1;
        }

        p = jm_header_line_end(p, end);
    }

    return 0;
}


/*
 * A first field that was written with white space before it, " From: a@b".  It
 * reads as one more line of the Received field that we put in front of the
 * mail, and is told from one by its well-known name and colon.
 */
static int
jm_header_indented(const u_char *p, const u_char *end)
{
    jm_str_t name;

    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }

    name = jm_header_name(p, end);

    return jm_header_is_known(name) && name.data[name.len] == ':';
}


static void
jm_headers_add(jm_headers_t *headers, jm_str_t name, const u_char *line,
               const u_char *end)
{
    jm_header_t  *field;
    const u_char *colon;

    /* Past the limits only what the mail cannot be read without. */

    if (headers->cut || headers->nfields >= JM_MAX_HEADERS) {
        headers->cut = 1;

        if (headers->nfields == JM_MAX_HEADERS + JM_MAX_KNOWN
            || !jm_header_is_known(name))
        {
            return;
        }
    }

    if (end - line > JM_MAX_HEADER) {
        headers->cut = 1;
        end = line + JM_MAX_HEADER;
    }

    colon = memchr(line + name.len, ':', end - line - name.len);

    if (colon == NULL) {
        return;
    }

    field = &headers->fields[headers->nfields++];
    field->name = name;
    field->line.data = (u_char *) line;
    field->line.len = end - line;
    field->value.data = (u_char *) colon + 1;
    field->value.len = end - colon - 1;
}


void
jm_headers_read(jm_headers_t *headers, jm_arena_t *arena, jm_str_t raw)
{
    int           trace;
    jm_str_t      name;
    const u_char *p, *line, *end;

    memset(headers, 0, sizeof(jm_headers_t));
    headers->fields = jm_arena_alloc(arena, (JM_MAX_HEADERS + JM_MAX_KNOWN)
                                                * sizeof(jm_header_t));

    if (raw.len == 0) {
        return;
    }

    p = raw.data;
    end = p + raw.len;

    while (!jm_header_blank(p, end)) {
        if (jm_header_indented(p, end)) {
            p += strspn((char *) p, " \t"); /* its name ends that */
        }

        line = p;
        name = jm_header_name(p, end);
        trace = name.len == 8
                && strncasecmp((char *) name.data, "Received", 8) == 0;
        p = jm_header_line_end(p, end);

        while (p < end && (*p == ' ' || *p == '\t')
               && !(trace && jm_header_indented(p, end)))
        {
            /* A line of white space alone is no end: RFC 5322, 4.2. */
            p = jm_header_line_end(p, end);
        }

        if (name.len == 0) {
            if ((line - raw.data < JM_MAX_HEADER_BLOCK
                 && jm_header_goes_on(p, end))
                || (end - line > 5 && memcmp(line, "From ", 5) == 0)
                || (end - line > 6 && memcmp(line, ">From ", 6) == 0))
            {
                continue;
            }

            headers->body = line - raw.data;
            return;
        }

        headers->cut |= line - raw.data > JM_MAX_HEADER_BLOCK;
        jm_headers_add(headers, name, line, p);
    }

    if (p < end) {
        p = jm_header_line_end(p, end);
    }

    headers->body = p - raw.data;
}


const jm_header_t *
jm_headers_find(const jm_headers_t *headers, const char *name)
{
    size_t       i, len;
    jm_header_t *field;

    len = strlen(name);

    for (i = 0; i < headers->nfields; i++) {
        field = &headers->fields[i];

        if (field->name.len == len
            && strncasecmp((char *) field->name.data, name, len) == 0)
        {
            return field;
        }
    }

    return NULL;
}
