/*
 * The rows of html_report.h.
 */

#include "html_report.h"

#include "html_str.h"
#include "jm_idn.h"
#include "text.h"

#define JM_HTML_MAX_REPORT   1000 /* rows of each list */
#define JM_HTML_MAX_WARNINGS 100
#define JM_HTML_MAX_SENTENCE 1000 /* bytes of its names */


/* A list of the report with room for one more element behind the last. */
static void *
jm_report_grow(jm_arena_t *arena, void *list, size_t n, size_t size)
{
    void *grown;

    /* full at 0, 8, 16, 32… */
    if (n != 0 && (n < 8 || (n & (n - 1)) != 0)) {
        return list;
    }

    grown = jm_arena_alloc(arena, (n == 0 ? 8 : 2 * n) * size);

    if (n != 0) {
        memcpy(grown, list, n * size);
    }

    return grown;
}


static int
jm_report_same(jm_str_t a, jm_str_t b)
{
    return a.len == b.len
           && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}


jm_tracker_t *
jm_report_tracker(jm_html_t *out, jm_arena_t *arena, const char *kind,
                  const char *vendor, jm_str_t host)
{
    size_t        i;
    jm_str_t      name;
    jm_tracker_t *row;

    name.data = (u_char *) vendor;
    name.len = (vendor == NULL) ? 0 : strlen(vendor);

    for (i = 0; i < out->ntrackers; i++) {
        row = &out->trackers[i];

        if (strcmp(row->kind, kind) == 0 && jm_report_same(row->vendor, name)
            && jm_report_same(row->host, host))
        {
            row->count++;
            return row;
        }
    }

    if (out->ntrackers == JM_HTML_MAX_REPORT) {
        return NULL;
    }

    out->trackers = jm_report_grow(arena, out->trackers, out->ntrackers,
                                   sizeof(jm_tracker_t));
    row = &out->trackers[out->ntrackers++];
    memset(row, 0, sizeof(jm_tracker_t));
    row->kind = kind;
    row->vendor = jm_arena_str(arena, name.data, name.len);
    row->host = host;
    row->count = 1;

    return row;
}


void
jm_report_pixel(jm_html_t *out, jm_arena_t *arena, const char *kind,
                const jm_pixel_t *pixel, jm_str_t host)
{
    jm_report_tracker(out, arena, kind,
                      pixel->named ? pixel->rule->vendor : NULL, host);
}


void
jm_report_possible(jm_html_t *out, jm_arena_t *arena, jm_str_t host)
{
    size_t        i;
    jm_tracker_t *row;

    for (i = 0; i < out->npossible; i++) {
        row = &out->possible[i];

        if (jm_report_same(row->host, host)) {
            row->count++;
            return;
        }
    }

    if (out->npossible == JM_HTML_MAX_REPORT) {
        return;
    }

    out->possible = jm_report_grow(arena, out->possible, out->npossible,
                                   sizeof(jm_tracker_t));
    row = &out->possible[out->npossible++];
    memset(row, 0, sizeof(jm_tracker_t));
    row->kind = "pixel";
    row->host = host;
    row->count = 1;
}


static void
jm_report_warning(jm_html_t *out, jm_arena_t *arena, const char *code,
                  jm_str_t text, jm_str_t host)
{
    size_t        i;
    jm_warning_t *row;

    for (i = 0; i < out->nwarnings; i++) {
        row = &out->warnings[i];

        if (strcmp(row->code, code) == 0 && row->text.len == text.len
            && memcmp(row->text.data, text.data, text.len) == 0)
        {
            return;
        }
    }

    if (out->nwarnings == JM_HTML_MAX_WARNINGS) {
        return;
    }

    out->warnings = jm_report_grow(arena, out->warnings, out->nwarnings,
                                   sizeof(jm_warning_t));
    row = &out->warnings[out->nwarnings++];
    row->code = code;
    row->text = text;
    row->host = host;
}


int
jm_report_is_lie(jm_arena_t *arena, jm_str_t text, jm_str_t host)
{
    jm_str_t claimed;

    claimed = jm_url_claimed_host(arena, text);

    return claimed.len != 0 && !jm_url_same_site(claimed, host);
}


static int
jm_report_is_bidi(jm_str_t text)
{
    size_t i;

    for (i = 0; i < text.len; i++) {
        if (jm_text_turns(text.data + i, text.data + text.len)) {
            return 1;
        }
    }

    return 0;
}


