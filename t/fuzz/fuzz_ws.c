/*
 * Feeds the WebSocket parser and the handshake's helpers.  What it must hold:
 * payloads lie where they should, no message passes the limit, nothing comes
 * after the end, and the events are the same however the input is cut.
 */

#include <stdint.h>
#include <stdlib.h>

#include "jm_ws.h"

#define MAX 512

#define CHECK(condition)                                                      \
    if (!(condition)) {                                                       \
        abort();                                                              \
    }

/* A digest of the events that does not depend on the cuts. */
typedef struct {
    jm_ws_t  ws;
    uint64_t sum;
    size_t   message;
    unsigned done;
} reader_t;


static void
mix(reader_t *r, const u_char *p, size_t len)
{
    while (len--) {
        r->sum = (r->sum ^ *p++) * 1099511628211u;
    }
}


static void
check_event(reader_t *r, jm_ws_event_t event, const jm_ws_frame_t *f)
{
    u_char mark;

    CHECK(!r->done);

    mark = (u_char) (event << 5 | f->opcode);

    switch (event) {

    case JM_WS_DATA:
        CHECK(f->opcode == JM_WS_TEXT || f->opcode == JM_WS_BINARY);
        r->message += f->payload.len;
        CHECK(r->message <= MAX);

        mix(r, f->payload.data, f->payload.len);

        CHECK(f->whole || !f->end);

        if (f->whole) {
            mix(r, &mark, 1);
        }

        if (f->end) {
            mix(r, &mark, 1);
            r->message = 0;
        }

        return;

    case JM_WS_FAILED:
        CHECK(f->code == JM_WS_PROTOCOL || f->code == JM_WS_BAD_TEXT
              || f->code == JM_WS_TOO_BIG);
        r->done = 1;

        /* A cut changes how much of a bad text was given before. */

        r->sum = f->code;
        return;

    case JM_WS_CLOSED:
        CHECK(f->code == JM_WS_NO_CODE || jm_ws_code_valid(f->code));
        r->done = 1;
        break;

    default:
        CHECK(f->opcode == JM_WS_PING || f->opcode == JM_WS_PONG);
        break;
    }

    CHECK(f->payload.len <= JM_WS_CONTROL_MAX);
    mix(r, &mark, 1);
    mix(r, f->payload.data, f->payload.len);
}


static void
feed(reader_t *r, const uint8_t *data, size_t size)
{
    u_char       *copy;
    jm_str_t      in;
    jm_ws_event_t event;
    jm_ws_frame_t f;

    copy = malloc(size + 1);
    CHECK(copy != NULL);
    memcpy(copy, data, size);

    in.data = copy;
    in.len = size;

    while ((event = jm_ws_read(&r->ws, &in, &f)) != JM_WS_MORE) {
        if (event == JM_WS_DATA && f.payload.len != 0) {
            CHECK(f.payload.data >= copy);
            CHECK(f.payload.data + f.payload.len <= copy + size);
        }

        check_event(r, event, &f);
    }

    CHECK(in.len == 0);

    free(copy);
}


static void
check_handshake(jm_str_t text)
{
    u_char   accept[JM_WS_ACCEPT_LEN], close[JM_WS_CONTROL_MAX];
    jm_str_t list, token;

    if (jm_ws_key_valid(text)) {
        jm_ws_accept(text, accept);
    }

    list = text;

    while (jm_ws_token_next(&list, &token)) {
        CHECK(token.len != 0 && token.data >= text.data);
        CHECK(token.data + token.len <= text.data + text.len);
        CHECK(jm_ws_token_find(text, token));

        /* The search is quadratic in the fuzzer's lists of a thousand. */

        if (text.len > 200) {
            break;
        }
    }

    CHECK(jm_ws_close(close, JM_WS_POLICY, text) <= JM_WS_CONTROL_MAX);
}


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t   i, cut;
    reader_t whole = { 0 }, halves = { 0 }, bytes = { 0 };
    jm_str_t text;

    jm_ws_init(&whole.ws, MAX);
    jm_ws_init(&halves.ws, MAX);
    jm_ws_init(&bytes.ws, MAX);

    cut = size ? data[0] % size : 0;

    feed(&whole, data, size);

    feed(&halves, data, cut);
    feed(&halves, data + cut, size - cut);

    for (i = 0; i < size; i++) {
        feed(&bytes, data + i, 1);
    }

    CHECK(whole.sum == halves.sum && whole.sum == bytes.sum);
    CHECK(whole.done == halves.done && whole.done == bytes.done);

    text.data = (u_char *) data;
    text.len = size;

    check_handshake(text);

    return 0;
}
