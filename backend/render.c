/*
 * The rendering behind render.h: cJSON makes the JSON, igzip compresses it,
 * attachments get the header values they will be served with.
 *
 * cJSON allocates through hooks that take from the message's arena while one
 * of the two public functions runs, so a failing arena can jump out of the
 * middle of cJSON and leave nothing behind.  Nothing else in the process uses
 * cJSON while a message's arena lives.
 */

#include "render.h"

#include <stdio.h>

#include <cjson/cJSON.h>
#include <isa-l.h>

#include "charset.h"
#include "html_report.h"
#include "jm_fold.h"
#include "jm_id.h"
#include "media.h"

#define JM_SEARCH_MAX 600
#define JM_SEARCH_FIELD                                                       \
    160 /* of it for sender and subject each, and address */

#define JM_PAGE_HEAD                                                          \
    "<!DOCTYPE html><html><head><meta charset=\"utf-8\">"                     \
    "<meta name=\"referrer\" content=\"no-referrer\">"                        \
    "<meta name=\"viewport\" content=\"width=device-width\">"                 \
    "<style>body{margin:0;background:#fff;color:#000;"                        \
    "font-family:system-ui,sans-serif;overflow-wrap:break-word}"              \
    ".jm-body{box-sizing:border-box;min-height:100vh;padding:12px}"           \
    "img{max-width:100%}</style></head><body>"
#define JM_PAGE_TAIL "</body></html>"

static jm_arena_t *jm_render_arena;

/* Too big for the stack, and one message is rendered at a time. */
static struct isal_zstream jm_render_stream;
static uint8_t             jm_render_level[ISAL_DEF_LVL1_DEFAULT];


static void *
jm_render_malloc(size_t size)
{
    return jm_arena_take(jm_render_arena, size);
}


static void
jm_render_free(void *p)
{
    /* The arena frees it with the message. */
}


static void
jm_render_begin(jm_arena_t *arena)
{
    cJSON_Hooks hooks;

    jm_render_arena = arena;
    hooks.malloc_fn = jm_render_malloc;
    hooks.free_fn = jm_render_free;
    cJSON_InitHooks(&hooks);
}


static void
jm_render_end(void)
{
    cJSON_InitHooks(NULL);
    jm_render_arena = NULL;
}


/*
 * One igzip run.  `gzip`: a whole member; otherwise raw deflate that ends at a
 * byte border and leaves the stream open for the next fragment.
 */
static jm_blob_t
jm_render_deflate(jm_arena_t *arena, jm_str_t in, int gzip)
{
    size_t               size, done;
    u_char              *grown;
    jm_blob_t            blob;
    struct isal_zstream *z;

    z = &jm_render_stream;
    isal_deflate_init(z);
    z->level = 1;
    z->level_buf = jm_render_level;
    z->level_buf_size = sizeof(jm_render_level);
    z->gzip_flag = gzip ? IGZIP_GZIP : IGZIP_DEFLATE;
    z->flush = gzip ? NO_FLUSH : SYNC_FLUSH;
    z->end_of_stream = gzip ? 1 : 0;
    z->next_in = in.data;
    z->avail_in = in.len;

    blob.crc = crc32_gzip_refl(0, in.data, in.len);
    blob.length = in.len;
    size = in.len + in.len / 8 + 256;
    blob.data.data = jm_arena_take(arena, size);
    done = 0;

    for (;;) {
        z->next_out = blob.data.data + done;
        z->avail_out = size - done;
        (void) isal_deflate(z);
        done = size - z->avail_out;

        if (z->avail_out != 0) {
            break;
        }

        grown = jm_arena_take(arena, size * 2);
        memcpy(grown, blob.data.data, done);
        blob.data.data = grown;
        size *= 2;
    }

    blob.data.len = done;

    return blob;
}


/*
 * cJSON's strings end at a NUL and it checks no encoding: what did not come
 * through charset.c (an envelope address) is repaired here.
 */
