/*
 * render.c: what is stored is what will be served, so it must be valid JSON,
 * valid gzip, and headers that nothing in a mail can break out of.
 */

#define _GNU_SOURCE /* memmem */

#include "message_case.h"

#include <cjson/cJSON.h>
#include <zlib.h>

#include "render.h"

#define ID      "01890000-0000-7000-8000-000000000001"
#define ADDRESS "01890000-0000-7000-8000-000000000002"

static jm_rendered_t     shared;
static jm_rendered_for_t mail;


static void
render(const char *raw, size_t len, jm_str_t to)
{
    assert_int_equal(read_message(raw, len), 0);
    jm_render_shared(&shared, &message);
    jm_render_for(&mail, &message, ID, ADDRESS, to, 1704164645123);
}


/* The blob's content, NUL-terminated, after checking all that its header
 * claims.  The caller frees it. */
static char *
unpack(const jm_blob_t *blob, int gzip)
{
    int      rc;
    char    *out;
    z_stream z;

    out = malloc(blob->length + 1);
    memset(&z, 0, sizeof(z));
    assert_int_equal(inflateInit2(&z, gzip ? 31 : -15), Z_OK);
    z.next_in = blob->data.data;
    z.avail_in = blob->data.len;
    z.next_out = (u_char *) out;
    z.avail_out = blob->length + 1;
    rc = inflate(&z, Z_SYNC_FLUSH);
    assert_int_equal(rc, gzip ? Z_STREAM_END : Z_OK);
    assert_int_equal(z.avail_in, 0);
    assert_int_equal(z.total_out, blob->length);
    assert_int_equal(crc32(0, (u_char *) out, blob->length), blob->crc);

    /* A fragment ends at a byte border with an empty stored block. */
    if (!gzip) {
        assert_memory_equal(blob->data.data + blob->data.len - 4,
                            "\0\0\xff\xff", 4);
    }

    inflateEnd(&z);
    out[blob->length] = '\0';

    return out;
}


/* The whole Email object, parsed. */
static cJSON *
email(void)
{
    char  *bodies, *detail, *text;
    size_t size;
    cJSON *json;

    bodies = unpack(&shared.bodies, 0);
    detail = unpack(&mail.detail, 0);
    size = mail.summary.len + strlen(bodies) + strlen(detail) + 3;
    text = malloc(size);
    snprintf(text, size, "{%.*s%s%s}", (int) mail.summary.len,
             mail.summary.data, bodies, detail);
    json = cJSON_ParseWithOpts(text, NULL, 1);
    assert_non_null(json);
    free(bodies);
    free(detail);
    free(text);

    return json;
}


static const char *
string(cJSON *json, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItem(json, name));
}


static void
test_email(void **state)
{
    size_t      i;
    char       *page;
    cJSON      *json, *attachment;
    const char *raw =
        "From: \"A \\\"B\\\"\" <a@b.c>\nSubject: s\\ \"q\"\n"
        "Disposition-Notification-To: a@b.c\n"
        "Content-Type: multipart/mixed; boundary=x\n\n"
        "--x\n\nt\x01\\ \"q\" caf\xc3\xa9\n"
        "--x\nContent-Type: image/png; name=\"a\xc3\xa4.png\"\n\n"
        "\x89PNG\r\n\x1a\n\n--x--\n";

    static const char *names[] = { "id",
                                   "addressId",
                                   "type",
                                   "from",
                                   "fromName",
                                   "to",
                                   "subject",
                                   "receivedAt",
                                   "size",
                                   "preview",
                                   "codes",
                                   "bodyText",
                                   "bodyHtml",
                                   "headers",
                                   "attachments",
                                   "links",
                                   "trackers",
                                   "removed",
                                   "warnings",
                                   "remoteImages",
                                   "authentication",
                                   "trackersRemoved" };

    render(raw, strlen(raw), jm_str("box+tag@x.y"));
    json = email();

    for (i = 0; i < sizeof(names) / sizeof(char *); i++) {
        assert_true(cJSON_HasObjectItem(json, names[i]));
    }

    assert_string_equal(string(json, "id"), ID);
    assert_string_equal(string(json, "addressId"), ADDRESS);
    assert_string_equal(string(json, "type"), "received");
    assert_string_equal(string(json, "from"), "a@b.c");
    assert_string_equal(string(json, "fromName"), "A \"B\"");
    assert_string_equal(string(json, "to"), "box+tag@x.y");
    assert_string_equal(string(json, "subject"), "s\\ \"q\"");
    assert_string_equal(string(json, "receivedAt"),
                        "2024-01-02T03:04:05.123Z");
    assert_string_equal(string(json, "bodyText"),
                        "t\xef\xbf\xbd\\ \"q\" café");
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(json, "bodyHtml")));
    assert_int_equal(cJSON_GetObjectItem(json, "size")->valuedouble,
                     strlen(raw));

    attachment = cJSON_GetArrayItem(cJSON_GetObjectItem(json, "attachments"),
                                    0);
    assert_string_equal(string(attachment, "id"), "1");
    assert_string_equal(string(attachment, "filename"), "aä.png");
    assert_string_equal(string(attachment, "contentType"), "image/png");
    assert_string_equal(string(attachment, "url"),
                        "/api/v1/emails/" ID "/attachments/1");
    assert_string_equal(
        string(cJSON_GetArrayItem(cJSON_GetObjectItem(json, "warnings"), 0),
               "code"),
        "read-receipt");
    cJSON_Delete(json);

    assert_int_equal(shared.nparts, 1);
    assert_true(shared.has_attachments);
    assert_int_equal(shared.size, strlen(raw));
    assert_str(shared.parts[0].content_type, "image/png");
    assert_str(shared.parts[0].disposition, "attachment; filename=\"a_.png\"; "
                                            "filename*=UTF-8''a%C3%A4.png");

    page = unpack(&shared.html, 1);
    assert_memory_equal(page,
                        "<!DOCTYPE html><html><head>"
                        "<meta charset=\"utf-8\">",
                        49);
    assert_non_null(strstr(page, "content=\"no-referrer\""));
    assert_non_null(strstr(page, "</body></html>"));
    free(page);

    page = unpack(&shared.raw, 1);
    assert_string_equal(page, raw);
    free(page);
}