static void
jm_report_link_warnings(jm_html_t *out, jm_arena_t *arena, const jm_url_t *was,
                        const jm_link_clean_t *link, jm_str_t text)
{
    jm_str_t claimed;

    /* a text that is the wrapping itself tells no lie */
    if (jm_report_is_lie(arena, text, link->host)
        && jm_report_is_lie(arena, text, was->host))
    {
        claimed = jm_url_claimed_host(arena, text);
        jm_report_warning(out, arena, "link-mismatch",
                          jm_arena_printf(arena,
                                          "A link shows %.*s but goes to "
                                          "%.*s.",
                                          (int) claimed.len, claimed.data,
                                          (int) link->host.len,
                                          link->host.data),
                          link->host);
    }

    if (jm_idn_is_lookalike(link->host)) {
        jm_report_warning(out, arena, "link-lookalike",
                          jm_arena_printf(arena,
                                          "A link goes to %.*s, a name with "
                                          "letters that look like those of "
                                          "another script: it may pass for "
                                          "another one.",
                                          (int) link->host.len,
                                          link->host.data),
                          link->host);
    }

    if (jm_report_is_bidi(text)) {
        jm_report_warning(out, arena, "link-bidi",
                          jm_arena_printf(arena,
                                          "A link's text is written in a "
                                          "misleading direction; it goes to "
                                          "%.*s.",
                                          (int) link->host.len,
                                          link->host.data),
                          link->host);
    }
}


void
jm_report_link(jm_html_t *out, jm_arena_t *arena, const jm_url_t *was,
               const jm_link_clean_t *link, jm_str_t text)
{
    jm_link_t    *row;
    jm_tracker_t *tracker;

    if (link->url.scheme == JM_URL_FRAGMENT) {
        return;
    }

    if (out->nlinks < JM_HTML_MAX_REPORT) {
        out->links = jm_report_grow(arena, out->links, out->nlinks,
                                    sizeof(jm_link_t));
        row = &out->links[out->nlinks++];
        row->href = link->url.href;
        row->text = text;
    }

    if (link->vendor != NULL) {
        tracker = jm_report_tracker(out, arena, "link", link->vendor,
                                    link->tracker);

        if (tracker != NULL && link->kept) {
            tracker->kept = 1;
        }
    }

    if (link->url.host.len != 0) {
        jm_report_link_warnings(out, arena, was, link, text);
    }
}


void
jm_report_hidden(jm_html_t *out, jm_arena_t *arena, size_t characters)
{
    jm_str_t none;

    memset(&none, 0, sizeof(jm_str_t));
    jm_report_warning(out, arena, "hidden-text",
                      jm_arena_printf(arena,
                                      "%zu characters of text cannot be "
                                      "seen.",
                                      characters),
                      none);
}


const jm_remote_image_t *
jm_report_image(jm_html_t *out, jm_arena_t *arena,
                const jm_remote_image_t *image)
{
    jm_remote_image_t *row;

    if (out->nimages == JM_HTML_MAX_REPORT) {
        return NULL;
    }

    out->images = jm_report_grow(arena, out->images, out->nimages,
                                 sizeof(jm_remote_image_t));
    row = &out->images[out->nimages];
    *row = *image;
    row->index = (uint32_t) out->nimages++;

    return row;
}


jm_str_t
jm_report_background(jm_html_t *out, jm_arena_t *arena, const char *kind,
                     jm_str_t raw)
{
    jm_str_t        none;
    jm_url_t        url;
    jm_pixel_t      verdict;
    jm_pixel_look_t look;

    memset(&none, 0, sizeof(jm_str_t));

    if (jm_url_parse(&url, arena, raw) != 0
        || (url.scheme != JM_URL_HTTP && url.scheme != JM_URL_HTTPS))
    {
        return none;
    }

    memset(&look, 0, sizeof(jm_pixel_look_t));
    look.width = -1;
    look.height = -1;
    look.background = 1;
    jm_pixel_judge(&verdict, &look, &url, out->sender);

    if (verdict.is == JM_PIXEL_YES) {
        jm_report_pixel(out, arena, kind, &verdict, url.host);
        return none;
    }

    if (verdict.is == JM_PIXEL_POSSIBLE) {
        jm_report_possible(out, arena, url.host);
        return none;
    }

    return url.href;
}