static cJSON *
jm_render_string(jm_str_t s)
{
    unsigned cut;

    if (!jm_charset_valid(s)) {
        s = jm_charset_body(jm_render_arena, s, JM_CHARSET_GUESS, 0, s.len * 4,
                            &cut);
    }

    return cJSON_CreateStringReference(
        jm_arena_cstr(jm_render_arena, s.data, s.len));
}


static void
jm_render_add(cJSON *object, const char *name, jm_str_t s)
{
    cJSON_AddItemToObject(object, name, jm_render_string(s));
}


/* null when the mail has no such thing. */
static void
jm_render_add_or_null(cJSON *object, const char *name, jm_str_t s)
{
    if (s.len != 0) {
        jm_render_add(object, name, s);

    } else {
        cJSON_AddNullToObject(object, name);
    }
}


/* The object's members without its braces; with `more`, behind a comma. */
static jm_str_t
jm_render_members(const cJSON *object, int more)
{
    char    *text;
    jm_str_t members;

    text = cJSON_PrintUnformatted(object);
    members.data = (u_char *) text + 1;
    members.len = strlen(text) - 2;
    members.data[members.len] = '\0';

    if (more) {
        *--members.data = ',';
        members.len++;
    }

    return members;
}


/*
 * RFC 6266 and 8187: the name twice, in ASCII for old programs and in UTF-8.
 * Neither can hold a quote, a backslash, a CR or an LF.
 */
static jm_str_t
jm_render_disposition(jm_arena_t *arena, const jm_attachment_t *att,
                      int is_inline)
{
    size_t   i;
    u_char   c;
    jm_buf_t out;

    jm_buf_init(&out, arena, 2048);
    jm_buf_adds(&out,
                is_inline ? "inline; filename=\"" : "attachment; filename=\"");

    for (i = 0; i < att->filename.len; i++) {
        c = att->filename.data[i];

        if ((c & 0xc0) == 0x80) {
            continue; /* one underscore a character */
        }

        jm_buf_addc(&out,
                    c < 0x20 || c >= 0x7f || strchr("\"\\%/", c) ? '_' : c);
    }

    jm_buf_adds(&out, "\"; filename*=UTF-8''");

    for (i = 0; i < att->filename.len; i++) {
        c = att->filename.data[i];

        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
            || (c >= 'a' && c <= 'z')
            || (c != '\0' && strchr("!#$&+-.^_`|~", c) != NULL))
        {
            jm_buf_addc(&out, c);

        } else {
            jm_buf_printf(&out, "%%%02X", c);
        }
    }

    return jm_buf_str(&out);
}


static void
jm_render_parts(jm_rendered_t *out, const jm_message_t *m)
{
    size_t                 i;
    const char            *type;
    jm_rendered_part_t    *part;
    const jm_attachment_t *att;

    out->nparts = m->nattachments;
    out->parts = jm_arena_alloc(m->arena, (m->nattachments + 1)
                                              * sizeof(jm_rendered_part_t));

    for (i = 0; i < m->nattachments; i++) {
        att = &m->attachments[i];
        part = &out->parts[i];
        part->is_inline = att->is_inline
                          && jm_media_inline(att->content_type, att->data)
                                 != NULL;

        type = jm_media_safe(att->content_type, att->data);
        part->content_type = (jm_str_t){ (u_char *) type, strlen(type) };
        part->disposition = jm_render_disposition(m->arena, att,
                                                  part->is_inline);
        part->data = att->data;
        out->has_attachments |= !att->is_inline;
    }
}


jm_str_t
jm_render_page(const jm_message_t *m)
{
    jm_buf_t page;

    jm_buf_init(&page, m->arena,
                sizeof(JM_PAGE_HEAD) + sizeof(JM_PAGE_TAIL)
                    + m->clean.html.len);
    jm_buf_adds(&page, JM_PAGE_HEAD);
    jm_buf_add(&page, m->clean.html.data, m->clean.html.len);
    jm_buf_adds(&page, JM_PAGE_TAIL);

    return jm_buf_str(&page);
}