static void
test_search(void **state)
{
    const char *raw = "From: \xc3\x84"
                      "da <A@b.c>\nSubject: Caf\xc3\xa9\n\nSome TEXT";

    render(raw, strlen(raw), jm_str("Box@X.y"));
    assert_str(mail.search, "ada a@b.c cafe box@x.y some text");
}


static void
test_search_limit(void **state)
{
    char raw[5000];

    memset(raw, 'x', sizeof(raw));
    memcpy(raw, "Subject: ", 9);
    memcpy(raw + 2000, "\nFrom: ", 7);
    memcpy(raw + 4000, "\n\n", 2);
    render(raw, sizeof(raw), jm_str("box@x.y"));
    assert_true(mail.search.len <= 600);
    assert_non_null(memmem(mail.search.data, mail.search.len, "box@x.y", 7));
}


/* An envelope address may be any bytes. */
static void
test_recipient(void **state)
{
    cJSON *json;

    render("\n", 1, jm_str("b\xff\"\0x\r\n@x.y"));
    json = email();
    assert_string_equal(string(json, "to"), "b\xc3\xbf\"x\r\n@x.y");
    cJSON_Delete(json);
}


/* RFC 6266: whatever the name, one line of visible ASCII, quotes balanced. */
static void
test_disposition(void **state)
{
    size_t        i, n;
    u_char        name[64];
    unsigned      quotes;
    jm_str_t      value;
    jm_message_t  m;
    jm_rendered_t r;

    jm_attachment_t attachment;

    srand(7);
    jm_arena_reset(arena);

    for (n = 0; n < 2000; n++) {
        memset(&m, 0, sizeof(m));
        memset(&attachment, 0, sizeof(attachment));
        m.arena = arena;
        m.attachments = &attachment;
        m.nattachments = 1;
        attachment.filename.data = name;
        attachment.filename.len = 1 + n % sizeof(name);
        attachment.content_type = jm_str("image/svg+xml");
        attachment.data = jm_str("GIF89a");
        attachment.is_inline = n % 2;

        for (i = 0; i < attachment.filename.len; i++) {
            name[i] = rand() >> 5;
        }

        if (setjmp(*jm_arena_guard(arena)) != 0) {
            fail();
        }

        jm_render_shared(&r, &m);
        value = r.parts[0].disposition;

        for (i = 0, quotes = 0; i < value.len; i++) {
            assert_true(value.data[i] >= 0x20 && value.data[i] < 0x7f);
            quotes += value.data[i] == '"';
            assert_int_not_equal(value.data[i], '\\');
        }

        assert_int_equal(quotes, 2);
        jm_arena_reset(arena);
    }
}


