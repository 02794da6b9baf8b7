/*
 * The walk of mime_private.h over the parts that GMime found, called by
 * mime.c: each is a body, an attachment, or the same again in another form
 * (RFC 2046, 2183, 2387).  Bodies and attachments are in the message's arena,
 * made by mime.c at their largest.
 */

#include "mime_private.h"

#include <strings.h>

#include "card.h"
#include "charset.h"
#include "header.h"
#include "media.h"
#include "tnef.h"

#define JM_MAX_DEPTH 50 /* nested multiparts */

/* What a part stands in. */
#define JM_IN_ALTERNATIVE 1
#define JM_IN_RELATED     2 /* not as its root */


/* The new attachment, or NULL when there are too many. */
static jm_attachment_t *
jm_mime_attach(jm_mime_t *w, GMimeObject *object, jm_str_t type, jm_str_t name,
               unsigned in)
{
    size_t           i;
    const char      *id, *disposition;
    jm_attachment_t *att;

    if (w->m->nattachments == JM_MAX_ATTACHMENTS) {
        w->m->cut = 1;
        return NULL;
    }

    i = w->m->nattachments;
    att = &w->m->attachments[i];
    att->content_type = type;
    att->filename = name.len != 0 ? name : jm_mime_default_name(w, type);
    att->data = jm_mime_decoded(w, GMIME_PART(object));
    w->m->nattachments++;

    id = g_mime_object_get_content_id(object);

    if (id != NULL) {
        att->content_id = jm_header_text(
            w->m->arena, (jm_str_t){ (u_char *) id, strlen(id) },
            JM_CHARSET_GUESS, JM_MAX_FIELD);
    }

    disposition = g_mime_object_get_disposition(object);

    if ((in & JM_IN_RELATED)
        && (disposition == NULL || strcasecmp(disposition, "attachment") != 0))
    {
        w->related[i / 64] |= 1ULL << (i % 64);
    }

    return att;
}


/* "type/subtype" as a file brings it, if it is one. */
static jm_str_t
jm_mime_file_type(jm_arena_t *arena, jm_str_t type, jm_str_t data)
{
    size_t      i;
    const char *raster;

    raster = jm_media_raster(data);

    if (raster != NULL) {
        return (jm_str_t){ (u_char *) raster, strlen(raster) };
    }

    for (i = 0; i < type.len; i++) {
        if (!g_ascii_isalnum(type.data[i])
            && strchr("/.+-_", type.data[i]) == NULL) {
            break;
        }
    }

    if (i < type.len || type.len < 3 || type.len > 127
        || memchr(type.data, '/', type.len) == NULL)
    {
        return jm_str("application/octet-stream");
    }

    type = jm_arena_str(arena, type.data, type.len);

    for (i = 0; i < type.len; i++) {
        type.data[i] = g_ascii_tolower(type.data[i]);
    }

    return type;
}


jm_attachment_t *
jm_mime_attach_file(jm_mime_t *w, jm_str_t name, jm_str_t type, jm_str_t data)
{
    jm_attachment_t *att;

    if (w->m->nattachments == JM_MAX_ATTACHMENTS) {
        w->m->cut = 1;
        return NULL;
    }

    att = &w->m->attachments[w->m->nattachments];
    att->content_type = jm_mime_file_type(w->m->arena, type, data);
    att->filename = jm_mime_filename(
        w->m->arena,
        name.len == 0 ? "" : jm_arena_cstr(w->m->arena, name.data, name.len));

    if (att->filename.len == 0) {
        att->filename = jm_mime_default_name(w, att->content_type);
    }

    att->data = data;
    w->m->nattachments++;

    return att;
}


static jm_mime_body_t *
jm_mime_body(jm_mime_t *w, GMimeObject *object, jm_str_t data, int html)
{
    const char     *charset;
    jm_mime_body_t *body;

    body = &w->bodies[w->nbodies++];
    body->data = data;
    body->html = html;
    charset = jm_mime_param(object, "charset");
    body->charset = jm_charset_find(
        (jm_str_t){ (u_char *) charset, strlen(charset) });
    body->flowed = !html
                   && strcasecmp(jm_mime_param(object, "format"), "flowed")
                          == 0;
    body->delsp = strcasecmp(jm_mime_param(object, "delsp"), "yes") == 0;

    return body;
}


/* Is there a body of this kind already, in this or an outer multipart? */
static int
jm_mime_has_body(jm_mime_t *w, int html)
{
    size_t i;

    for (i = 0; i < w->nbodies; i++) {
        if (w->bodies[i].html == (unsigned) html && !w->bodies[i].dropped) {
            return 1;
        }
    }

    return 0;
}