/* The HTML is null for a mail of text alone: its page is made from the text,
 * but it is not the sender's HTML. */
static jm_str_t
jm_render_bodies(const jm_message_t *m)
{
    cJSON *object;

    object = cJSON_CreateObject();

    if (m->text.data != NULL) {
        jm_render_add(object, "bodyText", m->text);

    } else {
        cJSON_AddNullToObject(object, "bodyText");
    }

    jm_render_add_or_null(object, "bodyHtml",
                          m->html.data != NULL ? m->clean.html
                                               : (jm_str_t){ NULL, 0 });

    return jm_render_members(object, 1);
}


void
jm_render_shared(jm_rendered_t *out, const jm_message_t *m)
{
    jm_render_begin(m->arena);
    memset(out, 0, sizeof(jm_rendered_t));

    out->bodies = jm_render_deflate(m->arena, jm_render_bodies(m), 0);
    out->html = jm_render_deflate(m->arena, jm_render_page(m), 1);
    out->raw = jm_render_deflate(m->arena, m->raw, 1);
    out->size = m->raw.len;
    jm_render_parts(out, m);
    jm_render_end();
}


static jm_str_t
jm_render_summary(const jm_message_t *m, const char *id,
                  const char *address_id, jm_str_t to, int64_t received_ms)
{
    char   when[25];
    cJSON *object, *codes;
    size_t i;

    jm_iso_time(received_ms, when);
    object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "id", id);
    cJSON_AddStringToObject(object, "addressId", address_id);
    cJSON_AddStringToObject(object, "type", "received");
    jm_render_add(object, "from", m->from);
    jm_render_add_or_null(object, "fromName", m->from_name);
    jm_render_add(object, "to", to);
    jm_render_add(object, "subject", m->subject);
    cJSON_AddStringToObject(object, "receivedAt", when);
    cJSON_AddNumberToObject(object, "size", m->raw.len);
    jm_render_add(object, "preview", m->preview);
    codes = cJSON_AddArrayToObject(object, "codes");

    for (i = 0; i < m->ncodes; i++) {
        cJSON_AddItemToArray(codes, jm_render_string(m->codes[i]));
    }

    cJSON_AddNumberToObject(object, "trackersRemoved", m->clean.ntrackers);

    return jm_render_members(object, 0);
}


static void
jm_render_attachments(cJSON *object, const jm_message_t *m, const char *id)
{
    cJSON                 *list, *item;
    size_t                 i;
    jm_str_t               n;
    const jm_attachment_t *att;

    list = cJSON_AddArrayToObject(object, "attachments");

    for (i = 0; i < m->nattachments; i++) {
        att = &m->attachments[i];
        n = jm_arena_printf(m->arena, "%zu", i + 1);

        item = cJSON_CreateObject();
        cJSON_AddItemToArray(list, item);
        jm_render_add(item, "id", n);
        jm_render_add(item, "filename", att->filename);
        jm_render_add(item, "contentType", att->content_type);
        cJSON_AddNumberToObject(item, "size", att->data.len);
        jm_render_add_or_null(item, "contentId", att->content_id);
        cJSON_AddBoolToObject(item, "isInline", att->is_inline);
        jm_render_add(item, "url",
                      jm_arena_printf(m->arena,
                                      "/api/v1/emails/%s/attachments/%zu", id,
                                      i + 1));
    }
}


static void
jm_render_headers(cJSON *object, const jm_message_t *m)
{
    cJSON *headers;

    headers = cJSON_AddObjectToObject(object, "headers");
    jm_render_add_or_null(headers, "date", m->date);
    jm_render_add_or_null(headers, "messageId", m->message_id);
    jm_render_add_or_null(headers, "inReplyTo", m->in_reply_to);
    jm_render_add_or_null(headers, "replyTo", m->reply_to);
    jm_render_add_or_null(headers, "cc", m->cc);
    jm_render_add_or_null(headers, "listUnsubscribe", m->list_unsubscribe);
}