static void
test_types(void **state)
{
    size_t i;
    char   raw[1000];

    static const struct {
        const char *declared;
        const char *data;
        const char *sent;
        int         is_inline;
    } rows[] = {
        { "image/png", "\x89PNG\r\n\x1a\n", "image/png", 1 },
        { "image/png", "GIF89a", "image/gif", 1 },
        { "image/jpg", "\xff\xd8\xff", "image/jpeg", 1 },
        { "image/webp", "RIFF1234WEBP", "image/webp", 1 },
        { "image/png", "<script>", "application/octet-stream", 0 },
        { "image/svg+xml", "<svg>", "application/octet-stream", 0 },
        { "text/html", "GIF89a", "application/octet-stream", 0 },
        { "application/octet-stream", "GIF89a", "image/gif", 0 },
        { "application/pdf", "%PDF-1.4", "application/pdf", 0 },
        { "application/pdf", "<html>", "application/octet-stream", 0 },
        { "text/plain", "x", "text/plain", 0 },
        { "text/x-python", "x", "application/octet-stream", 0 },
        { "application/xhtml+xml", "x", "application/octet-stream", 0 },
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(raw, sizeof(raw),
                 "Content-Type: multipart/related; boundary=x\r\n\r\n"
                 "--x\r\nContent-Type: text/html\r\n\r\n<p>h</p>\r\n"
                 "--x\r\nContent-Type: %s; name=n\r\nContent-ID: <i>\r\n\r\n"
                 "%s\r\n--x--\r\n",
                 rows[i].declared, rows[i].data);
        render(raw, strlen(raw), jm_str("x@y"));
        assert_int_equal(shared.nparts, 1);
        assert_str(shared.parts[0].content_type, rows[i].sent);
        assert_int_equal(shared.parts[0].is_inline, rows[i].is_inline);
        assert_memory_equal(shared.parts[0].disposition.data,
                            rows[i].is_inline ? "inline; " : "attachment; ",
                            8);
    }
}


/* Sizes around what igzip buffers, of bytes that cannot be compressed. */
static void
test_sizes(void **state)
{
    char  *raw, *back;
    size_t i, len;

    raw = malloc(3000000);
    srand(3);

    for (i = 0; i < 3000000; i++) {
        raw[i] = rand() >> 9;
    }

    for (len = 0; len < 3000000; len = len * 3 + 1) {
        render(raw, len, jm_str("x@y"));
        back = unpack(&shared.raw, 1);
        assert_memory_equal(back, raw, len);
        free(back);
        free(unpack(&shared.bodies, 0));
        free(unpack(&mail.detail, 0));
        free(unpack(&shared.html, 1));
    }

    free(raw);
}


static void
test_unparsed(void **state)
{
    cJSON *json;

    jm_arena_reset(arena);

    if (setjmp(*jm_arena_guard(arena)) != 0) {
        fail();
    }

    jm_message_unparsed(&message, arena, jm_str("Subject: x\n\ny"));
    jm_render_shared(&shared, &message);
    jm_render_for(&mail, &message, ID, ADDRESS, jm_str("a@b"), 0);
    json = email();
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(json, "bodyText")));
    assert_string_equal(
        string(cJSON_GetArrayItem(cJSON_GetObjectItem(json, "warnings"), 0),
               "code"),
        "unparsed");
    cJSON_Delete(json);
}


static void
render_within(size_t ceiling)
{
    jm_arena_t *own;

    own = jm_arena_create(ceiling);

    if (setjmp(*jm_arena_guard(own)) == 0) {
        jm_message_read(&message, own,
                        jm_str("Subject: x\n\n<http://example.org> y"));
        jm_render_shared(&shared, &message);
        jm_render_for(&mail, &message, ID, ADDRESS, jm_str("a@b"), 0);
    }

    jm_arena_destroy(own);
}


/* The arena may end inside cJSON; cJSON must work again afterwards. */
static void
test_full_arena(void **state)
{
    size_t ceiling;
    cJSON *json;

    for (ceiling = 1000; ceiling < 300000; ceiling += 2003) {
        render_within(ceiling);
    }

    render("\n", 1, jm_str("a@b"));
    json = email();
    cJSON_Delete(json);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_email),        cmocka_unit_test(test_search),
        cmocka_unit_test(test_search_limit), cmocka_unit_test(test_recipient),
        cmocka_unit_test(test_disposition),  cmocka_unit_test(test_types),
        cmocka_unit_test(test_sizes),        cmocka_unit_test(test_unparsed),
        cmocka_unit_test(test_full_arena),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, setup, teardown);
}
