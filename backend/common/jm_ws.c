/*
 * The WebSocket codec behind jm_ws.h (RFC 6455).
 */

#include <strings.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "jm_ws.h"

#define JM_WS_KEY_LEN 24

static jm_ws_event_t jm_ws_fail(jm_ws_t *ws, jm_str_t *in, jm_ws_frame_t *out,
                                unsigned code);
static unsigned      jm_ws_first_bytes(jm_ws_t *ws);
static unsigned      jm_ws_whole_header(jm_ws_t *ws);
static jm_ws_event_t jm_ws_data(jm_ws_t *ws, jm_str_t *in, jm_ws_frame_t *out);
static jm_ws_event_t jm_ws_control(jm_ws_t *ws, jm_str_t *in,
                                   jm_ws_frame_t *out);
static void          jm_ws_unmask(jm_ws_t *ws, u_char *p, size_t len);
static int           jm_ws_utf8(jm_ws_t *ws, const u_char *p, size_t len);


void
jm_ws_init(jm_ws_t *ws, uint32_t max)
{
    memset(ws, 0, sizeof(jm_ws_t));

    ws->max = max;
    ws->need = 2;
}


jm_ws_event_t
jm_ws_read(jm_ws_t *ws, jm_str_t *in, jm_ws_frame_t *out)
{
    unsigned code;

    memset(out, 0, sizeof(jm_ws_frame_t));

    if (ws->done) {
        in->data += in->len;
        in->len = 0;
        return JM_WS_MORE;
    }

    while (!ws->payload) {

        if (in->len == 0) {
            return JM_WS_MORE;
        }

        ws->bytes[ws->have++] = *in->data++;
        in->len--;

        code = 0;

        if (ws->have == 2) {
            code = jm_ws_first_bytes(ws);

        } else if (ws->have == ws->need) {
            code = jm_ws_whole_header(ws);
        }

        if (code) {
            return jm_ws_fail(ws, in, out, code);
        }
    }

    /* An empty frame is complete with its header. */

    if (in->len == 0 && ws->left != 0) {
        return JM_WS_MORE;
    }

    if (ws->opcode & 0x8) {
        return jm_ws_control(ws, in, out);
    }

    return jm_ws_data(ws, in, out);
}


static jm_ws_event_t
jm_ws_fail(jm_ws_t *ws, jm_str_t *in, jm_ws_frame_t *out, unsigned code)
{
    ws->done = 1;
    in->data += in->len;
    in->len = 0;

    out->code = code;

    return JM_WS_FAILED;
}


/* What the first two octets say can be refused before the rest is there. */
static unsigned
jm_ws_first_bytes(jm_ws_t *ws)
{
    unsigned len;

    ws->fin = ws->bytes[0] >> 7;
    ws->opcode = ws->bytes[0] & 0x0f;
    len = ws->bytes[1] & 0x7f;

    /* RFC 6455, 5.2: RSV MUST be 0 unless an extension is negotiated. */

    if (ws->bytes[0] & 0x70) {
        return JM_WS_PROTOCOL;
    }

    /* RFC 6455, 5.1: a server MUST close upon a frame that is not masked. */

    if ((ws->bytes[1] & 0x80) == 0) {
        return JM_WS_PROTOCOL;
    }

    switch (ws->opcode) {

    case JM_WS_CLOSE:
    case JM_WS_PING:
    case JM_WS_PONG:

        /* RFC 6455, 5.5: at most 125 octets, never fragmented. */

        if (!ws->fin || len > JM_WS_CONTROL_MAX) {
            return JM_WS_PROTOCOL;
        }

        break;

    case JM_WS_CONTINUE:

        if (ws->type == 0) {
            return JM_WS_PROTOCOL;
        }

        break;

    case JM_WS_TEXT:
    case JM_WS_BINARY:

        if (ws->type != 0) {
            return JM_WS_PROTOCOL;
        }

        break;

    default:
        return JM_WS_PROTOCOL;
    }

    ws->need = 6 + (len == 126 ? 2 : len == 127 ? 8 : 0);

    return 0;
}


