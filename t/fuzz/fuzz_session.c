/*
 * Feeds the SMTP session, cut into pieces whose sizes the input's first octet
 * sets, and watches it.  What must hold: commands that are executed are whole
 * CRLF lines outside data; a message ends where the book says it does and
 * holds what was sent; replies are well formed; how the input is cut changes
 * nothing (but for STARTTLS, which must be the last of its piece).
 */

#include <stdint.h>

#include "../unit/client.h"

#define CHECK(condition)                                                      \
    if (!(condition)) {                                                       \
        abort();                                                              \
    }

/* The input as a reader by the book sees it. */
typedef struct {
    client_t      client;
    const u_char *data;
    size_t        size;
    size_t        at;  /* where the present command line or message begins */
    size_t        end; /* where the present chunk ends */
} book_t;


/* The end of a message that begins at `at`: behind the first CRLF.CRLF, the
 * first CRLF being that of DATA's line. */

static size_t
find_end(const book_t *b, size_t at)
{
    size_t i;

    for (i = at - 2; i + 5 <= b->size; i++) {
        if (memcmp(b->data + i, "\r\n.\r\n", 5) == 0) {
            return i + 5;
        }
    }

    return 0;
}


/* What stands between, its first dots removed. */

static void
check_message(const book_t *b, size_t at, size_t end, const u_char *message,
              size_t len)
{
    size_t i, n;

    for (i = at, n = 0; i < end - 3; i++) {
        if (b->data[i] == '.' && b->data[i - 1] == '\n') {
            continue;
        }

        CHECK(n < len && message[n] == b->data[i]);
        n++;
    }

    CHECK(n == len);
}


static void
check_clean(const u_char *text, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        CHECK(text[i] != '\0');
        CHECK(text[i] != '\n' || (i != 0 && text[i - 1] == '\r'));
        CHECK(text[i] != '\r' || (i + 1 < len && text[i + 1] == '\n'));
    }
}


/* The octets [b->at, end) were taken for a command line. */

static void
check_line(const book_t *b, size_t end)
{
    size_t i;

    CHECK(end >= b->at + 2);
    CHECK(b->data[end - 1] == '\n' && b->data[end - 2] == '\r');

    for (i = b->at; i < end - 1; i++) {
        CHECK(b->data[i] != '\n');
    }
}


static size_t
chunk_size(const book_t *b)
{
    return strtoull((const char *) b->data + b->at + 5, NULL, 10);
}


static void
watch(client_t *c, jm_session_state_t before, jm_session_event_t event,
      const u_char *data, size_t len)
{
    book_t *b;

    b = (book_t *) c;

    CHECK(c->session.accepted <= c->conf.recipients);
    CHECK(event != JM_SESSION_MESSAGE || c->session.accepted != 0);
    CHECK(event != JM_SESSION_BODY || before != JM_SESSION_COMMAND);

    if (before == JM_SESSION_COMMAND && event != JM_SESSION_MORE
        && event != JM_SESSION_CLOSE && len != 0)
    {
        check_line(b, c->taken);

        if (c->session.state == JM_SESSION_CHUNK) {
            b->end = c->taken + chunk_size(b);
        }

        b->at = c->taken;
    }

    if (before == JM_SESSION_DATA && c->session.state != JM_SESSION_DATA) {
        CHECK(c->taken == find_end(b, b->at));

        if (event == JM_SESSION_MESSAGE) {
            check_message(b, b->at, c->taken, c->message.data, c->message.len);
        }

        b->at = c->taken;
    }

    if (before == JM_SESSION_CHUNK && c->session.state != JM_SESSION_CHUNK) {
        CHECK(c->taken == b->end);
        b->at = c->taken;
    }

    if (event == JM_SESSION_MESSAGE) {
        CHECK(c->message.len <= c->conf.message_size);
        CHECK(c->message.len == c->session.data.size);
        check_clean(c->message.data, c->message.len);
    }
}


/* RFC 5321, 4.2: three digits, then a blank or a hyphen; printable ASCII; at
 * most 512 octets. */

static void
check_replies(const client_text_t *text)
{
    const u_char *p, *q, *end;

    if (text->len == 0) {
        return;
    }

    p = text->data;
    end = p + text->len;

    while (p < end) {
        q = memchr(p, '\r', (size_t) (end - p));
        CHECK(q != NULL && q[1] == '\n');
        CHECK(q - p > 4 && q - p <= 510);
        CHECK(*p >= '2' && *p <= '5' && (p[3] == ' ' || p[3] == '-'));

        while (p < q) {
            CHECK(*p >= ' ' && *p < 0x7f);
            p++;
        }

        p += 2;
    }
}


static int
same(const client_text_t *a, const client_text_t *b)
{
    return a->len == b->len
           && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}


static void
run(book_t *b, const u_char *data, size_t size, size_t step, unsigned flags)
{
    size_t    at, n;
    client_t *c;

    memset(b, 0, sizeof(book_t));
    c = &b->client;

    client_init(c);
    c->watch = watch;
    c->conf.starttls = (flags & 1) != 0;
    c->conf.tls_required = (flags & 3) == 3;
    c->session.trusted = (flags & 4) != 0;
    b->data = data;
    b->size = size;

    for (at = 0; at < size && !c->closed; at += n) {
        n = size - at < step ? size - at : step;
        client_send(c, data + at, n);
    }

    check_replies(&c->replies);
}


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char *copy;
    size_t  step;
    book_t  whole, cut;

    if (size == 0) {
        return 0;
    }

    step = data[0] % 16 + 1;
    size--;

    /* strtoull() wants an end. */
    copy = malloc(size + 1);
    CHECK(copy != NULL);
    memcpy(copy, data + 1, size);
    copy[size] = '\0';

    /* A balancer's first octets are told from a client's only in one piece. */
    if (size >= 12 && memcmp(copy, "\r\n\r\n\0\r\nQUIT\n", 12) == 0) {
        step = size;
    }

    run(&whole, copy, size, size + 1, data[0] >> 4);
    run(&cut, copy, size, step, data[0] >> 4);

    if (!whole.client.conf.starttls) {
        CHECK(same(&whole.client.replies, &cut.client.replies));
        CHECK(same(&whole.client.events, &cut.client.events));
        CHECK(whole.client.session.errors == cut.client.session.errors);
    }

    client_free(&whole.client);
    client_free(&cut.client);
    free(copy);

    return 0;
}
