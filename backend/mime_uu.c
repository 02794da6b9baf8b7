/*
 * Files in the middle of a text, as programs sent them before there was MIME:
 * lines from "begin 644 name" to "end" (uuencode, POSIX).  Called by
 * mime_body.c; the file's bytes are in the message's arena.
 */

#include "mime_private.h"

#include "text.h"

/* Of a line, without its end.  A character stands for six bits. */
#define JM_UU_LINE 61


/* The name in "begin 644 name", empty if the line is none. */
static jm_str_t
jm_uu_begin(jm_str_t line)
{
    size_t   i;
    jm_str_t name;

    name = jm_str("");

    if (line.len < 11 || memcmp(line.data, "begin ", 6) != 0) {
        return name;
    }

    for (i = 6; i < line.len && line.data[i] >= '0' && line.data[i] <= '7';
         i++) {
        /* void */
    }

    if ((i == 9 || i == 10) && i + 1 < line.len && line.data[i] == ' ') {
        name.data = line.data + i + 1;
        name.len = line.len - i - 1;
    }

    return name;
}


/* Decodes a line.  Spaces at its end may have got lost.  0, or -1. */
static int
jm_uu_decode(jm_buf_t *out, jm_str_t line)
{
    size_t i, n, bits, value;

    n = (line.data[0] - ' ') & 63;

    if (line.data[0] < ' ' || line.data[0] > '`' || line.len > JM_UU_LINE + 3
        || (n != 0 && line.len == 1))
    {
        return -1;
    }

    for (i = 1, bits = 0, value = 0; n != 0; i++) {
        if (i < line.len && (line.data[i] < ' ' || line.data[i] > '`')) {
            return -1;
        }

        value = value << 6 | (i < line.len ? (line.data[i] - ' ') & 63 : 0);
        bits += 6;

        if (bits >= 8) {
            bits -= 8;
            jm_buf_addc(out, value >> bits & 0xff);
            n--;
        }
    }

    return 0;
}


/* The file whose lines begin at `rest`, which moves past it.  0, or -1. */
static int
jm_uu_file(jm_arena_t *arena, jm_str_t *rest, jm_str_t *data)
{
    jm_buf_t out;
    jm_str_t line, left;

    left = *rest;
    jm_buf_init(&out, arena, rest->len);

    while (left.len != 0) {
        line = jm_text_line(&left);

        if (line.len == 3 && memcmp(line.data, "end", 3) == 0 && out.len != 0)
        {
            *rest = left;
            *data = jm_buf_str(&out);
            return 0;
        }

        if (line.len != 0 && jm_uu_decode(&out, line) != 0) {
            break;
        }
    }

    return -1;
}


jm_str_t
jm_mime_uu(jm_mime_t *w, jm_str_t text)
{
    int      found;
    jm_buf_t out;
    jm_str_t line, rest, name, data, before;

    rest = text;
    before.data = text.data;
    found = 0;

    while (rest.len != 0) {
        line = jm_text_line(&rest);
        name = jm_uu_begin(line);

        if (name.len == 0) {
            continue;
        }

        /* What fails ends at a line that is none of a file, before the next
         * "begin": no line is tried twice. */

        if (jm_uu_file(w->m->arena, &rest, &data) != 0
            || jm_mime_attach_file(w, name, jm_str(""), data) == NULL)
        {
            continue;
        }

        if (!found) {
            jm_buf_init(&out, w->m->arena, text.len);
            found = 1;
        }

        jm_buf_add(&out, before.data, line.data - before.data);
        before.data = rest.data;
    }

    if (!found) {
        return text;
    }

    jm_buf_add(&out, before.data, text.data + text.len - before.data);

    return out.len == 0 ? jm_str("") : jm_buf_str(&out);
}