static void
jm_render_trackers(cJSON *object, const jm_message_t *m)
{
    cJSON              *list, *item;
    size_t              i;
    const jm_tracker_t *tracker;

    list = cJSON_AddArrayToObject(object, "trackers");

    for (i = 0; i < m->clean.ntrackers; i++) {
        tracker = &m->clean.trackers[i];
        item = cJSON_CreateObject();
        cJSON_AddItemToArray(list, item);
        cJSON_AddStringToObject(item, "kind", tracker->kind);
        jm_render_add(item, "vendor", tracker->vendor);
        jm_render_add(item, "host", tracker->host);
        cJSON_AddNumberToObject(item, "count", tracker->count);

        if (tracker->inferred) {
            cJSON_AddBoolToObject(item, "inferred", 1);
        }

        if (tracker->kept) {
            cJSON_AddBoolToObject(item, "removed", 0);
        }
    }

    jm_render_add(object, "trackersText",
                  jm_report_sentence(&m->clean, m->arena));
    list = cJSON_AddArrayToObject(object, "possibleTrackers");

    for (i = 0; i < m->clean.npossible; i++) {
        item = cJSON_CreateObject();
        cJSON_AddItemToArray(list, item);
        jm_render_add(item, "host", m->clean.possible[i].host);
        cJSON_AddNumberToObject(item, "count", m->clean.possible[i].count);
    }
}


static void
jm_render_removed(cJSON *object, const jm_removed_t *removed)
{
    cJSON *counts;

    counts = cJSON_AddObjectToObject(object, "removed");
    cJSON_AddNumberToObject(counts, "script", removed->script);
    cJSON_AddNumberToObject(counts, "form", removed->form);
    cJSON_AddNumberToObject(counts, "media", removed->media);
    cJSON_AddNumberToObject(counts, "image", removed->image);
    cJSON_AddNumberToObject(counts, "style", removed->style);
    cJSON_AddNumberToObject(counts, "frame", removed->frame);
    cJSON_AddNumberToObject(counts, "link", removed->link);
    cJSON_AddNumberToObject(counts, "other", removed->other);
}


static void
jm_render_warning(cJSON *list, const char *code, jm_str_t text, jm_str_t host)
{
    cJSON *item;

    item = cJSON_CreateObject();
    cJSON_AddItemToArray(list, item);
    cJSON_AddStringToObject(item, "code", code);
    jm_render_add(item, "text", text);
    jm_render_add_or_null(item, "host", host);
}


static void
jm_render_warnings(cJSON *object, const jm_message_t *m)
{
    cJSON         *list;
    size_t         i;
    jm_warning_t  *w;
    const jm_str_t nowhere = { NULL, 0 };

    list = cJSON_AddArrayToObject(object, "warnings");

    for (i = 0; i < m->clean.nwarnings; i++) {
        w = &m->clean.warnings[i];
        jm_render_warning(list, w->code, w->text, w->host);
    }

    if (m->receipt_requested) {
        jm_render_warning(list, "read-receipt",
                          jm_str("The sender asked for a read receipt; none "
                                 "is ever sent."),
                          nowhere);
    }

    if (m->cut || m->clean.cut) {
        jm_render_warning(list, "cut",
                          jm_str("The mail goes beyond a limit and is not "
                                 "shown whole; its source is complete."),
                          nowhere);
    }

    if (m->unparsed) {
        jm_render_warning(list, "unparsed",
                          jm_str("The mail could not be read safely; only "
                                 "its source is kept."),
                          nowhere);
    }
}


static void
jm_render_links(cJSON *object, const jm_message_t *m)
{
    cJSON *list, *item;
    size_t i;

    list = cJSON_AddArrayToObject(object, "links");

    for (i = 0; i < m->clean.nlinks; i++) {
        item = cJSON_CreateObject();
        cJSON_AddItemToArray(list, item);
        jm_render_add(item, "href", m->clean.links[i].href);
        jm_render_add(item, "text", m->clean.links[i].text);
    }
}


