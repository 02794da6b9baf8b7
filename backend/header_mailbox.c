/*
 * The first mailbox of an address list behind header.h.  It is taken from the
 * raw value (a comma inside an encoded word separates nothing) and decoded
 * last.
 */

#include "header.h"

#include <strings.h>

#include "charset.h"

#define JM_MAX_ADDRESS 320 /* RFC 5321: 64 + @ + 255 */
#define JM_MAX_NAME    512

/*
 * One pass over an address list up to the end of its first mailbox, its
 * pieces kept apart by what they stand in.
 */
typedef struct {
    jm_buf_t phrase;  /* outside everything; quotes and escapes undone */
    jm_buf_t comment; /* (…), the old place of the name */
    jm_buf_t angle;   /* <…> */
    unsigned has_angle : 1;
} jm_mailbox_t;


/* Copies a quoted string or comment; returns the byte after its end. */
static const u_char *
jm_mailbox_quoted(jm_buf_t *out, const u_char *p, const u_char *end, int close)
{
    int open, depth;

    open = close == ')' ? '(' : -1;
    depth = 1;

    for (p++; p < end; p++) {
        if (*p == '\\' && end - p > 1) {
            p++;

        } else if (*p == close && --depth == 0) {
            return p + 1;

        } else if (*p == open) {
            depth++;
        }

        jm_buf_addc(out, *p);
    }

    return end;
}


static void
jm_mailbox_angle(jm_mailbox_t *box, const u_char *p, const u_char *end)
{
    const u_char *close;

    box->has_angle = 1;
    close = memchr(p, '>', end - p);

    if (close == NULL) {
        close = end;
    }

    jm_buf_add(&box->angle, p + 1, close - p - 1);
}


static void
jm_mailbox_scan(jm_mailbox_t *box, const u_char *p, const u_char *end)
{
    const u_char *at;

    while (p < end && !box->has_angle) {
        switch (*p) {

        case '"':
            /* A quote that never closes is a character like any other. */
            at = memchr(p + 1, '"', end - p - 1);

            if (at == NULL) {
                p++;
                break;
            }

            p = jm_mailbox_quoted(&box->phrase, p, end, '"');
            break;

        case '(':
            p = jm_mailbox_quoted(&box->comment, p, end, ')');
            break;

        case '<':
            jm_mailbox_angle(box, p, end);
            break;

        case ':':
            /* "group: a@b;" unless an address stands before the colon */
            if (memchr(box->phrase.data ? box->phrase.data : (u_char *) "",
                       '@', box->phrase.len)
                == NULL)
            {
                box->phrase.len = 0;

            } else {
                jm_buf_addc(&box->phrase, ':');
            }

            p++;
            break;

        case ',':
        case ';':
            /* The end of a bare address; else a comma in a careless name. */
            if (memchr(box->phrase.data ? box->phrase.data : (u_char *) "",
                       '@', box->phrase.len)
                != NULL)
            {
                return;
            }

            if (*p == ',') {
                jm_buf_addc(&box->phrase, ',');
            }

            p++;
            break;

        default:
            jm_buf_addc(&box->phrase, *p++);
        }
    }
}


/* RFC 5322, 4.4: "@a,@b:user@c" is a route and an address. */
static jm_str_t
jm_mailbox_address(jm_arena_t *arena, jm_str_t in, int charset)
{
    u_char  *colon;
    jm_str_t out;

    out = jm_header_text(arena, in, charset, JM_MAX_HEADER);

    if (out.len != 0 && out.data[0] == '@') {
        colon = memchr(out.data, ':', out.len);

        if (colon != NULL) {
            out.len -= colon + 1 - out.data;
            out.data = colon + 1;
        }
    }

    if (out.len > 7 && strncasecmp((char *) out.data, "mailto:", 7) == 0) {
        out.data += 7;
        out.len -= 7;
    }

    return jm_charset_trim(out, JM_MAX_ADDRESS);
}


/* One token with an @ and no space in it. */
static int
jm_mailbox_is_address(jm_str_t text)
{
    return text.len != 0 && memchr(text.data, '@', text.len) != NULL
           && memchr(text.data, ' ', text.len) == NULL;
}


/* A bare "user@host" among words: that token is the address. */
static void
jm_mailbox_pick(jm_arena_t *arena, jm_str_t text, jm_str_t *address,
                jm_str_t *name)
{
    size_t   i, start, stop;
    u_char  *at;
    jm_buf_t rest;

    at = text.len != 0 ? memchr(text.data, '@', text.len) : NULL;

    if (at == NULL) {
        *name = jm_charset_trim(text, JM_MAX_NAME);
        return;
    }

    start = at - text.data;
    stop = start;

    while (start != 0 && text.data[start - 1] != ' ') {
        start--;
    }

    while (stop < text.len && text.data[stop] != ' ') {
        stop++;
    }

    address->data = text.data + start;
    address->len = stop - start;
    *address = jm_charset_trim(*address, JM_MAX_ADDRESS);

    jm_buf_init(&rest, arena, text.len);
    jm_buf_add(&rest, text.data, start);

    for (i = stop; i < text.len; i++) {
        jm_buf_addc(&rest, text.data[i]);
    }

    *name = jm_header_squeeze(jm_buf_str(&rest), JM_MAX_NAME);
}


void
jm_header_mailbox(jm_arena_t *arena, jm_str_t value, int charset,
                  jm_str_t *address, jm_str_t *name)
{
    jm_str_t     phrase, comment;
    jm_mailbox_t box;

    memset(address, 0, sizeof(jm_str_t));
    memset(name, 0, sizeof(jm_str_t));
    memset(&box, 0, sizeof(jm_mailbox_t));

    if (value.len == 0) {
        return;
    }

    if (value.len > JM_MAX_HEADER) {
        value.len = JM_MAX_HEADER;
    }

    jm_buf_init(&box.phrase, arena, JM_MAX_HEADER);
    jm_buf_init(&box.comment, arena, JM_MAX_HEADER);
    jm_buf_init(&box.angle, arena, JM_MAX_HEADER);
    jm_mailbox_scan(&box, value.data, value.data + value.len);

    phrase = jm_header_text(arena, jm_buf_str(&box.phrase), charset,
                            JM_MAX_HEADER);
    comment = jm_header_text(arena, jm_buf_str(&box.comment), charset,
                             JM_MAX_NAME);

    if (box.has_angle) {
        *address = jm_mailbox_address(arena, jm_buf_str(&box.angle), charset);
        *name = jm_charset_trim(phrase, JM_MAX_NAME);

        if (address->len == 0 && jm_mailbox_is_address(phrase)) {
            *address = jm_charset_trim(phrase, JM_MAX_ADDRESS);
            name->len = 0;
        }

    } else {
        jm_mailbox_pick(arena, phrase, address, name);
    }

    if (address->len == 0) {
        *address = jm_charset_trim(*name, JM_MAX_ADDRESS);
        name->len = 0;
    }

    if (name->len == 0) {
        *name = comment;
    }
}