/*
 * Is a text part meant to be read in place?  Not when the sender calls it an
 * attachment; one with a file name only where nothing else can be the body.
 */
static int
jm_mime_is_body(jm_mime_t *w, GMimeObject *object, int html, jm_str_t name,
                unsigned depth, unsigned in)
{
    const char *disposition;

    disposition = g_mime_object_get_disposition(object);

    if (disposition != NULL && strcasecmp(disposition, "attachment") == 0) {
        return 0;
    }

    if (in & JM_IN_RELATED) {
        return name.len == 0 && g_mime_object_get_content_id(object) == NULL
               && !jm_mime_has_body(w, html);
    }

    if (name.len == 0 || depth == 0 || (in & JM_IN_ALTERNATIVE)) {
        return 1;
    }

    return disposition == NULL && w->nbodies == 0 && w->m->nattachments == 0;
}


/*
 * Outlook's own envelope: its files become attachments, its text the mail's
 * where that has none.  0 when it is to be shown as a file, because it is none
 * or was not read to its end.
 */
static int
jm_mime_tnef(jm_mime_t *w, GMimeObject *object)
{
    size_t           i;
    jm_tnef_t       *tnef;
    jm_tnef_file_t  *file;
    jm_attachment_t *att;

    tnef = jm_arena_alloc(w->m->arena, sizeof(jm_tnef_t));

    if (jm_tnef_read(tnef, w->m->arena, jm_mime_decoded(w, GMIME_PART(object)))
        != 0)
    {
        return 0;
    }

    for (i = 0; i < tnef->nfiles; i++) {
        file = &tnef->files[i];
        att = jm_mime_attach_file(w, file->name, file->type, file->data);

        if (att != NULL && file->content_id.len != 0) {
            att->content_id = jm_header_text(w->m->arena, file->content_id,
                                             JM_CHARSET_GUESS, JM_MAX_FIELD);
        }
    }

    if (tnef->html.len != 0 && !jm_mime_has_body(w, 1)) {
        (void) jm_mime_body(w, object, tnef->html, 1);
    }

    if (tnef->text.len != 0 && !jm_mime_has_body(w, 0)) {
        (void) jm_mime_body(w, object, tnef->text, 0);
    }

    return !tnef->cut;
}


/*
 * A part that lies elsewhere, or in several mails: nothing is fetched or put
 * together (RFC 2046, 5.2.2 and 5.2.3), but told.
 */
static void
jm_mime_elsewhere(jm_mime_t *w, GMimeObject *object, int partial)
{
    size_t   i;
    jm_buf_t note;
    jm_str_t content;

    static const char *const params[] = { "access-type", "url", "site",
                                          "directory", "name" };

    jm_buf_init(&note, w->m->arena, JM_MAX_HEADER);

    if (partial) {
        jm_buf_printf(&note, "[Part %s of a larger mail]\n\n",
                      jm_mime_param(object, "number"));
        content = jm_mime_decoded(w, GMIME_PART(object));
        jm_buf_add(&note, content.data, content.len);

    } else {
        jm_buf_adds(&note, "[A file that is kept elsewhere; it was not "
                           "fetched]\n");

        for (i = 0; i < sizeof(params) / sizeof(char *); i++) {
            if (*jm_mime_param(object, params[i]) != '\0') {
                jm_buf_printf(&note, "%s: %s\n", params[i],
                              jm_mime_param(object, params[i]));
            }
        }
    }

    (void) jm_mime_body(w, object, jm_buf_str(&note), 0);
}


static void
jm_mime_leaf(jm_mime_t *w, GMimeObject *object, unsigned depth, unsigned in)
{
    int              html, plain;
    jm_str_t         type, name;
    const char      *disposition;
    jm_mime_body_t  *body;
    jm_attachment_t *att;

    type = jm_mime_type(w->m->arena, object);
    name = jm_mime_filename(w->m->arena, jm_mime_declared_name(w, object));
    html = jm_mime_is(type, "text/html")
           || jm_mime_is(type, "application/xhtml+xml");
    plain = jm_mime_is(type, "text/plain") || jm_mime_is(type, "text/text")
            || jm_mime_is(type, "text/markdown");

    if ((html || plain) && jm_mime_is_body(w, object, html, name, depth, in)) {
        (void) jm_mime_body(w, object,
                            jm_mime_decoded_text(w, GMIME_PART(object)), html);
        return;
    }

    if ((in & JM_IN_ALTERNATIVE) && name.len == 0
        && (jm_mime_is(type, "text/x-amp-html")
            || jm_mime_is(type, "text/watch-html")
            || jm_mime_is(type, "text/enriched")
            || jm_mime_is(type, "text/richtext")))
    {
        return; /* the same content again, in a form nobody here reads */
    }

    if ((jm_mime_is(type, "application/ms-tnef")
         || jm_mime_is(type, "application/vnd.ms-tnef"))
        && jm_mime_tnef(w, object))
    {
        return;
    }

    if (jm_mime_is(type, "message/external-body")
        || jm_mime_is(type, "message/partial"))
    {
        jm_mime_elsewhere(w, object, jm_mime_is(type, "message/partial"));
    }

    att = jm_mime_attach(w, object, type, name, in);
    disposition = g_mime_object_get_disposition(object);

    if (att != NULL) {
        att->card = jm_card_type(type) && !(in & JM_IN_ALTERNATIVE)
                    && (disposition == NULL
                        || strcasecmp(disposition, "attachment") != 0);
    }

    if (att != NULL && plain
        && (disposition == NULL || strcasecmp(disposition, "attachment") != 0))
    {
        body = jm_mime_body(w, object, att->data, 0);
        body->dropped = 1;
        body->spare = 1;
    }
}