static void
jm_render_add_pixels(cJSON *object, const char *name, uint32_t pixels)
{
    if (pixels != 0) {
        cJSON_AddNumberToObject(object, name, pixels);

    } else {
        cJSON_AddNullToObject(object, name);
    }
}


static void
jm_render_images(cJSON *object, const jm_message_t *m)
{
    cJSON                   *list, *item;
    size_t                   i;
    const jm_remote_image_t *image;

    list = cJSON_AddArrayToObject(object, "remoteImages");

    for (i = 0; i < m->clean.nimages; i++) {
        image = &m->clean.images[i];
        item = cJSON_CreateObject();
        cJSON_AddItemToArray(list, item);
        cJSON_AddNumberToObject(item, "index", image->index);
        jm_render_add(item, "url", image->url);
        jm_render_add_pixels(item, "width", image->width);
        jm_render_add_pixels(item, "height", image->height);
        jm_render_add(item, "alt", image->alt);
    }
}


static jm_str_t
jm_render_detail(const jm_message_t *m, const char *id)
{
    cJSON *object;

    object = cJSON_CreateObject();
    jm_render_attachments(object, m, id);
    jm_render_headers(object, m);
    jm_render_trackers(object, m);
    jm_render_removed(object, &m->clean.removed);
    jm_render_warnings(object, m);
    jm_render_links(object, m);
    cJSON_AddObjectToObject(object, "authentication");
    jm_render_images(object, m);

    return jm_render_members(object, 1);
}


jm_str_t
jm_render_email(const jm_message_t *m, const char *id, const char *address_id,
                jm_str_t to, int64_t received_ms)
{
    jm_str_t summary, bodies, detail, email;

    jm_render_begin(m->arena);
    summary = jm_render_summary(m, id, address_id, to, received_ms);
    bodies = jm_render_bodies(m);
    detail = jm_render_detail(m, id);
    jm_render_end();

    email = jm_arena_printf(m->arena,
                            "{\"isRead\":false,\"isStarred\":false,"
                            "\"isDeleted\":false,%.*s%.*s%.*s}\n",
                            (int) summary.len, summary.data, (int) bodies.len,
                            bodies.data, (int) detail.len, detail.data);

    return email;
}


static void
jm_render_search_add(u_char *line, size_t *len, jm_str_t text, size_t max)
{
    size_t room, done;

    if (*len + 1 >= JM_SEARCH_MAX || text.len == 0) {
        return;
    }

    if (*len != 0) {
        line[(*len)++] = ' ';
    }

    room = JM_SEARCH_MAX - *len;
    done = jm_fold(text, line + *len, room < max ? room : max);
    *len += done;
}


/* The preview comes last and takes what room is left. */
static jm_str_t
jm_render_search(const jm_message_t *m, jm_str_t to)
{
    size_t len;
    u_char line[JM_SEARCH_MAX];

    len = 0;
    jm_render_search_add(line, &len, m->from_name, JM_SEARCH_FIELD);
    jm_render_search_add(line, &len, m->from, JM_SEARCH_FIELD);
    jm_render_search_add(line, &len, m->subject, JM_SEARCH_FIELD);
    jm_render_search_add(line, &len, to, JM_SEARCH_FIELD);
    jm_render_search_add(line, &len, m->preview, JM_SEARCH_MAX);

    return jm_arena_str(m->arena, line, len);
}


void
jm_render_for(jm_rendered_for_t *out, const jm_message_t *m, const char *id,
              const char *address_id, jm_str_t to, int64_t received_ms)
{
    jm_render_begin(m->arena);
    memset(out, 0, sizeof(jm_rendered_for_t));
    snprintf(out->id, sizeof(out->id), "%s", id);

    out->summary = jm_render_summary(m, id, address_id, to, received_ms);
    out->search = jm_render_search(m, to);
    out->detail = jm_render_deflate(m->arena, jm_render_detail(m, id), 0);
    jm_render_end();
}