/* The vendor known by another tracker of the mail that a host belongs to. */
static const jm_tracker_t *
jm_report_named(const jm_html_t *out, jm_str_t host)
{
    size_t              i;
    const jm_tracker_t *row, *link;

    link = NULL;

    for (i = 0; i < out->ntrackers; i++) {
        row = &out->trackers[i];

        if (row->vendor.len == 0 || row->inferred) {
            continue;
        }

        if (jm_url_same_site(row->host, host)) {
            return row;
        }

        if (strcmp(row->kind, "link") != 0) {
            continue;
        }

        /* links of two vendors: it may be either's */
        if (link != NULL && !jm_report_same(link->vendor, row->vendor)) {
            return NULL;
        }

        link = row;
    }

    return link;
}


void
jm_report_finish(jm_html_t *out, jm_arena_t *arena)
{
    size_t              i;
    const char         *vendor;
    jm_tracker_t       *row;
    const jm_tracker_t *named;

    vendor = (out->sender == NULL) ? NULL : out->sender->vendor;

    for (i = 0; i < out->ntrackers; i++) {
        row = &out->trackers[i];

        if (row->vendor.len != 0) {
            continue;
        }

        named = jm_report_named(out, row->host);

        if (named != NULL) {
            row->vendor = named->vendor;
            row->inferred = 1;

        } else if (vendor != NULL) {
            row->vendor = jm_arena_str(arena, vendor, strlen(vendor));
            row->inferred = 1;

        } else {
            row->vendor = jm_str("unknown");
        }
    }
}


/* Does the row count?  Not if it stays, nor if vendor and host stand in one
 * before it, of another kind. */
static int
jm_report_counts(const jm_html_t *out, size_t n)
{
    size_t              i;
    const jm_tracker_t *row, *other;

    row = &out->trackers[n];

    for (i = 0; i < n && !row->kept; i++) {
        other = &out->trackers[i];

        if (!other->kept && jm_report_same(other->vendor, row->vendor)
            && jm_report_same(other->host, row->host))
        {
            return 0;
        }
    }

    return !row->kept;
}


/* How many rows of this one's vendor count; 0 if one before has told. */
static unsigned
jm_report_pairs(const jm_html_t *out, size_t n, const u_char *counts)
{
    size_t   i;
    unsigned pairs;

    pairs = 0;

    for (i = 0; i < out->ntrackers; i++) {
        if (counts[i]
            && jm_report_same(out->trackers[i].vendor,
                              out->trackers[n].vendor))
        {
            if (i < n) {
                return 0;
            }

            pairs++;
        }
    }

    return pairs;
}


static void
jm_report_name(jm_buf_t *buf, jm_str_t *name, int last)
{
    if (name->len == 0) {
        return;
    }

    if (buf->len != 0) {
        jm_buf_adds(buf, last ? " and " : ", ");
    }

    jm_buf_add(buf, name->data, name->len);
}


jm_str_t
jm_report_sentence(const jm_html_t *out, jm_arena_t *arena)
{
    size_t   i;
    u_char  *counts;
    unsigned pairs, all, unknown;
    jm_buf_t names;
    jm_str_t name;

    memset(&name, 0, sizeof(jm_str_t));
    jm_buf_init(&names, arena, JM_HTML_MAX_SENTENCE);
    counts = jm_arena_alloc(arena, out->ntrackers + 1);
    all = 0;
    unknown = 0;

    for (i = 0; i < out->ntrackers; i++) {
        counts[i] = (u_char) jm_report_counts(out, i);
    }

    for (i = 0; i < out->ntrackers; i++) {
        pairs = counts[i] ? jm_report_pairs(out, i, counts) : 0;
        all += pairs;

        if (pairs == 0) {
            continue;
        }

        if (jm_str_is(out->trackers[i].vendor, "unknown")) {
            unknown = pairs;
            continue;
        }

        jm_report_name(&names, &name, 0);
        name = (pairs == 1)
                   ? out->trackers[i].vendor
                   : jm_arena_printf(arena, "%.*s (%u)",
                                     (int) out->trackers[i].vendor.len,
                                     out->trackers[i].vendor.data, pairs);
    }

    jm_report_name(&names, &name, unknown == 0);

    if (all == 0) {
        return jm_str("No trackers found");
    }

    if (unknown != 0) {
        name = jm_arena_printf(arena, "%u unknown", unknown);
        jm_report_name(&names, &name, 1);
    }

    return jm_arena_printf(arena, "%u tracker%s removed: %.*s", all,
                           all == 1 ? "" : "s", (int) names.len, names.data);
}