static unsigned
jm_ws_whole_header(jm_ws_t *ws)
{
    u_char  *p, *mask;
    uint64_t len;

    mask = ws->bytes + ws->need - 4;
    len = ws->bytes[1] & 0x7f;

    if (len > 125) {
        len = 0;

        for (p = ws->bytes + 2; p < mask; p++) {
            len = len << 8 | *p;
        }

        /* RFC 6455, 5.2: the shortest form, the most significant bit 0. */

        if (len < 126 || (ws->need == 14 && len <= 0xffff) || len >> 63) {
            return JM_WS_PROTOCOL;
        }
    }

    memcpy(ws->mask, mask, 4);

    ws->left = (uint32_t) len;
    ws->turn = 0;
    ws->have = 0;
    ws->need = 2;
    ws->held = 0;
    ws->payload = 1;

    if (ws->opcode & 0x8) {
        return 0;
    }

    if (ws->opcode != JM_WS_CONTINUE) {
        ws->type = ws->opcode;
        ws->message = 0;
        ws->utf8_need = 0;
    }

    /* `message` never passes `max`; a length that `left` cannot hold does. */

    if (len > ws->max - ws->message) {
        return JM_WS_TOO_BIG;
    }

    return 0;
}


static jm_ws_event_t
jm_ws_data(jm_ws_t *ws, jm_str_t *in, jm_ws_frame_t *out)
{
    size_t n;

    n = in->len < ws->left ? in->len : ws->left;

    out->payload.data = in->data;
    out->payload.len = n;
    out->opcode = ws->type;

    jm_ws_unmask(ws, in->data, n);

    in->data += n;
    in->len -= n;
    ws->left -= n;
    ws->message += n;

    if (ws->left == 0) {
        ws->payload = 0;
        out->whole = 1;
        out->end = ws->fin;
    }

    /* RFC 6455, 8.1: a character may be cut by a fragment, not by the end. */

    if (ws->type == JM_WS_TEXT) {
        if (!jm_ws_utf8(ws, out->payload.data, n)
            || (out->end && ws->utf8_need != 0)) {
            return jm_ws_fail(ws, in, out, JM_WS_BAD_TEXT);
        }
    }

    if (out->end) {
        ws->type = 0;
    }

    return JM_WS_DATA;
}


static jm_ws_event_t
jm_ws_control(jm_ws_t *ws, jm_str_t *in, jm_ws_frame_t *out)
{
    size_t n;

    n = in->len < ws->left ? in->len : ws->left;

    if (n != 0) {
        memcpy(ws->bytes + ws->held, in->data, n);
        jm_ws_unmask(ws, ws->bytes + ws->held, n);

        in->data += n;
        in->len -= n;
        ws->held += n;
        ws->left -= n;
    }

    if (ws->left != 0) {
        return JM_WS_MORE;
    }

    ws->payload = 0;

    out->payload.data = ws->bytes;
    out->payload.len = ws->held;
    out->opcode = ws->opcode;

    if (ws->opcode != JM_WS_CLOSE) {
        return JM_WS_CONTROL;
    }

    /* RFC 6455, 5.5.1: nothing, or a code and a reason in UTF-8. */

    if (ws->held == 0) {
        out->code = JM_WS_NO_CODE;

    } else {
        if (ws->held == 1) {
            return jm_ws_fail(ws, in, out, JM_WS_PROTOCOL);
        }

        out->code = ws->bytes[0] << 8 | ws->bytes[1];

        if (!jm_ws_code_valid(out->code)) {
            return jm_ws_fail(ws, in, out, JM_WS_PROTOCOL);
        }

        out->payload.data += 2;
        out->payload.len -= 2;

        /* A text message may be open; nothing more of it will be read. */

        ws->utf8_need = 0;

        if (!jm_ws_utf8(ws, out->payload.data, out->payload.len)
            || ws->utf8_need != 0) {
            return jm_ws_fail(ws, in, out, JM_WS_BAD_TEXT);
        }
    }

    ws->done = 1;
    in->data += in->len;
    in->len = 0;

    return JM_WS_CLOSED;
}


static void
jm_ws_unmask(jm_ws_t *ws, u_char *p, size_t len)
{
    u_char *last;

    for (last = p + len; p < last; p++) {
        *p ^= ws->mask[ws->turn++ & 3];
    }
}


