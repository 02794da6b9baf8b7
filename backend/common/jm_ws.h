/*
 * The WebSocket codec of RFC 6455, server side: what the handshake needs, an
 * incremental parser of client frames, and the headers of our own frames.
 * Plain bytes in, events out; allocates nothing, and may be cut at any byte.
 * Used by ngx_junkmail_websocket.c; no extension is ever negotiated, so RSV
 * bits are always errors.
 */

#ifndef JM_WS_H
#define JM_WS_H

#include <stdint.h>

#include "jm_str.h"

#define JM_WS_ACCEPT_LEN  28  /* base64 of a SHA-1 */
#define JM_WS_HEADER_MAX  10  /* of a frame we send: never masked */
#define JM_WS_CONTROL_MAX 125 /* payload of a control frame */

/* Opcodes, RFC 6455, 11.8. */
#define JM_WS_CONTINUE 0x0
#define JM_WS_TEXT     0x1
#define JM_WS_BINARY   0x2
#define JM_WS_CLOSE    0x8
#define JM_WS_PING     0x9
#define JM_WS_PONG     0xa

/* Close codes, RFC 6455, 7.4.1 and IANA's registry. */
#define JM_WS_GOING_AWAY  1001
#define JM_WS_PROTOCOL    1002
#define JM_WS_UNSUPPORTED 1003
#define JM_WS_NO_CODE     1005 /* never on the wire */
#define JM_WS_ABNORMAL    1006 /* never on the wire */
#define JM_WS_BAD_TEXT    1007
#define JM_WS_POLICY      1008
#define JM_WS_TOO_BIG     1009
#define JM_WS_TRY_LATER   1013

typedef enum {
    JM_WS_MORE = 0, /* the input is used up */
    JM_WS_DATA,     /* a piece of a text or binary message */
    JM_WS_CONTROL,  /* a whole ping or pong */
    JM_WS_CLOSED,   /* the peer's close frame; nothing is read after it */
    JM_WS_FAILED    /* fail the connection; nothing is read after it */
} jm_ws_event_t;

/* The parser's state: zeroed, but for `max`, by jm_ws_init(). */
typedef struct {
    uint32_t left;    /* payload bytes of the current frame still to come */
    uint32_t message; /* payload bytes of the current message so far */
    uint32_t max;     /* largest message */
    u_char   mask[4];
    uint8_t  have;      /* bytes of the header so far */
    uint8_t  need;      /* its length, as far as known */
    uint8_t  turn;      /* which mask byte is next */
    uint8_t  opcode;    /* of the current frame */
    uint8_t  type;      /* of the current message; 0: none is open */
    uint8_t  held;      /* bytes of a control frame's payload so far */
    uint8_t  utf8_need; /* continuation bytes that the text still owes */
    uint8_t  utf8_low;  /* smallest and largest next one */
    uint8_t  utf8_high;
    unsigned fin : 1;
    unsigned payload : 1;              /* past the header */
    unsigned done : 1;                 /* closed or failed */
    u_char   bytes[JM_WS_CONTROL_MAX]; /* the current frame's header, then a
                                          control frame's payload */
} jm_ws_t;

/* What an event carries. */
typedef struct {
    jm_str_t payload; /* DATA: a piece of the input, unmasked in place.
                         CONTROL: all of it; CLOSED: the reason; both point
                         into the parser until the next call */
    unsigned opcode;  /* DATA: the message's; CONTROL: the frame's */
    unsigned code;    /* CLOSED: the peer's, JM_WS_NO_CODE when it gave none.
                         FAILED: the one to close with */
    unsigned whole;   /* DATA: this piece ends the frame */
    unsigned end;     /* DATA: this piece ends the message */
} jm_ws_frame_t;

/* `max`: bytes of the largest message taken, over all its fragments. */
void jm_ws_init(jm_ws_t *ws, uint32_t max);

/*
 * Reads on from `in`, which it shortens by what it took, up to the next
 * event; call again until JM_WS_MORE.  The input is changed (unmasked).
 * After JM_WS_CLOSED and JM_WS_FAILED everything is taken and dropped.
 */
jm_ws_event_t jm_ws_read(jm_ws_t *ws, jm_str_t *in, jm_ws_frame_t *out);

/* Writes the header of a final, unmasked frame; its length, 2, 4 or 10.
 * `out` has room for JM_WS_HEADER_MAX. */
size_t jm_ws_header(u_char *out, unsigned opcode, uint64_t len);

/*
 * Writes the payload of a close frame, at most JM_WS_CONTROL_MAX bytes: the
 * code and as much of `reason` (ASCII) as fits.  Nothing for JM_WS_NO_CODE.
 */
size_t jm_ws_close(u_char *out, unsigned code, jm_str_t reason);

/* 1 when a peer may send this close code (RFC 6455, 7.4). */
int jm_ws_code_valid(unsigned code);

/* 1 when `key` is the base64 of 16 octets (RFC 6455, 4.1, item 7). */
int jm_ws_key_valid(jm_str_t key);

/* The Sec-WebSocket-Accept of `key`: JM_WS_ACCEPT_LEN characters, no NUL. */
void jm_ws_accept(jm_str_t key, u_char *out);

/*
 * Takes the next element off a comma-separated header value, white space
 * around it removed; empty elements are skipped (RFC 9110, 5.6.1).  1, or 0
 * when there is none left.
 */
int jm_ws_token_next(jm_str_t *list, jm_str_t *token);

/* 1 when `token`, in any case, is an element of the list. */
int jm_ws_token_find(jm_str_t list, jm_str_t token);

#endif /* JM_WS_H */