/*
 * Each child of an alternative says the same (RFC 2046, 5.1.4): of several
 * HTML versions the last counts, of several texts the first.
 */
static void
jm_mime_alternative(jm_mime_t *w, size_t first, size_t child)
{
    int    html, text;
    size_t i;

    html = 0;
    text = 0;

    for (i = child; i < w->nbodies; i++) {
        html |= w->bodies[i].html && !w->bodies[i].dropped;
    }

    for (i = first; i < child; i++) {
        text |= !w->bodies[i].html && !w->bodies[i].dropped;

        if (w->bodies[i].html && html) {
            w->bodies[i].dropped = 1;
        }
    }

    for (i = child; i < w->nbodies && text; i++) {
        w->bodies[i].dropped |= !w->bodies[i].html;
    }
}


/* RFC 2387: the root is named by the start parameter, or is the first. */
static int
jm_mime_related_root(GMimeMultipart *multipart)
{
    int         i, count;
    size_t      len;
    const char *start, *id;

    start = jm_mime_param(GMIME_OBJECT(multipart), "start");
    start += *start == '<';
    len = strcspn(start, ">");
    count = g_mime_multipart_get_count(multipart);

    for (i = 0; len != 0 && i < count; i++) {
        id = g_mime_object_get_content_id(
            g_mime_multipart_get_part(multipart, i));

        if (id != NULL && strlen(id) == len && memcmp(id, start, len) == 0) {
            return i;
        }
    }

    return 0;
}


/* A multipart in which no boundary was found: all of it is its preamble. */
static void
jm_mime_preamble(jm_mime_t *w, GMimeMultipart *multipart)
{
    const char *preamble;

    preamble = g_mime_multipart_get_prologue(multipart);

    if (preamble != NULL && *preamble != '\0') {
        (void) jm_mime_body(
            w, GMIME_OBJECT(multipart),
            jm_arena_str(w->m->arena, preamble, strlen(preamble)), 0);
    }
}


static void
jm_mime_multipart(jm_mime_t *w, GMimeMultipart *multipart, unsigned depth,
                  unsigned in)
{
    int      i, count, alternative, related;
    size_t   first, child;
    jm_str_t type;

    type = jm_mime_type(w->m->arena, GMIME_OBJECT(multipart));
    alternative = jm_mime_is(type, "multipart/alternative");
    related = jm_mime_is(type, "multipart/related")
                  ? jm_mime_related_root(multipart)
                  : -1;
    first = w->nbodies;
    count = g_mime_multipart_get_count(multipart);

    if (count == 0) {
        jm_mime_preamble(w, multipart);
    }

    if (alternative) {
        in = JM_IN_ALTERNATIVE;

    } else if (related < 0) {
        in = 0;
    }

    for (i = 0; i < count && w->parts < JM_MAX_PARTS; i++) {
        child = w->nbodies;
        jm_mime_walk(w, g_mime_multipart_get_part(multipart, i), depth + 1,
                     related >= 0 && i != related ? JM_IN_RELATED : in);

        if (alternative) {
            jm_mime_alternative(w, first, child);
        }
    }

    if (i < count) {
        w->m->cut = 1;
    }
}


/* Recursion ends at JM_MAX_DEPTH. */
void
jm_mime_walk(jm_mime_t *w, GMimeObject *object, unsigned depth, unsigned in)
{
    w->parts++;

    if (!GMIME_IS_MULTIPART(object)) {
        jm_mime_leaf(w, object, depth, in);

    } else if (depth < JM_MAX_DEPTH) {
        jm_mime_multipart(w, GMIME_MULTIPART(object), depth, in);

    } else {
        w->m->cut = 1;
    }
}