/*
 * Checks the next bytes of a text (RFC 3629, 4): after the first byte of a
 * character only the second one's range depends on it.  0 when malformed.
 */
static int
jm_ws_utf8(jm_ws_t *ws, const u_char *p, size_t len)
{
    const u_char *last;

    for (last = p + len; p < last; p++) {

        if (ws->utf8_need != 0) {

            if (*p < ws->utf8_low || *p > ws->utf8_high) {
                return 0;
            }

            ws->utf8_need--;
            ws->utf8_low = 0x80;
            ws->utf8_high = 0xbf;

            continue;
        }

        if (*p < 0x80) {
            continue;
        }

        if (*p < 0xc2 || *p > 0xf4) {
            return 0;
        }

        ws->utf8_need = *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
        ws->utf8_low = *p == 0xe0 ? 0xa0 : *p == 0xf0 ? 0x90 : 0x80;
        ws->utf8_high = *p == 0xed ? 0x9f : *p == 0xf4 ? 0x8f : 0xbf;
    }

    return 1;
}


size_t
jm_ws_header(u_char *out, unsigned opcode, uint64_t len)
{
    int i;

    out[0] = (u_char) (0x80 | opcode);

    if (len < 126) {
        out[1] = (u_char) len;
        return 2;
    }

    if (len <= 0xffff) {
        out[1] = 126;
        out[2] = (u_char) (len >> 8);
        out[3] = (u_char) len;
        return 4;
    }

    out[1] = 127;

    for (i = 0; i < 8; i++) {
        out[2 + i] = (u_char) (len >> (56 - 8 * i));
    }

    return 10;
}


size_t
jm_ws_close(u_char *out, unsigned code, jm_str_t reason)
{
    size_t len;

    if (code == JM_WS_NO_CODE) {
        return 0;
    }

    len = reason.len < JM_WS_CONTROL_MAX - 2 ? reason.len
                                             : JM_WS_CONTROL_MAX - 2;

    out[0] = (u_char) (code >> 8);
    out[1] = (u_char) code;

    if (len != 0) {
        memcpy(out + 2, reason.data, len);
    }

    return 2 + len;
}


int
jm_ws_code_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014)
           || (code >= 3000 && code <= 4999);
}


int
jm_ws_key_valid(jm_str_t key)
{
    size_t i;
    u_char c;

    if (key.len != JM_WS_KEY_LEN || key.data[22] != '=' || key.data[23] != '=')
    {
        return 0;
    }

    for (i = 0; i < 22; i++) {
        c = key.data[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
              || (c >= '0' && c <= '9') || c == '+' || c == '/'))
        {
            return 0;
        }
    }

    return 1;
}


void
jm_ws_accept(jm_str_t key, u_char *out)
{
    u_char            text[JM_WS_KEY_LEN + 36];
    u_char            digest[SHA_DIGEST_LENGTH];
    u_char            base64[JM_WS_ACCEPT_LEN + 1];
    size_t            len;
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

    len = key.len < JM_WS_KEY_LEN ? key.len : JM_WS_KEY_LEN;

    memcpy(text, key.data, len);
    memcpy(text + len, guid, sizeof(guid) - 1);

    SHA1(text, len + sizeof(guid) - 1, digest);

    EVP_EncodeBlock(base64, digest, sizeof(digest));

    memcpy(out, base64, JM_WS_ACCEPT_LEN);
}


int
jm_ws_token_next(jm_str_t *list, jm_str_t *token)
{
    u_char *p, *last, *start, *end;

    p = list->data;
    last = p + list->len;

    while (p < last && (*p == ' ' || *p == '\t' || *p == ',')) {
        p++;
    }

    start = p;

    while (p < last && *p != ',') {
        p++;
    }

    end = p;

    while (end > start && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }

    list->data = p;
    list->len = last - p;

    token->data = start;
    token->len = end - start;

    return token->len != 0;
}


int
jm_ws_token_find(jm_str_t list, jm_str_t token)
{
    jm_str_t item;

    while (jm_ws_token_next(&list, &item)) {
        if (item.len == token.len
            && strncasecmp((char *) item.data, (char *) token.data, item.len)
                   == 0)
        {
            return 1;
        }
    }

    return 0;
}
